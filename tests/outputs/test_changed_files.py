"""What changes while it is read, or before it is marked, is told; no mark stands in another row."""

import json
import os
import signal
import subprocess
import sys
import time

import nbformat
import openpyxl
import pytest
from nbformat.v4 import new_code_cell, new_notebook

import alliance_stats as al
from alliance_stats.study.reading import table


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "d.csv").write_text("pid,sess,phq\nc1,1,99\nc1,2,4\n", "utf-8")
    (tmp_path / "study.yaml").write_text(
        "name: x\nsources:\n- file: d.csv\n  client_id: pid\n  session: sess\n"
        "  measures: [{measure: phq-9, rater: client, score: phq}]\n",
        "utf-8",
    )
    return tmp_path


def test_a_file_that_changes_while_it_is_read_is_refused(folder, monkeypatch):
    read = table._load_kind

    def slowly(file, *rest):
        loaded = read(file, *rest)
        file.write_text("pid,sess,phq\nc1,1,3\n", "utf-8")
        return loaded

    monkeypatch.setattr(table, "_load_kind", slowly)
    with pytest.raises(al.AllianceStatsError, match=r"'d\.csv' was changed while it was read"):
        al.read_table(folder / "d.csv")


def test_no_mark_is_put_into_a_file_that_changed_since(folder):
    report = al.validate(folder)
    marked = openpyxl.load_workbook(report.to_xlsx(folder / "before.xlsx"))
    assert "d.csv" in marked.sheetnames
    (folder / "d.csv").write_text("pid,sess,phq\nc0,1,3\nc1,1,99\nc1,2,4\n", "utf-8")
    marked = openpyxl.load_workbook(report.to_xlsx(folder / "after.xlsx"))
    assert "d.csv" not in marked.sheetnames
    said = " ".join(str(c) for row in marked["problems"].values for c in row if c)
    assert "was changed after it was read" in said


def test_cards_that_cannot_be_read_are_an_error(folder, monkeypatch):
    (folder / "measures").mkdir()

    def closed(self):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.iterdir", closed)
    with pytest.raises(al.MeasureError, match=r"cards in .*measures' cannot be read: Permission"):
        al.load_registry(folder / "measures")


def test_the_page_of_a_validation_says_which_file_changed_since(folder):
    report = al.validate(folder)
    assert "Changed since" not in report.to_html(folder / "p.html").read_text("utf-8")
    (folder / "d.csv").write_text("pid,sess,phq\nc0,1,3\nc1,1,99\nc1,2,4\n", "utf-8")
    page = report.to_html(folder / "p.html").read_text("utf-8")
    assert "Changed since they were read: d.csv. Validate again." in page


@pytest.mark.parametrize("name", ["b.yml", "B.YAML"])
def test_no_card_is_passed_over_for_its_ending(folder, name):
    (folder / "measures").mkdir()
    (folder / "measures" / name).write_text("id: [", "utf-8")
    assert set(al.validate(folder).issues["rule"]) >= {"faulty_card"}


def test_sigterm_leaves_nothing_half_and_ends_as_a_shell_expects(tmp_path):
    code = "from alliance_stats.cli import main; main(['demo', '--out', 'report'])"
    run = subprocess.Popen(
        [sys.executable, "-c", code], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    line = run.stdout.readline()  # work has begun
    assert line
    time.sleep(0.2)
    run.send_signal(signal.SIGTERM)
    _, said = run.communicate()
    assert run.returncode == 143
    assert b"nothing was written half" in said
    assert list(tmp_path.iterdir()) == []


def test_a_sigterm_that_was_swallowed_is_asked_again_at_the_next_step(tmp_path):
    code = """
import os, signal, sys
from alliance_stats.cli import main
import alliance_stats.report as build
first = build.write_report
class Finalizer:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGTERM)
def swallowing(*args, **kwargs):
    one = Finalizer()
    del one
    return first(*args, **kwargs)
build.write_report = swallowing
main(["demo", "--out", "report"])
"""
    run = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True)
    assert b"Exception ignored in" in run.stderr
    assert run.returncode == 143
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_notebook_that_is_ended_ends_as_a_shell_expects_and_leaves_no_kernel(tmp_path, number):
    """The library that runs notebooks takes both signals for itself, and gives neither back."""
    cells = [
        "study_path = ''",
        f"import os, time; open({str(tmp_path / 'kernel')!r}, 'w').write(str(os.getpid()))",
        "time.sleep(60)",
    ]
    notebook = new_notebook(cells=[new_code_cell(one) for one in cells])
    notebook.cells[0].metadata["tags"] = ["parameters"]
    nbformat.write(notebook, tmp_path / "own.ipynb")
    words = ["run", "own.ipynb", "demo-trial", "--out", "page.html", "--show-persons"]
    code = f"from alliance_stats.cli import main; main({words!r})"
    run = subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, stderr=subprocess.PIPE)
    while not (tmp_path / "kernel").is_file() or not (tmp_path / "kernel").read_text():
        assert run.poll() is None
        time.sleep(0.05)
    run.send_signal(number)
    _, said = run.communicate()
    assert run.returncode == 128 + number
    assert said.decode().count("Error: ") == 1
    assert b"nothing was written half" in said
    assert b"Traceback" not in said
    assert b"Task" not in said
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "kernel").read_text()), 0)
    assert {path.name for path in tmp_path.iterdir()} == {"own.ipynb", "kernel"}


def test_a_report_says_which_file_changed_while_it_was_made(folder, tmp_path_factory):
    from alliance_stats.report import build

    out = tmp_path_factory.mktemp("out") / "report"
    (folder / "d.csv").write_text("pid,sess,phq\nc1,1,9\nc1,2,4\n", "utf-8")
    study = al.open_study(folder)
    first = study.report.files[0].sha256
    (folder / "d.csv").write_text("pid,sess,phq\nc1,1,3\n", "utf-8")
    written = build.write_report(study, out, replicates=2, account=folder / "account.json")
    assert written.changed == ("d.csv",)
    account = json.loads((folder / "account.json").read_text("utf-8"))
    assert account["changed_while_the_report_was_made"] == ["d.csv"]
    hashes = {one["file"]: one["sha256"] for one in account["inputs"]}
    assert hashes["d.csv"] == first
    assert "study.yaml" in hashes
