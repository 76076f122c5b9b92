"""Headers as labs write them: each is drafted so that the draft validates, or left open."""

import numpy as np
import pandas as pd
import pyreadstat
import pytest

import alliance_stats as al

# The headers of one form: {i} is the item, {s} the session, {o} an occasion; then what the draft
# must say of it. Rows are sessions where no {s} or {o} stands in the names.
ITEMS = [
    ("wai{i}", "wai-sr", {"items": "wai{item}"}),
    ("WAI_{i:02d}", "wai-sr", {"items": "WAI_{item:02d}"}),
    ("WAI-SR {i}", "wai-sr", {"items": "WAI-SR {item}"}),
    ("wai.sr.c.{i}", "wai-sr", {"items": "wai.sr.c.{item}"}),
    ("WaiSr_Th{i}", "wai-sr", {"items": "WaiSr_Th{item}", "rater": "therapist"}),
    ("WAI_T{i:02d}", "wai-sr", {"items": "WAI_T{item:02d}", "rater": "therapist"}),
    ("tWAI{i}", "wai-sr", {"items": "tWAI{item}", "rater": "therapist"}),
    ("wai_item{i}_klient", "wai-sr", {"items": "wai_item{item}_klient", "rater": "client"}),
    ("wai_therapeut_frage_{i}", "wai-sr", {"rater": "therapist"}),
    ("wai_vraag{i}_deelnemer", "wai-sr", {"rater": "client"}),
    ("wai_pregunta_{i}_paciente", "wai-sr", {"rater": "client"}),
    ("wai.thérapeute.{i}", "wai-sr", {"rater": "therapist"}),
    ("phq9_{i}", "phq-9", {"items": "phq9_{item}"}),
    ("PHQ.9.{i}", "phq-9", {"items": "PHQ.9.{item}"}),
    ("phq{i}", "phq-9", {"items": "phq{item}"}),
    ("gad7_{i:02d}", "gad-7", {"items": "gad7_{item:02d}"}),
    ("core10_{i}", "core-10", {"items": "core10_{item}"}),
    ("BDI2_{i}", "bdi-ii", {"items": "BDI2_{item}"}),
    ("bdi.ii.q{i}", "bdi-ii", {"items": "bdi.ii.q{item}"}),
    ("MADRS_{i}_obs", "madrs", {"items": "MADRS_{item}_obs", "rater": "observer"}),
    ("hamd_{i}_th", "ham-d", {"rater": "therapist"}),
    # the session before, between or behind the number of the item
    ("wai_c_s{s:02d}_{i:02d}", "wai-sr", {"items": "wai_c_s{session:02d}_{item:02d}"}),
    ("s{s}_wai{i}c", "wai-sr", {"items": "s{session}_wai{item}c", "rater": "client"}),
    ("S{s:02d}.WAI.T.{i}", "wai-sr", {"rater": "therapist"}),
    ("WAI.C.{s}.{i}", "wai-sr", {"items": "WAI.C.{session}.{item}"}),
    ("WAI.C.{i}.{s}", "wai-sr", {"items": "WAI.C.{item}.{session}"}),
    ("t{s}_phq9_{i}", "phq-9", {"items": "t{session}_phq9_{item}"}),
    ("phq9_{i}_t{s}", "phq-9", {"items": "phq9_{item}_t{session}"}),
    ("wai{i}_T{s:02d}", "wai-sr", {"items": "wai{item}_T{session:02d}"}),
    ("Sitzung{s}_WAI{i}", "wai-sr", {"items": "Sitzung{session}_WAI{item}"}),
    ("WAI_{i}_Sitzung_{s}", "wai-sr", {"items": "WAI_{item}_Sitzung_{session}"}),
    ("wai_zit{s}_{i}", "wai-sr", {"items": "wai_zit{session}_{item}"}),
    ("zitting{s}_wai_{i}", "wai-sr", {"items": "zitting{session}_wai_{item}"}),
    ("séance{s}_wai_{i}", "wai-sr", {"items": "séance{session}_wai_{item}"}),
    ("sesión{s}_wai_{i}", "wai-sr", {"items": "sesión{session}_wai_{item}"}),
    ("phq_w{s}_{i}", "phq-9", {"items": "phq_w{session}_{item}"}),
    ("gad7_m{s}_{i}", "gad-7", {"items": "gad7_m{session}_{item}"}),
    ("phq9_{o}_{i}", "phq-9", {"items": "phq9_post_{item}", "occasion": "post"}),
    ("phq9.{o}{i}", "phq-9", {"items": "phq9.post{item}", "occasion": "post"}),
    ("{o}_phq9_{i}", "phq-9", {"items": "post_phq9_{item}", "occasion": "post"}),
    ("phq9_{i}_{o}", "phq-9", {"items": "phq9_{item}_post", "occasion": "post"}),
]
TOTALS = [
    ("phq9", "phq-9", {"score": "phq9"}),
    ("PHQ_Summe", "phq-9", {"score": "PHQ_Summe"}),
    ("phq9.total", "phq-9", {"score": "phq9.total"}),
    ("phqTotal", "phq-9", {"score": "phqTotal"}),
    ("oq45_gesamt", "oq-45", {"score": "oq45_gesamt"}),
    ("wai_sr_bond_t", "wai-sr", {"score": {"bond": "wai_sr_bond_t"}, "rater": "therapist"}),
    ("BDI{s}.total", "bdi-ii", {"score": "BDI{session}.total"}),
    ("bdi_s{s}", "bdi-ii", {"score": "bdi_s{session}"}),
    ("S{s}_PHQ9_sum", "phq-9", {"score": "S{session}_PHQ9_sum"}),
    ("{o}.phq9.totaal", "phq-9", {"score": "post.phq9.totaal", "occasion": "post"}),
    ("phq9_{o}", "phq-9", {"score": "phq9_post", "occasion": "post"}),
    ("hamd_{o}", "ham-d", {"score": "hamd_post", "occasion": "post"}),
    ("bdi_{o}", "bdi-ii", {"score": "bdi_post", "occasion": "post"}),
    ("eq5d_index", "eq-5d-index", {"score": "eq5d_index"}),
]
CLIENTS = ["Klient-Nr.", "Patientennummer", "record_id", "ppn", "Chiffre", "ID_paciente", "pid",
           "Deelnemer nr", "N° client", "participant_id", "Código paciente",
           "N° couple"]  # fmt: skip


def columns_of(template, name, rng, n, *, items):
    card = al.measure(name)
    if items:
        ends = {item: card.item_range(item) for item in card.items}
    else:
        scale = "bond" if "bond" in template else "total"
        ends = {1: card.scale_range(scale)}
    whole = name != "eq-5d-index"
    made = {}
    for session in (1, 2, 3, 4) if "{s" in template else (0,):
        for occasion in ("pre", "post") if "{o}" in template else ("",):
            for item, (low, high) in ends.items():
                column = template.format(i=item, s=session, o=occasion)
                drawn = rng.uniform(low, high, n)
                made[column] = np.round(drawn) if whole else np.round(drawn, 3)
    return made


def one_form(template, name, *, items, client="pid", n=24):
    rng = np.random.default_rng(4)
    wide = "{s" in template or "{o}" in template
    keys = {client: range(n)} if wide else {client: np.repeat(range(n // 4), 4)}
    keys |= {} if wide else {"Sitzung": np.tile([1, 2, 3, 4], n // 4)}
    return pd.DataFrame(keys | columns_of(template, name, rng, n, items=items))


def drafted(folder, frame, name="data.csv"):
    """Return the draft of a file, whose study must validate without an error."""
    frame.to_csv(folder / name, index=False)
    draft = al.suggest_mapping(folder)
    (folder / "study.yaml").write_text(draft.to_yaml(), encoding="utf-8")
    report = al.validate(folder)
    assert report.ok, str(report)
    return draft


@pytest.mark.parametrize(
    ("template", "name", "wanted", "items"),
    [*((*case, True) for case in ITEMS), *((*case, False) for case in TOTALS)],
)
def test_a_header_is_drafted_and_the_draft_validates(tmp_path, template, name, wanted, items):
    frame = one_form(template, name, items=items)
    draft = drafted(tmp_path, frame)
    entries = draft["sources"][0]["measures"]
    entry = next(e for e in entries if e.get("occasion") == wanted.get("occasion"))
    assert entry["measure"] == name
    assert {key: entry[key] for key in wanted} == wanted
    assert draft.unplaced == {}
    assert set(draft.placed) == set(frame.columns)


@pytest.mark.parametrize("client", CLIENTS)
def test_the_client_has_many_names(tmp_path, client):
    draft = drafted(tmp_path, one_form("phq9_{i}", "phq-9", items=True, client=client))
    assert draft["sources"][0]["client_id"] == client


OPEN = [
    ("phq_{i}_{s}_{s}{s}", "three numbers"),
    ("phq9_{i}", "nothing says of which session"),
    ("q{i}", "items of an unknown form; the numbers would fit phq-9"),
]


@pytest.mark.parametrize(("template", "reason"), OPEN)
def test_what_is_not_sure_is_left_open_with_the_reason(tmp_path, template, reason):
    frame = one_form(template, "phq-9", items=True).drop(columns="Sitzung", errors="ignore")
    frame = frame.drop_duplicates("pid")
    draft = drafted(tmp_path, frame)
    assert "measures" not in draft["sources"][0]
    assert all(reason in draft.unplaced[name] for name in frame.columns[1:])


def test_a_number_that_may_be_either_is_left_open():
    rng = np.random.default_rng(1)
    names = [f"psq_{a}_{b}" for a in (1, 2, 3) for b in (1, 2, 3)]
    frame = pd.DataFrame({"pid": range(30), **{n: rng.integers(1, 3, 30) for n in names}})
    draft = al.suggest_mapping(frame)
    assert "either may count the items" in draft.unplaced["psq_1_1"]


def test_a_numbered_occasion_is_an_occasion_of_its_own(tmp_path):
    totals = {name: range(8) for name in ("bdi_pre", "bdi_fu1", "bdi_fu2", "bdi_katamnese")}
    draft = drafted(tmp_path, pd.DataFrame({"pid": range(8), **totals}))
    entries = draft["sources"][0]["measures"]
    assert {entry["score"]: entry["occasion"] for entry in entries} == {
        "bdi_pre": "pre",
        "bdi_fu1": "followup1",
        "bdi_fu2": "followup2",
        "bdi_katamnese": "followup",
    }


def test_a_typing_error_does_not_make_a_neighbour_of_a_form():
    frame = one_form("wai{i}", "wai-sr", items=True, n=80)
    frame.loc[3, "wai4"] = 7
    draft = al.suggest_mapping(frame)
    assert draft["sources"][0]["measures"][0]["measure"] == "wai-sr"
    assert any("7 among the answers must be typing errors" in doubt for doubt in draft.doubts)


def test_sums_where_the_card_takes_means_are_left_open():
    frame = pd.DataFrame({"pid": [1, 1, 2], "sess": [1, 2, 1], "wai_sr_total": [44, 51, 36]})
    why = al.suggest_mapping(frame).unplaced["wai_sr_total"]
    assert "runs from 1 to 5, and holds 36 to 51" in why
    assert "sums" in why


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("Status", [0, 0, 0, 0]),
        ("dropout", [0, 0, 1, 1]),
        ("outcome", ["good", "good", "bad", "bad"]),
        ("end", ["a", "b", "a", "b"]),
        ("type", ["online", "online", "room", "room"]),
        ("event", ["intake", "intake", "x", "x"]),
        ("Grund", ["Angst", "Angst", "Depression", "Depression"]),
        ("expectancy.type", ["low", "low", "high", "high"]),
        ("rupture", [0, 1, 0, 0]),
    ],
)
def test_a_name_of_a_column_does_not_decide_what_the_file_is(tmp_path, column, values):
    frame = one_form("phq_{i}", "phq-9", items=True, n=4).assign(**{column: values})
    draft = drafted(tmp_path, frame)
    assert "table" not in draft["sources"][0]
    assert draft["sources"][0]["measures"][0]["items"] == "phq_{item}"
    assert list(draft.unplaced) == [column]
    bare = frame[["pid", "Sitzung", column]]
    assert "table" not in al.suggest_mapping(bare)["sources"][0]


def test_endings_are_known_by_their_words(tmp_path):
    ends = {"Klient": [1, 2, 3], "letzte Sitzung": [4, 9, 12], "Grund": ["Abbruch", "regulär", "x"]}
    draft = al.suggest_mapping(pd.DataFrame(ends))
    (source,) = draft["sources"]
    assert source["table"] == "terminations"
    assert source["recode"] == {"reason": {"Abbruch": "dropout", "regulär": "completed"}}
    assert "'Grund' holds 'x'" in draft.doubts[0]


def test_qualtrics_and_redcap_columns_say_nothing_of_the_file(tmp_path):
    frame = one_form("wai{i}", "wai-sr", items=True).rename(columns={"pid": "ExternalReference"})
    extra = {"Status": 0, "Progress": 100, "Finished": 1, "ResponseId": "R_1", "UserLanguage": "DE"}
    draft = drafted(tmp_path, frame.assign(**extra))
    assert draft["sources"][0]["client_id"] == "ExternalReference"
    assert set(draft.unplaced) == set(extra)
    assert "written by Qualtrics" in draft.unplaced["Finished"]
    frame = frame.rename(columns={"ExternalReference": "record_id"})
    frame = frame.rename(columns={"Sitzung": "redcap_repeat_instance"})
    frame["redcap_repeat_instrument"] = "wai"
    (source,) = al.suggest_mapping(frame.assign(wai_complete=2))["sources"]
    assert (source["client_id"], source["session"]) == ("record_id", "redcap_repeat_instance")
    assert source["measures"][0]["items"] == "wai{item}"


def test_labels_of_spss_say_what_a_short_name_does_not(tmp_path):
    frame = one_form("wai_c_s{s:02d}_{i:02d}", "wai-sr", items=True, client="klnr")
    frame.insert(1, "ber", "T1")
    labels = ["Klientennummer", "Therapeut", *[""] * (frame.shape[1] - 2)]
    pyreadstat.write_sav(frame, tmp_path / "wide.sav", column_labels=labels)
    draft = al.suggest_mapping(tmp_path)
    (source,) = draft["sources"]
    assert (source["client_id"], source["therapist_id"]) == ("klnr", "ber")
    assert source["measures"][0]["items"] == "wai_c_s{session:02d}_{item:02d}"
    (tmp_path / "study.yaml").write_text(draft.to_yaml(), encoding="utf-8")
    assert al.validate(tmp_path).ok


def test_a_long_table_of_scores_is_placed(tmp_path):
    frame = pd.DataFrame(
        {"pid": [1, 1, 2, 2], "tp": [1, 2, 1, 2], "scale": ["phq", "phq9", "gad", "gad"]}
    ).assign(score=[12.0, 10, 7, 6])
    draft = drafted(tmp_path, frame)
    (source,) = draft["sources"]
    assert source["table"] == "scores"
    assert source["columns"]["measure"] == "scale"
    assert al.open_study(tmp_path).scores["score"].tolist() == [12, 10, 7, 6]


@pytest.mark.parametrize(
    ("name", "unit"),
    [("weeks", "week"), ("Woche", "week"), ("Monate", "month"), ("mes", "month"), ("time", None)],
)
def test_units_of_time_are_sessions_times_or_occasions(tmp_path, name, unit):
    frame = one_form("phq9", "phq-9", items=False).rename(columns={"Sitzung": name})
    assert drafted(tmp_path, frame)["sources"][0]["session"] == name
    months = frame.assign(**{name: np.tile([0, 1.5, 3, 6], 6)})
    draft = drafted(tmp_path, months)
    assert draft["sources"][0]["time" if unit else "occasion"] == name
    assert draft["sources"][0].get("time_unit") == unit
    said = f"for a time in {unit}s" if unit else "to name occasions"
    assert any(said in doubt for doubt in draft.doubts)
    if unit:
        assert al.open_study(tmp_path).assessments["time"].unique().tolist() == [0, 1.5, 3, 6]


def test_the_draft_shows_itself_as_two_tables():
    frame = one_form("wai{i}", "wai-sr", items=True).assign(mood=3)
    draft = al.suggest_mapping(frame)
    placed, left = draft.tables().values()
    assert placed["columns"].tolist() == ["pid", "Sitzung", "wai1 ... wai12 (12)"]
    assert placed["taken_for"].tolist()[:2] == ["client_id", "session"]
    assert left["columns"].tolist() == ["mood"]
    html = draft._repr_html_()
    assert html.index("Placed") < html.index("wai1 ... wai12") < html.index("Not placed")
    assert "<td>" not in html  # where Jupyter sets words to the right
    assert "<th>" not in html
    assert "<script>" not in al.suggest_mapping(frame.assign(**{"<script>": 1}))._repr_html_()


def test_a_measure_and_a_word_for_a_total_place_a_column_with_a_few_slips():
    rows = {
        "Code": range(40),
        "Zeitpunkt": ["Prä", "Post"] * 20,
        "BDI-II Summe": [10, 20, 99, 72] + [8] * 36,
        "PHQ9 Summenwert": [10, 20] * 20,
        "WAI-SR Mittelwert": [3.5, 4.25] * 20,
        "GAD-7 Mittelwert": [1.5, 2.25] * 20,
    }
    draft = al.suggest_mapping(pd.DataFrame(rows))
    (source,) = draft["sources"]
    assert [(one["measure"], one["score"]) for one in source["measures"]] == [
        ("bdi-ii", "BDI-II Summe"), ("phq-9", "PHQ9 Summenwert"), ("wai-sr", "WAI-SR Mittelwert"),
        ("gad-7", "GAD-7 Mittelwert"),
    ]  # fmt: skip
    assert [one.get("scored") for one in source["measures"]] == [None, None, None, "mean"]
    assert source["missing"] == [99]
    assert "bdi-ii in BDI-II Summe: outside its range of 0 to 63: 72" in draft.doubts


def test_a_mean_beyond_its_range_is_not_placed():
    rows = {"Code": range(40), "Zeitpunkt": ["Prä", "Post"] * 20, "GAD-7 Mittelwert": [15, 21] * 20}
    draft = al.suggest_mapping(pd.DataFrame(rows))
    assert "a mean of gad-7/total, which runs from 0 to 3," in draft.unplaced["GAD-7 Mittelwert"]


def test_columns_of_several_parts_stand_behind_the_name_of_their_part(tmp_path):
    sheet = one_form("wai{i}", "wai-sr", items=True).assign(town=30, mood=1)
    sheet.to_csv(tmp_path / "a.csv", index=False)
    sheet.assign(**{f"q{n}x": 9 for n in range(5)}).to_csv(tmp_path / "b.csv", index=False)
    _, left = al.suggest_mapping(tmp_path).tables().values()
    named = left["columns"].tolist()
    assert named == ["a.csv: town, mood", "b.csv: town, mood, q0x ... q4x (5)"]


def test_more_names_than_a_line_bears_are_counted():
    frame = one_form("wai{i}", "wai-sr", items=True)
    odd = dict.fromkeys([chr(97 + n) * 3 for n in range(15)], 1)
    text = al.suggest_mapping(frame.assign(**odd)).to_yaml()
    assert "lll and 3 more: no known role" in text


SURVEY = {"Q1": "Please enter your client code", "Q2": "Which session was this?",
          "Q3": "Your therapist's code", "Q4": "How was the session?",
          **{f"Q5_{n}": f"WAI-SR - item {n}" for n in range(1, 13)}}  # fmt: skip


def survey(folder, answers):
    rows = [[f"c{n % 9}", n // 9 + 1, "T1", 5, *(answers[(n + k) % 5] for k in range(12))]
            for n in range(45)]  # fmt: skip
    imported = [f'{{"ImportId":"{name}"}}' for name in SURVEY]
    table = pd.DataFrame([[*SURVEY.values()], imported, *rows], columns=[*SURVEY])
    table.to_csv(folder / "survey.csv", index=False)
    return al.suggest_mapping(folder)


def test_questions_of_a_survey_say_what_its_columns_are(tmp_path):
    draft = survey(tmp_path, [1, 2, 3, 4, 5])
    (source,) = draft["sources"]
    assert source["client_id"] == "Q1"
    assert source["therapist_id"] == "Q3"
    assert source["session"] == "Q2"
    assert source["measures"] == [{"measure": "wai-sr", "rater": "client", "items": "Q5_{item}"}]
    assert list(draft.unplaced) == ["Q4"]
    assert "'Q2' is taken for session, by its label 'Which session was this?'" in draft.doubts


def test_previews_and_unfinished_rows_of_a_survey_are_told():
    frame = one_form("wai{i}", "wai-sr", items=True).assign(ResponseId="R")
    done = frame.assign(Status="IP Address", Finished=True)
    assert not any("Status" in doubt for doubt in al.suggest_mapping(done).doubts)
    done.loc[[0, 4], "Status"] = "Survey Preview"
    done.loc[7, "Finished"] = False
    told = [doubt for doubt in al.suggest_mapping(done).doubts if "where:" in doubt]
    assert told == [
        "'Status' holds Survey Preview in 2 rows; where these are not to count, write where: "
        "{Status: IP Address}",
        "'Finished' holds False in 1 row; where these are not to count, write where: "
        "{Finished: True}",
    ]


def test_which_partner_is_not_who_is_in_treatment():
    frame = pd.DataFrame({"Partnum": [1, 2] * 30, "CoupleID": np.repeat(range(30), 2), "x": 3.5})
    draft = al.suggest_mapping(frame)
    assert draft["sources"][0]["client_id"] == "CoupleID"
    assert "Partnum" in draft.unplaced


def test_answers_of_a_survey_in_words_are_left_open_with_what_to_write(tmp_path):
    words = ["Seldom", "Sometimes", "Often", "Very often", "Always"]
    draft = survey(tmp_path, words)
    assert draft.unplaced["Q5_3"] == (
        "names wai-sr, and holds words: write the measure with answers: and the number that each "
        "stands for ('Always', 'Often', 'Seldom', 'Sometimes', 'Very often')"
    )


def test_labels_say_what_numbers_in_bare_names_count(tmp_path):
    names = {f"v{s}_{i}": f"WAI-SR Therapeut Sitzung {s} Item {i}"
             for s in range(1, 6) for i in range(1, 13)}  # fmt: skip
    answers = np.random.default_rng(1).integers(1, 6, (30, len(names)))
    frame = pd.DataFrame(answers, columns=[*names]).assign(pid=range(30))
    pyreadstat.write_sav(frame, tmp_path / "a.sav", column_labels=names | {"pid": "Code"})
    (source,) = al.suggest_mapping(tmp_path / "a.sav")["sources"]
    (measure,) = source["measures"]
    assert measure == {"measure": "wai-sr", "rater": "therapist", "items": "v{session}_{item}"}
    # labels whose numbers are others than those in the names say nothing of them
    other = {name: f"WAI-SR Item {n + 40}" for n, name in enumerate(names)}
    pyreadstat.write_sav(frame, tmp_path / "b.sav", column_labels=other | {"pid": "Code"})
    assert "measures" not in al.suggest_mapping(tmp_path / "b.sav")["sources"][0]


def test_a_column_of_sessions_is_no_session_rating_scale():
    frame = one_form("wai{i}", "wai-sr", items=True).assign(end_session=7)
    draft = al.suggest_mapping(frame)
    assert [one["measure"] for one in draft["sources"][0]["measures"]] == ["wai-sr"]


@pytest.mark.parametrize("name", ["study_arm", "treatment_group", "trial arm", "Studienarm"])
def test_arms_are_known_by_their_names(name):
    frame = one_form("wai{i}", "wai-sr", items=True).assign(**{name: "a"})
    assert al.suggest_mapping(frame)["sources"][0]["condition"] == name


def test_a_total_mostly_beyond_its_range_is_not_placed():
    rows = {"Code": range(40), "Zeitpunkt": ["Prä", "Post"] * 20, "BDI-II Summe": [70, 8] * 20}
    draft = al.suggest_mapping(pd.DataFrame(rows))
    assert "runs from 0 to 63" in draft.unplaced["BDI-II Summe"]


def test_an_item_with_a_mark_behind_its_number_belongs_to_its_form(tmp_path):
    frame = pd.DataFrame({"pid": range(40)} | {f"PHQ9_{k:02d}_pre": k % 4 for k in range(1, 10)})
    marked = frame.rename(columns={"PHQ9_03_pre": "PHQ9_03r_pre"})
    draft = drafted(tmp_path, marked)
    (measure,) = draft["sources"][0]["measures"]
    assert measure["items"] == marked.columns[1:].tolist()
    assert any("PHQ9_03r_pre is marked" in doubt for doubt in draft.doubts)
    assert al.validate(tmp_path).ok
    both = al.suggest_mapping(frame.assign(PHQ9_03r_pre=1))["sources"][0]["measures"]
    assert both[0]["items"] == "PHQ9_{item:02d}_pre"


def test_columns_that_survey_tools_write():
    lime = one_form("WAISR[SQ{i:03d}]", "wai-sr", items=True, client="code").assign(
        id=range(24), submitdate="2024-01-01", lastpage=3
    )
    (source,) = al.suggest_mapping(lime)["sources"]
    assert (source["client_id"], source["session"]) == ("code", "Sitzung")
    assert source["measures"][0]["items"] == "WAISR[SQ{item:03d}]"
    sosci = lime.rename(columns={"code": "SD01", "Sitzung": "SD02"}).drop(columns="id")
    sosci.attrs["variable_labels"] = {"SD01": "Patientencode", "SD02": "Nummer der Sitzung"}
    (source,) = al.suggest_mapping(sosci)["sources"]
    assert (source["client_id"], source["session"]) == ("SD01", "SD02")


def test_a_word_beside_the_name_of_a_form_is_pointed_at():
    frame = pd.DataFrame({"pid": range(9), "PHQ9_femme": range(9), "DAS_homme": range(90, 99)})
    why = al.suggest_mapping(frame).unplaced
    assert [why[name].split(",")[0] for name in ("PHQ9_femme", "DAS_homme")] == [
        "names phq-9",
        "names das",
    ]


def test_a_long_table_with_a_form_without_a_card_is_drafted_for_the_others(tmp_path):
    forms = {"PHQ-9": 5, "SWLS": 30, "WAI-SR total": 4}
    rows = [(c, month, m, v) for c in "ab" for month in (0, 1.5) for m, v in forms.items()]
    names = ["subject", "month", "instrument", "result"]
    draft = drafted(tmp_path, pd.DataFrame(rows, columns=names))
    assert draft["sources"][0]["where"] == {"instrument": ["PHQ-9", "WAI-SR total"]}
    assert any("SWLS" in doubt for doubt in draft.doubts)
    scores = al.open_study(tmp_path).assessments
    assert scores.groupby("measure")["score"].agg(["size", "mean"]).to_dict("index") == {
        "phq-9": {"size": 4, "mean": 5},
        "wai-sr": {"size": 4, "mean": 4},
    }


def test_site_treatment_and_days_in_other_words():
    days = ["2024-01-08", "2024-01-15", "2024-03-01", "2024-01-09"]
    frame = pd.DataFrame(
        {"pid": ["a", "a", "a", "b"], "Standort": list("xxxy"), "Tratamiento nº": [1, 1, 2, 1],
         "timestamp": days, "phq9": [9, 8, 7, 6]}
    )  # fmt: skip
    source = al.suggest_mapping(frame)["sources"][0]
    assert source["site_id"] == "Standort"
    assert source["episode"] == "Tratamiento nº"
    assert source["session"] == {"date": "timestamp"}
    frame["timestamp"] = ["soon", "never", *days[:2]]
    assert (
        "may hold days"
        in al.suggest_mapping(frame.rename(columns={"timestamp": "Datum"})).unplaced["Datum"]
    )


def test_endings_are_known_by_longer_names():
    frame = pd.DataFrame({"Client": ["a", "b"], "Outcome of therapy": ["completed", "dropped out"],
                          "Sessions attended": [5, 4]})  # fmt: skip
    source = al.suggest_mapping(frame)["sources"][0]
    assert source["columns"] == {
        "client_id": "Client", "last_session": "Sessions attended", "reason": "Outcome of therapy"
    }  # fmt: skip
