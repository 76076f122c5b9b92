"""REDCap exports: each instrument and event is drafted as a source of its own, and opens so."""

import pytest

import alliance_stats as al

PHQ = [f"phq9_{i}" for i in range(1, 10)]
COLUMNS = ["record_id", "redcap_event_name", "redcap_repeat_instrument", "redcap_repeat_instance",
           "age", *PHQ, "bdi2_total", "gaf", "client_form_complete"]  # fmt: skip


def export(folder, rows, columns=COLUMNS):
    lines = [",".join(str(row.get(name, "")) for name in columns) for row in rows]
    (folder / "e.csv").write_text("\n".join([",".join(columns), *lines]) + "\n", encoding="utf-8")
    draft = al.suggest_mapping(folder)
    (folder / "study.yaml").write_text(draft.to_yaml(), encoding="utf-8")
    return draft, al.open_study(folder)


def answers(client, session):
    return dict.fromkeys(PHQ, (client + session) % 4)


def person(client, *, events=True):
    def row(event, **more):
        return {"record_id": client} | ({"redcap_event_name": event} if events else {}) | more

    yield row("baseline_arm_1", age=30 + client, bdi2_total=20)
    for n in (1, 2, 3):
        form = {"redcap_repeat_instrument": "client_form", "redcap_repeat_instance": n}
        yield row("therapy_arm_1", **form, **answers(client, n), client_form_complete=2)
        form["redcap_repeat_instrument"] = "therapist_form"
        yield row("therapy_arm_1", **form, gaf=50 + n)
    if events:
        yield row("followup_arm_1", bdi2_total=10)


def test_instruments_and_events_are_sources_of_their_own(tmp_path):
    draft, study = export(tmp_path, [row for c in range(1, 8) for row in person(c)])
    takes = [source["where"] for source in draft["sources"]]
    assert [where["redcap_repeat_instrument"] for where in takes] == [
        None, "client_form", "therapist_form",
    ]  # fmt: skip
    assert draft["sources"][0]["recode"] == {
        "occasion": {"baseline_arm_1": "pre", "followup_arm_1": "followup"}
    }
    assert len(study.clients) == 7
    assert study.clients["age"].tolist() == [31, 32, 33, 34, 35, 36, 37]
    assert study.sessions.columns.tolist() == ["client_id", "session"]
    gaf = study.select("gaf")
    assert gaf["session"].tolist() == [1, 2, 3] * 7
    assert gaf["score"].tolist() == [51, 52, 53] * 7
    assert len(study.select("phq-9")) == 21
    bdi = study.assessments.query("measure == 'bdi-ii'")
    assert bdi.groupby("occasion")["score"].unique().map(list).to_dict() == {
        "pre": [20], "followup": [10],
    }  # fmt: skip


def test_instruments_without_events(tmp_path):
    columns = [name for name in COLUMNS if name not in ("redcap_event_name", "bdi2_total")]
    rows = [row for c in range(1, 8) for row in person(c, events=False)]
    draft, study = export(tmp_path, rows, columns)
    assert [source["where"]["redcap_repeat_instrument"] for source in draft["sources"]] == [
        None, "client_form", "therapist_form",
    ]  # fmt: skip
    assert study.clients["age"].tolist() == [31, 32, 33, 34, 35, 36, 37]
    assert len(study.scores) == 42


@pytest.mark.parametrize("name", ["session_{}_arm_1", "visit{}_arm_1"])
def test_events_may_count_the_sessions(tmp_path, name):
    columns = ["record_id", "redcap_event_name", "age", *PHQ]
    rows = [
        {"record_id": c, "redcap_event_name": name.format(n), "age": 40 if n == 1 else ""}
        | answers(c, n)
        for c in range(1, 8)
        for n in (1, 2, 3)
    ]
    draft, study = export(tmp_path, rows, columns)
    assert draft["sources"][0]["recode"]["session"][name.format(2)] == 2
    assert study.sessions["session"].tolist() == [1, 2, 3] * 7


def test_rows_without_instruments_are_of_clients_or_of_sessions(tmp_path):
    columns = ["record_id", "redcap_event_name", "age", "date_at_visit", "mark"]
    rows = [
        row
        for c in (1, 2, 3)
        for row in (
            {"record_id": c, "redcap_event_name": f"enrolment_arm_{c % 2 + 1}", "age": 30 + c},
            {"record_id": c, "redcap_event_name": "visit_1_arm_1", "date_at_visit": "2026-01-05"},
            {"record_id": c, "redcap_event_name": "visit_2_arm_1", "date_at_visit": "2026-01-12"},
            {"record_id": c, "redcap_event_name": "closing_arm_1", "mark": "x"},
        )
    ]
    draft, study = export(tmp_path, rows, columns)
    assert [source["where"]["redcap_event_name"] for source in draft["sources"]] == [
        ["enrolment_arm_2", "enrolment_arm_1"], ["visit_1_arm_1", "visit_2_arm_1"],
    ]  # fmt: skip
    assert "only the first event of each client" in draft.doubts[0]
    assert any("not drafted" in why for name, why in draft.unplaced.items() if "mark" in name)
    assert study.clients["age"].tolist() == [31, 32, 33]
    assert study.clients["condition"].tolist() == ["arm 2", "arm 1", "arm 2"]
    assert study.sessions["session"].tolist() == [1, 2] * 3
    assert study.sessions["date"].notna().all()


def test_an_event_named_as_a_stage_is_that_stage_unless_two_are(tmp_path):
    def rows(*events):
        return [{"record_id": c, "redcap_event_name": f"{event}_arm_1", "bdi2_total": 9 + c}
                for c in range(1, 8) for event in events]  # fmt: skip

    draft, study = export(tmp_path, rows("baseline", "end_of_treatment", "followup_month_3"))
    assert set(study.assessments["occasion"]) == {"pre", "post", "followup3"}
    draft, _ = export(tmp_path, rows("baseline", "end_of_treatment", "end_visit"))
    recoded = draft["sources"][0]["recode"]["occasion"]
    assert recoded["end_of_treatment_arm_1"] == "end_of_treatment"
    assert recoded["end_visit_arm_1"] == "end_visit"
