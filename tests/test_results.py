"""What holds for every result class of the package, and what one of each gives."""

import dataclasses
import importlib
import pkgutil
from functools import cache

import numpy as np
import pandas as pd
import pytest

import alliance_stats as al
from alliance_stats.results import TIDY_COLUMNS, Result


def subclasses(parent: type) -> set[type]:
    below = set(parent.__subclasses__())
    return below.union(*(subclasses(child) for child in below))


def result_classes() -> list[type]:
    for module in pkgutil.walk_packages(al.__path__, "alliance_stats."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    return sorted(subclasses(Result), key=lambda found: found.__name__)


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
    return al.simulate_study(n_therapists=12, n_clients=72, seed=3)


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


def effects() -> pd.DataFrame:
    return pd.DataFrame({"estimate": [0.2, 0.3, 0.1, 0.4], "n": [80, 120, 60, 40]})


def before_and_after() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    before = rng.normal(20, 6, 40)
    return pd.DataFrame({"pre": before, "post": before - rng.normal(4, 5, 40)})


def change_of_therapists() -> al.ChangeByTherapist:
    data = before_and_after().assign(therapist_id=[f"t{i % 10}" for i in range(40)])
    return al.change_by_therapist(data, pre="pre", post="post", direction="lower_is_better")


def test_the_predicted_effect_of_one_therapist_is_not_called_fixed():
    assert set(change_of_therapists().tidy()["effect"]) == {"ran_vals"}


RESULTS = {
    "Bootstrap": lambda: fit().bootstrap(5, seed=1),
    "ChangeByTherapist": change_of_therapists,
    "ClinicallySignificantChange": lambda: al.clinically_significant_change(
        before_and_after(), pre="pre", post="post", reliability=0.9, cutoff_value=15
    ),
    "Comparison": lambda: fit().compare(al.fit_multilevel("score ~ 1 + (1 | client_id)", nested())),
    "ContrastTest": lambda: fit().test(["session"]),
    "DropoutHazard": lambda: al.fit_dropout_hazard(
        "event ~ session + (1 | therapist_id)", al.person_period(study())
    ),
    "DropoutIncidence": lambda: al.dropout_incidence(study()),
    "Explained": lambda: fit().r_squared(),
    "Ladder": lambda: al.fit_ladder("score ~ session + (1 | client_id)", nested()),
    "MeanReliability": lambda: al.mean_reliability(nested(), "score"),
    "MultilevelFit": fit,
    "PooledEffects": lambda: al.pool_effects(effects(), metric="r"),
    "RatingGap": lambda: al.rating_gap(study(), measure="wai-sr", scale="total"),
    "Replication": lambda: al.compare_published(
        al.read_published_table("demo-trial"), {"Client, session 1": {"n": 268, "M": 3.85}}
    ),
    "ReportAgreement": lambda: al.compare_reports(study()),
    "RobustFit": lambda: fit().robust(),
    "RuleAdvice": lambda: al.recommend_rule(alliance(), rules=["drop_points"], replicates=2),
    "RuleAgreement": lambda: al.compare_rules(alliance(), ["drop_within_sd", "drop_points"]),
    "Ruptures": lambda: al.detect_ruptures(alliance(), rule="drop_within_sd"),
}


@pytest.mark.parametrize("name", RESULTS)
def test_one_of_each_speaks_the_common_language(name):
    result = RESULTS[name]()
    assert type(result).__name__ == name
    tidy, glance = result.tidy(), result.glance()
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
    assert "NaN" not in result.summary()
    assert "<table" in result._repr_html_()
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.messages = ("another",)
