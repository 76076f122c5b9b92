"""Models of what follows ruptures take probabilities where a rule gives them."""

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al


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
