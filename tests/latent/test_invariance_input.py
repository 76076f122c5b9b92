"""What measurement invariance takes, and what it refuses in one sentence."""

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al

from .tables import answered_on, of_two_groups


def test_a_rater_without_any_item_is_told_without_a_list_of_nothing():
    study = al.simulate_study(n_therapists=4, n_clients=20, seed=2)
    with pytest.raises(al.DesignError, match="in this study, nor of any other measure"):
        al.measurement_invariance(study, measure="wai-sr/bond", raters=("client", "nurse"))


def test_forms_are_tested_for_it_and_the_gap_knows():
    study = al.simulate_study(n_therapists=10, n_clients=120, seed=5)
    forms = al.check_parallel_forms(study, measure="wai-sr/bond", replicates=5)
    # 10 therapists rate several clients each: their own way of using the items is allowed for
    own = al.measurement_invariance(study, measure="wai-sr/bond", cluster="therapist_id")
    pd.testing.assert_frame_equal(forms.invariance.steps, own.steps)
    assert forms.glance()["holds"].tolist() == [own.holds]
    assert own.verdict()[-1] in forms.summary().replace("\n", " ")
    assert any("10 clusters" in message for message in forms.messages)
    fewer = al.simulate_study(n_therapists=9, n_clients=120, seed=5)
    forms = al.check_parallel_forms(fewer, measure="wai-sr/bond", replicates=5)
    own = al.measurement_invariance(fewer, measure="wai-sr/bond")
    pd.testing.assert_frame_equal(forms.invariance.steps, own.steps)
    assert any("9 therapists are fewer than the 10" in message for message in forms.messages)
    few = al.simulate_study(n_therapists=4, n_clients=14, seed=5)
    thin = al.check_parallel_forms(few, measure="wai-sr", replicates=5)
    assert thin.invariance is None
    assert any("could not be tested" in message for message in thin.messages)


def test_a_study_goes_in_directly_across_raters_sessions_and_sites():
    study = al.simulate_study(n_therapists=30, n_clients=200, seed=1)
    raters = al.measurement_invariance(study, measure="wai-sr/bond")
    assert raters.conditions == ("client", "therapist")
    assert "Session" in raters.messages[0]
    sessions = al.measurement_invariance(study, measure="wai-sr/bond", across="session")
    assert sessions.heading == "Measurement invariance: wai-sr/bond/client"
    assert sessions.messages[0].startswith("Answers of the client;")
    assert sessions.conditions[0] == "session 1"
    sites = al.measurement_invariance(study, measure="wai-sr/bond", across="site_id")
    assert len(sites.conditions) == 3
    assert sites.in_points["compared"].nunique() == 2


def test_answers_of_another_range_than_the_card_are_refused_and_single_ones_counted():
    study = al.simulate_study(n_therapists=10, n_clients=100, seed=1)
    ratings = study.tables["ratings"]
    therapist = ratings["rater"] == "therapist"
    doubled = ratings.assign(value=ratings["value"].where(~therapist, 2 * ratings["value"]))
    with pytest.raises(al.DesignError, match=r"\d+% of the therapists' answers .* another range"):
        al.measurement_invariance(study.with_tables(ratings=doubled), measure="wai-sr/bond")
    first = ratings[therapist & (ratings["item"] == 3)].index[:2]
    two = ratings.assign(value=ratings["value"].where(~ratings.index.isin(first), 99))
    found = al.measurement_invariance(study.with_tables(ratings=two), measure="wai-sr/bond")
    assert "2 answers of the therapists beyond the card's range left out." in found.messages


def small(answers, n=99):
    return answers.dyads(3, n=n)


def on_another_range(answers, rate=lambda v: (v * 7 / 5).round()):
    data = small(answers, 200)
    items = answers.ITEMS
    data[items] = data[items].round().clip(1, 5)
    therapist = data["rater"] == "therapist"
    data.loc[therapist, items] = rate(data.loc[therapist, items])
    return data


@pytest.mark.parametrize(
    ("data", "arguments", "said"),
    [
        (lambda a: small(a, 5), {}, "There are 5 rows with answers; 16 items need 32 or more"),
        (lambda a: small(a).query("rater == 'client'"), {}, "no answers of rater 'therapist'"),
        (
            lambda a: on_another_range(a, rate=lambda v: (v * 20).round()),
            {},
            "answers are on different ranges: client 1 to 5, therapist 20 to 100",
        ),
        (on_another_range, {}, "answers are on different ranges: client 1 to 5, therapist 1 to 7"),
        (lambda a: small(a), {"factors": {"bond": ["i5"]}}, "has 1 item"),
        (lambda a: small(a), {"factors": None}, "factors must be such as"),
        (
            lambda a: small(a),
            {"factors": {"all": ["i1", "i2", "i3", "i4"], "task": ["i1", "i2"]}},
            "All items of the factor 'task' are items of 'all', too: .*Bifactor",
        ),
        (lambda a: small(a), {"across": "site"}, "must have the column site"),
        (lambda a: small(a).assign(i3=2.0), {}, "i3 .*does not vary"),
        (lambda a: small(a), {"raters": ["client"]}, "two different raters"),
        (
            lambda a: a.groups(1).assign(clinic=["A"] * 355 + ["B"] * 5),
            {"across": "clinic"},
            "The group 'B' has 5 rows",
        ),
        (
            lambda a: small(a).assign(t=lambda d: d["client_id"] % 9),
            {"cluster": "t"},
            "'t' has 9 values, and errors that allow for clusters need 10 or more",
        ),
        (lambda a: small(a), {"cluster": "t"}, "must have the column t"),
        (lambda a: a.groups(1).assign(clinic="A"), {"across": "clinic"}, "has one value"),
        (lambda a: pd.concat([small(a), small(a).head(1)]), {}, "stand more than once|one row"),
    ],
)
def test_bad_input_is_one_sentence(answers, data, arguments, said):
    with pytest.raises(al.AllianceStatsError, match=said):
        al.measurement_invariance(data(answers), **{"factors": answers.FACTORS, **arguments})


def test_raters_whose_answers_end_differently_are_refused_or_told():
    factors = {"f": list("abcd")}
    with pytest.raises(al.DesignError, match="different ranges: client 1 to 5, therapist 1 to 7"):
        al.measurement_invariance(answered_on(7), factors=factors)
    # of clients so low 6 is not to be expected, whether or not they could have answered it
    said = al.measurement_invariance(answered_on(7, client=2.2), factors=factors).messages
    assert any("answers end at different values" in one for one in said)
    same = al.measurement_invariance(answered_on(5), factors=factors).messages
    assert not any("end at different" in one for one in same)


@pytest.mark.parametrize("asked", [{}, {"by": "client_id"}])
def test_rows_of_several_raters_are_refused_with_where_they_are_compared(asked):
    data = of_two_groups(0, 0, 0, n=80).assign(client_id=lambda d: d.index // 2)
    data = data.assign(rater=np.where(data.index % 2, "client", "therapist"))
    with pytest.raises(al.DesignError, match="of several raters; keep the rows of one, or"):
        al.fit_factor_model(data, {"f": ["i1", "i2", "i3"]}, **asked)
    with pytest.raises(al.DesignError, match="of several raters; keep the rows of one, or"):
        al.measurement_invariance(data, factors={"f": ["i1", "i2", "i3"]}, across="clinic")


def test_answers_of_true_and_false_are_refused_with_how_they_are_made_numbers():
    data = of_two_groups(0, 0, 0, n=80).assign(i2=lambda d: d["i2"] > 3)
    with pytest.raises(al.AllianceStatsError, match=r"data\['i2'\].astype\(float\)"):
        al.fit_factor_model(data, {"f": ["i1", "i2", "i3"]})


def test_too_few_people_for_a_chi_square_are_told_without_words_on_a_p_value():
    data = of_two_groups(0, 0, 0, 0, n=26)
    found = al.measurement_invariance(
        data, factors={"f": ["i1", "i2", "i3", "i4"]}, across="clinic"
    )
    assert "that it does not tell how the model fits; " in " ".join(found.messages)
