"""Take the pictures of report, explorer and app: ``python docs/page_pictures.py [name ...]``.

The report and the courses are those of the shipped demo study, and the app is given the shipped
messy files. A Chromium draws the pages (``apt install chromium``); look at each picture before it
is committed.
"""

from __future__ import annotations

import shutil
import socket
import sys
import tempfile
import threading
from pathlib import Path

import uvicorn
from playwright.sync_api import Page, sync_playwright

import alliance_stats as al
from alliance_stats.app.desk import Desk
from alliance_stats.app.server import make_app

HERE = Path(__file__).parent / "images"
MESSY = Path(__file__).parents[1] / "datasets" / "messy" / "files"
SIZES = {"report": (1000, 1300), "explorer": (1000, 1000), "app": (900, 1300)}
TOKEN = "of-the-picture"


def report(page: Page, folder: Path) -> None:
    """Show the first page of the report on the demo study."""
    al.write_report("demo-trial", folder / "report")
    page.goto((folder / "report" / "index.html").as_uri())


def explorer(page: Page, folder: Path) -> None:
    """Show the owner's page of the demo study: courses of clients with a rupture."""
    made = al.open_study("demo-trial").explore(show_persons=True).save(folder / "page.html")
    page.goto(made.as_uri())
    page.wait_for_selector("#drawn svg")
    page.select_option("#which", "rupture")


def app(page: Page, folder: Path) -> None:
    """Show the page on one's own machine after the messy files were dropped."""
    listening = socket.create_server(("127.0.0.1", 0))
    port, desk = listening.getsockname()[1], Desk()
    server = uvicorn.Server(uvicorn.Config(make_app(desk, TOKEN, port), log_level="critical"))
    running = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    running.start()
    page.goto(f"http://127.0.0.1:{port}/?token={TOKEN}")
    files = sorted(path for path in MESSY.iterdir() if path.is_file())
    page.set_input_files("#pick", [str(path) for path in files])
    page.wait_for_selector(f"#files li:nth-child({len(files)})")
    page.wait_for_selector("#problems li, #verdict:not(:empty)")


def main(names: list[str]) -> None:
    """Take the pictures that are named, or all."""
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=shutil.which("chromium"))
        for name in names or SIZES:
            width, height = SIZES[name]
            page = browser.new_page(viewport={"width": width, "height": height})
            with tempfile.TemporaryDirectory() as folder:
                globals()[name](page, Path(folder))
                page.wait_for_timeout(800)  # until what moves stands still
                page.screenshot(path=HERE / f"{name}.png")
            page.close()
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1:])
