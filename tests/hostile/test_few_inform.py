"""Many people in the rows of a table, few behind one of its numbers."""

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al
from alliance_stats.core.disclosure import Disclosure
from alliance_stats.core.id_masking import Names
from alliance_stats.gap.description.rating_gap import REST_ON_SEVERAL
from alliance_stats.report.build import make_section
from alliance_stats.report.context import Context, Options
from alliance_stats.report.naming import shareable
from alliance_stats.report.sections import SECTIONS
from alliance_stats.report.sections.dropout import _as_exact_as_ends
from alliance_stats.workspace.shown import Terms

WITHIN = {"r_within", *REST_ON_SEVERAL}


def rated_once(several, n=40):
    """Return a study in which all but `several` clients were rated at one session by both."""
    rng, rows = np.random.default_rng(several), []
    for client in range(n):
        level = rng.normal(3.5, 0.6)
        for session in range(1, 4 if client < several else 2):
            rows += [
                {"client_id": f"c{client:02d}", "session": session, "measure": "wai-sr",
                 "scale": "total", "rater": rater, "score": level + shift + rng.normal(0, 0.3)}
                for rater, shift in (("client", 0.0), ("therapist", -0.3))
            ]  # fmt: skip
    clients = pd.DataFrame({"client_id": [f"c{client:02d}" for client in range(n)]})
    return al.Study("once", {"clients": clients, "scores": pd.DataFrame(rows)})


def tables(study, **options):
    """Return the tables of the sections on gap and alliance, by key."""
    context = Context(study, Options(replicates=5, **options))
    made = [make_section(one, context) for one in SECTIONS if one.key in ("gap", "alliance")]
    whole = context.disclosure.everything
    made = [shareable(section, Names([]), whole=whole) for section in made]
    return {b.key: b.frame for section in made for b in section.blocks if hasattr(b, "frame")}


@pytest.mark.parametrize(("several", "told"), [(5, False), (20, True)])
def test_what_moves_within_few_dyads_is_not_told_of_many(several, told):
    study = rated_once(several)
    shown = tables(study)
    assert {"mean_gap", "standardised_gap", "r_between", "icc"} <= set(shown["gap"]["term"])
    assert WITHIN.issubset(shown["gap"]["term"]) == told
    assert bool(WITHIN & set(shown["gap"]["term"])) == told
    spreads = shown["alliance-reliability"][["sd_between", "sd_within", "icc_client"]]
    assert spreads.notna().all(axis=None) == told
    assert spreads.notna().any(axis=None) == told


def test_a_page_tells_no_term_that_few_inform_and_the_owner_sees_all():
    study = rated_once(5)
    found = al.rating_gap(study, replicates=20)
    page = Terms(found).shared(Names([]))
    assert "mean_gap" in page
    assert not [term for term in WITHIN if f">{term}<" in page]
    assert WITHIN.issubset(tables(study, individual_courses=True)["gap"]["term"])
    rows = study.scores.query("rater == 'client'")
    fit = al.fit_multilevel("score ~ 1 + (1 | client_id)", rows)
    tidy = fit.tidy()
    assert dict(zip(tidy["effect"], fit.informed(tidy), strict=True))["random"] == 5
    assert "Intercept" in (page := Terms(fit).shared(Names([])))
    assert "sd" not in page


@pytest.mark.parametrize("several", [5, 20])
def test_parts_of_variance_are_about_those_with_several_sessions(several):
    rows = rated_once(several).scores
    rows = rows.assign(therapist_id=[f"t{int(one[1:]) % 8}" for one in rows["client_id"]])
    found = al.one_with_many(rows, replicates=10)
    assert (found.n_dyads, found.fewest) == (40, several)
    assert bool(Terms(found).shared(Names([]))) == (several >= 10)


def test_degrees_of_freedom_are_told_in_tens_and_to_the_owner_as_they_are():
    study = rated_once(20)
    exact = al.rating_gap(study, replicates=5).tidy().set_index("term")["df"].dropna()
    assert (exact % 10 != 0).any()
    told = tables(study)["gap"].set_index("term")[["df", "p_value"]].dropna()
    assert told["df"].tolist() == (exact / 10).round().mul(10).reindex(told.index).tolist()
    assert (told["p_value"] == told["p_value"].round(3)).all()
    own = tables(study, individual_courses=True)["gap"].set_index("term")["df"].dropna()
    assert own.tolist() == exact.tolist()


def ended(ongoing, completed):
    """Return how sixty therapies ended, 17 of them by dropout, all by session 6."""
    reasons = ["dropout"] * 17 + ["ongoing"] * ongoing + ["completed"] * completed
    frame = pd.DataFrame({"client_id": range(60), "last_session": 9, "reason": "completed"})
    frame.loc[: len(reasons) - 1, ["last_session", "reason"]] = [[6, one] for one in reasons]
    return frame


CURVE = pd.DataFrame({"time": [6], "incidence": 0.284, "conf_low": 0.177, "conf_high": 0.4,
                      "one_minus_km": 0.29})  # fmt: skip


@pytest.mark.parametrize(
    ("ongoing", "completed", "incidence", "km"),
    [(4, 20, 0.3, 0.3), (0, 20, 0.284, 0.29), (0, 3, 0.284, 0.3), (12, 12, 0.284, 0.29)],
)
def test_a_curve_gives_no_number_of_few_who_are_in_therapy(ongoing, completed, incidence, km):
    """0.284 of sixty beside 17 dropouts, 0.2833: somebody was censored before."""
    kept = _as_exact_as_ends(Disclosure(range(60)), CURVE, ended(ongoing, completed))
    assert kept["incidence"].tolist() == [incidence]
    assert kept["one_minus_km"].tolist() == [km]
    ends = [0.2, 0.4] if incidence == 0.3 else [0.177, 0.4]
    assert kept[["conf_low", "conf_high"]].to_numpy().tolist() == [ends]
