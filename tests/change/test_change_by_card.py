"""Change from the measure's card, the three denominators, and what is refused in words."""

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al

SCORES = pd.DataFrame({
    "pre": [30.0, 25, 11, 30, 28, 9, np.nan], "post": [8.0, 24, 3, 38, np.nan, 1, 9],
})  # fmt: skip
PLAIN = {"pre": "pre", "post": "post", "reliability": 0.9, "sd": 7.0}


def significant(data=SCORES, **options):
    return al.clinically_significant_change(data, **{**PLAIN, "cutoff_value": 11, **options})


def test_the_card_gives_reliability_cut_off_and_direction():
    found = al.clinically_significant_change(
        SCORES, pre="pre", post="post", sd=7.0, measure="core-10"
    )
    by_hand = significant()
    pd.testing.assert_frame_equal(found.table, by_hand.table)
    assert (found.cutoff, found.options["reliability"]) == (11, 0.9)
    assert found.messages[0].startswith("Reliability 0.9: alpha, Barkham")
    assert "Cut-off 11: 11 or more: clinical range" in found.messages[1]
    assert all("read in the source named" in message for message in found.messages[:2])


def test_a_number_of_the_card_nobody_checked_is_said_to_be_so():
    out = al.reliable_change(SCORES, pre="pre", post="post", sd=7.0, measure="gad-7")
    assert "NOT checked against its source" in out.attrs["reliable_change"]["messages"][0]
    given = al.reliable_change(SCORES, **PLAIN, measure="gad-7")
    assert given.attrs["reliable_change"]["messages"] == ()


def test_a_score_at_the_cards_cut_off_is_in_the_upper_group_whatever_is_better():
    at = pd.DataFrame({"pre": [25.0, 24.9], "post": [38.0, 25.0]})
    found = al.clinically_significant_change(
        at, pre="pre", post="post", reliability=0.999, sd=1.0, measure="ors"
    )
    assert found.data["clinical_at_intake"].tolist() == [False, True]
    assert found.data["category"].tolist() == ["improved", "recovered"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"measure": "core-10", "direction": "higher_is_better"}, "the card of core-10"),
        ({"measure": "wsas", "scale": "totl"}, "Did you mean 'total'"),
        ({"measure": "phq-9", "cutoff_value": None, "reliability": 0.9, "sd": 5.0},
         None),
        ({"measure": "qids-sr16", "cutoff_value": None}, "several cut-offs"),
        ({"measure": "ors", "reliability": None}, "gives no reliability"),
        ({"reliability": None}, "Give reliability=, or measure="),
        ({"measure": 7}, "must be the name of a card"),
    ],
)  # fmt: skip
def test_what_a_card_cannot_give_is_refused(options, said):
    if said is None:  # ten or more is the PHQ-9's threshold of caseness
        assert significant(**options).cutoff == 10
        return
    with pytest.raises(al.AllianceStatsError, match=said):
        significant(**options)


def test_there_are_three_denominators_each_with_its_interval():
    found = significant()
    table = found.table.set_index(["denominator", "category"])
    of = table["n_of"].groupby("denominator").first()
    assert of.to_dict() == {"all": 5, "clinical_at_intake": 4, "with_intake": 6}
    assert table.loc[("with_intake", "no_last_score"), "n"] == 1
    assert table.loc[("all", "recovered"), "share"] == pytest.approx(2 / 5)
    assert table.loc[("with_intake", "recovered"), "share"] == pytest.approx(2 / 6)
    # Wilson's interval of 2 in 6, by its formula with z = 1.959964
    z, p, n = 1.959963984540054, 2 / 6, 6
    spread = z * (p * (1 - p) / n + z * z / (4 * n * n)) ** 0.5
    low = (p + z * z / (2 * n) - spread) / (1 + z * z / n)
    assert table.loc[("with_intake", "recovered"), "conf_low"] == pytest.approx(low)
    assert found.table.groupby("denominator")["share"].sum().tolist() == pytest.approx([1, 1, 1])
    assert found.glance().loc[0, "n_with_intake"] == 6
    assert any("2 of 7 rows lack a score" in message for message in found.messages)


def test_the_sensitivity_has_the_third_denominator_too():
    table = al.change_sensitivity(
        SCORES, pre="pre", post="post", reliability=[0.9], methods=["JT"], criteria=["c"], sd=7.0,
        clinical=(25.0, 7.0), functional=(6.0, 5.0),
    ).set_index("denominator")  # fmt: skip
    alone = al.clinically_significant_change(SCORES, **PLAIN, clinical=(25, 7), functional=(6, 5))
    better = alone.table[alone.table["category"].isin(["recovered", "improved"])]
    shares = 1 - better.groupby("denominator")["share"].sum()
    for name in ("all", "clinical_at_intake", "with_intake"):
        assert table.loc[name, "not_improved"] == pytest.approx(shares[name])


def test_a_share_of_nobody_has_a_reason():
    found = significant(SCORES.assign(pre=[1.0, 2, 3, 4, 5, 6, 7]))
    assert (
        "No shares of 'clinical_at_intake': nobody starts on the clinical side." in found.messages
    )
    share = found.table.query("denominator == 'clinical_at_intake'")["share"]
    assert share.isna().all()


def test_a_score_that_rounding_parts_from_the_line_is_at_it():
    """Criterion c of (1.1, 0.3) and (3.3, 0.3) is 2.2; in floats 2.1999999999999997."""
    scores = pd.DataFrame({"pre": [2.2, 1.0], "post": [3.5, 2.2]})
    options = {"reliability": 0.95, "sd": 0.5, "direction": "higher_is_better"}
    found = al.clinically_significant_change(
        scores, pre="pre", post="post", clinical=(1.1, 0.3), functional=(3.3, 0.3), **options
    )
    assert found.data["clinical_at_intake"].tolist() == [True, True]
    assert found.data["category"].tolist() == ["recovered", "improved"]
    for line in (2.2, np.nextafter(2.2, 3), np.nextafter(2.2, 0)):
        same = significant(scores, **options, cutoff_value=line)
        assert same.data["category"].tolist() == ["recovered", "improved"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"clinical": (8.0, 4.0), "functional": (25.0, 7.0)}, "functional mean .25. must be lower"),
        ({"clinical": (25.0, 7.0), "functional": (8.0, 4.0), "direction": "higher_is_better"},
         "must be higher than the clinical"),
        ({"clinical": 25.0, "functional": (8.0, 4.0)}, r"clinical=\(mean, sd\) must be"),
        ({"clinical": (25.0, 7.0, 3), "functional": (8.0, 4.0)}, r"clinical=\(mean, sd\) must be"),
        ({"clinical": "25, 7", "functional": (8.0, 4.0)}, r"clinical=\(mean, sd\) must be"),
        ({"cutoff_value": float("nan")}, "cutoff_value must be a finite number"),
        ({"cutoff_value": float("inf")}, "cutoff_value must be a finite number"),
        ({"cutoff_value": 11, "reliability": "0.8"}, "reliability must lie between"),
        ({"cutoff_value": 11, "reliability": [0.8]}, "reliability must lie between"),
        ({"cutoff_value": 11, "sd": "7"}, "sd must be"),
        ({"cutoff_value": 11, "method": ["JT"]}, "method must be one of"),
        ({"cutoff_value": 11, "direction": "x"}, "direction must be"),
    ],
)  # fmt: skip
def test_options_that_cannot_be_are_refused(options, said):
    with pytest.raises(al.DesignError, match=said):
        significant(**{"cutoff_value": None, **options})


def test_what_is_wrong_for_every_specification_is_said_at_once():
    for options, said in (
        ({"direction": "x"}, "direction"), ({"sd": 0}, "sd must be"),
        ({"methods": "JT"}, "methods must be a list"), ({"criteria": "ab"}, "criteria must be"),
        ({"reliability": "0.8"}, "reliability must be a list"), ({"criteria": ["d"]}, "criterion"),
    ):  # fmt: skip
        with pytest.raises(al.DesignError, match=said):
            al.change_sensitivity(
                SCORES, **{"pre": "pre", "post": "post", "reliability": [0.8], **options}
            )


@pytest.mark.parametrize("made", ["change", "rci", "category"])
def test_scores_are_not_overwritten_before_they_are_read(made):
    data = SCORES.rename(columns={"pre": made})
    for call in (al.reliable_change, lambda d, **o: significant(d, **o)):
        with pytest.raises(al.ColumnError, match="would have a column of that name"):
            call(data, **{**PLAIN, "pre": made})


def test_columns_named_twice_alike_or_by_numbers():
    with pytest.raises(al.ColumnError, match="pre come more than once"):
        al.reliable_change(pd.concat([SCORES, SCORES[["pre"]]], axis=1), **PLAIN)
    with pytest.raises(al.ColumnError, match="the same column"):
        al.reliable_change(SCORES, **{**PLAIN, "post": "pre"})
    numbered = SCORES.set_axis([0, 1], axis=1)
    out = al.reliable_change(numbered, **{**PLAIN, "pre": 0, "post": 1})
    assert out["category"].notna().sum() == 5
    with pytest.raises(al.ColumnError, match="a name of another type"):
        al.reliable_change(numbered, **{**PLAIN, "pre": "0", "post": 1})
    for odd in (SCORES.assign(pre=True), SCORES.assign(pre=pd.Timestamp("2020-01-01"))):
        with pytest.raises(al.ColumnError, match="finite numbers"):
            al.reliable_change(odd, **PLAIN)


def test_therapists_without_clients_and_first_scores_all_alike():
    rng = np.random.default_rng(8)
    data = pd.DataFrame({
        "therapist_id": pd.Categorical(np.repeat(list("abcd"), 10), categories=list("abcdefgh")),
        "pre": rng.normal(20, 4, 40), "post": rng.normal(14, 4, 40),
    })  # fmt: skip
    found = al.change_by_therapist(data, pre="pre", post="post")
    assert found.therapists["therapist_id"].tolist() == list("abcd")
    assert "between 4 therapists" in found.messages[0]
    with pytest.raises(al.DesignError, match="there are 2 therapists"):
        al.change_by_therapist(data.head(20), pre="pre", post="post")
    alike = al.change_by_therapist(data.assign(pre=20.0), pre="pre", post="post")
    means = (20 - data["post"]).groupby(data["therapist_id"], observed=True).mean()
    assert alike.messages[0] == "All first scores are alike, so change is not adjusted for them."
    assert alike.therapists["observed"].to_numpy() == pytest.approx(means - alike.mean)


def test_where_only_alpha_is_known_the_published_points_are_named_too():
    data = pd.DataFrame({"a": [20.0, 25.0, 15.0], "b": [12.0, 24.0, 16.0]})
    by_alpha = al.reliable_change(data, pre="a", post="b", measure="core-10").criterion
    assert "published 6 points" in by_alpha.source
    by_points = al.reliable_change(
        data, pre="a", post="b", measure="core-10", criterion="published"
    )
    assert by_points.criterion.points == 6
