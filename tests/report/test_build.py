"""The folder of a report: complete or not there, and it never takes the place of anything else."""

import csv
import hashlib
import io
import json
import os
import shutil

import numpy as np
import pandas as pd
import pytest
from docx import Document

import alliance_stats as al
from alliance_stats.report import build, place, writing


@pytest.fixture
def small(study, only):
    """Return a study; its report is of one section: where a report goes, no section decides."""
    only("data")
    return study.with_tables(ratings=None)


def files(folder):
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


def test_the_folder_holds_page_tables_figures_and_account(report):
    there = files(report.folder)
    assert {"index.html", "run.json", "report.docx", "methods.md", "tables/gap.csv"} <= there
    drawn = [name.removesuffix(".svg") for name in there if name.endswith(".svg")]
    assert {f"{name}.{kind}" for name in drawn for kind in ("png", "pdf")} <= there
    assert {"figures/flow.svg", "figures/alliance-course.svg", "figures/dropout.svg"} <= there


def test_pictures_in_word_say_what_they_show(report):
    pictures = Document(str(report.folder / "report.docx")).inline_shapes
    said = [one._inline.docPr.get("descr") for one in pictures]
    assert len(said) > 3
    assert all(said)


def test_run_json_says_what_went_in_and_how(study, report):
    run = json.loads((report.folder / "run.json").read_text(encoding="utf-8"))
    assert run["tool"] == "alliance_stats"
    assert run["versions"]["alliance_stats"] == al.__version__
    assert run["versions"]["pandas"] == pd.__version__
    assert run["seed"] == run["options"]["seed"] == 0
    assert run["synthetic"] is True
    assert set(run["outputs"]) == files(report.folder)
    used = {section["section"]: section["used"] for section in run["sections"]}
    assert used["ruptures"]["rule"] == "drop_stricter_sd"
    assert used["ruptures"]["parameters"]["k"] == 2.0
    assert "therapist_id" in used["ruptures"]["formula"]
    assert all(section["status"] == "complete" for section in run["sections"])


def test_the_private_account_has_hashes_and_rows_set_aside_and_the_report_has_not(
    study, only, tmp_path
):
    only("data")  # the account is of the study; the other sections do not enter it
    folder = tmp_path / "study"
    few = study.with_tables(ratings=None, scores=study.scores.head(300))
    few.save(folder)
    written = al.write_report(folder, tmp_path / "out", replicates=5)
    assert written.account == folder / ".alliance-stats" / "out.json"
    shared = json.loads((written.folder / "run.json").read_text(encoding="utf-8"))
    assert not {"inputs", "tables", "rows_set_aside"} & set(shared)
    if os.name == "posix":
        modes = [path.stat().st_mode & 0o777 for path in (written.account.parent, written.account)]
        assert modes == [0o700, 0o600]
    run = json.loads(written.account.read_text(encoding="utf-8"))
    clients = next(t for t in run["tables"] if t["table"] == "clients")
    assert clients["rows"] == len(study.tables["clients"])
    assert len(clients["sha256"]) == 64
    hashed = {entry["file"]: entry["sha256"] for entry in run["inputs"]}
    assert {"datapackage.json", "sessions.csv", "clients.csv", "scores.csv"} <= {
        name.rpartition("/")[2] for name in hashed
    }
    for name, value in hashed.items():
        assert value == hashlib.sha256((folder / name).read_bytes()).hexdigest()
    account = run["rows_set_aside"]["account"]
    assert account
    assert all(r["rows_in"] == r["rows_kept"] + r["rows_set_aside"] for r in account)


def test_the_private_account_is_refused_in_the_folder_that_is_shared(study, tmp_path):
    with pytest.raises(al.AllianceStatsError, match="must not lie in the report's folder"):
        al.write_report(study, tmp_path / "out", account=tmp_path / "out" / "private.json")
    assert list(tmp_path.iterdir()) == []


def test_two_reports_of_one_seed_are_the_same_bytes(report, write, tmp_path):
    again = write(tmp_path / "again")
    assert files(again.folder) == files(report.folder)
    for name in files(report.folder):
        assert (report.folder / name).read_bytes() == (again.folder / name).read_bytes(), name


def test_a_second_report_takes_the_place_of_the_first(small, tmp_path):
    out = tmp_path / "out"
    al.write_report(small, out)
    before = files(out)
    assert {"figures/flow.svg", "run.json"} <= before
    al.write_report(small, out)
    assert files(out) == before
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_a_folder_with_anything_else_in_it_is_left_alone(study, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "thesis.docx").write_text("years of work")
    with pytest.raises(al.AllianceStatsError, match=r"not empty .*thesis\.docx.*nothing"):
        al.write_report(study, out)
    assert files(out) == {"thesis.docx"}


def test_a_file_put_into_a_report_keeps_it_from_being_replaced(small, report, tmp_path):
    out = shutil.copytree(report.folder, tmp_path / "out")
    (out / "notes.txt").write_text("mine")
    with pytest.raises(al.AllianceStatsError, match=r"notes\.txt"):
        al.write_report(small, out)
    assert (out / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize("content", ["", "[]", '{"tool": "other", "outputs": ["x"]}', "\x00"])
def test_a_foreign_run_json_is_not_taken_for_ours(tmp_path, content):
    out = tmp_path / "out"
    out.mkdir()
    (out / "run.json").write_text(content)
    with pytest.raises(al.AllianceStatsError, match=r"run\.json"):
        place.check_place(out)


def test_a_file_and_a_link_are_no_place_for_a_report(tmp_path):
    (tmp_path / "file").write_text("x")
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "there")
    with pytest.raises(al.AllianceStatsError, match="is a file"):
        place.check_place(tmp_path / "file")
    with pytest.raises(al.AllianceStatsError, match="is a file"):
        place.check_place(tmp_path / "file" / "below")
    with pytest.raises(al.AllianceStatsError, match="is a link"):
        place.check_place(tmp_path / "link")


@pytest.mark.parametrize(
    ("room", "step"),
    [(writing, "render"), (writing, "report_document"), (build, "move_into_place")],
)
def test_whatever_fails_half_way_leaves_nothing(small, report, tmp_path, monkeypatch, room, step):
    def fail(*args, **kwargs):
        raise OSError("the disk is full")

    shutil.copytree(report.folder, tmp_path / "out")
    before = (tmp_path / "out" / "index.html").read_bytes()
    monkeypatch.setattr(room, step, fail)
    for out in ("new", "out"):
        with pytest.raises(OSError, match="disk is full"):
            al.write_report(small, tmp_path / out)
    assert [p.name for p in tmp_path.iterdir()] == ["out"]
    assert (tmp_path / "out" / "index.html").read_bytes() == before


def test_an_unknown_option_is_told_with_the_nearest(study, tmp_path):
    with pytest.raises(al.DesignError, match=r"no option 'replicate'.*Did you mean 'replicates'"):
        al.write_report(study, tmp_path / "out", replicate=5)


def test_progress_is_told_step_by_step(report, worked_on):
    steps = worked_on["progress"]
    assert [done for _, done, _ in steps] == list(range(steps[-1][2] + 1))
    assert steps[0][0] == "Opening the study"


def test_no_small_count_of_people_is_in_any_table(report):
    for path in (report.folder / "tables").glob("*.csv"):
        table = pd.read_csv(path)
        for column in {"n", "n_clients", "n_at_risk", "n_of"} & set(table.columns):
            values = table[column].dropna()
            assert not ((values > 0) & (values < 5)).any(), f"{path.name} {column}"


def test_no_file_of_the_report_holds_a_formula(study, only, tmp_path):
    only("trial", "data", "change")
    arms = np.resize(["=HYPERLINK(1)", "care"], len(study.clients))
    trial = study.with_tables(clients=study.clients.assign(condition=arms))
    written = al.write_report(trial, tmp_path / "out", replicates=5)
    tables = [path.read_text(encoding="utf-8") for path in written.folder.rglob("*.csv")]
    assert "HYPERLINK" in "".join(tables)
    for told in tables:
        for row in csv.reader(io.StringIO(told, newline="")):
            assert not any(cell.startswith(("=", "@", "+")) for cell in row), row
