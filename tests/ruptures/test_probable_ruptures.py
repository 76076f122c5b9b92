"""Models of what follows ruptures take probabilities where a rule gives them."""

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al
from alliance_stats.errors import DesignError


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(3)
    shape = 60, 10
    inside = np.zeros(shape, dtype=bool)
    inside[np.arange(60), rng.integers(2, 8, 60)] = True
    bond = 5 + rng.normal(0, 0.6, (60, 1)) + rng.normal(0, 0.4, shape) - 1.2 * inside
    distress = 20 + rng.normal(0, 3, (60, 1)) + rng.normal(0, 1.5, shape)
    distress[:, 1:] += 2.0 * inside[:, :-1]
    return pd.DataFrame(
        {
            "client_id": np.repeat(np.arange(60), 10),
            "session": np.tile(np.arange(1, 11), 60),
            "bond": bond.ravel(),
            "distress": distress.ravel(),
        }
    )


def fitted(data, **more):
    return al.fit_rupture_repair(
        data, alliance="bond", outcome="distress", rule="state_model", reverse=False,
        slopes="none", **more,
    )  # fmt: skip


def test_the_predictors_are_the_probabilities_unless_flags_are_asked_for(data):
    model = fitted(data)
    key = ["client_id", "session"]
    rows = model.rows.merge(model.ruptures.sessions, on=key)
    assert rows["rupture"].equals(rows["probability_begins"])
    assert rows["repair"].equals(rows["probability_ends"])
    assert any("Their slopes" in said or "their slopes" in said for said in model.messages)
    given = {name: model.ruptures.parameters[name] for name in ("depth", "opening", "closing")}
    flagged = fitted(data, probabilities=False, **given)
    assert set(flagged.rows["rupture"].dropna()) <= {0.0, 1.0}
    sized = fitted(data, size=True, **given)
    assert "rupture_size" in sized.rows


def test_reports_are_counted_by_band_of_probability(data):
    given = {"depth": 1.2, "opening": 0.1, "closing": 0.9, "phi": 0.01, "skew": 0.0}
    found = al.detect_ruptures(data, rule="state_model", column="bond", **given)
    rows = found.sessions.dropna(subset=["probability"])
    likely = rows[rows["probability"] >= 0.75]
    events = likely[["client_id", "session"]].assign(rater="client", kind="rupture")
    table = found.calibration(events).set_index("from")
    assert table["n_sessions"].sum() == len(rows)
    assert table.loc[0.75, "reported"] == 1.0
    assert (table.loc[:0.5, "reported"].dropna() == 0).all()
    assert table.attrs["n_reports"] == len(likely)
    assert table.attrs["brier"] == pytest.approx(
        np.mean((rows["probability"] - (rows["probability"] >= 0.75)) ** 2)
    )
    with pytest.raises(DesignError, match="'therapist' reported no rupture"):
        found.calibration(events, rater="therapist")
    falls = al.detect_ruptures(data, rule="drop_within_sd", column="bond")
    with pytest.raises(DesignError, match="rule that gives probabilities"):
        falls.calibration(events)


def test_observer_codes_are_counted_in_the_sessions_that_were_coded(data):
    given = {"depth": 1.2, "opening": 0.1, "closing": 0.9, "phi": 0.01, "skew": 0.0}
    found = al.detect_ruptures(data, rule="state_model", column="bond", **given)
    rows = found.sessions.dropna(subset=["probability"])
    coded = rows[rows["session"] % 2 == 0]
    likely = (coded["probability"] >= 0.75).to_numpy()
    codes = coded[["client_id", "session"]].assign(
        coder_id="a", segment=np.where(likely, 1.0, np.nan),
        family=np.where(likely, "withdrawal", None),
    )  # fmt: skip
    table = found.calibration(codes=codes).set_index("from")
    assert table["n_sessions"].sum() == len(coded)
    assert table.loc[0.75, "reported"] == 1.0
    assert (table.loc[:0.5, "reported"].dropna() == 0).all()
    assert table.attrs["n_reports"] == likely.sum()
    with pytest.raises(DesignError, match="either events"):
        found.calibration()
    with pytest.raises(DesignError, match="No session with a probability was coded"):
        found.calibration(codes=codes.assign(session=99))
