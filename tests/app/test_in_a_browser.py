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


def test_answers_that_come_late_are_not_shown_over_later_ones(served, tmp_path, tab):
    rows = [f"c{n},1,{','.join('1' * 9)}" for n in range(40)]
    rows[3], rows[9] = f"c3,1,7{',1' * 8}", f"c9,1{',1' * 8},8"
    head = f"pid,session,{','.join(f'phq9_{n}' for n in range(1, 10))}"
    (tmp_path / "a.csv").write_text("\n".join([head, *rows]))
    page = tab()
    page.goto(f"http://127.0.0.1:{served}/?token={TOKEN}")
    held = []
    page.route("**/sheet?*", lambda route: held.append(route), times=1)
    page.set_input_files("#pick", str(tmp_path / "a.csv"))
    page.wait_for_selector("#problems li:nth-child(2)")
    page.click("#problems li:nth-child(2) button")
    page.wait_for_selector("#sheet td.here:text-is('8')")
    with page.expect_response("**/sheet?*"):
        held[0].continue_()
    page.wait_for_timeout(200)
    assert page.inner_text("#sheet td.here") == "8"

    order = []
    page.on("request", lambda one: one.method == "POST" and order.append("asked"))
    page.on("response", lambda one: one.request.method == "POST" and order.append("answered"))
    page.evaluate("""for (const name of ["session", "pid"]) {
        const one = document.querySelector(`[aria-label='What ${name} holds']`);
        one.value = "out"; one.dispatchEvent(new Event("change"));
    }""")
    for _ in range(100):
        if order.count("answered") < 2:
            page.wait_for_timeout(50)
    assert order == ["asked", "answered", "asked", "answered"]


def test_of_a_file_of_600_columns_the_page_lays_out_what_can_be_looked_at(served, tmp_path, tab):
    names = [
        "pid",
        *(f"phq9_s1_{i}" for i in range(1, 10)),
        *(f"x{'y' * (n % 9)}{n}z" for n in range(590)),
    ]
    path = tmp_path / "w.csv"
    path.write_text(f"{','.join(names)}\na,7{',1' * 598}\n" + f"b{',1,2' * 299},1\n" * 40)
    page = tab(viewport={"width": 1200, "height": 900})
    page.goto(f"http://127.0.0.1:{served}/?token={TOKEN}")
    page.set_input_files("#pick", str(path))
    page.wait_for_selector("#sheet td.error.here")
    assert page.inner_text("#sheetname") == "w.csv: 26 of 600 columns"
    assert page.locator("#columns tbody tr").count() == 60
    assert "532 more are not shown." in page.inner_text("#columns")
    page.click("text=Show 60 more")
    assert page.locator("#columns tbody tr").count() == 120
    page.fill("[aria-label='Find a column of w.csv']", "587Z")
    page.keyboard.press("Enter")
    assert page.locator("#columns tbody tr").count() == 1
    page.click("#after")
    page.wait_for_selector("#sheet th:text-is('xyyy30z')")
    assert page.evaluate("document.querySelectorAll('*').length") < 3000


def test_a_narrow_dark_window_is_wide_enough(served, messy, tab):
    page = tab(viewport={"width": 360, "height": 700}, color_scheme="dark")
    page.goto(f"http://127.0.0.1:{served}/?token={TOKEN}")
    page.set_input_files("#pick", [str(path) for path in messy.iterdir()])
    page.select_option("[aria-label='What Art des Endes holds']", "reason")
    page.wait_for_selector(".words")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
