"""The page in a real browser without a network: it draws, and what is chosen is what is shown."""

import alliance_stats as al


def test_it_draws_and_answers(explorer, study, tab, tmp_path):
    page = tab(offline=True, viewport={"width": 1200, "height": 900})
    page.goto(explorer.save(tmp_path / "page.html").as_uri())
    page.wait_for_selector("#drawn svg")
    assert page.inner_text("#drawn").count("Client ") == len(explorer.clients)

    found = al.detect_ruptures(study, rule="drop_stricter_sd", measure="wai-sr")
    assert page.inner_text("#told").startswith(f"{len(found.episodes)} ruptures in ")
    page.locator("[data-parameter=k]").fill("7")  # the last value offered
    stricter = al.detect_ruptures(study, rule="drop_stricter_sd", measure="wai-sr", k=3.0)
    assert len(stricter.episodes) < len(found.episodes)
    said = page.inner_text("#told")
    assert said.startswith(f"{len(stricter.episodes)} rupture"), said

    page.select_option("#rule", "drop_points")
    page.select_option("#which", "rupture")
    page.select_option("#client", index=1)
    page.wait_for_selector("#drawn.single svg")
    chosen = page.locator("#client option:checked").inner_text()
    who = explorer.clients.set_index("client")["client_id"][chosen]
    one = al.detect_ruptures(study, rule="drop_points", measure="wai-sr", points=1.0)
    own = one.episodes[one.episodes["client_id"] == who]
    page.click("#numbers summary")
    assert page.inner_text("#table").count("rupture,") == len(own) > 0
    assert page.locator("#drawn svg").bounding_box()["width"] <= 1200


def test_an_arm_is_chosen_as_a_therapist_is(explorer, tab, tmp_path):
    page = tab(offline=True, viewport={"width": 1200, "height": 900})
    page.goto(explorer.save(tmp_path / "page.html").as_uri())
    page.wait_for_selector("#drawn svg")
    arm = explorer.content["arms"][0]
    page.select_option("#arm", arm)
    page.wait_for_timeout(500)
    own = sum(client["arm"] == arm for client in explorer.content["clients"])
    assert 0 < own < len(explorer.clients)
    assert page.inner_text("#drawn").count("Client ") == own


def test_a_narrow_window_is_wide_enough(explorer, tab, tmp_path):
    page = tab(offline=True, viewport={"width": 360, "height": 700}, color_scheme="dark")
    page.goto(explorer.save(tmp_path / "page.html").as_uri())
    page.wait_for_selector("#drawn svg")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
