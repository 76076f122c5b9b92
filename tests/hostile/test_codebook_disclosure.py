"""An attacker with a codebook alone, who subtracts what it shows of a column from its total."""

import itertools

import numpy as np

import alliance_stats as al


def rests(content, tables):
    """Return what is left of each column's total without any of its levels, where it is few."""
    found = []
    for table in content["tables"]:
        if not tables[table["name"]].get("client_id", np.zeros(2)).is_unique:
            continue
        for column in table["columns"]:
            levels = list((column.get("levels") or {}).values())
            for n in range(1, len(levels) + 1):
                for some in itertools.combinations(levels, n):
                    rest = (column["filled"] or 0) - sum(some)
                    if 0 < rest < 10:
                        found.append((table["name"], column["name"], column["filled"], some))
    return found


def test_no_total_less_any_levels_comes_down_to_fewer_than_ten():
    found, levels = [], 0
    for seed in range(100, 120):
        study = al.simulate_study(
            n_clients=60, n_therapists=12, seed=seed, dropout_hazard=0.05, planned_sessions=8
        )
        rng = np.random.default_rng(seed)
        clients = study.clients.assign(
            sex=rng.choice(["f", "m"], 60),
            job=rng.choice(["yes", "no", "sick"], 60, p=[0.55, 0.35, 0.1]),
        )
        study = study.with_tables(clients=clients)
        content = study.codebook().content
        tables = {name: study.tables[name] for name in ("clients", "terminations")}
        content["tables"] = [one for one in content["tables"] if one["name"] in tables]
        found += rests(content, tables)
        levels += sum(
            len(column.get("levels") or {})
            for one in content["tables"]
            for column in one["columns"]
        )
    assert not found
    assert levels > 60  # three a study: withholding everything would be no answer
