"""The drawn curve of dropout ends where few are left."""

import alliance_stats as al


def test_the_curve_ends_where_fewer_than_five_are_at_risk():
    found = al.dropout_incidence(al.simulate_study(n_therapists=4, n_clients=25, seed=4))
    table = found.table[found.table["event"] == "dropout"]
    few = table["n_at_risk"] < 5
    assert few.any()
    drawn = found.plot().get_lines()[0].get_xdata()
    assert max(drawn) == table.loc[~few, "time"].max()
