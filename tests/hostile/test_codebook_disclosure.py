"""An attacker with a codebook, who computes from means of how many people they are."""

import numpy as np

from alliance_stats.core.precision import hiding_step

FEW = 5


def test_a_mean_whose_number_is_withheld_may_be_of_any_number(study):
    """Ages are whole: 45.6 of seven people, two of whom tell none, is 228 in five and no other."""
    n = len(study.clients)
    ages = 20.0 + np.arange(n) * 7 % 41
    ages[:2] = np.nan
    content = study.with_tables(clients=study.clients.assign(age=ages)).codebook().content
    clients = next(table for table in content["tables"] if table["name"] == "clients")
    told = next(column for column in clients["columns"] if column["name"] == "age")
    assert told["filled"] is None
    assert abs(round(told["mean"] / 0.2) * 0.2 - told["mean"]) < 1e-9
    half = hiding_step(1.0) / 2 + 1e-9
    fits = [abs(round(told["mean"] * some) / some - told["mean"]) <= half
            for some in range(FEW, n + 1)]  # fmt: skip
    assert all(fits)
