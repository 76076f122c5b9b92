"""The prediction study from landmark to performance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from ...errors import DesignError, listing
from ..sample_size import DropoutSampleSize, dropout_sample_size
from . import leaks, models
from .crossvalidation import Progress, cross_validate, make_setup
from .judging import judged
from .landmark import Landmark, at_landmark
from .result import DropoutPrediction

THRESHOLDS = tuple(np.round(np.arange(0.05, 0.51, 0.05), 2))
RESAMPLING = (None, "down")


def predict_dropout(
    study: Any,
    *,
    landmark: int = 3,
    horizon: int | None = None,
    models: Sequence[str] | None = None,
    features: Sequence[str] | None = None,
    groups: str = "therapist_id",
    folds: int = 5,
    inner_folds: int = 3,
    resampling: str | None = None,
    fairness: Sequence[str] = (),
    allow_leaks: bool = False,
    thresholds: Sequence[float] = THRESHOLDS,
    replicates: int = 500,
    permutations: int = 10,
    confidence: float = 0.95,
    seed: int = 1,
    progress: Progress | None = None,
) -> DropoutPrediction:
    """What is a prediction of dropout worth, for clients of therapists not seen before?

    Parameters
    ----------
    study
        A `Study` with clients (and their therapists), terminations, and ratings or scores.
    landmark
        The session at which the prediction is made; 0 for intake. Only what was known by then is
        used, and only clients who came to that session (``last_session >= landmark``) are in it.
    horizon
        Predict dropout within so many sessions from the landmark on; else at any time later.
    models
        Of ``base_rate``, ``one_predictor``, ``logistic`` (ridge), ``boosting``; all unless given.
        The base rate is always among them.
    features
        Names of columns: background of client and therapist; ``<measure>_<rater>_last``,
        ``_mean``, ``_change`` over the sessions up to the landmark; ``<measure>_<rater>_pre`` of
        assessments; ``missed_sessions``. All of them unless given. The first is the one of
        ``one_predictor``; unless given, the client's last alliance rating.
    groups
        What is never split between training and testing: ``therapist_id`` or ``site_id``.
    folds, inner_folds
        Outer folds, to test; inner ones, to tune.
    resampling
        None, or ``"down"``: as many who stayed as left in training, the probabilities then
        shifted back to the share of dropouts.
    fairness
        Columns of the clients within whose groups performance is given too.
    allow_leaks
        Keep features found to be leaks, to see what they would do.
    thresholds
        Risks at which one would act, for the net benefit.
    replicates
        Therapists drawn again so often for the intervals.
    permutations
        Shuffles of each feature in each fold for its importance.
    confidence
        Of every interval.
    seed
        Of folds, boosting, resampling and intervals.
    progress
        Called with what is being done, steps done and steps in all.

    Returns
    -------
    DropoutPrediction

    Notes
    -----
    Nested cross-validation, grouped; imputation, scaling and tuning inside the training clients.
    A client who ends otherwise than by dropout counts as no dropout; one who is still in therapy
    when the data end has no known outcome and is set aside. Calibration after Van Calster et al.
    (2019, doi 10.1186/s12916-019-1466-7), ICI after Austin & Steyerberg (2019, doi
    10.1002/sim.8281), net benefit after Vickers & Elkin (2006, doi 10.1177/0272989X06295361).
    Intervals draw whole therapists again and are widened for the training of the models (Nadeau &
    Bengio 2003, doi 10.1023/A:1024068626366). Down-sampling distorts probabilities (van den
    Goorbergh et al. 2022, doi 10.1093/jamia/ocac093), hence the shift.

    Examples
    --------
    >>> import alliance_stats as al
    >>> found = al.predict_dropout(
    ...     al.load_dataset("demo-trial"), models=["one_predictor"], replicates=50, seed=1
    ... )
    >>> found.models
    ('base_rate', 'one_predictor')
    """
    chosen = _checked(models, resampling, folds, inner_folds, thresholds, replicates)
    land = at_landmark(study, landmark, horizon)
    x, found, messages = _usable_features(study, land, features, allow_leaks)
    land, x, found = _without_duplicates(land, x, found, allow_leaks)
    size = _needed(x, land)
    messages += _small(size, len(x))
    setup = make_setup(land, groups, folds, inner_folds, seed, messages)
    first = _one_predictor(x, features)
    run = cross_validate(
        chosen, x, land, setup, first, resampling, progress or (lambda what, done, steps: None)
    )
    settings = {
        "landmark": landmark, "horizon": horizon, "groups": groups, "resampling": resampling,
        "folds": setup.outer.n_splits, "inner_folds": inner_folds, "seed": seed,
        "confidence": confidence, "replicates": replicates, "one_predictor": first,
        "thresholds": tuple(map(float, thresholds)), "definition": land.definition,
        "study": str(getattr(study, "name", "")), "synthetic": bool(study.synthetic),
        "fairness": tuple(fairness), "allow_leaks": allow_leaks,
    }  # fmt: skip
    return judged(
        run, land, x, found, size, settings, study, permutations, (*land.messages, *messages)
    )


def _checked(
    asked: Sequence[str] | None, resampling: str | None, folds: int, inner: int,
    thresholds: Sequence[float], replicates: int,
) -> tuple[str, ...]:  # fmt: skip
    if resampling not in RESAMPLING:
        raise DesignError(f"resampling must be None or 'down', not {resampling!r}.")
    if min(folds, inner) < 2:
        raise DesignError(f"folds and inner_folds must be 2 or more, not {folds} and {inner}.")
    if not all(0 < t < 1 for t in thresholds):
        raise DesignError("thresholds are risks between 0 and 1.")
    if replicates < 20:
        raise DesignError(f"replicates must be 20 or more for an interval, not {replicates}.")
    return models.check_models(asked)


def _usable_features(
    study: Any, land: Landmark, asked: Sequence[str] | None, allow_leaks: bool
) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    """Return the features, the leaks found among them, and what was left out."""
    x = leaks.choose_features(land, list(asked) if asked is not None else None)
    found = leaks.find_leaks(land, x)
    action = "kept, as asked" if allow_leaks else "left out"
    rows = [(leak.feature, leak.kind, leak.why, action) for leak in found]
    rows += [
        (one.feature, one.kind, one.why, "told")
        for one in leaks.split_therapists(study, land.clients["client_id"])
    ]
    if not allow_leaks:
        x = x.drop(columns=[leak.feature for leak in found])
    empty = [c for c in x.columns if x[c].nunique(dropna=True) < 2]
    x = x.drop(columns=empty)
    messages = [f"Features without variation are left out: {listing(empty)}."] if empty else []
    if x.shape[1] == 0:
        told = f" {len(found)} were leaks ({listing(f.feature for f in found)})." if found else ""
        raise DesignError(f"No feature is left to predict from.{told}")
    x = x.apply(_plain).reset_index(drop=True)
    return x, pd.DataFrame(rows, columns=list(leaks.COLUMNS)), messages


def _plain(column: pd.Series) -> pd.Series:
    """Return numbers as floats and everything else as text, missing as NaN."""
    if pd.api.types.is_numeric_dtype(column.dtype):
        return pd.Series(column.to_numpy(dtype=float, na_value=np.nan), name=column.name)
    words = column.astype(object).where(column.notna(), np.nan)
    return words.map(lambda value: value if value != value else str(value)).astype(object)


def _without_duplicates(
    land: Landmark, x: pd.DataFrame, found: pd.DataFrame, allow_leaks: bool
) -> tuple[Landmark, pd.DataFrame, pd.DataFrame]:
    twice = leaks.duplicates(land, x)
    if not twice.any():
        return land, x, found
    ids = land.clients.loc[twice, "client_id"]
    row = ("", "duplicates", f"{int(twice.sum())} clients repeat the values of an earlier one: "
           f"{listing(ids)}.", "kept, as asked" if allow_leaks else "left out")  # fmt: skip
    found = pd.concat([found, pd.DataFrame([row], columns=found.columns)], ignore_index=True)
    if allow_leaks:
        return land, x, found
    keep = ~twice
    steps = land.flow[land.flow["step"] != "analysed"].to_numpy().tolist()
    steps += [["same values as an earlier client", -int(twice.sum())],
              ["analysed", int(keep.sum())]]  # fmt: skip
    kept = Landmark(
        land.session, land.clients[keep].reset_index(drop=True),
        land.known[keep].reset_index(drop=True), land.later[keep].reset_index(drop=True),
        pd.DataFrame(steps, columns=["step", "n"]), land.definition, land.messages,
    )  # fmt: skip
    return kept, x[keep].reset_index(drop=True), found


def _needed(x: pd.DataFrame, land: Landmark) -> DropoutSampleSize:
    rate = float(land.clients["event"].mean())
    return dropout_sample_size(parameters=models.parameters_of(x), prevalence=rate)


def _small(size: DropoutSampleSize, n: int) -> list[str]:
    if n >= size.n:
        return []
    return [
        f"{n} clients are fewer than the {size.n} that Riley et al.'s criteria ask for with "
        f"{size.parameters} parameters: expect too extreme probabilities. Take fewer features."
    ]


def _one_predictor(x: pd.DataFrame, asked: Sequence[str] | None) -> str:
    if asked is not None:
        return next(name for name in asked if name in x.columns)
    alliance = [c for c in x.columns if str(c).endswith("_client_last")]
    return str(next((c for c in alliance if _is_alliance(str(c))), x.columns[0]))


def _is_alliance(name: str) -> bool:
    from ...errors import MeasureError
    from ...measures import measure

    try:
        return measure(name.split("_")[0]).construct == "alliance"
    except MeasureError:
        return False
