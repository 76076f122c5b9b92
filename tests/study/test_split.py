"""A study by its arms: parts, and what is told of each by ``by=``."""

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al


@pytest.fixture(scope="module")
def study():
    return al.load_dataset("demo-trial")


def test_parts_hold_their_clients_and_nobody_twice(study):
    parts = study.split("condition")
    arm = study.clients.set_index("client_id")["condition"]
    assert list(parts) == sorted(set(arm))
    for name, part in parts.items():
        assert (arm[part.clients["client_id"]] == name).all()
        for table in part.tables.values():
            if "client_id" in table:
                assert (arm[table["client_id"]] == name).all()
        assert set(part.therapists["therapist_id"]) == set(part.clients["therapist_id"])
    for key in ("clients", "sessions", "terminations", "assessments"):
        assert sum(len(part.tables[key]) for part in parts.values()) == len(study.tables[key])
    with pytest.raises(al.ColumnError, match="arm"):
        study.split("arm")


@pytest.mark.parametrize("ask", [al.missing_by_session, al.missing_ratings, al.scale_reliability])
def test_a_table_by_arm_is_that_of_the_part(study, ask):
    found = ask(study, by="condition")
    assert found.columns[0] == "condition"
    for name, part in study.split("condition").items():
        own = found[found["condition"] == name].drop(columns="condition").reset_index(drop=True)
        pd.testing.assert_frame_equal(own, pd.DataFrame(ask(part)), check_dtype=False)


def test_reliable_change_by_arm_has_one_criterion(study):
    every = al.reliable_change(study, measure="core-10")
    found = al.reliable_change(study, measure="core-10", by="condition")
    assert found.criterion == every.criterion
    shares = found.tidy()
    for name, own in found.dropna(subset=["category"]).groupby("condition"):
        told = shares[shares["group"] == name].set_index("term")["estimate"]
        assert told["improved"] == pytest.approx((own["category"] == "improved").mean())
    table = pd.DataFrame(every).merge(study.clients[["client_id", "condition"]])
    again = al.reliable_change(
        table[["client_id", "condition", "pre", "post"]], pre="pre", post="post", by="condition",
        reliability=every.criterion.reliability, sd=every.criterion.sd,
    )  # fmt: skip
    np.testing.assert_allclose(again.tidy()["estimate"], shares["estimate"])
    with pytest.raises(al.ColumnError, match="arm"):
        al.reliable_change(table, pre="pre", post="post", by="arm", reliability=0.8)


def test_dropout_by_definition_and_arm_is_counted_by_hand(study):
    asked = {"definitions": ["recorded", "median_split"], "by": "condition"}
    found = al.compare_dropout_definitions(study, **asked)
    ends = study.terminations.merge(study.clients[["client_id", "condition"]])
    left = (ends["reason"] == "dropout").groupby(ends["condition"]).sum()
    own = found.rates[found.rates["definition"] == "recorded"].set_index("condition")
    assert own["n_dropout"].to_dict() == left.to_dict()
    every = al.compare_dropout_definitions(study, definitions=["recorded", "median_split"])
    summed = found.rates.groupby("definition")["n_dropout"].sum()
    assert summed.to_dict() == every.rates.set_index("definition")["n_dropout"].to_dict()
    assert set(found.tidy()["group"]) == set(left.index)


def arms_of(study):
    return study.clients[["client_id", "condition"]].drop_duplicates()


def test_ruptures_by_arm_are_those_of_the_parts(study):
    rule = {"rule": "drop_points", "points": 1.0, "measure": "wai-sr/total/client"}
    found = al.detect_ruptures(study, by="condition", **rule)
    rates = found.tidy()
    for name, part in study.split("condition").items():
        own = rates[rates["group"] == name].drop(columns="group").reset_index(drop=True)
        alone = al.detect_ruptures(part, **rule).tidy().drop(columns="group")
        pd.testing.assert_frame_equal(own, alone)
    assert found.glance().equals(al.detect_ruptures(study, **rule).glance())
    rows = study.select("wai-sr/total/client").drop(columns="condition", errors="ignore")
    again = al.detect_ruptures(rows.merge(arms_of(study)), by="condition", **rule)
    pd.testing.assert_frame_equal(again.tidy(), rates)
    with pytest.raises(al.ColumnError, match="arm"):
        al.detect_ruptures(study, by="arm", **rule)


def test_sudden_gains_by_arm_are_those_of_the_parts(study):
    asked = {"points": 4.0, "measure": "core-10/total/client"}
    found = al.sudden_gains(study, by="condition", **asked)
    assert found.columns[0] == "condition"
    groups = found.attrs["sudden_gains"]["groups"]
    for name, part in study.split("condition").items():
        alone = al.sudden_gains(part, **asked)
        own = found[found["condition"] == name].drop(columns="condition").reset_index(drop=True)
        pd.testing.assert_frame_equal(own, alone, check_dtype=False)
        each = pd.Series(alone.attrs["sudden_gains"]["gains_of_clients"])
        assert groups[name] == {
            "clients": len(each), "judged": each.notna().sum(), "with_gain": (each > 0).sum(),
            "gains": len(alone),
        }  # fmt: skip


def test_clinically_significant_change_by_arm_has_one_line(study):
    every = al.clinically_significant_change(study, measure="core-10", cutoff_value=15)
    given = {"reliability": 0.9, "sd": every.criterion.sd, "cutoff_value": 15}
    found = al.clinically_significant_change(study, measure="core-10", by="condition", **given)
    assert found.table.columns[0] == "condition"
    assert found.glance()["n"].item() == every.glance()["n"].item()
    for name, part in study.split("condition").items():
        alone = al.clinically_significant_change(part, measure="core-10", **given)
        own = found.table[found.table["condition"] == name].drop(columns="condition")
        pd.testing.assert_frame_equal(own.reset_index(drop=True), alone.table)
        told = found.tidy().query("group == @name")
        assert told["estimate"].tolist() == own["share"].tolist()
        assert any(said.startswith(f"condition {name}: ") for said in found.messages)


def test_who_has_no_group_is_in_no_group_and_counted(study):
    clients = study.tables["clients"].copy()
    clients.loc[clients.index[:5], "condition"] = None
    partly = study.with_tables(clients=clients)
    line = "5 clients without a 'condition' are in no group's numbers."
    found = al.clinically_significant_change(
        partly, measure="core-10", by="condition", cutoff_value=15
    )
    assert line in found.messages
    assert found.table.query("denominator == 'all'").groupby("condition")["n_of"].first().sum() < (
        found.data["category"].notna().sum()
    )
    rule = {"rule": "drop_points", "measure": "wai-sr/total/client"}
    assert line in al.detect_ruptures(partly, by="condition", **rule).messages


def test_a_client_of_two_groups_is_refused(study):
    rows = study.select("wai-sr/total/client").assign(wing="a")
    rows.loc[rows.index[0], "wing"] = "b"
    with pytest.raises(al.DesignError, match="'wing' groups clients, and 1 client had several"):
        al.detect_ruptures(rows, rule="drop_points", by="wing")


def courses():
    """Twenty clients of two arms, eight sessions each."""
    rng = np.random.default_rng(2)
    rows = pd.DataFrame({"client_id": np.repeat(range(20), 8), "session": [*range(1, 9)] * 20})
    rows["condition"] = np.where(rows["client_id"] % 2, "wait", "cbt")
    return rows.assign(score=rng.normal(20, 5, 160), rater="client")


def ends():
    rng = np.random.default_rng(2)
    rows = pd.DataFrame({"client_id": range(40), "condition": ["cbt", "wait"] * 20})
    return rows.assign(pre=rng.normal(30, 5, 40), post=rng.normal(22, 6, 40))


def gains_by(rows):
    return al.sudden_gains(rows, points=5, by="condition").attrs["sudden_gains"]


CHANGE = {"pre": "pre", "post": "post", "reliability": 0.9, "by": "condition"}
GROUPS = {
    "gains": (courses, lambda rows: set(gains_by(rows)["groups"])),
    "course": (courses, lambda rows: set(al.mean_course(rows, by="condition")["condition"])),
    "ruptures": (
        courses,
        lambda rows: set(
            al.detect_ruptures(rows, rule="drop_points", points=3, by="condition").tidy()["group"]
        ),
    ),
    "incidence": (
        ends,
        lambda rows: set(
            al.dropout_incidence(
                rows.assign(last_session=5, reason="dropout"), by="condition"
            ).tidy()["group"]
        ),
    ),
    "change": (ends, lambda rows: set(al.reliable_change(rows, **CHANGE).tidy()["group"])),
}


@pytest.mark.parametrize("asked", GROUPS)
def test_blanks_around_a_group_make_no_group_and_a_number_is_written_once(asked):
    rows, ask = GROUPS[asked]
    table = rows()
    padded = table["condition"].where(table["client_id"] > 3, " cbt").where(table["client_id"] != 5)
    padded[(table["client_id"] <= 3) & (table["client_id"] % 2 == 1)] = "wait "
    if asked == "course":  # which warns of who has no group
        padded = padded.fillna("wait")
    assert ask(table.assign(condition=padded)) == {"cbt", "wait"}
    if asked != "course":
        assert ask(table.assign(condition=padded.fillna(" "))) == {"cbt", "wait"}
    assert ask(table.assign(condition=table["client_id"] % 2 * 1.0)) == {"0", "1"}
    with pytest.raises(al.DesignError, match="several"):
        ask(pd.concat([table, table.tail(1).assign(condition="act", session=9)]))
    with pytest.raises(al.DesignError, match="No client"):
        ask(table.assign(condition=np.nan))


def test_a_group_without_scores_is_named_and_counted_as_none():
    rows = courses()
    silent = rows.assign(score=rows["score"].where(rows["condition"] == "cbt"))
    found = gains_by(silent)
    assert found["groups"]["wait"]["clients"] == 0
    line = "Nobody of condition 'wait' has scores to be counted."
    assert line in found["messages"]
    with pytest.warns(al.AllianceStatsWarning, match="Nobody of condition 'wait'"):
        al.mean_course(silent, by="condition")
    table = ends()
    change = al.reliable_change(
        table.assign(post=table["post"].where(table["condition"] == "cbt")), **CHANGE
    )
    assert line in change.messages
    assert change.tidy().query("group == 'wait'")["estimate"].isna().all()


def test_an_arm_of_a_study_without_ratings_is_named(study):
    arm = study.clients.set_index("client_id")["condition"]
    other, *_ = sorted(set(arm))
    ratings = study.tables["ratings"]
    partly = study.with_tables(ratings=ratings[ratings["client_id"].map(arm) != other])
    asked = {"points": 0.5, "measure": "wai-sr", "rater": "client", "by": "condition"}
    found = al.sudden_gains(partly, **asked).attrs["sudden_gains"]
    assert found["groups"][other]["clients"] == 0
    assert f"Nobody of condition '{other}' has scores to be counted." in found["messages"]


def test_shares_of_groups_are_printed_under_their_groups():
    found = al.clinically_significant_change(ends(), cutoff_value=20, **CHANGE)
    for group in ("Cbt", "Wait"):
        assert f"{group}: With intake" in str(found)
        assert f"{group}: All: Recovered" in found.text()


def test_rows_of_one_client_are_told_to_count_each():
    table = pd.concat([ends(), ends().head(2)])
    line = "2 clients (0, 1) have several rows, and each row counts as a client: give one row a "
    for found in (
        al.reliable_change(table, **CHANGE),
        al.clinically_significant_change(table, cutoff_value=20, **CHANGE),
        al.change_by_therapist(
            table.assign(therapist_id=table["client_id"] % 5), pre="pre", post="post"
        ),
    ):
        assert line + "client." in found.messages


def test_a_blank_therapist_is_none():
    table = ends().assign(therapist_id=lambda rows: ["a", "b ", "b", "c", " ", ""] * 6 + ["a"] * 4)
    found = al.change_by_therapist(table, pre="pre", post="post")
    assert found.therapists["therapist_id"].tolist() == ["a", "b", "c"]
    assert "12 of 40 rows lack a score or a therapist." in found.messages
