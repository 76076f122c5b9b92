"""Templated notebooks run on a study and become a page, or say why not."""

import nbformat
import pandas as pd
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

import alliance_stats as al
from alliance_stats.workspace import notebooks


def make(path, *cells, tagged=True):
    first = new_code_cell("study_path = 'demo-trial'\nk: float = 1.0\nname = 'x'")
    first.metadata["tags"] = ["parameters"] if tagged else []
    nbformat.write(new_notebook(cells=[first, *cells]), path)
    return path


def test_every_shipped_template_is_valid_and_has_its_parameters():
    assert "first-analysis" in al.list_templates()
    for path in notebooks.template_files().values():
        book = nbformat.read(path, as_version=4)
        nbformat.validate(book)
        tagged = [c for c in book.cells if "parameters" in c.metadata.get("tags", [])]
        assert len(tagged) == 1
        assert "study_path" in tagged[0].source
        assert not any(cell.get("outputs") for cell in book.cells)


def test_the_first_analysis_runs_on_a_study(call, tmp_path):
    study = al.simulate_study(n_therapists=8, n_clients=50, seed=3)
    study.save(tmp_path / "study")
    out = tmp_path / "page.html"
    code, _, err = call("run", "first-analysis", tmp_path / "study", "--out", out)
    assert (code, err) == (0, "")
    page = out.read_text(encoding="utf-8")
    assert "SYNTHETIC DATA" in page
    assert "alliance_lag1_within</td>" in page
    assert "Alliance: wai-sr. Outcome" not in page  # printed, so nobody knows what it tells
    assert "<script" not in page
    assert "<link" not in page
    assert sorted(p.name for p in tmp_path.iterdir()) == ["page.html", "study"]


def test_templates_that_fit_one_model_fit_it_to_the_same_rows(names_after, capsys):
    first = names_after("first-analysis", "fit")["fit"]
    other = names_after("alliance-outcome", "before")["before"]
    assert first.nobs == other.nobs
    pd.testing.assert_series_equal(first.params, other.params)


def test_the_next_study_is_planned_from_this_one(names_after, capsys):
    names = names_after("planning", "one")
    assert 0 < names["power"].assurance < 1
    assert "is found with a power of" in capsys.readouterr().out


@pytest.mark.usefixtures("warm_kernels")
def test_the_first_analysis_names_the_measures_a_study_has(call, saved, tmp_path):
    words = ["run", "first-analysis", saved, "--out", tmp_path / "page.html", "-p", "outcome=phq-9"]
    code, _, err = call(*words)
    assert code == 1
    assert "no session scores of phq-9 by the client; it has wai-sr, core-10" in err
    assert "{measure: phq-9, rater: client" in err


@pytest.mark.usefixtures("warm_kernels")
def test_parameters_reach_the_notebook(call, tmp_path):
    book = make(
        tmp_path / "own.ipynb",
        new_markdown_cell("# Mine"),
        new_code_cell("print(f'{k * 2}|{name}|{study_path}')"),
    )
    words = ["run", book, tmp_path, "--out", tmp_path / "o.html", "-p", "k=2.5", "-p", "name=a=b",
             "--show-persons"]  # fmt: skip
    code, _, err = call(*words)
    assert (code, err) == (0, "")
    page = (tmp_path / "o.html").read_text(encoding="utf-8")
    assert f"5.0|a=b|{tmp_path}" in page
    assert "PRIVATE" in page


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-p", "kk=1"], "no parameter 'kk'; it has study_path, k, name."),
        (["-p", "k"], "name=value, not 'k'"),
        (["-p", "k =1", "-p", "1x=2"], "name=value, not '1x=2'"),
    ],
)
def test_a_parameter_that_is_not_there_is_told(call, tmp_path, words, said):
    book = make(tmp_path / "own.ipynb")
    code, _, err = call("run", book, tmp_path, "--out", tmp_path / "o.html", *words)
    assert code == 1
    assert said in err
    assert not (tmp_path / "o.html").exists()


@pytest.mark.usefixtures("warm_kernels")
def test_a_cell_that_fails_writes_nothing(call, tmp_path):
    book = make(tmp_path / "own.ipynb", new_code_cell("raise ValueError('too\\nbad')"))
    code, _, err = call("run", book, "demo-trial", "--out", tmp_path / "o.html")
    assert code == 1
    assert "A cell of the notebook failed, nothing was written. ValueError: too bad" in err
    assert [p.name for p in tmp_path.iterdir()] == ["own.ipynb"]


def test_what_is_no_template_names_the_nearest(call, tmp_path):
    code, _, err = call("run", "first-analysys", "x", "--out", tmp_path / "o.html")
    assert code == 1
    assert "Did you mean 'first-analysis'?" in err


def test_files_that_cannot_be_run_are_refused_in_words(call, tmp_path):
    (tmp_path / "torn.ipynb").write_text("{")
    untagged = make(tmp_path / "untagged.ipynb", tagged=False)
    out = tmp_path / "o.html"
    for template, said in (
        (tmp_path / "torn.ipynb", "cannot be read as a notebook"),
        (untagged, "no cell tagged 'parameters'"),
        (tmp_path / "none.ipynb", "There is no notebook"),
    ):
        code, _, err = call("run", template, tmp_path, "--out", out)
        assert code == 1
        assert said in err
    code, _, err = call("run", "first-analysis", tmp_path, "--out", tmp_path / "o.pdf")
    assert (code, "written as .html" in err) == (1, True)


def test_without_the_lab_extra_the_way_to_it_is_told(call, tmp_path, monkeypatch):
    monkeypatch.setattr(notebooks, "NEEDED", ("nbclient", "no_such_library"))
    code, _, err = call("run", "first-analysis", tmp_path, "--out", tmp_path / "o.html")
    assert code == 1
    assert "no_such_library" in err
    assert err.strip().endswith("python -m pip install no_such_library")


def test_a_page_that_may_be_shared_needs_a_study_whose_ids_are_known(call, tmp_path):
    book = make(tmp_path / "own.ipynb")
    code, _, err = call("run", book, tmp_path, "--out", tmp_path / "o.html")
    assert code == 1
    assert "study.yaml" in err
    assert not (tmp_path / "o.html").exists()
