"""A run that is stopped at any moment leaves the old or the new, whole; the next one tidies up."""

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

import alliance_stats as al
from alliance_stats.core import outputs
from alliance_stats.core.outputs import exchange, keep_inputs, scratch_beside, sweep

STOPPED = """
import os, pathlib, sys
from alliance_stats.core import outputs
moves = 0
move = outputs._move
def moved(source, to):
    global moves
    if moves == int(sys.argv[2]):
        os._exit(9)
    moves += 1
    move(source, to)
outputs._move = moved
target = pathlib.Path(sys.argv[1])
with outputs.scratch_beside(target) as scratch:
    for name in ("a", "sub/b", "c"):
        path = scratch / "new" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("new " + name)
    outputs.exchange(scratch, target, ["a", "sub/b", "c"], ["gone"])
"""


def contents(folder):
    return {
        p.relative_to(folder).as_posix(): p.read_text() for p in folder.rglob("*") if p.is_file()
    }


@pytest.mark.parametrize("moves", range(7))
def test_killed_between_any_two_moves_the_folder_is_the_old_or_the_new(tmp_path, moves):
    target = tmp_path / "target"
    (target / "sub").mkdir(parents=True)
    old = {"a": "old a", "sub/b": "old b", "gone": "old", "mine": "untouched"}
    for name, text in old.items():
        (target / name).write_text(text)
    new = {"a": "new a", "sub/b": "new sub/b", "c": "new c", "mine": "untouched"}
    ended = subprocess.run([sys.executable, "-c", STOPPED, str(target), str(moves)], check=False)
    sweep(tmp_path)
    assert contents(target) == (new if ended.returncode == 0 else old)
    assert [path.name for path in tmp_path.iterdir()] == ["target"]


def test_the_scratch_of_a_living_run_and_of_another_machine_stays(tmp_path):
    other = tmp_path / ".alliance-00000000-1-x"
    other.mkdir()
    with scratch_beside(tmp_path / "target") as mine:
        sweep(tmp_path)
        assert mine.is_dir()
    assert not mine.exists()
    assert other.is_dir()


def test_what_stays_the_same_is_not_touched(tmp_path):
    target = tmp_path / "target"
    target.mkdir()
    (target / "a").write_text("same")
    before = (target / "a").stat()
    with scratch_beside(target) as scratch:
        (scratch / "new").mkdir()
        (scratch / "new" / "a").write_text("same")
        exchange(scratch, target, ["a"])
    assert (target / "a").stat().st_ino == before.st_ino


def test_a_full_disk_is_a_sentence_and_leaves_the_old(tmp_path, monkeypatch):
    old = '<meta name="generator" content="alliance_stats">'
    (tmp_path / "page.html").write_text(old)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(al.AllianceStatsError, match=r"no room for .*Make room"):
        outputs.write_whole(tmp_path / "page.html", b"new", what="the page")
    assert contents(tmp_path) == {"page.html": old}


OWN = ["plan.yaml", "data.csv", "measures/x.yaml", "notes.html", "book.xlsx", "datapackage.json"]


@pytest.mark.parametrize("name", OWN)
def test_no_page_goes_over_a_file_of_the_study_by_any_of_its_names(tmp_path, name):
    folder = tmp_path / "study"
    (folder / "measures").mkdir(parents=True)
    (folder / name).write_text("mine")
    (tmp_path / "link.html").symlink_to(folder / name)
    os.link(folder / name, tmp_path / "hard.html")
    for path in (folder / name, tmp_path / "link.html", tmp_path / "hard.html"):
        with pytest.raises(al.AllianceStatsError, match="is a file of the study itself"):
            keep_inputs(path, folder)


def test_our_own_pages_may_be_written_again(tmp_path):
    (tmp_path / "d.csv").write_text("pid,sess,phq\nc1,1,3\nc1,2,4\n", "utf-8")
    (tmp_path / "study.yaml").write_text(
        "name: x\nsources:\n- file: d.csv\n  client_id: pid\n  session: sess\n"
        "  measures: [{measure: phq-9, rater: client, score: phq}]\n",
        "utf-8",
    )
    report = al.validate(tmp_path)
    for _ in range(2):
        report.to_html(tmp_path / "problems.html")
        report.to_xlsx(tmp_path / "marked.xlsx")
        al.open_study(tmp_path).codebook().to_json(tmp_path / "codebook.json")
        for name in ("problems.html", "marked.xlsx", "codebook.json"):
            keep_inputs(tmp_path / name, tmp_path)


def test_saving_again_keeps_cards_and_tables_that_a_person_changed(tmp_path):
    study = al.simulate_study(n_therapists=3, n_clients=6, seed=1)
    folder = study.save(tmp_path / "x")
    (folder / "measures").mkdir()
    (folder / "measures" / "mine.yaml").write_text("my own", "utf-8")
    study.save(folder)
    assert (folder / "measures" / "mine.yaml").read_text("utf-8") == "my own"
    with (folder / "clients.csv").open("a", encoding="utf-8") as stream:
        stream.write("x,y,,\n")
    with pytest.raises(al.AllianceStatsError, match=r"clients\.csv, not saved from here or ch"):
        study.save(folder)
    assert (folder / "clients.csv").read_text("utf-8").endswith("x,y,,\n")


class LibraryError(Exception):
    """What a library says of a file it could not write, without an errno."""


@pytest.mark.parametrize(("free", "raised"), [(0, al.AllianceStatsError), (1e9, LibraryError)])
def test_a_full_disk_is_told_whatever_a_library_makes_of_it(tmp_path, monkeypatch, free, raised):
    def write():
        with scratch_beside(tmp_path / "target"):
            raise LibraryError("Unable to write data")

    monkeypatch.setattr(outputs.shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
    with pytest.raises(raised, match=r"no room|Unable"):
        write()
    assert not list(tmp_path.iterdir())
