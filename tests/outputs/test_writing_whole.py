"""What is written is written whole or not at all, and never over a study's own files."""

import os

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al
from alliance_stats.cli import main
from alliance_stats.core.outputs import write_whole
from alliance_stats.dropout.prediction.tripod import Tripod
from alliance_stats.explorer.page import Explorer
from alliance_stats.study.truth import Truth, read_truth


@pytest.fixture
def folder(tmp_path):
    """A study of two sessions."""
    (tmp_path / "d.csv").write_text("pid,sess,phq\nc1,1,3\nc1,2,4\n", "utf-8")
    (tmp_path / "study.yaml").write_text(
        "name: x\nsources:\n- file: d.csv\n  client_id: pid\n  session: sess\n"
        "  measures: [{measure: phq-9, rater: client, score: phq}]\n",
        "utf-8",
    )
    return tmp_path


def contents(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("own", ["d.csv", "study.yaml"])
def test_a_report_never_replaces_the_data(folder, own):
    before = contents(folder)
    report = al.validate(folder)
    (folder / "link.html").symlink_to(folder / own)
    for path in (folder / own, folder / "link.html"):
        for write in (report.to_html, report.to_xlsx):
            with pytest.raises(al.AllianceStatsError, match="is a file of the study itself"):
                write(path)
    (folder / "link.html").unlink()
    assert contents(folder) == before


def test_a_codebook_never_replaces_the_description(folder, tmp_path, capsys):
    saved = al.open_study(folder).save(tmp_path / "saved")
    before = contents(saved)
    with pytest.raises(SystemExit) as left:
        main(["codebook", str(saved), "--out", str(saved / "datapackage.json")])
    assert left.value.code == 1
    assert "is a file of the study itself" in capsys.readouterr().err
    assert contents(saved) == before


def test_a_file_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "page.html"
    ours = b'<meta name="generator" content="alliance_stats">'
    assert write_whole(path, ours, what="the page") == path
    with monkeypatch.context() as patched:
        patched.setattr("pathlib.Path.replace", _fails)
        with pytest.raises(al.AllianceStatsError, match=r"There is no room for .*page\.html"):
            write_whole(path, b"two", what="the page")
    assert contents(tmp_path) == {path.relative_to(tmp_path): ours}
    with pytest.raises(al.AllianceStatsError, match="it is a folder"):
        write_whole(tmp_path, b"", what="the page")
    with pytest.raises(al.AllianceStatsError, match="could not be written"):
        write_whole(tmp_path / "no" / "page.html", b"", what="the page")


def _fails(*_):
    raise OSError(28, "no room")


def test_a_study_is_saved_whole_or_not_at_all(folder, tmp_path):
    study = al.open_study(folder)
    target = tmp_path / "target"
    study.save(target)
    (target / "scores.csv").unlink()
    (target / "scores.csv").mkdir()
    (target / "scores.csv" / "mine.txt").write_text("mine", "utf-8")
    before = contents(target)
    with pytest.raises(al.AllianceStatsError, match="what stood there is as it was"):
        study.save(target, overwrite=True)
    assert contents(target) == before


def test_a_study_is_not_saved_through_a_link(folder, tmp_path):
    (tmp_path / "target").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "target" / "measures").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(al.AllianceStatsError, match="is a link to another place"):
        al.open_study(folder).save(tmp_path / "target")
    with pytest.raises(al.AllianceStatsError, match="could not be saved"):
        al.open_study(folder).save(folder / "d.csv" / "target")


@pytest.mark.parametrize("name", ["clients.csv", "study.yaml", "notes.html", "measures/my.docx"])
def test_nothing_is_written_over_what_is_somebody_elses(tmp_path, name):
    """No page or document of any function, wherever the study lies and under whatever link."""
    (tmp_path / "measures").mkdir()
    (tmp_path / "study.yaml").write_text("name: s\n", encoding="utf-8")
    own = tmp_path / name
    own.write_text("name: s\n", encoding="utf-8")
    link = tmp_path.parent / f"{tmp_path.name}-link.html"
    link.symlink_to(own)
    design = al.StudyDesign(12, 4, 3, icc_client=0.3, icc_therapist=0.05)
    for path in (own, link):
        for write in (design.to_html, design.to_word):
            with pytest.raises(al.AllianceStatsError, match="would be lost; nothing was written"):
                write(path)
    assert own.read_text(encoding="utf-8") == "name: s\n"
    for write in (design.to_html, design.to_word):
        written = tmp_path / f"ours.{'docx' if write == design.to_word else 'html'}"
        write(written)
        write(written)


@pytest.mark.parametrize("name", ["accounts", "notes.html", "letter.docx", "run.sh", "key.pem"])
def test_nothing_is_written_over_what_lies_elsewhere(tmp_path, name):
    """Whatever its ending: a link of a page's name may lead to any file of the machine."""
    own = tmp_path / name
    own.write_bytes(b"somebody's own")
    link = tmp_path / "page.html"
    link.symlink_to(own)
    for path in (own, link):
        with pytest.raises(al.AllianceStatsError, match="would be lost; nothing was written"):
            write_whole(path, b"ours", what="the page")
        assert write_whole(path, b"somebody's own", what="the page") == path
    assert own.read_bytes() == b"somebody's own"


def test_tables_and_checklists_know_their_own_pages_from_others(tmp_path):
    rows = pd.DataFrame({"client_id": np.repeat(range(20), 5), "y": np.arange(100) ** 1.5})
    fit = al.fit_multilevel("y ~ 1 + (1 | client_id)", rows)
    columns = ["item", "section", "topic", "status", "answer", "question", "text"]
    for one in (al.model_table([fit]), Tripod(pd.DataFrame(columns=columns), "checklist")):
        for write, ending in ((one.to_html, "html"), (one.to_word, "docx")):
            path = tmp_path / f"{type(one).__name__}.{ending}"
            write(path)
            write(path)
            path.write_bytes(b"somebody's own")
            with pytest.raises(al.AllianceStatsError, match="would be lost; nothing was written"):
                write(path)


def test_a_truth_is_written_whole_over_none_but_a_truth(tmp_path, monkeypatch):
    truth, path, mine = Truth({"seed": 1}), tmp_path / "truth.json", tmp_path / "mine.json"
    truth.to_json(path)
    Truth({"seed": 2}).to_json(path)
    assert dict(read_truth(path)) == {"seed": 2}
    mine.write_text("{}", "utf-8")
    with pytest.raises(al.AllianceStatsError, match="did not write"):
        truth.to_json(mine)
    monkeypatch.setattr("pathlib.Path.replace", _fails)
    with pytest.raises(al.AllianceStatsError, match="There is no room"):
        truth.to_json(path)
    assert dict(read_truth(path)) == {"seed": 2}


def open_to_others(*paths):
    """Return the files that others may read, where the system knows owners as POSIX does."""
    return [path for path in paths if os.name == "posix" and path.stat().st_mode & 0o077]


@pytest.mark.parametrize("name", ["page.html", "book.xlsx"])
def test_what_shows_ids_and_rows_is_for_its_owner_alone(folder, tmp_path, name):
    report, out = al.validate(folder), tmp_path / name
    write = report.to_html if name.endswith(".html") else report.to_xlsx
    assert open_to_others(write(out)) == []
    out.chmod(0o644)
    assert open_to_others(write(out)) == []


@pytest.mark.parametrize("persons", [True, False])
def test_pages_and_reports_of_persons_are_for_their_owner_alone(only, tmp_path, persons):
    only("measured")
    study = al.simulate_study(n_clients=12, n_therapists=3, seed=1)._with(synthetic=False)
    explorer = Explorer("x", synthetic=False, content={"persons": persons})
    report = al.write_report(study, tmp_path / "report", replicates=2, individual_courses=persons)
    written = [p for p in report.folder.rglob("*") if p.is_file()]
    private = open_to_others(explorer.save(tmp_path / "page.html"), *written) == []
    assert private == persons or os.name != "posix"
