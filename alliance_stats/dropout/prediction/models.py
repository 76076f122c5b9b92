"""The models, each a pipeline that imputes, scales and tunes on its training clients only."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from pandas.api import types

from ...errors import DesignError, did_you_mean, listing

MODELS = ("base_rate", "one_predictor", "logistic", "boosting")
LEARNING_RATE, LEAST_IN_LEAF = 0.05, 20
PENALTIES = (0.001, 0.01, 0.1, 1.0, 10.0)
BOOSTING = {
    "model__max_leaf_nodes": [2, 4],
    "model__max_iter": [25, 75],
}


@dataclass(frozen=True)
class Split:
    """How folds are made: by groups that are never split, from a seed."""

    n_splits: int
    seed: int

    def folds(self, y: np.ndarray, groups: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return (train, test) positions; every group is on one side."""
        from sklearn.model_selection import StratifiedGroupKFold

        splitter = StratifiedGroupKFold(self.n_splits, shuffle=True, random_state=self.seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # rare classes are judged by `usable`
            return list(splitter.split(np.zeros(len(y)), y, groups))


def check_models(models: Any) -> tuple[str, ...]:
    """Return the models asked for, the base rate always first."""
    chosen = tuple(models) if models is not None else MODELS
    for name in chosen:
        if name not in MODELS:
            raise DesignError(
                f"There is no model '{name}'; there are {listing(MODELS)}."
                f"{did_you_mean(name, MODELS)}"
            )
    return ("base_rate", *[name for name in dict.fromkeys(chosen) if name != "base_rate"])


def fitted(
    name: str,
    x: pd.DataFrame,
    y: np.ndarray,
    groups: np.ndarray,
    split: Split,
    resampling: str | None,
) -> Any:
    """Return a model fitted to training clients, with ``predict_proba`` on new ones."""
    if name == "base_rate":
        return BaseRate(float(y.mean()))
    rows = _resampled(y, resampling, split.seed)
    shift = _shift(y, y[rows])
    search = _search(name, x, y[rows], groups[rows], split)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn's notes on rare categories
        search.fit(x.iloc[rows], y[rows])
    return Recalibrated(search.best_estimator_, shift, dict(search.best_params_))


@dataclass(frozen=True)
class BaseRate:
    """The share of dropouts among the training clients, for everybody."""

    rate: float

    def predict(self, x: pd.DataFrame) -> np.ndarray:
        """Return the same probability for each client."""
        return np.full(len(x), self.rate)


@dataclass(frozen=True)
class Recalibrated:
    """A pipeline whose log odds are shifted back to the share of dropouts before resampling."""

    pipeline: Any
    shift: float
    tuned: dict[str, Any]

    def predict(self, x: pd.DataFrame) -> np.ndarray:
        """Return the probability of dropout of each client."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            p = self.pipeline.predict_proba(x)[:, 1]
        if self.shift == 0:
            return np.asarray(p)
        odds = p / np.maximum(1 - p, 1e-12) * np.exp(self.shift)
        return np.asarray(odds / (1 + odds))


def _resampled(y: np.ndarray, resampling: str | None, seed: int) -> np.ndarray:
    """Return the rows to train on; ``down`` draws as many who stayed as left."""
    everything = np.arange(len(y))
    if resampling is None:
        return everything
    rng = np.random.default_rng(seed)
    gone, stay = everything[y == 1], everything[y == 0]
    few, many = (gone, stay) if len(gone) <= len(stay) else (stay, gone)
    return np.sort(np.concatenate([few, rng.choice(many, len(few), replace=False)]))


def _shift(before: np.ndarray, after: np.ndarray) -> float:
    """Return the log odds ratio of the outcome before against after resampling."""
    if len(before) == len(after):
        return 0.0
    a, b = before.mean(), after.mean()
    return float(np.log(a / (1 - a)) - np.log(b / (1 - b)))


def _search(name: str, x: pd.DataFrame, y: np.ndarray, groups: np.ndarray, split: Split) -> Any:
    from sklearn.model_selection import GridSearchCV

    steps, grid = _pipeline(name, x, split.seed)
    inner = Split(max(2, min(split.n_splits, len(np.unique(groups)))), split.seed)
    cv = usable(inner.folds(y, groups), y)
    if not cv:
        raise DesignError(
            "The training clients of a fold cannot be split again by therapist with both outcomes "
            "on each side: too few dropouts or too few therapists."
        )
    return GridSearchCV(steps, grid, scoring="neg_log_loss", cv=cv, n_jobs=1)


def usable(
    folds: list[tuple[np.ndarray, np.ndarray]], y: np.ndarray
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Keep the folds with both outcomes on both sides."""
    return [
        (train, test)
        for train, test in folds
        if len(np.unique(y[train])) == 2 and len(np.unique(y[test])) == 2
    ]


def _pipeline(name: str, x: pd.DataFrame, seed: int) -> tuple[Any, dict[str, list[Any]]]:
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numbers = [c for c in x.columns if types.is_numeric_dtype(x[c].dtype)]
    words = [c for c in x.columns if c not in numbers]
    number_steps = Pipeline(
        [("impute", SimpleImputer(strategy="median", keep_empty_features=True)),
         ("scale", StandardScaler())]
    )  # fmt: skip
    word_steps = Pipeline(
        [("impute", SimpleImputer(strategy="constant", fill_value="missing")),
         ("code", OneHotEncoder(handle_unknown="ignore", drop="if_binary", sparse_output=False))]
    )  # fmt: skip
    prepare = ColumnTransformer([("numbers", number_steps, numbers), ("words", word_steps, words)])
    if name == "boosting":
        model: Any = HistGradientBoostingClassifier(
            learning_rate=LEARNING_RATE,
            min_samples_leaf=LEAST_IN_LEAF,
            early_stopping=False,
            random_state=seed,
        )
        grid: dict[str, list[Any]] = BOOSTING
    else:
        model = LogisticRegression(max_iter=5000)
        grid = {"model__C": [1e6]} if name == "one_predictor" else {"model__C": list(PENALTIES)}
    return Pipeline([("prepare", prepare), ("model", model)]), grid


def parameters_of(x: pd.DataFrame) -> int:
    """Return how many coefficients the full logistic model has, for the sample size."""
    total = 0
    for name in x.columns:
        if types.is_numeric_dtype(x[name].dtype):
            total += 1
        else:
            total += max(x[name].nunique() - 1, 1)
    return total


def specification(model: Recalibrated) -> pd.DataFrame:
    """Return the coefficients of a logistic model: intercept, and each prepared predictor.

    Numbers are standardised: ``mean`` and ``sd`` are those of the clients it was fitted to, and
    ``imputed`` what stands for a missing value.
    """
    prepare, last = model.pipeline.named_steps["prepare"], model.pipeline.named_steps["model"]
    names = [str(n).split("__", 1)[1] for n in prepare.get_feature_names_out()]
    table = pd.DataFrame({"term": names, "coefficient": last.coef_[0]})
    steps = prepare.named_transformers_["numbers"]
    if len(prepare.transformers_[0][2]):
        k = len(prepare.transformers_[0][2])
        table.loc[: k - 1, "mean"] = steps.named_steps["scale"].mean_
        table.loc[: k - 1, "sd"] = steps.named_steps["scale"].scale_
        table.loc[: k - 1, "imputed"] = steps.named_steps["impute"].statistics_
    first = pd.DataFrame({"term": ["Intercept"], "coefficient": [last.intercept_[0] + model.shift]})
    return pd.concat([first, table], ignore_index=True)
