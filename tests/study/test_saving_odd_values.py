"""What would come back as something else is not saved, and nothing is written."""

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al

STUDY = al.simulate_study(n_therapists=3, n_clients=6, seed=1)


@pytest.mark.parametrize(
    ("value", "what"),
    [
        (np.inf, "infinite numbers"),
        (1j, "complex numbers"),
        (pd.Timedelta(days=3), "durations"),
        (pd.Period("2024-01"), "periods or intervals"),
        (pd.Timestamp("2024-01-01", tz="UTC"), "times with a time zone"),
        ([1, 2], "several values in one cell"),
    ],
)
def test_a_kind_that_csv_has_not_is_refused(tmp_path, value, what):
    extra = pd.Series([value] * len(STUDY.clients), index=STUDY.clients.index)
    odd = STUDY.with_tables(clients=STUDY.clients.assign(extra=extra))
    with pytest.raises(al.AllianceStatsError, match=f"the column 'extra' holds {what}"):
        odd.save(tmp_path / "saved")
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_path_is_refused():
    for call in (STUDY.save, al.open_study, al.suggest_mapping):
        with pytest.raises(al.AllianceStatsError):
            call(5)
