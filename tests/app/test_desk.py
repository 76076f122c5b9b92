"""What the page understands of files and how choices change it, without a browser."""

import io
import zipfile

import pytest
import yaml

import alliance_stats as al
from alliance_stats.app import columns, showing
from alliance_stats.app.desk import Desk
from alliance_stats.core import outputs
from alliance_stats.study.mapping.vocabulary import enum_of
from alliance_stats.study.reading import workbooks

ENDS, WAI = ("Therapieende.xlsx", ""), ("WAI_Daten.sav", "")


def choose_role(desk, key, column, role):
    words = desk.words(*key, column) if role == "reason" else []
    own = desk.columns(*key)
    desk.change(lambda m: columns.choose_role(m, *key, column, role, own, words))


def groups(desk, file):
    (found,) = [one for one in showing.view(desk)["files"] if one["file"] == file]
    return {one["names"][0]: one for one in found["groups"]}


def sources(desk):
    return yaml.safe_load(desk.text)["sources"]


def test_every_column_is_shown_with_what_it_was_taken_for_and_why(laid):
    seen = groups(laid, WAI[0])
    assert [seen[name]["role"] for name in ("Pat_Nr", "Therapeut", "Bemerkung")] == [
        "client_id", "therapist_id", ""]  # fmt: skip
    items = seen["WAI_P_S1_1"]
    assert (len(items["names"]), items["measure"], items["rater"]) == (72, "wai-sr", "client")
    assert "WAI_P_S{session}_{item}" in items["why"]
    assert "no known role" in seen["Bemerkung"]["why"]
    assert sum(len(one["names"]) for one in seen.values()) == len(laid.columns(*WAI))
    score = groups(laid, "Verlauf.csv")["core10_pre"]
    assert (score["role"], score["measure"], score["occasion"]) == ("score", "core-10", "pre")
    assert list(showing.view(laid)["reasons"]) == list(enum_of("terminations", "reason"))


def test_three_files_become_a_study_by_choosing(laid):
    choose_role(laid, ENDS, "Art des Endes", "reason")
    choose_role(laid, ENDS, "Letzte Sitzung", "last_session")
    words = {one["word"]: one["meaning"] for one in groups(laid, ENDS[0])["Art des Endes"]["words"]}
    assert words["Abbruch"] == "dropout"
    assert words["organisatorisch"] == ""
    laid.change(lambda m: columns.choose_words(m, *ENDS, {"organisatorisch": "administrative"}))
    view = showing.view(laid)
    assert not view["usable"]
    (wrong,) = [one for one in view["problems"] if one["level"] == "error"]
    assert (wrong["file"], wrong["row"], wrong["column"]) == ("WAI_Daten.sav", 5, "WAI_P_S1_4")
    laid.change(lambda m: columns.choose_missing(m, **wrong["missing"]))
    assert showing.view(laid)["usable"]
    study = al.open_study(laid.study)
    assert len(study.terminations) == len(study.clients) == 16
    assert set(study.scores["measure"]) == {"wai-sr"}
    assert study.assessments["score"].max() > 4  # 24,0 is no 240 and no text


def test_a_choice_can_be_taken_back(laid):
    before = laid.text
    choose_role(laid, ENDS, "Letzte Sitzung", "last_session")
    assert sources(laid)[0]["table"] == "terminations"
    choose_role(laid, ENDS, "Letzte Sitzung", "")
    assert laid.text == before
    choose_role(laid, WAI, "Bemerkung", "out")
    assert sources(laid)[-1]["carry"] is False
    assert groups(laid, WAI[0])["Bemerkung"]["role"] == "out"
    choose_role(laid, WAI, "Bemerkung", "")
    assert laid.text == before


def test_another_questionnaire_rater_or_score_can_be_chosen(laid):
    group = groups(laid, WAI[0])["WAI_T_S1_1"]
    place = group["source"], group["entry"]
    laid.change(lambda m: columns.choose_measure(m, *place, measure="wai-s", rater="observer"))
    seen = groups(laid, WAI[0])["WAI_T_S1_1"]
    assert (seen["measure"], seen["rater"]) == ("wai-s", "observer")
    key = ("Verlauf.csv", "")
    choose_role(laid, key, "core10_pre", "")
    assert groups(laid, key[0])["core10_pre"]["role"] == ""
    laid.change(lambda m: columns.choose_score(
        m, *key, "core10_pre", measure="core-10", rater="client", occasion="pre"))  # fmt: skip
    assert groups(laid, key[0])["core10_pre"]["occasion"] == "pre"


def test_a_file_dropped_again_keeps_the_choices(laid, messy):
    choose_role(laid, ENDS, "Letzte Sitzung", "last_session")
    before = laid.text
    laid.add(ENDS[0], (messy / ENDS[0]).read_bytes())
    assert laid.text == before
    laid.add(ENDS[0], b"no workbook at all")
    assert "cannot be read" in laid.broken[ENDS[0]] or "workbook" in laid.broken[ENDS[0]]
    assert ENDS[0] not in laid.text
    laid.remove(ENDS[0])
    assert laid.broken == {}


def test_a_picture_of_the_sheet_marks_the_cell(laid):
    shown = showing.picture(laid, *WAI, 5)
    (mark,) = shown["marks"]
    assert (mark["row"], mark["column"], mark["level"]) == (5, "WAI_P_S1_4", "error")
    row = next(one for one in shown["rows"] if one["row"] == 5)
    assert row["cells"][shown["columns"].index("WAI_P_S1_4")] == "7"


def test_of_a_wide_sheet_the_columns_around_the_problem_are_shown(desk):
    names = ["pid", *(f"phq9_s{s}_{i}" for s in range(1, 11) for i in range(1, 10))]
    lines = [",".join(names), "a," + ",".join(["1"] * 89 + ["7"])]
    lines += [f"{n}" + ",1,2" * 45 for n in range(40)]
    desk.add("w.csv", "\n".join(lines).encode())
    shown = showing.picture(desk, "w.csv", "", 2, "phq9_s10_9")
    assert shown["columns"] == ["pid", *names[-showing.SHEET_COLUMNS :]]
    assert (shown["of"], shown["after"], shown["rows"][1]["cells"][-1]) == (91, "", "7")
    assert [(one["row"], one["column"]) for one in shown["marks"]] == [(2, "phq9_s10_9")]
    seen = {*shown["columns"]}
    while shown["before"]:
        shown = showing.picture(desk, "w.csv", "", 2, shown["before"])
        assert len(shown["columns"]) == showing.SHEET_COLUMNS + 1
        seen |= {*shown["columns"]}
    assert seen == {*names}


def test_scores_of_one_pattern_are_one_line_and_change_together(desk):
    names = [f"oq45_t{n}_total" for n in range(1, 31)]
    desk.add("w.csv", f"pid,{','.join(names)}\na{',40' * 30}\nb{',50' * 30}\n".encode())
    group = groups(desk, "w.csv")[names[0]]
    assert (group["names"], group["role"]) == (names, "score")
    columns.choose_measure(
        desk.mapping, group["source"], group["entry"], measure="core-om", rater="client"
    )
    assert groups(desk, "w.csv")[names[0]]["measure"] == "core-om"


def test_columns_that_are_described_at_length_are_shown_as_what_they_are(desk):
    rows = [
        f"{client},{day}.01.2024,{who},{','.join('2' * 12)}"
        for client in range(10)
        for day in ("01", "08")
        for who in "PT"
    ]
    names = [f"WAI_{k}{'r' if k == 3 else ''}" for k in range(1, 13)]
    text = "\n".join([f"pid,Datum,Beurteiler,{','.join(names)}", *rows])
    desk.add("a.csv", text.encode())
    roles = {
        name: one["role"]
        for one in showing.view(desk)["files"][0]["groups"]
        for name in one["names"]
    }
    assert roles == {"pid": "client_id", "Datum": "session", "Beurteiler": "rater"} | dict.fromkeys(
        names, "items"
    )


def test_words_beyond_those_shown_are_counted(desk):
    lines = "\n".join(f"{n},word {n:03}" for n in range(showing.MOST_WORDS + 7))
    desk.add("e.csv", f"pid,reason\n{lines}\n".encode())
    choose_role(desk, ("e.csv", ""), "reason", "reason")
    group = groups(desk, "e.csv")["reason"]
    assert (len(group["words"]), group["more_words"]) == (showing.MOST_WORDS, 7)


def test_a_sheet_is_unpacked_once_until_it_changes(desk, messy, monkeypatch):
    unpacked = []
    of = workbooks._rows_of
    monkeypatch.setattr(workbooks, "_rows_of", lambda s, p: unpacked.append(p.name) or of(s, p))
    content = (messy / ENDS[0]).read_bytes()
    desk.add(ENDS[0], content)
    first = showing.view(desk)
    showing.picture(desk, *ENDS, 1)
    desk.set_name("Another")
    assert showing.view(desk)["files"] == first["files"]
    assert unpacked == [ENDS[0]]
    desk.add(ENDS[0], content)
    assert unpacked == [ENDS[0]] * 2


def test_text_of_ones_own_is_taken_or_refused_and_kept(laid):
    words = "# mine\n" + laid.text
    laid.set_text(words)
    assert laid.text == words
    for wrong in ("sources: 3", "- a", "sources: [3]", "sources: [{measures: x}]"):
        with pytest.raises(al.AllianceStatsError, match="needs 'sources:'"):
            laid.set_text(wrong)
    assert laid.text == words


def test_a_folder_is_opened_and_saved_and_nothing_is_lost(messy, tmp_path):
    for path in messy.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    desk = Desk(tmp_path)
    assert desk.save() == ["study.yaml"]
    (tmp_path / "study.yaml").write_text("# mine\nname: x\nsources: [{file: Verlauf.csv}]\n")
    desk.set_name("Clinic A")
    assert desk.save() == ["study-before-1.yaml (the description that was there)", "study.yaml"]
    assert (tmp_path / "study-before-1.yaml").read_text().startswith("# mine")
    assert "name: Clinic A" in (tmp_path / "study.yaml").read_text()
    (tmp_path / "Verlauf.csv").write_text("changed")
    with pytest.raises(al.AllianceStatsError, match="holds something else; nothing was saved"):
        desk.save()
    desk.close()
    assert not desk.study.exists()
    again = Desk(tmp_path)
    assert showing.view(again)["name"] == "Clinic A"
    again.close()


def test_a_description_is_replaced_whole_or_not_at_all(tmp_path, monkeypatch):
    (tmp_path / "a.csv").write_text("client;session;wai_sr_total\n1;1;4,5\n1;2;4,0\n")
    (tmp_path / "study.yaml").write_text("name: x\nsources: [{file: a.csv}]\n")
    desk = Desk(tmp_path)
    desk.set_name("Clinic A")
    desk.add("b.csv", b"client;site\n1;x\n")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    move, moves = outputs._move, []

    def failing(source, to):
        moves.append(to)
        if len(moves) == 3:
            raise OSError(5, "the disk was pulled out")
        move(source, to)

    monkeypatch.setattr(outputs, "_move", failing)
    with pytest.raises(al.AllianceStatsError, match=r"pulled out.*is as it was"):
        desk.save()
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    desk.close()


@pytest.mark.parametrize("what", ["a link", "latin-1"])
def test_a_description_that_is_not_the_studys_or_no_text_is_refused(tmp_path, what):
    folder = tmp_path / "study"
    folder.mkdir()
    if what == "a link":
        (tmp_path / "other.yaml").write_text("name: secret\nsources: [{file: a.csv}]\n")
        (folder / "study.yaml").symlink_to(tmp_path / "other.yaml")
    else:
        (folder / "study.yaml").write_bytes("name: Praxis Süd".encode("latin-1"))
    with pytest.raises(al.AllianceStatsError, match=r"leads out|not text in UTF-8"):
        Desk(folder)


def test_the_archive_holds_files_and_description(laid):
    names = zipfile.ZipFile(io.BytesIO(laid.archive())).namelist()
    assert set(names) == {f"my-study/{one}" for one in (*laid.files(), "study.yaml")}


def test_what_is_no_data_is_refused_by_name(desk):
    for name in ("../a.csv", "a/b.csv", "..", ".csv", "a\\b.csv", "a\x00.csv", ""):
        with pytest.raises(al.AllianceStatsError, match="plain name"):
            desk.add(name, b"")
    with pytest.raises(al.AllianceStatsError, match=r"these can.*Save it in Excel as \.xlsx"):
        desk.add("old.xls", b"")
    assert desk.files() == []
