"""The command line, called as a user does but in this process."""

import pytest

import alliance_stats as al
from alliance_stats import cli


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
