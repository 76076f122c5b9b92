"""A search by mail: correlated slopes and outcomes that are no measurements, round by round."""

import json
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al
from alliance_stats import cli
from alliance_stats.core.disclosure import WithheldError

EXACT = 1e-7
"""Files of eight decimals; a last step from 3e-4 standard errors ends at the square of that."""
DF = 1e-5
SLOPES = "distress ~ session + alliance_within + (1 + session | client_id)"
LOOSE = {"most_told": 1, "reviewed": True, "digits": 9}
pytestmark = pytest.mark.filterwarnings("ignore::alliance_stats.errors.AllianceStatsWarning")


def outcomes(make_clinic, clients):
    """Return two clinics with outcomes of several kinds."""
    found = {}
    for seed, name in enumerate(("Bern", "Kiel"), start=1):
        data = make_clinic(seed, therapists=40, each=clients // 40, slope_sd=0.4, level=seed)
        rng = np.random.default_rng(seed)
        late = (data["distress"] > 14).astype(int)
        calls = rng.poisson(np.exp((data["distress"] - 14) / 10))
        grade = pd.cut(data["distress"], [-1, 10, 16, 50], labels=["low", "mid", "high"])
        found[name] = data.assign(late=late, calls=calls, grade=grade.astype(str))
    return found


@pytest.fixture(scope="module")
def clinics(make_clinic):
    return outcomes(make_clinic, 160)  # enough clients for the defaults


def search(formula, clinics, folder, *, clinic="fixed", reml=True, most=12, **options):
    """Answer and combine until the search ends; return the fit and the paths of each round."""
    at, rounds = None, []
    for number in range(1, most):
        paths = []
        for name, data in clinics.items():
            (folder / name).mkdir(exist_ok=True)
            paths.append(folder / name / f"{name}-{number}.json")
            al.clinic_file(formula, data, paths[-1], at=at, **options)
        rounds.append(paths)
        fit = al.combine_clinics(paths, clinic=clinic, reml=reml)
        if fit.converged:
            return fit, rounds
        assert "these are no estimates yet" in fit.messages[0]
        at = fit.next_round(folder / f"round-{number + 1}.yaml")
    raise AssertionError("the search had no end")


def pooled(clinics, formula, clinic, **how):
    rows = pd.concat([d.assign(clinic=name) for name, d in clinics.items()], ignore_index=True)
    order = ["low", "mid", "high"]
    rows["grade"] = pd.Categorical(rows["grade"], categories=order, ordered=True)
    more = {"shared": "", "fixed": " + clinic", "random": " + (1 | clinic)"}[clinic]
    return al.fit_multilevel(formula + more, rows, **how)


def assert_same(fit, reference):
    order = fit.params.index
    assert set(order) == set(reference.params.index)
    off = ((fit.params - reference.params[order]) / reference.bse[order]).abs()
    assert off.max() < EXACT
    np.testing.assert_allclose(fit.bse, reference.bse[order], rtol=1e-5)
    np.testing.assert_allclose(2 * fit.llf, 2 * reference.llf, rtol=0, atol=1e-6)
    np.testing.assert_allclose(fit.df, reference.df[order], rtol=DF)
    np.testing.assert_allclose(fit.varcomp["sdcor"], reference.varcomp["sdcor"], rtol=1e-6)


@pytest.mark.parametrize(
    ("formula", "clinic", "how", "loose"),
    {
        "correlated slopes": (SLOPES, "fixed", {}, False),
        "maximum likelihood, clinics not told apart": (SLOPES, "shared", {"reml": False}, False),
        "three levels, clinics a level": (
            SLOPES + " + (1 | therapist_id)",
            "random",
            {},
            True,
        ),
        "yes and no": ("late ~ session + (1 | client_id)", "fixed", {"family": "binomial"}, False),
        "counts": ("calls ~ session + (1 | client_id)", "shared", {"family": "poisson"}, False),
        "ordered answers": (
            "grade ~ session + (1 | client_id)",
            "fixed",
            {"family": "ordinal"},
            True,
        ),
    }.values(),
    ids=lambda value: value if isinstance(value, str) and "~" in value else None,
)
def test_a_search_by_mail_ends_at_the_pooled_fit(formula, clinic, how, loose, clinics, tmp_path):
    options = dict(how) | (LOOSE if loose else {})
    options |= {"categories": {"grade": ["low", "mid", "high"]}} if "grade" in formula else {}
    fit, rounds = search(formula, clinics, tmp_path, clinic=clinic, **options)
    assert_same(fit, pooled(clinics, formula, clinic, **how))
    assert len(rounds) <= 10
    assert fit.messages[0] == f"A search by mail of {len(rounds)} rounds found these estimates."
    assert fit.clinics["kind"].tolist() == ["round", "round"]
    assert "of several clinics" in fit.summary()
    with pytest.raises(al.DesignError, match="The search has ended"):
        fit.next_round(tmp_path / "more.yaml")
    with pytest.raises(al.DesignError, match=r"would need|near its maximum only"):
        fit.profile_ci()


def test_models_are_compared_by_their_likelihoods(clinics, tmp_path):
    fits, references = [], []
    for formula in (SLOPES, "distress ~ session + (1 + session | client_id)"):
        folder = tmp_path / str(len(fits))
        folder.mkdir()
        fits.append(search(formula, clinics, folder, reml=False)[0])
        references.append(pooled(clinics, formula, "fixed", reml=False))
    found, expected = fits[0].compare(fits[1]), references[0].compare(references[1])
    np.testing.assert_allclose(found.statistic, expected.statistic, rtol=1e-5)
    assert found.df == expected.df


def solved(make_clinic, attackers, clients, options):
    """Return what an attacker's guess of clients' means from all rounds has in common with them.

    And the share of one mean that the audit of the last round says could be told at most. What
    everybody knows, the numbers of sessions, is taken off.
    """
    data = make_clinic(8, therapists=10, each=clients // 10, slope_sd=0.4)
    folder = Path(tempfile.mkdtemp())
    fit, rounds = search(SLOPES, {"a": data}, folder, clinic="shared", **options)
    z = data.assign(n=1.0, s=data["session"], ss=data["session"] ** 2)
    z = z.groupby("client_id", sort=False)[["n", "s", "ss"]].sum().to_numpy()
    squares = np.stack([z[:, [0, 1]], z[:, [1, 2]]], axis=1)
    noise = 10.0 ** -fit.files[0].digits
    guess = attackers.means_by_rounds([r[0] for r in rounds], squares, noise)
    true = data.groupby("client_id", sort=False)["distress"].mean().to_numpy()
    known = np.column_stack([np.ones(len(z)), z[:, 0], z[:, 1] / z[:, 0], z[:, 0] ** 2])
    left = [v - known @ np.linalg.lstsq(known, v, rcond=None)[0] for v in (guess, true)]
    told = fit.files[0].tells["share of a person's mean that could be computed, at most"]
    return np.corrcoef(*left)[0, 1] ** 2, told["client_id"]


def test_all_rounds_of_a_search_are_audited_together(make_clinic, attackers):
    loose, said = solved(make_clinic, attackers, 50, LOOSE)
    default, allowed = solved(make_clinic, attackers, 160, {})
    assert default < allowed <= 0.2
    assert loose > default + 0.2
    assert said > 0.5  # and the audit had said so


def test_rounds_that_would_tell_too_much_are_refused(make_clinic, tmp_path):
    data = make_clinic(8, therapists=6, each=4, slope_sd=0.4)
    with pytest.raises(WithheldError, match="could compute 20 % or more of the mean of"):
        al.clinic_file(SLOPES, data, tmp_path / "a-1.json")
    words = al.clinic_file(SLOPES, data, None, **LOOSE).findings
    assert any("20 % or more of the mean" in word for word in words)
    rare = data.assign(late=(data["client_id"] == data["client_id"].iloc[0]).astype(int))
    with pytest.raises(WithheldError, match="An answer of 'late' is carried by 1 clients only"):
        al.clinic_file("late ~ session + (1 | client_id)", rare, None, family="binomial")


def test_a_point_that_aims_at_few_is_refused(clinics, tmp_path):
    data = clinics["Bern"]
    formula = "late ~ alliance_between + (1 | client_id)"
    middle = data["alliance_between"].median()
    text = f"formula: {formula}\nbetween clinics: fixed\nround: 2\nbefore: {{}}\nat:\n"
    text += f"  Intercept: {-400.0 * middle}\n  alliance_between: 400.0\n"
    text += '  "client_id: Intercept": 0.01\n'
    (tmp_path / "round.yaml").write_text(text)
    with pytest.raises(WithheldError, match=r"only \d+ of 160 clients would count"):
        al.clinic_file(formula, data, None, family="binomial", at=tmp_path / "round.yaml")


@pytest.fixture(scope="module")
def answered(clinics, tmp_path_factory):
    """Return a folder with the first round of a search and the point of the second."""
    folder = tmp_path_factory.mktemp("answered")
    paths = [folder / f"{name}-1.json" for name in clinics]
    for path, data in zip(paths, clinics.values(), strict=True):
        al.clinic_file(SLOPES, data, path, ledger=folder / path.stem)
    al.combine_clinics(paths, clinic="fixed").next_round(folder / "round-2.yaml")
    return folder


def test_a_file_says_which_round_it_is_and_rounds_do_not_mix(answered, clinics):
    held = json.loads((answered / "Bern-1.json").read_text())
    assert (held["kind"], held["round"]["number"], held["clinic"]) == ("round", 1, "Bern")
    assert "It answers round 1 of a search by mail" in held["what this file tells"]["in words"][-1]
    second = answered / "Kiel-2.json"
    al.clinic_file(
        SLOPES, clinics["Kiel"], second, at=answered / "round-2.yaml", ledger=answered / "Kiel-1"
    )
    with pytest.raises(al.DesignError, match=r"Bern-1.json' answers round 1 and .*Kiel-2.json' ro"):
        al.combine_clinics([answered / "Bern-1.json", second], clinic="fixed")
    with pytest.raises(al.DesignError, match="began with clinic='fixed'"):
        al.combine_clinics([second], clinic="shared")


@pytest.mark.parametrize(
    ("text", "why"),
    {
        "number: 2": "is no point of a round",
        "formula: y ~ x\nbetween clinics: fixed\nround: 2\nbefore: {}\nat: {}": "another model",
        f"formula: {SLOPES}\nbetween clinics: fixed\nround: 0\nbefore: {{}}\nat: {{}}": "are none",
        f"formula: {SLOPES}\nbetween clinics: fixed\nround: 2\nbefore: {{}}\nat: {{moon: 1.0}}": (
            "names 'moon', no parameter of"
        ),
    }.items(),
)
def test_a_point_that_is_none(text, why, clinics, tmp_path):
    (tmp_path / "round.yaml").write_text(text)
    with pytest.raises(al.DesignError, match=why):
        al.clinic_file(SLOPES, clinics["Bern"], None, at=tmp_path / "round.yaml")


@pytest.mark.parametrize(
    ("formula", "options", "why"),
    [
        ("grade ~ session + (1 | client_id)", {"family": "ordinal"}, "number the answers"),
        ("distress ~ 1 + (1 | client_id)", {"family": "binomial"}, "yes and no as 1 and 0"),
        ("late ~ 1 + (1 | client_id)", {"family": "normal"}, "family must be one of gaussian"),
        ("late ~ 1 + (0 + session | client_id)", {"family": "binomial"}, "beside an intercept"),
        ("distress ~ 1 + (1 + session | client_id)", {"kind": "curve"}, "takes rounds of mail"),
    ],
)
def test_what_no_search_can_be_about(formula, options, why, clinics):
    with pytest.raises(al.AllianceStatsError, match=why):
        al.clinic_file(formula, clinics["Bern"], None, **options)


def test_clinics_are_no_level_of_an_outcome_that_is_no_measurement(clinics, tmp_path):
    path = tmp_path / "a-1.json"
    formula = "late ~ session + (1 | client_id)"
    al.clinic_file(formula, clinics["Bern"], path, family="binomial", clinic="a")
    al.clinic_file(formula, clinics["Kiel"], tmp_path / "b-1.json", family="binomial",
                   ledger=tmp_path / "b")  # fmt: skip
    with pytest.raises(al.DesignError, match="no sum over clinics holds: use clinic='fixed'"):
        al.combine_clinics([path, tmp_path / "b-1.json"], clinic="random")


def test_two_clinics_search_at_the_command_line(clinics, tmp_path, monkeypatch, capsys):
    plan = f"formula: {SLOPES.replace('alliance_within', 'condition')}\n"
    plan += "scores: {distress: core-10/total/client}\n"
    plan += "categories: {condition: [standard, alliance-focused]}\n"
    study = al.simulate_study(n_therapists=40, n_clients=400, seed=1, coded_share=0)
    study.save(tmp_path / "study")
    (tmp_path / "plan.yaml").write_text(plan)
    monkeypatch.chdir(tmp_path)

    def run(*words):
        with pytest.raises(SystemExit) as end:
            cli.main([*words, "--debug"])
        assert not end.value.code
        return capsys.readouterr().out

    run("share", "plan.yaml", "study", "--out", "Bern-1.json", "--digits", "8", "--most-told", "1",
        "--reviewed")  # fmt: skip
    said = run("combine", "Bern-1.json", "--next", "round-2.yaml")
    assert "The point of round 2 is in round-2.yaml" in said
    said = run("share", "plan.yaml", "study", "--at", "round-2.yaml", "--digits", "8",
               "--most-told", "1", "--reviewed", "--out", "Bern-2.json")  # fmt: skip
    assert "round 2 of a search by mail" in said
