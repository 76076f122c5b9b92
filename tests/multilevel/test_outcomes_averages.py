"""Effects on the outcome's own scale: terms that jump, bend or end, and categories of numbers."""

from functools import cache

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al
from alliance_stats.multilevel.outcomes.pictures import curve_data

from .outcomes import few

COLUMNS = ["estimate", "std_error"]


@cache
def data() -> pd.DataFrame:
    return few().assign(
        b=lambda d: (d.arm == "b").astype(int),
        late=lambda d: (d.session > 2).astype(int),
        first=lambda d: (d.session == 1).astype(int),
        above=lambda d: (d.x > 0).astype(int),
        whole=lambda d: np.floor(d.x),
        near=lambda d: np.round(d.x),
        side=lambda d: np.sign(d.x - 0.2),
        over=lambda d: np.maximum(d.x, 0.0),
        root=lambda d: np.sqrt(np.maximum(d.x, 0.0)),
    )


@cache
def fit(formula: str) -> al.OutcomeFit:
    return al.fit_multilevel(
        f"yes ~ {formula} + (1 | client_id)", data(), family="binomial", df="between-within"
    )


def jump(x, limit=0.0):
    return np.where(x > limit, 1.0, 0.0)


@pytest.mark.parametrize(
    ("term", "column", "of"),
    [
        ("I(session > 2)", "late", "session"),
        ("I(session == 1)", "first", "session"),
        ("I(x > 0)", "above", "x"),
        ("floor(x)", "whole", "x"),
        ("round(x)", "near", "x"),
        ("sign(x - 0.2)", "side", "x"),
        ("sqrt(over)", "root", "over"),  # no slope at zero
        ("jump(x)", "above", "x"),  # a function of one's own, whose jump must be seen
        ("C(I(x > 0))", "above", "x"),
        ("I(arm == 'b')", "b", "arm"),
    ],
)
def test_a_term_that_jumps_has_the_effect_of_a_column_of_it(term, column, of):
    al.register_formula_function("jump", jump)
    here, column_of_it = fit(term).average_effects(of), fit(column).average_effects()
    assert here["term"].tolist() == [term + "[T.1.0]" * term.startswith("C(")]
    np.testing.assert_allclose(here[COLUMNS], column_of_it[COLUMNS], rtol=1e-6)


def test_a_jump_beside_a_slope_has_its_own_row():
    here = fit("session*x + I(session > 2)").average_effects().set_index("term")
    apart = fit("session*x + late").average_effects().set_index("term")
    assert list(here.index) == ["session", "I(session > 2)", "x"]
    np.testing.assert_allclose(
        here[COLUMNS], apart.loc[["session", "late", "x"], COLUMNS], rtol=1e-6
    )


def test_categories_of_numbers_have_differences_as_those_of_texts():
    text = data().assign(session=data()["session"].map("s{}".format))
    words = al.fit_multilevel(
        "yes ~ session + x + (1 | client_id)", text, family="binomial", df="between-within"
    ).average_effects()
    for call in ("C(session)", "factor(session)"):
        here = fit(f"{call} + x").average_effects()
        assert here["term"].tolist()[:2] == ["session[T.2]", "session[T.3]"]
        np.testing.assert_allclose(here[COLUMNS], words[COLUMNS], rtol=1e-7)


def test_categories_are_told_from_the_reference_that_was_chosen():
    (row,) = fit("relevel(arm, ref='b') + x").average_effects("arm").to_dict("records")
    assert row["term"] == "arm[T.a]"
    assert row["estimate"] == pytest.approx(
        -fit("arm + x").average_effects("arm")["estimate"].iloc[0], rel=1e-6
    )


def test_slopes_stand_at_bends_and_at_the_end_of_splines():
    expected = fit("x + session").average_effects("session")["estimate"].iloc[0]
    bent = fit("pmin(session, 99) + x").average_effects("session")["estimate"].iloc[0]
    assert bent == pytest.approx(expected, rel=1e-6)
    ends = [
        fit("bs(session, df=3) + x").average_effects("session")["estimate"].iloc[0],
        fit("poly(session, 3) + x").average_effects("session")["estimate"].iloc[0],
    ]  # one cubic, by other columns
    assert ends[0] == pytest.approx(ends[1], rel=1e-3)  # a side's slope at the ends
    new = data().assign(x=np.abs(data()["x"]) + 1e-9)  # closer to zero than the usual step
    new.loc[new.index[0], "x"] = 1e-5
    near = al.fit_multilevel(
        "yes ~ log(x) + (1 | client_id)", new, family="binomial", df="between-within"
    )
    eta = near.predict(kind="link", random_effects=False)
    sd = near.varcomp["sdcor"].iloc[0]
    u, w = np.polynomial.hermite_e.hermegauss(60)
    p = 1 / (1 + np.exp(-(eta.to_numpy()[:, None] + sd * u)))
    slope = ((p * (1 - p)) @ w / w.sum() * near.params["log(x)"] / new["x"]).mean()
    assert near.average_effects()["estimate"].iloc[0] == pytest.approx(slope, rel=1e-4)


def test_a_model_without_predictors_says_that_there_is_no_effect():
    with pytest.raises(al.DesignError, match="has no predictors, so there is no effect"):
        fit("1").average_effects()


def test_a_curve_goes_along_categories_of_numbers():
    model = fit("C(session) + x")
    curve = curve_data(model, "session")
    assert curve["value"].tolist() == sorted(data()["session"].unique())
    new = data().iloc[:1].assign(session=2, x=data()["x"].mean())
    typical = model.predict(new, random_effects=False).iloc[0]
    assert curve["typical"].iloc[1] == pytest.approx(typical)
    assert len(curve_data(model, "x")) > 10
