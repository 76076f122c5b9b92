"""What holds for every result class of the package, and what one of each gives."""

import dataclasses
import importlib
import pickle
import pkgutil
import re
import tempfile
import warnings
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import alliance_stats as al
from alliance_stats.core.display.sentences import has_words
from alliance_stats.core.results import TIDY_COLUMNS, Result


def subclasses(parent: type) -> set[type]:
    below = set(parent.__subclasses__())
    return below.union(*(subclasses(child) for child in below))


def result_classes() -> list[type]:
    for module in pkgutil.walk_packages(al.__path__, "alliance_stats."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    found = subclasses(Result)
    # what several results share is no result of its own: those that inherit it are asked
    shared = {
        kind for kind in found if kind.__subclasses__() and not dataclasses.is_dataclass(kind)
    }
    return sorted(found - shared, key=lambda kind: kind.__name__)


@pytest.mark.parametrize("kind", result_classes(), ids=lambda kind: kind.__name__)
def test_every_result_is_a_frozen_value_with_the_verbs(kind):
    assert dataclasses.is_dataclass(kind)
    assert kind.__dataclass_params__.frozen
    for verb in ("tidy", "glance"):
        assert getattr(kind, verb) is not getattr(Result, verb), f"{kind.__name__}.{verb}"
        assert getattr(kind, verb).__doc__
    assert not kind.__doc__.startswith(kind.__name__ + "(")  # which a dataclass writes itself


@cache
def study() -> al.Study:
    return al.simulate_study(n_therapists=12, n_clients=72, coded_share=0.5, seed=3)


@cache
def alliance() -> pd.DataFrame:
    return study().scores.query("measure == 'wai-sr' and rater == 'client' and scale == 'total'")


@cache
def nested() -> pd.DataFrame:
    clients = study().tables["clients"][["client_id", "therapist_id"]]
    return al.decompose(alliance().merge(clients, on="client_id"), ["session"])


@cache
def fit() -> al.MultilevelFit:
    return al.fit_multilevel("score ~ session + (1 | client_id)", nested())


@cache
def split() -> pd.DataFrame:
    return al.decompose(nested().assign(next_score=nested()["score"].shift(-1)), ["score"])


@cache
def effects() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "estimate": [0.1, 0.3, 0.35, 0.6, 0.05],
            "se": [0.1, 0.12, 0.15, 0.25, 0.2],
            "year": [1990.0, 1995.0, 2001.0, 2004.0, 2010.0],
        }
    )


@cache
def pool() -> al.PooledEffects:
    return al.pool_effects(effects(), metric="smd")


@cache
def before_and_after() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    before = rng.normal(20, 6, 40)
    return pd.DataFrame({"pre": before, "post": before - rng.normal(4, 5, 40)})


@cache
def trial() -> pd.DataFrame:
    arms = ["cbt", "wait"] * 20
    return before_and_after().assign(client_id=range(40), condition=arms)


@cache
def sessions() -> pd.DataFrame:
    rng = np.random.default_rng(5)
    client = np.repeat(np.arange(40), 6)
    data = pd.DataFrame({"client_id": client, "session": np.tile(np.arange(6.0), 40)})
    return data.assign(score=rng.normal(0, 2, 40)[client] + rng.normal(0, 2, 240))


def design_file() -> Path:
    path = Path(tempfile.mkdtemp()) / "design.yaml"
    path.write_text(
        "n_therapists: 8\nclients_per_therapist: 3\nsessions: 4\nicc_client: .4\n"
        "icc_therapist: .05\neffect: 1\nof: within\n"
        "model: score ~ alliance_within + (1 | client_id) + (1 | therapist_id)\n"
    )
    return path


@cache
def mail(**options) -> Path:
    path = Path(tempfile.mkdtemp()) / "clinic.json"
    data = sessions().assign(high=lambda d: (d["score"] > d["score"].median()).astype(int))
    outcome = "high" if options else "score"
    al.clinic_file(f"{outcome} ~ session + (1 | client_id)", data, path, **options)
    return path


def combined_outcome() -> al.CombinedOutcome:
    with warnings.catch_warnings():  # one round is no search
        warnings.simplefilter("ignore", al.ConvergenceWarning)
        return al.combine_clinics([mail(family="binomial", most_told=1, digits=8, reviewed=True)])


def change_of_therapists() -> al.ChangeByTherapist:
    data = before_and_after().assign(therapist_id=[f"t{i % 10}" for i in range(40)])
    return al.change_by_therapist(data, pre="pre", post="post", direction="lower_is_better")


def test_the_predicted_effect_of_one_therapist_is_not_called_fixed():
    assert set(change_of_therapists().tidy()["effect"]) == {"ran_vals"}


@cache
def at_risk() -> pd.DataFrame:
    return al.person_period(study())


@cache
def gap() -> al.RatingGap:
    return al.rating_gap(study(), measure="wai-sr", scale="total", replicates=2)


@cache
def dyads() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    data = pd.DataFrame(rng.normal(4, 1, (60, 4)), columns=["c", "t", "c_out", "t_out"])
    return data.assign(outcome=rng.normal(0, 1, 60) - (data["t"] - data["c"]) ** 2)


@cache
def panel() -> pd.DataFrame:
    rng = np.random.default_rng(2)
    waves = pd.MultiIndex.from_product([range(60), range(1, 5)], names=["client_id", "session"])
    data = pd.DataFrame(rng.normal(0, 1, (240, 2)), index=waves, columns=["x", "y"]).reset_index()
    level = rng.normal(0, 1, (60, 2))[data["client_id"]]
    return data.assign(x=data["x"] + level[:, 0], y=data["y"] + level[:, 1])


@cache
def items() -> pd.DataFrame:
    rng = np.random.default_rng(4)
    bond = rng.normal(size=(90, 1))
    data = pd.DataFrame(bond + rng.normal(0, 1, (90, 3)), columns=["a", "b", "c"])
    return data.assign(group=["A", "B"] * 45)


@cache
def surface() -> al.ResponseSurface:
    return al.fit_response_surface(dyads(), x="c", y="t", outcome="outcome")


FRAMES = (
    alliance,
    nested,
    split,
    effects,
    before_and_after,
    at_risk,
    dyads,
    panel,
    items,
    trial,
    sessions,
)
SCORED = {"alliance": "wai-sr", "outcome": "core-10"}

RESULTS = {
    "ActorPartner": lambda: al.fit_actor_partner(
        dyads(), predictors=("c", "t"), outcomes=("c_out", "t_out"), by=None
    ),
    "AllianceAndDropout": lambda: al.fit_alliance_and_dropout(study()),
    "ArmComparison": lambda: al.compare_arms(trial(), outcome="post", baseline="pre"),
    "AsymmetricChange": lambda: al.fit_asymmetric_change(study(), **SCORED),
    "Bootstrap": lambda: fit().bootstrap(5, seed=1),
    "ChangeByTherapist": change_of_therapists,
    "ClinicFile": lambda: al.clinic_file("score ~ session + (1 | client_id)", sessions(), None),
    "ClinicallySignificantChange": lambda: al.clinically_significant_change(
        before_and_after(), pre="pre", post="post", reliability=0.9, cutoff_value=15
    ),
    "CoderReliability": lambda: al.coder_reliability(study()),
    "CombinedFit": lambda: al.combine_clinics([mail()]),
    "CombinedOutcome": lambda: combined_outcome(),
    "Comparison": lambda: fit().compare(al.fit_multilevel("score ~ 1 + (1 | client_id)", nested())),
    "CompetingHazards": lambda: al.fit_competing_hazards("event ~ session", at_risk()),
    "Congruence": lambda: surface().congruence(),
    "ContrastTest": lambda: fit().test(["session"]),
    "CorrectedBetween": lambda: al.correct_between(
        al.fit_multilevel("next_score ~ score_within + score_between + (1 | client_id)", split()),
        "score",
        0.8,
    ),
    "CrossLagged": lambda: al.fit_cross_lagged(panel(), x="x", y="y"),
    "DropoutCox": lambda: al.fit_dropout_cox("event ~ alliance_within", at_risk()),
    "DropoutDefinitions": lambda: al.compare_dropout_definitions(
        study(), definitions=["recorded", "premature"]
    ),
    "DropoutHazard": lambda: al.fit_dropout_hazard("event ~ session", at_risk()),
    "DropoutIncidence": lambda: al.dropout_incidence(study()),
    "DropoutPrediction": lambda: al.predict_dropout(
        study(), models=["one_predictor"], folds=2, inner_folds=2, replicates=20, seed=1
    ),
    "DropoutSampleSize": lambda: al.dropout_sample_size(parameters=24, prevalence=0.174, r2=0.288),
    "DropoutSensitivity": lambda: al.dropout_sensitivity(
        study(), measure="core-10", deltas=[0, 5], imputations=3
    ),
    "EventStudy": lambda: al.fit_event_study(study(), seed=1, **SCORED),
    "Explained": lambda: fit().r_squared(),
    "FactorModel": lambda: al.fit_factor_model(items(), {"bond": ["a", "b", "c"]}),
    "GapFeedback": lambda: al.gap_feedback(
        study(), therapist="T01", measure="wai-sr", scale="total"
    ),
    "Ladder": lambda: al.fit_ladder("score ~ session + (1 | client_id)", nested()),
    "LeadLag": lambda: al.who_leads(study(), measure="wai-sr", scale="total"),
    "ModelCheck": lambda: al.check_model(fit()),
    "MeasurementInvariance": lambda: al.measurement_invariance(
        items(), factors={"bond": ["a", "b", "c"]}, across="group"
    ),
    "MeanReliability": lambda: al.mean_reliability(nested(), "score"),
    "MetaRegression": lambda: al.fit_meta_regression("year", effects(), metric="smd"),
    "MultilevelFit": fit,
    "Multiverse": lambda: al.rupture_multiverse(
        study(),
        grid={"rule": ["drop_within_sd"], "k": [1, 2], "levels": [2]},
        permutations=19,
        n_jobs=1,
        **SCORED,
    ),
    "OneWithMany": lambda: al.one_with_many(
        study(), measure="wai-sr", scale="total", replicates=50
    ),
    "OutcomeFit": lambda: al.fit_multilevel(
        "coded ~ session + (1 | client_id)",
        nested().assign(coded=(nested()["score"] > 4.5).astype(int)),
        family="binomial",
    ),
    "OutcomeGap": lambda: al.outcome_gap(study(), replicates=20),
    "ParallelForms": lambda: al.check_parallel_forms(study(), measure="wai-sr", replicates=20),
    "PooledEffects": pool,
    "PrinciplesAndRepair": lambda: al.fit_principles_repair(study(), alliance="wai-sr", k=1.0),
    "RatingGap": gap,
    "Readings": lambda: al.fit_cross_lagged(panel(), x="x", y="y").readings(),
    "Replication": lambda: al.compare_published(
        al.read_published_table("demo-trial"), {"Client, session 1": {"n": 268, "M": 3.85}}
    ),
    "ReportAgreement": lambda: al.compare_reports(study()),
    "ResponseSurface": surface,
    "RobustFit": lambda: fit().robust(),
    "RuleAdvice": lambda: al.recommend_rule(alliance(), rules=["drop_points"], replicates=2),
    "RuleAgreement": lambda: al.compare_rules(alliance(), ["drop_within_sd", "drop_points"]),
    "RuptureCount": lambda: al.fit_rupture_count(study(), alliance="wai-sr", predictors="site_id"),
    "RuptureOutcome": lambda: al.fit_rupture_outcome(study(), landmark=6, **SCORED),
    "RuptureRepair": lambda: al.fit_rupture_repair(
        study(), levels=2, slopes="none", reverse=False, probabilities=False, **SCORED
    ),
    "Ruptures": lambda: al.detect_ruptures(alliance(), rule="drop_within_sd"),
    "SelectionModel": lambda: al.selection_model(pool()),
    "PlanCheck": lambda: al.check_plan(design_file(), fit()),
    "StudyDesign": lambda: al.StudyDesign(8, 3, 4, icc_client=0.4, icc_therapist=0.05),
    "StudyPower": lambda: RESULTS["StudyDesign"]().power(0.8),
    "StudyPrecision": lambda: RESULTS["StudyDesign"]().precision(),
    "SurfaceBootstrap": lambda: surface().bootstrap(20, seed=1),
    "SyntheticCheck": lambda: al.check_synthetic(study(), study()),
    "TrimAndFill": lambda: al.trim_and_fill(pool()),
    "TruthAndBias": lambda: al.fit_truth_and_bias(
        gap().pairs, truth="client", judgment="therapist", slopes="none"
    ),
}
"""One example of every result class, as small as it may be."""


TABLES = {
    "varcomp": lambda: fit().varcomp,
    "random_effects": lambda: fit().random_effects["client_id"],
    "random_effects_sd": lambda: fit().random_effects_sd["client_id"],
    "mean_course": lambda: al.mean_course(study(), measure="wai-sr"),
    "effect_sizes": lambda: RESULTS["ArmComparison"]().effect_sizes,
    "equivalence": lambda: RESULTS["ArmComparison"]().equivalence(-2, 2),
    "non_inferiority": lambda: RESULTS["ArmComparison"]().non_inferiority(2),
    "ladder": lambda: surface().ladder(),
    "regions": lambda: surface().regions(),
    "standardised": lambda: RESULTS["CrossLagged"]().standardised(),
    "correlations": lambda: RESULTS["CrossLagged"]().correlations(),
    "gap_by_therapist": lambda: al.gap_by_therapist(gap()),
    "differences": lambda: al.dropout_incidence(study(), by="condition").differences(),
    "reliable_change": lambda: al.reliable_change(study(), measure="core-10"),
    "expected_by_chance": lambda: al.expected_by_chance(
        alliance(), rule="drop_within_sd", replicates=5, seed=1
    ),
    "repair_times": lambda: RESULTS["Ruptures"]().repair_times(),
}
"""Tables that stand beside results."""


def inputs() -> dict[str, pd.DataFrame]:
    """Return every table that the examples are given."""
    tables = {f"study.{name}": frame for name, frame in study().tables.items()}
    return tables | {frame.__name__: frame() for frame in FRAMES}


def same(one: pd.DataFrame, other: pd.DataFrame) -> bool:
    """Return at once what pandas' own test of equality takes twenty times as long to say."""
    pairs = zip(one.axes, other.axes, strict=True)
    return one.equals(other) and all(mine.identical(theirs) for mine, theirs in pairs)


@pytest.mark.parametrize("kind", result_classes(), ids=lambda kind: kind.__name__)
def test_every_result_says_what_was_done(kind):
    assert has_words(kind.__name__), f"core/display/methods.yaml lacks {kind.__name__}"


def assert_p_follows(df: float, t: float, p: str) -> None:
    """What is printed is rounded: some t and df that round so give the p that is printed."""
    given = np.array([[abs(t) + 0.005], [max(abs(t) - 0.005, 0)]])
    low, high = np.sort((2 * stats.t.sf(given, [df - 0.05, df + 0.05])).ravel())[[0, -1]]
    told = float(p[2:])
    if p[0] == "=":
        assert low - 0.0005 <= told <= high + 0.0005
    else:
        assert low < told if p[0] == "<" else high > told


def number_of(printed: str) -> float:
    return float(printed.replace(",", "").replace("−", "-"))


def assert_text_follows(text: str, tidy: pd.DataFrame) -> None:
    """Numbers are read back out of the sentences: estimates are those of the table, p follows."""
    for df, t, p in re.findall(r"t\(([\d.,]+)\) = (−?[\d.]+), p ([=<>] \.\d+)", text):
        assert_p_follows(number_of(df), number_of(t), p)
    for z, p in re.findall(r"\bz = (−?[\d.]+), p ([=<>] \.\d+)", text):
        assert_p_follows(np.inf, number_of(z), p)
    for df, statistic, p in re.findall(r"χ²\((\d+)\) = ([\d.]+), p ([=<>] \.\d+)", text):
        value = stats.chi2.sf(float(statistic), int(df))
        assert value < 0.001 if p[0] == "<" else abs(value - float(p[2:])) < 0.001
    estimates = tidy["estimate"].dropna().to_numpy(dtype=float)
    for printed in re.findall(r"\b(?:b|estimate) = (−?[\d,]*(?:\.\d+)?)(?=[,.]? )", text):
        digits = len(printed.partition(".")[2])
        step = 0.51 * 10.0**-digits
        assert np.abs(estimates - number_of(printed)).min() <= step, printed


def test_every_result_class_has_its_example():
    assert {kind.__name__ for kind in result_classes()} == set(RESULTS)


@pytest.mark.filterwarnings("ignore::alliance_stats.errors.AllianceStatsWarning")
@pytest.mark.parametrize("name", RESULTS)
def test_one_of_each_speaks_the_common_language(name):
    given = {table: frame.copy() for table, frame in inputs().items()}
    result = RESULTS[name]()
    assert type(result).__name__ == name
    for table, frame in inputs().items():  # nothing that was given is changed
        if not same(frame, given[table]):
            pd.testing.assert_frame_equal(frame, given[table])
    tidy, glance = result.tidy(), result.glance()
    elsewhere = pickle.loads(pickle.dumps(result))  # as processes and joblib hand it over
    pd.testing.assert_frame_equal(elsewhere.tidy(), tidy)
    assert list(tidy.columns)[: len(TIDY_COLUMNS)] == list(TIDY_COLUMNS)
    assert len(tidy) >= 1
    assert set(tidy["effect"]) <= {"fixed", "random", "ran_vals"}
    random = tidy[tidy["effect"] == "random"]
    assert set(random["term"].str.split(" ").str[0]) <= {"sd", "cor", "cov", "phi"}
    assert (random["group"] != "").all()
    assert len(glance) == 1
    assert isinstance(result.messages, tuple)
    assert all(isinstance(message, str) and message for message in result.messages)
    assert result.summary() == str(result)
    assert not re.search(r"\bnan\b|NaN", result.summary())
    # a last line in a console is no quoted string, and no dump of fields
    assert repr(result.summary()) == repr(result) == str(result)
    for page in (result._repr_html_(), result.summary()._repr_html_()):
        assert "<table" in page
        assert not re.search(r">\s*(nan|NaN|None|&lt;NA&gt;)\s*<", page)
    assert r"\toprule" in result.to_latex()
    assert result.methods().startswith(result.text().splitlines()[-1])
    assert_text_follows(result.text(), tidy)
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.messages = ("another",)


@pytest.mark.filterwarnings("ignore::alliance_stats.errors.AllianceStatsWarning")
@pytest.mark.parametrize("name", TABLES)
def test_a_table_beside_a_result_shows_itself_as_results_do(name):
    table = TABLES[name]()
    text, page = repr(table), table._repr_html_()
    assert text == str(table)
    title = text.partition("\n")[0]
    assert f"<strong>{title.replace(chr(39), '&#x27;')}</strong>" in page
    assert not re.search(r"\bnan\b|NaN|client_id  ", text)
    assert "dataframe" not in page  # the class of pandas' own
    assert isinstance(table, pd.DataFrame)


def test_a_verdict_that_is_the_same_in_every_row_is_said_beneath():
    comparison = RESULTS["ArmComparison"]()
    wide, narrow = (repr(comparison.equivalence(-size, size)) for size in (50, 0.1))
    assert "is equivalent." in wide
    assert "is not shown to be equivalent." in narrow


def test_departures_from_a_plan_are_said_as_planned_and_done():
    said = RESULTS["PlanCheck"]().text()
    assert "\nClients: planned 24, done 72.\n" in said
    assert "estimate =" not in said


def test_rules_are_said_in_words_beside_the_name_to_type():
    advice, pair = RESULTS["RuleAdvice"](), RESULTS["RuleAgreement"]()
    (row,) = [line for line in str(advice).splitlines() if line.endswith("drop_points")]
    assert row.startswith("fall in points")
    assert "Fall in points: Sensitivity" in advice.text()
    assert "Fall, own SD; with fall in points" in str(pair)
    assert "of 72 clients" in str(advice)
