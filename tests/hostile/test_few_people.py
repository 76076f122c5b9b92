"""An attacker with everything that was written of a study of fewer than ten people.

He need not add or subtract: he takes two studies of one design, of other people, in other numbers,
with other scores, and looks whether anything at all differs. What does not differ tells nothing.
"""

import re

import nbformat
import numpy as np
import pandas as pd
import pytest

import alliance_stats as al
from alliance_stats.workspace import notebooks
from alliance_stats.workspace.sharing import NO_PERSONS

MADE = "1767225600"


def few(n, seed):
    """Return a study of few people: without a therapist's ratings of some, and one's end.

    Which of two outcomes has more scores, and what kind of values a column has, is theirs too.
    """
    study = al.simulate_study(n_therapists=3, n_clients=n, seed=seed)
    rng, ids = np.random.default_rng(seed), list(study.clients["client_id"])
    ratings, ends = study.tables["ratings"], study.tables["terminations"]
    lost = ratings["rater"] == "therapist"
    if seed < 3:
        lost &= ratings["client_id"].isin(ids[: n // 2])
    clients = study.clients.assign(
        age=[18, *rng.integers(18, 70, n - 2), (34, 34.5, "unknown")[seed - 1]],
        sex=rng.choice(["f", "m"], n),
        ward=rng.choice(["a", "b"], n),
    )
    posts = study.tables["assessments"]
    other = posts.assign(measure="phq-9", score=rng.integers(0, 20, len(posts)))
    rare, often = (posts, other) if seed == 2 else (other, posts)
    both = pd.concat([rare.assign(score=rare["score"].where(rare.index < 1)), often])
    changed = study.with_tables(
        assessments=both.reset_index(drop=True),
        ratings=ratings[~lost],
        terminations=ends.iloc[seed % 2 :],
        clients=clients,
    )
    return changed._with(name="few", notes=())


@pytest.fixture(scope="module")
def studies():
    """Return three studies of one design."""
    return [few(3, 1), few(7, 2), few(9, 3)]


def written(folder):
    """Return every file of a folder, by its name."""
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*")
            if p.is_file()}  # fmt: skip


def assert_same(those):
    first = those[0]
    for other in those[1:]:
        assert set(first) == set(other)
        assert [name for name in first if first[name] != other[name]] == []


def test_no_byte_of_a_report_depends_on_the_people(studies, tmp_path, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", MADE)
    found = []
    for place, study in enumerate(studies):
        report = al.write_report(study, tmp_path / str(place) / "report", replicates=5)
        found.append(written(report.folder))
        assert {section.status for section in report.sections} == {"complete"}
    assert {"index.html", "report.docx", "methods.md", "run.json"} <= set(found[0])
    page = found[0]["index.html"].decode()
    assert "Fewer than ten people" in page
    assert "--show-persons" in page
    assert "CORE-10" in page
    assert_same(found)


def test_no_byte_of_a_codebook_depends_on_the_people(studies, tmp_path):
    found = []
    for place, study in enumerate(studies):
        folder = tmp_path / str(place)
        study.codebook().to_html(folder / "codebook.html")
        study.codebook().to_json(folder / "codebook.json")
        found.append(written(folder))
    assert_same(found)


def test_no_page_to_look_through_shows_means_of_few(studies):
    for study in studies:
        with pytest.raises(al.DesignError, match="At no session ten clients or more"):
            study.explore()


OF_PERSONS = [
    name
    for name, path in sorted(notebooks.template_files().items())
    if not nbformat.read(path, as_version=4).metadata.get(NO_PERSONS)
]


@pytest.mark.parametrize("template", OF_PERSONS)
def test_no_byte_of_a_notebooks_page_depends_on_the_people(template, studies, tmp_path):
    found = []
    for place, study in enumerate(studies):
        folder = tmp_path / str(place)
        out = al.run_notebook(template, study.save(folder / "study"), folder / "page.html")
        found.append({"page": re.sub(rb"cell-id=\w+", b"", out.read_bytes())})
    assert b"No cell below was run" in found[0]["page"]
    assert_same(found)


def test_the_owner_sees_everything_all_the_same(studies, tmp_path):
    report = al.write_report(studies[1], tmp_path / "own", replicates=5, individual_courses=True)
    page = report.page.read_text(encoding="utf-8")
    assert "must not leave the clinic" in page
    keys = {section.key for section in report.sections}
    assert {"alliance", "change", "gap"} <= keys
    assert any(row in page for row in ("7 clients", ">7<"))
