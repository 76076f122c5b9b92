"""An option nobody can mean is refused before any work is done, and nothing is written."""

import subprocess
import sys

import pytest

import alliance_stats as al

STUDY = al.simulate_study(n_therapists=3, n_clients=9, seed=1)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"rupture_rule": "dorp"}, "There is no rupture rule 'dorp'.*Did you mean 'drop'"),
        ({"alliance": "nope"}, "no scores of nope; there are"),
        ({"outcome": "nope"}, "no scores of nope; there are"),
        ({"seed": -5}, "seed must be a whole number from 0 on"),
        ({"replicates": 0}, "replicates must be a whole number from 1 on"),
        ({"cutoff": float("nan")}, "cutoff must be a score"),
        ({"ouctome": "core-10"}, "Did you mean 'outcome'"),
    ],
)
def test_an_option_that_cannot_be_meant_is_refused(tmp_path, options, sentence):
    with pytest.raises(al.AllianceStatsError, match=sentence):
        al.write_report(STUDY, tmp_path / "report", **options)
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_the_terminal_cannot_show_is_no_error_of_its_own():
    code = "from alliance_stats.cli import main; main(['validate', 'a\\udcff\\udcfe'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.returncode == 1
    assert b"There is no study at" in done.stdout + done.stderr
    assert b"unexpected" not in done.stdout + done.stderr
