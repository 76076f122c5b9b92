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
        pd.testing.assert_frame_equal(own, ask(part), check_dtype=False)


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
