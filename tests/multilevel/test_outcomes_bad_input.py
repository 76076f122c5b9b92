"""What data and calls cannot carry is said in one sentence, with column and count."""

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al

from .outcomes import few, sessions

G = " + (1 | client_id)"


def fitted(formula: str, data: pd.DataFrame, **options: object) -> al.OutcomeFit:
    return al.fit_multilevel(formula + G, data, **options)


OUTCOMES = {
    "k is above 1 in 329 rows": ("k ~ x", {}, {"family": "binomial"}),
    "k is above its number of trials, 'n', in 1 row": (
        "k ~ x",
        {"n": lambda d: d.n.where(d.index != d.k.idxmax(), 1)},
        {"family": "binomial", "trials": "n"},
    ),
    "trials= names the column 'm'": ("k ~ x", {}, {"family": "binomial", "trials": "m"}),
    "whole numbers of 1 or more, and 'n' holds others in 548 rows": (
        "k ~ x",
        {"n": lambda d: d.n - 0.5},
        {"family": "binomial", "trials": "n"},
    ),
    "data[data['n'] > 0]), and 'n' is 0 in 6 rows": (
        "k ~ x",
        {"n": lambda d: d.n.where(d.index > 5, 0), "k": lambda d: d.k.where(d.index > 5, 0)},
        {"family": "binomial", "trials": "n"},
    ),
    "of shares, give the numbers they are shares of in trials=": (
        "k ~ x",
        {"k": lambda d: d.k / d.n},
        {"family": "binomial"},
    ),
    "is above 1,000,000,000 in 1 row": (
        "count ~ x",
        {"count": lambda d: d["count"].where(d.index > 0, 2e9)},
        {"family": "poisson"},
    ),
    "'count' is 1 in all 401 of 548 rows in which it is above zero": (
        "count ~ x",
        {"count": lambda d: d["count"].clip(upper=1)},
        {"family": "poisson", "zero": "hurdle"},
    ),
    "'x' is infinite or undefined in 1 row (index 0)": (
        "yes ~ x",
        {"x": lambda d: d.x.where(d.index > 0, np.inf)},
        {"family": "binomial"},
    ),
    "has neither an intercept nor a predictor": ("yes ~ 0", {}, {"family": "binomial"}),
    "'rating' has 548 different answers": (
        "rating ~ x",
        {"rating": lambda d: np.arange(len(d))},
        {"family": "ordinal"},
    ),
    "is as good as never or always": (
        "count ~ x",
        {},
        {"family": "poisson", "offset": [1e6] * 548},
    ),
    "is negative in 147 rows": ("y ~ x", {"y": lambda d: d["count"] - 1}, {"family": "poisson"}),
    "holds no whole numbers in 548 rows": (
        "y ~ x",
        {"y": lambda d: d["count"] + 0.5},
        {"family": "poisson"},
    ),
    "1 or more; 'n' is of type": (
        "k ~ x",
        {"n": lambda d: d.n.astype(str)},
        {"family": "binomial", "trials": "n"},
    ),
    "None of the 96 groups of 'client_id' with several answers has two that differ in 'y'": (
        "y ~ x",
        {"y": lambda d: d.client_id.rank(method="dense") % 2},
        {"family": "binomial"},
    ),
    "None of the 96 groups of 'client_id' with several answers has two that differ in 'k'": (
        "k ~ x",
        {"k": lambda d: d.n * (d.client_id.rank(method="dense") % 2)},
        {"family": "binomial", "trials": "n"},
    ),
    "None of the 96 groups of 'client_id' with several answers has two that differ in 'rating'": (
        "rating ~ x",
        {"rating": lambda d: d.client_id.rank(method="dense") % 3},
        {"family": "ordinal"},
    ),
    "'y' has the same value, 0, in all 548 rows": ("y ~ x", {"y": 0}, {"family": "poisson"}),
    "'y' has the same value, 1, in all 548 rows": ("y ~ x", {"y": 1}, {"family": "binomial"}),
    "Say which is the yes": (
        "yes ~ x",
        {"yes": lambda d: d.yes.map({0: "no", 1: "yes"})},
        {"family": "binomial"},
    ),
    "not known; make it an ordered category": (
        "rating ~ x",
        {"rating": lambda d: d.rating.astype(str)},
        {"family": "ordinal"},
    ),
    "Nobody in the 548 rows used gave the answer 5": (
        "rating ~ x",
        {"rating": lambda d: pd.Categorical(d.rating, categories=[1, 2, 3, 4, 5], ordered=True)},
        {"family": "ordinal"},
    ),
    "have no order": (
        "rating ~ x",
        {"rating": lambda d: d.rating.astype("category")},
        {"family": "ordinal"},
    ),
    "one category only, 2": ("rating ~ x", {"rating": 2}, {"family": "ordinal"}),
    "548 that are no whole numbers": (
        "rating ~ x",
        {"rating": lambda d: d.rating + 0.01},
        {"family": "ordinal"},
    ),
    "of zero is not: leave rows without exposure out) in 5 rows": (
        "count ~ x",
        {"minutes": lambda d: d.minutes.where(d.index > 4, 0)},
        {"family": "poisson", "offset": "log(minutes)"},
    ),
    "The offset is not finite (the log of an exposure of zero is not": (
        "count ~ x",
        {},
        {"family": "poisson", "offset": [-np.inf] * 548},
    ),
    "The offset 'minutes' reaches from": (
        "count ~ x",
        {},
        {"family": "poisson", "offset": "minutes"},
    ),
    "offset= names the column 'exposure'": (
        "count ~ x",
        {},
        {"family": "poisson", "offset": "exposure"},
    ),
    "one number a row: 548": ("count ~ x", {}, {"family": "poisson", "offset": [1.0, 2.0]}),
}


@pytest.mark.parametrize("said", OUTCOMES)
def test_an_outcome_that_is_none_of_its_family_is_named_and_counted(said):
    formula, changes, options = OUTCOMES[said]
    data = sessions().assign(**changes)
    with pytest.raises((al.ColumnError, al.DesignError)) as error:
        fitted(formula, data, **options)
    sentence = str(error.value)
    assert said.replace("k is", "is") in sentence
    assert "\n" not in sentence


@pytest.mark.parametrize("kind", ["words", "categories", "numbers as text"])
def test_the_remedy_for_words_can_be_run_and_keeps_what_is_missing(kind):
    data = sessions()
    yes = data["yes"].astype(float).where(data.index > 2)
    words = {"words": ["no", "yes"], "categories": ["no", "yes"], "numbers as text": ["0", "1"]}
    data["yes"] = yes.map(dict(enumerate(words[kind]))).astype(object)
    if kind == "categories":
        data["yes"] = data["yes"].astype("category")
    with pytest.raises(al.ColumnError, match="Say which is the yes") as error:
        fitted("yes ~ x", data, family="binomial")
    exec(str(error.value).partition("such as ")[2].rstrip("."), {"data": data})
    fit = fitted("yes ~ x", data, family="binomial")
    assert fit.rows_dropped == 3
    assert fit.fittedvalues.mean() == pytest.approx(yes.mean(), abs=0.01)


OBJECTS = {
    "yes": ("binomial", lambda d: (d.yes == 1).astype(object)),
    "k": ("binomial", lambda d: d.k.astype(object)),
    "count": ("poisson", lambda d: d["count"].astype(object)),
    "rating": ("ordinal", lambda d: d.rating.astype(object)),
}


@pytest.mark.parametrize("outcome", OBJECTS)
def test_columns_of_objects_are_what_they_hold(outcome):
    family, column = OBJECTS[outcome]
    data, trials = sessions(), {"trials": "n"} if outcome == "k" else {}
    objects = data.assign(**{outcome: column(data).where(data.index > 2, None)})
    fit = fitted(f"{outcome} ~ x", objects.assign(n=data.n.astype(object)), family=family, **trials)
    plain = fitted(f"{outcome} ~ x", data[data.index > 2], family=family, **trials)
    assert fit.rows_dropped == 3
    assert fit.llf == pytest.approx(plain.llf, abs=1e-9)


CALLS = {
    "family must be one of": {"family": "binom"},
    "has the link logit or probit or cloglog": {"family": "binomial", "link": "log"},
    "has a meaning only with counts": {"family": "binomial", "zero": "hurdle"},
    "has a meaning only with family='binomial'": {"family": "poisson", "trials": "n"},
    "name their family=": {"link": "logit"},
    "write random slopes into the formula": {"family": "binomial", "slopes": "all"},
    "df must be one of normal, between-within": {"family": "binomial", "df": "kenward-roger"},
    "nodes must be a whole number": {"family": "binomial", "nodes": 1},
    "method must be": {"family": "binomial", "method": "exact"},
}


@pytest.mark.parametrize("said", CALLS)
def test_a_call_without_meaning_is_refused(said):
    with pytest.raises(al.DesignError, match=said.replace("(", r"\(")):
        fitted("yes ~ x", sessions(), **CALLS[said])


GROUPS = {
    "takes slopes at the lowest level only": "yes ~ x + (1 | client_id) + (1 + x | therapist_id)",
    "need an intercept of their own": "yes ~ x + (0 + x | client_id) + (1 | therapist_id)",
    "one yes or no": "yes ~ x + (1 | row)",
    "two levels of groups": "yes ~ x + (1 | client_id) + (1 | therapist_id) + (1 | site)",
    r"Centre it: \(1 \+ center\(year\) \| client_id\)": "yes ~ x + (1 + year | client_id)",
    "up to 3 random effects": "yes ~ x + (1 + x + session + minutes | client_id)",
}


@pytest.mark.parametrize("said", GROUPS)
def test_groups_beyond_the_engine_are_refused(said):
    data = sessions()
    data["row"] = np.arange(len(data))
    data["site"] = data["therapist_id"].str[1:].astype(int) % 3
    data["year"] = 2020 + data["session"]
    with pytest.raises(al.DesignError, match=said):
        al.fit_multilevel(GROUPS[said], data, family="binomial")


SEPARATED = {
    "complete": ("yes", "binomial", lambda d: d.yes * 2.0 - 1.0),
    "quasi": ("yes", "binomial", lambda d: ((d.yes == 1) & (d.index % 7 == 0)) * 1.0),
    "zeros": ("count", "poisson", lambda d: ((d["count"] == 0) & (d.index % 3 == 0)) * 1.0),
    "answers": ("rating", "ordinal", lambda d: ((d.rating == 4) & (d.index % 3 == 0)) * 1.0),
}


@pytest.mark.parametrize("kind", SEPARATED)
def test_separation_is_told_with_the_column_before_any_number(kind):
    outcome, family, column = SEPARATED[kind]
    data = sessions()
    data["z"] = column(data)
    with pytest.raises(al.DesignError, match=r"^'z' tells .* without error .*\(separation\)"):
        fitted(f"{outcome} ~ x + z", data, family=family)


def test_a_category_in_which_all_say_yes_is_separation_too():
    data = sessions()
    data["yes"] = data["yes"].where(data["arm"] == "a", 1)
    with pytest.raises(al.DesignError, match=r"'arm\[T.b\]' tells yes and no apart"):
        fitted("yes ~ arm", data, family="binomial")


def test_counts_behind_a_hurdle_are_separated_by_their_ones():
    data = sessions()
    data["z"] = ((data["count"] < 2) & (data.index % 3 == 0)) * 1.0
    with pytest.raises(al.DesignError, match=r"'z' tells rows with nothing but ones"):
        fitted("count ~ x + z", data, family="poisson", zero="hurdle")
    data["z"] = ((data["count"] == 0) & (data.index % 3 == 0)) * 1.0
    with pytest.raises(al.DesignError, match=r"only the \d+ of 548 rows .* there 'z' cannot be"):
        fitted("count ~ x + z", data, family="poisson", zero="hurdle")


def test_an_answer_that_nobody_gave_is_told():
    data = sessions()
    data["rating"] = data["rating"].replace(2, 1)
    fit = fitted("rating ~ x", data, family="ordinal")
    assert any("Nobody gave the answer 2 of 'rating'" in message for message in fit.messages)
    tens = fitted("rating ~ x", data.assign(rating=10 * data["rating"]), family="ordinal")
    assert not any("Nobody" in message for message in tens.messages)


def test_groups_some_of_which_say_one_thing_only_are_no_matter():
    data = sessions()
    first = data["client_id"].unique()[:40]
    data["yes"] = data["yes"].where(~data["client_id"].isin(first), 1)
    assert fitted("yes ~ x", data, family="binomial").converged


def test_a_strong_predictor_is_no_separation():
    data = sessions()
    data["z"] = 30.0 * (data["yes"] - 0.5) + 10.0 * np.sin(np.arange(len(data)) * 7.0) * 2.0
    assert fitted("yes ~ z", data, family="binomial").params["z"] > 0


def test_rows_without_trials_or_exposure_are_left_out_and_counted():
    data = sessions()
    data["n"] = data["n"].where(data.index > 5)
    fit = fitted("k ~ x", data, family="binomial", trials="n")
    assert fit.rows_dropped == 6
    assert "6 of 548 rows (1.1 %) were left out because of missing values: n 6." in fit.messages


CALLED = {"yes": "binomial", "count": "negative_binomial", "rating": "ordinal"}


@pytest.mark.parametrize("outcome", CALLED)
def test_a_fit_as_if_it_were_a_measurement_names_the_call(outcome):
    fit = fitted(f"{outcome} ~ x", sessions())
    assert isinstance(fit, al.MultilevelFit)
    call = f'fit_multilevel("{outcome} ~ x{G}", data, family="{CALLED[outcome]}")'
    assert any(call in message for message in fit.messages)


def test_two_values_fitted_as_if_they_were_a_measurement_are_a_yes_or_no():
    data = sessions()
    fit = fitted("yes ~ x", data.assign(yes=2 - data["yes"]))
    told = [message for message in fit.messages if "as a yes or no does" in message]
    assert "the 2 values 1, 2" in told[0]
    assert 'family="binomial"' in told[0]


def test_an_offset_of_numbers_has_none_for_new_rows():
    rng = np.random.default_rng(2)
    data = pd.DataFrame({"client_id": np.repeat(np.arange(30), 4), "minutes": 50.0})
    data["n"] = rng.poisson(3 * np.exp(rng.normal(0, 0.8, 30))[data.index // 4])
    fit = al.fit_multilevel(
        "n ~ 1 + (1 | client_id)", data, family="poisson", offset=np.log(data["minutes"])
    )
    with pytest.raises(al.DesignError, match="given as numbers"):
        fit.predict(data)


def test_nodes_of_laplace_are_refused():
    with pytest.raises(al.DesignError, match="is one node at the mode; leave nodes= out"):
        fitted("yes ~ x", sessions(), family="binomial", method="laplace", nodes=9)


@pytest.mark.parametrize(
    ("outcome", "options", "wrong", "sentence"),
    [
        ("k", {"family": "binomial", "trials": "n"}, 99, "'k' is above its number of trials, 'n',"),
        ("yes", {"family": "binomial"}, 2, "'yes' must hold yes and no as 1 and 0"),
        ("count", {"family": "poisson"}, -1, "'count' must hold counts, and is negative"),
        ("rating", {"family": "ordinal"}, 5, "'rating' must hold categories, numbered from 1 to 4"),
    ],
)
def test_a_refit_takes_only_what_the_family_takes(outcome, options, wrong, sentence):
    fit = fitted(f"{outcome} ~ x", few(), df="between-within", **options)
    new = fit.augment()[outcome].astype(float)
    new.iloc[3] = wrong
    with pytest.raises(al.ColumnError, match=sentence):
        fit.refit(new)


@pytest.mark.parametrize("family", ["poisson", "gaussian"])
def test_series_go_to_their_rows_by_the_index(family):
    data = few()
    minutes = np.log(data["minutes"]) if family == "poisson" else data["minutes"]
    name = "offset" if family == "poisson" else "weights"
    how = {"family": family, "df": "between-within" if family == "poisson" else "satterthwaite"}
    expected = fitted("count ~ x", data, **how, **{name: minutes.to_numpy()})
    turned = fitted("count ~ x", data, **how, **{name: minutes.iloc[::-1]})
    np.testing.assert_allclose(turned.params, expected.params)
    with pytest.raises(al.DesignError, match=f"{name}= is a Series whose index is not that"):
        fitted("count ~ x", data, **how, **{name: minutes.set_axis(minutes.index + 10_000)})


def test_weights_as_a_series_go_to_their_rows_where_times_are_missing():
    data = few()
    data["when"] = data["session"].astype(float).where(np.arange(len(data)) > 3)
    how = {"residual": "ar1", "time": "when"}
    expected = fitted("count ~ x", data, **how, weights="minutes")
    turned = fitted("count ~ x", data, **how, weights=data["minutes"].iloc[::-1])
    np.testing.assert_allclose(turned.params, expected.params)


@pytest.mark.parametrize("words", ["censored repaired unrepaired", "a b c d e"])
def test_of_more_than_two_words_none_is_proposed_as_a_yes_or_a_no(words):
    data = sessions()
    names = np.array(words.split())
    data["yes"] = names[np.arange(len(data)) % len(names)]
    with pytest.raises(al.ColumnError, match=f"the {len(names)} values") as error:
        fitted("yes ~ x", data, family="binomial")
    assert not any(f"'{name}':" in str(error.value) for name in names)
    assert "which leaves the others missing" in str(error.value)


WITHOUT_GROUPS = {
    "formula.api.logit": ("yes", {"family": "binomial"}),
    "formula.api.probit": ("yes", {"family": "binomial", "link": "probit"}),
    "formula.api.glm with its family Binomial": ("k", {"family": "binomial", "trials": "n"}),
    "formula.api.poisson": ("count", {"family": "poisson"}),
    "OrderedModel": ("rating", {"family": "ordinal"}),
}


@pytest.mark.parametrize("said", WITHOUT_GROUPS)
def test_without_groups_the_model_of_this_outcome_is_named(said):
    outcome, options = WITHOUT_GROUPS[said]
    with pytest.raises(al.DesignError, match="random term") as error:
        al.fit_multilevel(f"{outcome} ~ x", sessions(), **options)
    assert said in str(error.value)


def test_successes_and_failures_are_given_by_trials():
    with pytest.raises(al.FormulaError, match="trials='n'"):
        fitted("cbind(k, n - k) ~ x", sessions(), family="binomial")


def test_ids_that_every_therapist_uses_anew_are_told():
    data = sessions()
    data["number"] = data.groupby("therapist_id")["client_id"].rank(method="dense").astype(int)
    formula = "yes ~ x + (1 | number) + (1 | therapist_id)"
    with pytest.raises(al.DesignError, match=r"write \(1 \| therapist_id/number\)"):
        al.fit_multilevel(formula, data, family="binomial")
    moved = data.assign(number=data["client_id"].where(data.index != 0, data["client_id"].iloc[-1]))
    with pytest.raises(al.DesignError, match="one therapist a client"):
        al.fit_multilevel(formula, moved, family="binomial")


def test_groups_that_cross_are_told_in_plain_words_and_of_therapists_where_there_are_any():
    data = sessions().assign(coder=lambda d: d.index % 2)
    formula = "yes ~ x + (1 | client_id/session) + (1 | coder)"
    with pytest.raises(al.DesignError, match=r"Leave one of them out\.$") as error:
        al.fit_multilevel(formula, pd.concat([data, data.assign(coder=2)]), family="binomial")
    assert "np.int64" not in str(error.value)


def test_what_trials_may_be_is_said():
    with pytest.raises(al.ColumnError, match=r"data\['n'\] = 5, trials='n'"):
        fitted("k ~ x", sessions(), family="binomial", trials="five")
