"""Drafts of study.yaml from names and values of columns."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import alliance_stats as al
from alliance_stats.study.mapping import read_study
from alliance_stats.study.mapping.describing import describe


def lab_frame(n=40):
    rng = np.random.default_rng(8)
    frame = pd.DataFrame(
        {"pid": np.repeat(np.arange(n // 4), 4), "ther": 1, "sess": np.tile([1, 2, 3, 4], n // 4)}
    )
    columns = {f"wai{item}": rng.integers(1, 6, n) for item in range(1, 13)}
    columns |= {f"waiT{item:02d}": rng.integers(1, 6, n) for item in range(1, 13)}
    columns |= {f"phq_{item}": rng.integers(0, 4, n) for item in range(1, 10)}
    columns |= {"oq_total": rng.integers(30, 90, n), "wai_bond": 3, "mood": 2}
    columns |= {f"q{item}": rng.integers(1, 6, n) for item in range(1, 4)}
    columns["phq_2"][:3] = -9
    return frame.assign(**columns)


def test_a_session_file_is_placed_by_names_numbers_and_ranges():
    draft = al.suggest_mapping(lab_frame())
    (source,) = draft["sources"]
    roles = {key: source[key] for key in ("client_id", "therapist_id", "session")}
    assert roles == {"client_id": "pid", "therapist_id": "ther", "session": "sess"}
    assert source["measures"] == [
        {"measure": "wai-sr", "rater": "client", "items": "wai{item}"},
        {"measure": "wai-sr", "rater": "therapist", "items": "waiT{item:02d}"},
        {"measure": "phq-9", "rater": "client", "items": "phq_{item}"},
        {"measure": "oq-45", "rater": "client", "score": "oq_total"},
        {"measure": "wai-sr", "rater": "client", "score": {"bond": "wai_bond"}},
    ]
    assert source["missing"] == [-9]
    assert set(draft.unplaced) == {"mood", "q1", "q2", "q3"}
    assert "would fit psq" in draft.unplaced["q1"]
    assert any("the rater is assumed" in doubt for doubt in draft.doubts)


def test_the_draft_reads_the_file_it_was_made_from(tmp_path):
    frame = lab_frame()
    frame.to_csv(tmp_path / "sessions.csv", index=False)
    ends = pd.DataFrame({"pid": range(10), "last_session": 4, "reason": ["Completed"] * 10})
    ends.to_csv(tmp_path / "endings.csv", index=False)
    draft = al.suggest_mapping(tmp_path)
    (tmp_path / "study.yaml").write_text(draft.to_yaml(), encoding="utf-8")
    raw = read_study(tmp_path)
    assert [problem for problem in raw.problems if problem.level == "error"] == []
    assert len(raw.tables["ratings"]) == len(frame) * 33
    assert raw.tables["terminations"]["reason"].unique().tolist() == ["completed"]
    values = raw.tables["ratings"].query("measure == 'phq-9' and item == 2")["value"]
    assert values.isna().sum() == 3


def test_the_range_of_the_answers_decides_between_forms():
    frame = lab_frame().filter(regex="pid|sess|wai[0-9]")
    seven = frame.assign(wai3=7)
    measures = [al.suggest_mapping(f)["sources"][0]["measures"] for f in (frame, seven)]
    assert [m[0]["measure"] for m in measures] == ["wai-sr", "wai-s"]


def test_a_typing_error_among_the_answers_does_not_hide_a_form():
    frame = lab_frame(400)
    frame.loc[5, "wai3"], frame.loc[7, "phq_9"] = 55, 7
    draft = al.suggest_mapping(frame.rename(columns=lambda name: name.replace("phq_", "phq")))
    measures = [entry.get("items") for entry in draft["sources"][0]["measures"]]
    assert measures[:3] == ["wai{item}", "waiT{item:02d}", "phq{item}"]
    assert draft["sources"][0]["missing"] == [-9]
    assert any("55 among the answers must be typing errors" in doubt for doubt in draft.doubts)
    half = frame.assign(wai3=55)
    assert "wai3" in al.suggest_mapping(half).unplaced


def test_a_letter_before_the_number_is_the_rater_where_sessions_are_rows():
    frame = lab_frame().filter(regex="pid|sess|waiT")
    names = {name: name.replace("waiT", "WAI_T") for name in frame}
    (source,) = al.suggest_mapping(frame.rename(columns=names))["sources"]
    assert source["measures"] == [
        {"measure": "wai-sr", "rater": "therapist", "items": "WAI_T{item:02d}"}
    ]


def test_a_sheet_of_notes_is_left_out(tmp_path):
    with pd.ExcelWriter(tmp_path / "endings.xlsx") as book:
        pd.DataFrame({"x": ["1 = completed"]}).to_excel(book, sheet_name="notes", index=False)
        ends = pd.DataFrame({"pid": range(10), "last_session": 4, "reason": ["dropout"] * 10})
        ends.to_excel(book, sheet_name="final", index=False)
    draft = al.suggest_mapping(tmp_path)
    assert [source["sheet"] for source in draft["sources"]] == ["final"]
    assert any("notes: no column names a client" in doubt for doubt in draft.doubts)


def test_files_without_rows_are_left_out_of_a_folder(tmp_path):
    al.new_study(tmp_path / "study")
    lab_frame().to_parquet(tmp_path / "study" / "lab.parquet")
    draft = al.suggest_mapping(tmp_path / "study")
    assert [source["file"] for source in draft["sources"]] == ["lab.parquet"]
    files = "data/clients.csv, data/endings.csv, data/sessions.csv"
    assert f"{files} have no rows yet and are left out" in draft.doubts


def test_words_for_endings_are_told_whatever_stands_around_them():
    words = ["regulär beendet", "Abbruch ", "Abbruch", "läuft noch", "Therapeutenwechsel"]
    ends = pd.DataFrame({"Klient-Nr.": range(5), "Letzte Sitzung": 4, "Grund": words})
    (source,) = al.suggest_mapping(ends)["sources"]
    assert source["recode"]["reason"] == {
        "regulär beendet": "completed",
        "Abbruch": "dropout",
        "läuft noch": "ongoing",
        "Therapeutenwechsel": "transferred",
    }


def test_sessions_in_the_names():
    frame = pd.DataFrame({"id": [1, 2], **{f"bdi_s{n}": [20, 30] for n in range(1, 5)}})
    (source,) = al.suggest_mapping(frame)["sources"]
    assert source["measures"] == [
        {"measure": "bdi-ii", "rater": "client", "score": "bdi_s{session}"}
    ]
    names = {f"wai{i}_s{s}": [3, 4] for s in (1, 2) for i in range(1, 13)}
    (source,) = al.suggest_mapping(pd.DataFrame({"id": [1, 2], **names}))["sources"]
    assert source["measures"][0]["items"] == "wai{item}_s{session}"


def test_the_text_says_what_to_check_and_what_was_not_placed():
    text = str(al.suggest_mapping(lab_frame()))
    assert text.startswith("# A first draft, made from the names and values of the columns.\n")
    assert "#   mood: no known role or measure in its name; it comes along as it is" in text
    assert "  - {measure: phq-9, rater: client, items: 'phq_{item}'}" in text


@pytest.mark.parametrize("name", ["sex", "Gender_A", "Geschlecht", "client_age", "v3"])
def test_age_and_sex_are_known_though_they_have_no_role(name):
    frame = lab_frame().rename(columns={"mood": name})
    frame.attrs["variable_labels"] = {"v3": "Sex of the client"}
    assert "for the table of the sample" in al.suggest_mapping(frame).unplaced[name]


def test_without_a_client_the_draft_says_so():
    draft = al.suggest_mapping(pd.DataFrame({"a": [1, 2], "b": [3, 4]}))
    assert draft.doubts[0] == (
        "no column was found that names the client; add client_id:, or "
        'client_id: "{row}" where each row is another client'
    )
    assert draft.doubts[1].startswith("no answer and no score of a known instrument was found")
    assert draft["sources"] == [{"file": "data.csv"}]


def test_what_cannot_be_drafted_is_refused(tmp_path):
    with pytest.raises(al.ColumnError, match="needs a table with columns"):
        al.suggest_mapping(pd.DataFrame())
    with pytest.raises(al.ReadError, match="holds no file that can be read"):
        al.suggest_mapping(tmp_path)
    with pytest.raises(al.ReadError, match="There is no file"):
        al.suggest_mapping(tmp_path / "none.csv")


NAMES = st.lists(
    st.one_of(
        st.text(alphabet="waiT_sphq01239 {}:%", min_size=1, max_size=8),
        st.sampled_from(["pid", "sess", "wai1", "wai2", "wai3", "reason", "item", "value", "day"]),
    ),
    min_size=1,
    max_size=8,
    unique=True,
)


@settings(max_examples=80, deadline=None)
@given(names=NAMES, cells=st.lists(st.sampled_from([1, 2.5, None, "a", -9]), min_size=2))
def test_any_table_gives_a_draft_that_can_be_described(names, cells):
    draft = al.suggest_mapping(pd.DataFrame(dict.fromkeys(names, cells)))
    _, problems = describe(draft.mapping)
    assert [problem.message for problem in problems] == []


def _drawn(n=30, **columns):
    rng = np.random.default_rng(5)
    return pd.DataFrame({name: rng.integers(*ends, n) for name, ends in columns.items()})


def test_rows_of_answers_without_ids_are_clients(tmp_path):
    frame = _drawn(bdi_pre=(0, 60), bdi_post=(0, 60))
    frame.to_csv(tmp_path / "a.csv", index=False)
    draft = al.suggest_mapping(tmp_path)
    assert draft["sources"][0]["client_id"] == "{row}"
    assert any("each row is taken for another client" in doubt for doubt in draft.doubts)
    (tmp_path / "study.yaml").write_text(draft.to_yaml(), encoding="utf-8")
    assert len(al.open_study(tmp_path).clients) == len(frame)
    timed = al.suggest_mapping(frame.assign(session=range(len(frame))))
    assert "client_id" not in timed["sources"][0]


def test_a_column_named_like_those_of_an_occasion_is_pointed_at():
    frame = _drawn(code=(0, 9), bdi_prae=(0, 60), bdi_post=(0, 60), bdi_kat=(0, 60))
    draft = al.suggest_mapping(frame.assign(code=range(len(frame))))
    assert set(draft.unplaced) == {"bdi_kat"}
    assert "with 'kat' in its place" in draft.unplaced["bdi_kat"]
    assert any("'kat'" in doubt for doubt in draft.doubts)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ((1, 6), "names no form: it may be wai, wai-sr, wai-s"),
        ((40, 60), "the one it is of wai, wai-sr, wai-s) with scored: sum"),
        ((150, 240), "write the measure (wai) with scored: sum"),
    ],
)
def test_a_header_that_names_no_form_stays_open(values, reason):
    frame = _drawn(WAI=values).assign(code=np.repeat(range(10), 3), session=[1, 2, 3] * 10)
    draft = al.suggest_mapping(frame)
    assert reason in draft.unplaced["WAI"]
    assert "measures" not in draft["sources"][0]


@pytest.mark.parametrize(
    ("header", "word", "reason"),
    [
        ("Abbruchgrund", "Abbruch Patient", "dropout"),
        ("Grund für Ende", "Abbruch durch Klientin", "dropout"),
        ("end_reason", "withdrawn", "dropout"),
        ("Reason for termination", "transfer", "transferred"),
        ("Therapieende", "Überweisung", "transferred"),
    ],
)
def test_endings_are_known_by_their_column_and_words(header, word, reason):
    frame = pd.DataFrame({"pid": range(9), "final_session": range(3, 12), header: word})
    (source,) = al.suggest_mapping(frame)["sources"]
    assert source["columns"] == {"client_id": "pid", "last_session": "final_session",
                                 "reason": header}  # fmt: skip
    assert source["recode"]["reason"] == {word: reason}
