"""Templated notebooks: found by name, given their parameters, run, and written as a page."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import tempfile
import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from ..core import resources
from ..core.disclosure import Disclosure
from ..core.id_masking import Names
from ..core.outputs import keep_inputs, write_whole
from ..errors import AllianceStatsError, StudyLacksError, did_you_mean, listing
from ..study import open_study
from .sharing import NO_PERSONS, prepare, say_private, share, unrun

TAG = "parameters"
SECONDS_A_CELL = 1800
NEEDED = ("nbclient", "nbformat", "nbconvert", "ipykernel")


def template_files() -> dict[str, Path]:
    """Return the shipped templates by name."""
    folder = resources.folder("notebooks") / "templates"
    return {path.stem: path for path in sorted(folder.glob("*.ipynb"))}


def list_templates() -> list[str]:
    """Return the names of the notebooks that ship, for ``alliance-stats run``."""
    return list(template_files())


def run_notebook(
    template: str,
    study: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    parameters: Iterable[str] | Mapping[str, Any] = (),
    progress: Callable[[str, int, int], None] | None = None,
    show_persons: bool = False,
) -> Path:
    """Run a notebook on a study and write it, with its results, as one page.

    Parameters
    ----------
    template
        The name of a shipped template (``first-analysis``), or the path of a notebook.
    study
        Path of the study or name of a shipped dataset; the notebook gets it as ``study_path``.
    out
        The ``.html`` to write; nothing is written unless the whole notebook ran.
    parameters
        Further parameters, as a mapping or as texts ``name=value``; only names the notebook's
        cell tagged ``parameters`` sets are allowed.
    progress
        Called with what is being done, the cells done and the cells in all.
    show_persons
        Keep all output as it is: numbers of people, rows and figures of single persons, ids. Such
        a page must not leave the clinic. Without it a page shows terms of results, courses,
        messages without data and cards of instruments, and leaves out everything else; of fewer
        than ten people no cell is run.

    Returns
    -------
    Path
        The page.
    """
    _require_lab()
    target = Path(out)
    _check_target(target)
    keep_inputs(target, Path(study) if Path(study).is_dir() else None)
    source = _find(template)
    notebook = _read(source)
    values = {"study_path": str(_absolute(study)), **_parsed(parameters)}
    _inject(notebook, values, source)
    whole = show_persons or notebook.metadata.get(NO_PERSONS, False)
    opened = None if whole else open_study(study)
    names = Names(()) if opened is None else Names.of(opened)
    few = opened is not None and Disclosure.of(opened.tables).tells_nothing
    if few:
        unrun(notebook)
    elif not whole:
        prepare(notebook, values["study_path"])
    if not few:
        _execute(notebook, progress or (lambda what, done, steps: None))
    if not whole:
        share(notebook, names, values["study_path"])
    elif show_persons:
        say_private(notebook)
    page = _as_page(notebook, title=source.stem)
    return write_whole(
        target, page.encode(), what="the page", make_folder=True, private=show_persons
    )


def _require_lab() -> None:
    from importlib.util import find_spec

    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise AllianceStatsError(
            f"Running notebooks needs {listing(missing)}, which "
            f"{'is' if len(missing) == 1 else 'are'} not installed. Install them with: "
            f"python -m pip install {' '.join(missing)}"
        )


def _check_target(target: Path) -> None:
    if target.suffix.lower() not in (".html", ".htm"):
        raise AllianceStatsError(f"A notebook is written as .html, not '{target.name}'.")
    if target.is_dir():
        raise AllianceStatsError(f"'{target}' is a folder; name a file for the page.")


def _find(template: str) -> Path:
    path = Path(template)
    if path.suffix == ".ipynb":
        if path.is_file():
            return path
        raise AllianceStatsError(f"There is no notebook '{template}'.")
    known = template_files()
    if template in known:
        return known[template]
    raise AllianceStatsError(
        f"There is no templated notebook '{template}'; there are {listing(known, 12)}."
        f"{did_you_mean(template, known)} A notebook of your own is named by its path, "
        "ending in .ipynb."
    )


def _read(path: Path) -> Any:
    import nbformat

    try:
        return nbformat.read(path, as_version=4)
    except Exception as error:  # whatever a broken file makes the library raise
        raise AllianceStatsError(
            f"'{path}' cannot be read as a notebook ({type(error).__name__})."
        ) from error


def _absolute(study: str | os.PathLike[str]) -> str | Path:
    """Return an existing path made absolute, since the notebook runs elsewhere."""
    path = Path(study)
    return path.resolve() if path.exists() else os.fspath(study)


def _parsed(parameters: Iterable[str] | Mapping[str, Any]) -> dict[str, Any]:
    if isinstance(parameters, Mapping):
        return dict(parameters)
    return dict(_pair(text) for text in parameters)


def _pair(text: str) -> tuple[str, Any]:
    """Return name and value of ``name=value``; a value that is no Python literal is text."""
    import ast

    name, equals, value = text.partition("=")
    if not equals or not name.strip().isidentifier():
        raise AllianceStatsError(f"A parameter is written name=value, not '{text}'.")
    try:
        return name.strip(), ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return name.strip(), value


def _inject(notebook: Any, values: Mapping[str, Any], source: Path) -> None:
    """Put a cell with the values after the notebook's cell tagged ``parameters``."""
    from nbformat.v4 import new_code_cell

    places = [n for n, cell in enumerate(notebook.cells) if TAG in cell.metadata.get("tags", [])]
    if not places:
        raise AllianceStatsError(
            f"The notebook '{source.name}' has no cell tagged '{TAG}', so it cannot be given a "
            "study. Tag the cell that sets study_path."
        )
    known = re.findall(r"^(\w+)\s*(?::[^=\n]+)?=", notebook.cells[places[0]].source, re.MULTILINE)
    for name in values:
        if name not in known:
            raise AllianceStatsError(
                f"The notebook '{source.name}' has no parameter '{name}'; it has "
                f"{listing(known, 12)}.{did_you_mean(name, known)}"
            )
    lines = [f"{name} = {value!r}" for name, value in values.items()]
    cell = new_code_cell("\n".join(["# Given for this run", *lines]))
    cell.metadata["tags"] = ["injected-parameters"]
    notebook.cells.insert(places[0] + 1, cell)


def _execute(notebook: Any, progress: Callable[[str, int, int], None]) -> None:
    """Run all cells in a fresh kernel, in an empty folder of its own."""
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, DeadKernelError

    steps = sum(cell.cell_type == "code" for cell in notebook.cells)
    done = 0

    def tell(**_: Any) -> None:
        nonlocal done
        progress("Running the notebook", done, steps)
        done += 1

    with tempfile.TemporaryDirectory() as folder:
        client = NotebookClient(
            notebook,
            timeout=SECONDS_A_CELL,
            kernel_name="python3",
            extra_arguments=["--log-level=40"],  # errors only: the page is the output
            resources={"metadata": {"path": folder}},
            on_cell_execute=tell,
        )
        try:
            _run(client)
            progress("Writing the page", steps, steps)
        except CellExecutionError as error:
            if error.ename == StudyLacksError.__name__:
                raise StudyLacksError(_last_line(error.evalue)) from error
            raise AllianceStatsError(
                f"A cell of the notebook failed, nothing was written. {error.ename}: "
                f"{_last_line(error.evalue)}"
            ) from error
        except (DeadKernelError, TimeoutError) as error:
            raise AllianceStatsError(
                f"The notebook's kernel stopped ({type(error).__name__}), nothing was written."
            ) from error


class _Loop(asyncio.SelectorEventLoop):
    """A loop whose signals stay with whoever ran it: nbclient takes them and gives none back."""

    def add_signal_handler(self, *_: Any) -> None:  # type: ignore[override]
        raise RuntimeError("The signals are not for the notebook.")

    def remove_signal_handler(self, sig: int) -> bool:
        return False


def _run(client: Any) -> None:
    """Run the cells; where the program is to end, end the kernel first."""
    if threading.current_thread() is not threading.main_thread() or _runs_already():
        client.execute()
        return
    asked: list[int] = []
    with asyncio.Runner(loop_factory=_Loop) as runner:
        loop = runner.get_loop()
        task = loop.create_task(client.async_execute())

        def end(number: int, _: Any) -> None:
            asked.append(number)
            client.shutdown_kernel = "immediate"  # a kernel that ends slowly tells of lost sockets
            loop.call_soon_threadsafe(task.cancel)

        before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            loop.run_until_complete(task)
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            for once in asked:
                signal.raise_signal(once)


def _runs_already() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _last_line(text: str) -> str:
    return " ".join(str(text).split())[:700]


def _as_page(notebook: Any, title: str) -> str:
    """Return the notebook as a page that loads nothing from anywhere."""
    from nbconvert import HTMLExporter

    exporter = HTMLExporter(template_name="lab", embed_images=True, sanitize_html=False)
    for name in exporter.traits():
        if name.endswith("_url"):
            setattr(exporter, name, "")
    notebook.metadata["title"] = title
    page, _ = exporter.from_notebook_node(notebook)
    # What is left points at libraries for mathematics and widgets, which the templates do not use.
    page = page.replace("<head>", '<head><meta name="generator" content="alliance_stats">', 1)
    page = re.sub(r"<script\b[^>]*>.*?</script>", "", page, flags=re.DOTALL | re.IGNORECASE)
    return re.sub(r'<link\b[^>]*href="https?://[^>]*>', "", page, flags=re.IGNORECASE)
