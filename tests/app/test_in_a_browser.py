"""From three messy files to the report in a real browser, as somebody who knows only the page."""

from alliance_stats.report import build

from .conftest import TOKEN


def test_from_messy_files_to_the_report(served, messy, tab, monkeypatch):
    of = build.sections_of  # what the other sections compute is tested elsewhere
    monkeypatch.setattr(
        build, "sections_of", lambda c: [s for s in of(c) if s.key in ("data", "alliance")]
    )
    page = tab(viewport={"width": 1200, "height": 900})
    page.goto(f"http://127.0.0.1:{served}/?token={TOKEN}")
    assert TOKEN not in page.url
    page.set_input_files("#pick", [str(path) for path in sorted(messy.iterdir())])
    page.wait_for_selector("#files li:nth-child(3)")
    assert page.is_disabled("#report")

    page.select_option("[aria-label='What Art des Endes holds']", "reason")
    page.wait_for_selector(".words")
    page.select_option("[aria-label='What Letzte Sitzung holds']", "last_session")
    page.select_option("[aria-label='What organisatorisch means']", "administrative")
    page.wait_for_selector("tr.open .words", state="detached")
    page.wait_for_selector("#sheet td.error.here")
    assert page.inner_text("#sheet td.here") == "7"
    page.click(".mend")
    page.wait_for_selector("#report:not([disabled])")
    assert page.inner_text("#verdict").startswith("The study can be used.")

    page.click("#report")
    page.wait_for_selector("#open-report", timeout=120_000)
    with page.expect_popup() as opened:
        page.click("#open-report")
    assert "Alliance over sessions" in opened.value.inner_text("main")
    assert page.is_hidden("#error")


def test_a_narrow_dark_window_is_wide_enough(served, messy, tab):
    page = tab(viewport={"width": 360, "height": 700}, color_scheme="dark")
    page.goto(f"http://127.0.0.1:{served}/?token={TOKEN}")
    page.set_input_files("#pick", [str(path) for path in messy.iterdir()])
    page.select_option("[aria-label='What Art des Endes holds']", "reason")
    page.wait_for_selector(".words")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
