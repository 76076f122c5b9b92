"""The command line, called as a user does but in this process."""

import nbformat
import pytest

import alliance_stats as al
from alliance_stats import cli
from alliance_stats.workspace import notebooks


@pytest.fixture(scope="session", autouse=True)
def _quick(small_grid):
    """What the command says does not depend on how many specifications a report fits."""


@pytest.fixture
def call(capsys):
    """Return a function: words → (exit code, stdout, stderr)."""

    def run(*words):
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            cli.main([str(word) for word in words])
        out, err = capsys.readouterr()
        return left.value.code or 0, out, err

    return run


@pytest.fixture(scope="session")
def saved(tmp_path_factory):
    """Return the folder of a small synthetic study without items, which is quick to open."""
    study = al.simulate_study(n_therapists=8, n_clients=40, seed=2)
    quick = study.with_tables(ratings=None, scores=study.scores)
    folder = tmp_path_factory.mktemp("studies") / "clinic"
    quick.save(folder)
    return folder


@pytest.fixture(scope="session")
def names_after():
    """Return a function that runs a template's code here, on the demo or what parameters say.

    It runs up to the cell that makes `last`, and gives the names that are there then. A kernel of
    its own takes seconds to start and is for what is asked of pages.
    """

    def run(template, last="", **parameters):
        names = {"display": lambda *_: None}
        for cell in nbformat.read(notebooks.template_files()[template], as_version=4).cells:
            if cell.cell_type == "code" and last not in names:
                exec(cell.source.replace("%matplotlib inline\n", ""), names)
                if "parameters" in cell.metadata.get("tags", []):
                    names.update(parameters)
        return names

    return run
