"""What a run can say of its methods, and what it has to ask: each item built from what ran."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .checks import rows
from .models import BOOSTING, LEARNING_RATE, LEAST_IN_LEAF, PENALTIES

if TYPE_CHECKING:
    from .result import DropoutPrediction

Said = tuple[str, str]  # what the run says, what it asks


def methods(r: DropoutPrediction) -> dict[str, Said]:
    """Return answer and question of every item of the methods the run knows something of."""
    return {
        "4": (_objective(r), ""),
        "5b": (r.cohort.get("5b", ""), ""),
        "6a": (r.cohort.get("6a", ""), "Which clinics are they, and where?"),
        "6c": (r.cohort.get("6c", ""), ""),
        "7": (
            _leaks(r),
            "Which checks of quality were made, and were they the same in all groups?",
        ),
        "8a": _outcome(r),
        "9b": _predictors(r),
        "10": (_size(r), "Was the size planned, and how?"),
        "11": (_missing_data(r), ""),
        "12a": (_partition(r), ""),
        "12b": (_forms(r), ""),
        "12c": (_models(r), ""),
        "12d": _clusters(r),
        "12e": (_measures(r), ""),
        "12f": (_recalibration(r), ""),
        "12g": (_evaluation(r), ""),
        "13": (_imbalance(r), ""),
        "14": _fairness(r),
        "15": (_output(r), "Why these risks, and which of them would be acted upon?"),
        "16": (_alike(r), ""),
        "18f": (_software(r), "Where can the code of this analysis be had?"),
    }


def unit(r: DropoutPrediction) -> str:
    """Return what is never split, in the plural."""
    return {"therapist_id": "therapists", "site_id": "sites"}[r.settings["groups"]]


def fitted_models(r: DropoutPrediction) -> tuple[str, ...]:
    """Return the models that have predictors."""
    return tuple(name for name in r.models if name != "base_rate")


def at(r: DropoutPrediction) -> str:
    """Return the landmark in words."""
    session = r.settings["landmark"]
    return "at intake" if session == 0 else f"at session {session}"


def _split(r: DropoutPrediction) -> str:
    both = r.leaks[r.leaks["kind"] == "therapists_on_both_sides"]
    return " ".join(why for why in both["why"] if "several folds" in why)


def _objective(r: DropoutPrediction) -> str:
    words = f"Development with internal evaluation in unseen {unit(r)}; no external evaluation."
    if r.settings["unseen_therapists"]:
        return words
    return f"{words} Therapists are not unseen: {_split(r)}"


def _leaks(r: DropoutPrediction) -> str:
    base = "Clients set aside are counted under 20a."
    if r.leaks.empty:
        return f"{base} A search for leaks before fitting found none."
    each = [
        f"{row.feature or row.kind} ({row.kind.replace('_', ' ')}; {row.action})"
        for row in rows(r.leaks)
    ]
    return f"{base} A search for leaks before fitting found: {', '.join(each)}."


def _outcome(r: DropoutPrediction) -> Said:
    horizon = r.settings["horizon"]
    span = (
        f"within {horizon} session{'' if horizon == 1 else 's'} from the landmark on" if horizon
        else "at any later time"
    )  # fmt: skip
    named = r.settings["definition"]
    definition = f"Definition, as the data name it: {named}." if named else ""
    asks = "How and when was each ending recorded, and why this horizon?"
    if not named:
        asks = "By which definition is a therapy called dropout? " + asks
    return (
        f"Dropout {span}, predicted {at(r)} for clients still in therapy after it. {definition} "
        "Every other end of therapy counts as no dropout; clients whose outcome was not known when "
        "the data end, and those whose therapy ended otherwise at the landmark, were set aside "
        "(20a).".replace("  ", " "), asks,
    )  # fmt: skip


def _predictors(r: DropoutPrediction) -> Said:
    undated = r.settings["undated"]
    kept = r.leaks[r.leaks["action"] == "kept, as asked"]
    leaks = [name for name in kept["feature"] if name in r.features]
    dated = [name for name in r.features if name not in undated and name not in leaks]
    words = f"{len(r.features)} features."
    if dated:
        words += f" Dated by session or occasion and known {at(r)}: {', '.join(dated)}."
    if undated:
        words += (
            f" From the tables of clients and therapists, without a date: {', '.join(undated)}."
        )
    if leaks:
        words += (
            f" Found to be leaks and kept, as asked: {', '.join(leaks)}; the performance is not "
            "that of a prediction."
        )
    asks = "How was each measured?"
    suspect = r.leaks.loc[r.leaks["kind"] == "suspect", "feature"]
    if undated:
        asks += f" When was each of those without a date known ({', '.join(undated)})?"
    if len(suspect):
        asks += f" Suspect of having been known later: {', '.join(suspect)}; were they?"
    return words, asks


def _size(r: DropoutPrediction) -> str:
    need, n = r.sample_size, len(r.predictions)
    each = ", ".join(
        f"{row.criterion} {row.n} ({'met' if n >= row.n else 'not met'})"
        for row in rows(need.table)
    )
    return (
        f"Riley et al.'s criteria for {need.parameters} parameter"
        f"{'' if need.parameters == 1 else 's'}, computed for {n} clients: {each}. The prevalence "
        f"({need.prevalence:.2f}) is that of these same clients, and Cox-Snell R squared "
        f"({need.r2_cox_snell:.3f}) is set to 15 % of the most this prevalence allows; neither was "
        "anticipated before the data were seen. The criteria take clients as independent."
    )


def missing(r: DropoutPrediction) -> str:
    """Return the share of missing values of each feature that has some."""
    some = r.missing[r.missing["n_missing"] > 0]
    if some.empty:
        return "No predictor has missing values."
    parts = [f"{row.feature} {row.share:.1%}" for row in rows(some)]
    return f"Missing values: {', '.join(parts)}."


def _missing_data(r: DropoutPrediction) -> str:
    if not fitted_models(r):
        return missing(r)
    some = r.missing.loc[r.missing["n_missing"] > 0, "feature"]
    if some.empty:
        return f"{missing(r)} Nothing was imputed."
    words = [name for name in some if name in r.settings["words"]]
    numbers = len(some) > len(words)
    how = [
        *(["numbers by the median"] if numbers else []),
        *(["categories by a category of their own"] if words else []),
    ]
    return (
        f"{missing(r)} Imputed within training clients: {', '.join(how)}. A single imputation does "
        "not carry its own uncertainty."
    )


def _partition(r: DropoutPrediction) -> str:
    s = r.settings
    words = (
        f"Nested cross-validation: {s['folds']} outer folds to evaluate, {s['inner_folds']} inner "
        f"folds to tune, seed {s['seed']}; {unit(r)} never split."
    )
    return words if s["unseen_therapists"] else f"{words} {_split(r)}"


def _forms(r: DropoutPrediction) -> str:
    parts = []
    if {"logistic", "one_predictor"} & set(r.models):
        parts.append("numbers standardised and linear in the log odds")
    if "boosting" in r.models:
        parts.append("numbers by their order in boosting, which finds its own cut points")
    if r.settings["words"]:
        parts.append("categories by indicators")
    if not parts:
        return "No model with predictors was fitted."
    return f"{'; '.join(parts)}.".capitalize()


def _models(r: DropoutPrediction) -> str:
    s = r.settings
    grid = {name.split("__")[1]: values for name, values in BOOSTING.items()}
    words = {
        "base_rate": "base_rate: the share of dropouts among training clients, for everybody "
        "(the reference).",
        "one_predictor": f"one_predictor: logistic regression on {s['one_predictor']} alone, not "
        "penalised.",
        "logistic": f"logistic: ridge logistic regression on all {len(r.features)} features, the "
        f"penalty (C of {', '.join(f'{c:g}' for c in PENALTIES)}) tuned by log loss in the inner "
        "folds; no selection of predictors.",
        "boosting": "boosting: gradient-boosted trees on all features, learning rate "
        f"{LEARNING_RATE:g}, {LEAST_IN_LEAF} clients a leaf or more, leaves "
        f"{' or '.join(map(str, grid['max_leaf_nodes']))} and iterations "
        f"{' or '.join(map(str, grid['max_iter']))} tuned by log loss in the inner folds.",
    }
    return " ".join(words[name] for name in r.models)


def _clusters(r: DropoutPrediction) -> Said:
    if r.new_therapist.empty:
        return "", "How does performance differ between therapists and between clinics?"
    shown = r.new_therapist[np.isfinite(r.new_therapist["estimate"])]
    how = {
        "calibration_intercept": "calibration in the large by a random intercept of the therapist",
        "auc": "the area under the curve by the mean of the therapists' own areas and their "
        "variance beyond sampling",
    }
    parts = [words for metric, words in how.items() if metric in set(shown["metric"])]
    models = set(shown["model"])
    refused = [name for name in fitted_models(r) if name not in models]
    if not parts:
        why = [m for m in r.messages if "New therapist" in m]
        return f"Not shown. {' '.join(why)}", "How does performance differ between therapists?"
    words = f"{' and '.join(parts)}, with prediction intervals for a new one.".capitalize()
    asks = ""
    lacking = [f"{row.model} ({row.metric.replace('_', ' ')})" for row in
               rows(r.new_therapist[~np.isfinite(r.new_therapist["estimate"])])]  # fmt: skip
    if lacking or refused:
        words += f" Not shown, for the reasons under 26: {', '.join(lacking)}."
        asks = "How does performance differ between therapists there?"
    return words, asks


def _measures(r: DropoutPrediction) -> str:
    s = r.settings
    own = "Brier score."
    if fitted_models(r):
        own = (
            "AUC (clients of one fold compared), Brier and scaled Brier, calibration in the large, "
            "slope (an intercept a fold), flexible curve (restricted cubic spline, three knots) "
            "and ICI, net benefit against acting on all and none. Plots: calibration, decision "
            "curve."
        )
    return (
        f"{own} {s['confidence']:.0%} intervals from {s['replicates']} draws of whole {unit(r)}, "
        "with Student's t for their number; for what depends on the training of the models widened "
        "by Nadeau & Bengio's (2003) factor (the AUC only where chance is not ruled out)."
    )


def _recalibration(r: DropoutPrediction) -> str:
    if r.settings["resampling"] == "down" and fitted_models(r):
        return "Log odds shifted back to the share of dropouts before down-sampling; no other."
    return "None."


def _evaluation(r: DropoutPrediction) -> str:
    one = {"therapists": "therapist", "sites": "site"}[unit(r)]
    words = (
        f"Each client's probability is that of the models of the fold whose training clients held "
        f"nobody of the client's {one}."
    )
    if not r.settings["unseen_therapists"]:
        words += " Other clients of the same therapist may have trained them."
    return words


def _imbalance(r: DropoutPrediction) -> str:
    if r.settings["resampling"] == "down" and fitted_models(r):
        return (
            "Training clients were down-sampled to as many who stayed as left, and the "
            "probabilities shifted back (recalibrated)."
        )
    return "No method for class imbalance was used; probabilities keep their meaning."


def _fairness(r: DropoutPrediction) -> Said:
    asks = "Which groups could be served worse by the prediction, and why were these compared?"
    if r.settings["fairness"]:
        return f"Performance within groups of {', '.join(r.settings['fairness'])}.", asks
    none = "Which groups could be served worse by the prediction, and why were none compared?"
    return "No groups were named, so fairness was not looked at.", none


def _output(r: DropoutPrediction) -> str:
    risks = ", ".join(f"{t:.2f}" for t in r.settings["thresholds"])
    words = "A probability of dropout."
    if fitted_models(r):
        words += f" Net benefit at risks of {risks}. No threshold is recommended."
    return words


def _alike(r: DropoutPrediction) -> str:
    return (
        "None but chance: training and evaluation clients are folds of the same study (setting, "
        f"eligibility, outcome and predictors are the same), with different {unit(r)}."
    )


def _software(r: DropoutPrediction) -> str:
    s = r.settings
    versions = ", ".join(f"{name} {number}" for name, number in s["versions"].items())
    return (
        f"Made with {versions}: predict_dropout, seed {s['seed']}, {s['replicates']} replicates, "
        f"{s['permutations']} permutation{'' if s['permutations'] == 1 else 's'} a feature and "
        "fold; tuning grids under 12c."
    )
