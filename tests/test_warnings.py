"""Warnings stand at the line of the user, however deep in the package they are given."""

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al


def singular():
    client = np.repeat(np.arange(30), 4)
    score = np.random.default_rng(0).normal(size=120)
    data = pd.DataFrame({"client_id": client, "score": score})
    data["score"] -= data.groupby("client_id")["score"].transform("mean")
    al.fit_multilevel("score ~ 1 + (1 | client_id)", data)


def without_arm():
    study = al.simulate_study(n_therapists=4, n_clients=12, seed=1)
    clients = study.clients.assign(condition=["a", "b", None] * 4)
    al.trial_flow(study.with_tables(clients=clients))


@pytest.mark.parametrize("asked", [singular, without_arm])
def test_a_warning_points_at_the_line_outside_the_package(asked):
    with pytest.warns(al.AllianceStatsWarning) as seen:
        asked()
    assert {one.filename for one in seen} == {__file__}
