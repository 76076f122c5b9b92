"""Coefficients in standard deviations of the level that they are about."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al

REFERENCE = Path(__file__).parents[1] / "reference" / "multilevel"
MODEL = "distress ~ alliance_within + alliance_between + (1 | client_id)"
VARIANCES = 1e-5
"""Relative: both stop the search for the variances at about so much."""
DEGREES = 0.03
"""Relative, of intervals: effectsize takes the rows less the parameters for degrees of freedom."""


@pytest.fixture(scope="module")
def sessions() -> pd.DataFrame:
    return pd.read_csv(REFERENCE / "data" / "unbalanced.csv.gz")


def test_two_levels_are_as_in_r(sessions):
    told = json.loads((REFERENCE / "standardised.json").read_text(encoding="utf-8"))
    found = al.fit_multilevel(MODEL, sessions).standardised().set_index("term")
    assert found.index.tolist() == told["term"]
    assert found["estimate"].tolist() == pytest.approx(told["estimate"], rel=VARIANCES)
    for end in ("conf_low", "conf_high"):
        half = np.abs(found[end] - found["estimate"])
        expected = np.abs(np.subtract(told[end], told["estimate"]))
        assert half.tolist() == pytest.approx(expected.tolist(), rel=DEGREES)


def test_groups_numbered_within_groups_are_those_numbered_once(sessions):
    fixed = "distress ~ alliance_within + alliance_between"
    within = al.fit_multilevel(f"{fixed} + (1 | therapist_id/client_id)", sessions)
    once = al.fit_multilevel(f"{fixed} + (1 | client_id) + (1 | therapist_id)", sessions)
    found, known = (fit.standardised()["estimate"].tolist() for fit in (within, once))
    assert found == pytest.approx(known, rel=1e-6)
    assert "In standard deviations" in within.text()


def test_each_predictor_is_counted_at_its_level(sessions):
    formula = (
        "distress ~ session + alliance_within + alliance_between + alliance_therapist"
        " + (1 | client_id) + (1 | therapist_id)"
    )
    found = al.fit_multilevel(formula, sessions).standardised().set_index("term")
    assert found["level"].to_dict() == {
        "session": "all rows",
        "alliance_within": "within",
        "alliance_between": "client_id",
        "alliance_therapist": "therapist_id",
    }
    therapists = sessions.groupby("therapist_id")["alliance_therapist"].first()
    assert found.loc["alliance_therapist", "sd_predictor"] == pytest.approx(therapists.std())
    outcome = found["sd_outcome"]
    # clients lie apart by what therapists and clients differ, rows by all of it
    assert outcome["alliance_therapist"] < outcome["alliance_between"] < outcome["session"]


def test_the_unit_of_a_predictor_does_not_matter(sessions):
    tenfold = sessions.assign(alliance_within=10 * sessions["alliance_within"] + 3)
    one, other = (al.fit_multilevel(MODEL, data).standardised() for data in (sessions, tenfold))
    assert other["estimate"].tolist() == pytest.approx(one["estimate"].tolist(), rel=1e-6)


def test_the_sentences_have_the_effects_in_standard_deviations(sessions):
    said = al.fit_multilevel(MODEL, sessions).text(labels={"alliance": "WAI"}).splitlines()
    assert "WAI (within clients) β = −0.18, 95% CI [−0.25, −0.11]" in said[-2]
    bare = al.fit_multilevel("distress ~ 1 + (1 | client_id)", sessions).text()
    assert "standard deviations" not in bare


def test_weighted_rows_are_refused_and_left_out_of_the_sentences(sessions):
    fit = al.fit_multilevel(MODEL, sessions, weights=np.linspace(1, 2, len(sessions)))
    with pytest.raises(al.DesignError, match="SDs of your own"):
        fit.standardised()
    assert "standard deviations" not in fit.text()
