"""The prediction study from landmark to performance."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from ...core.dates import dates_of, days, in_days
from ...core.disclosure import RARE
from ...errors import DesignError, listing, require_columns
from ...study import Study
from ..leakage import leaks
from ..sample_size import DropoutSampleSize, dropout_sample_size
from .arguments import Asked, asked_of
from .cohort import describe, few_alike, rare_together
from .crossvalidation import Progress, Setup, cross_validate, make_setup
from .duplicates import copies
from .features import session_scores
from .judging import judged
from .landmark import Landmark, at_landmark
from .models import parameters_of
from .result import DropoutPrediction

THRESHOLDS = tuple(np.round(np.arange(0.05, 0.51, 0.05), 2))


def predict_dropout(
    study: Study,
    *,
    landmark: int = 3,
    horizon: int | None = None,
    models: Sequence[str] | None = None,
    features: Sequence[str] | None = None,
    groups: str = "therapist_id",
    folds: int = 5,
    inner_folds: int = 3,
    without_therapist: str = "refuse",
    resampling: str | None = None,
    fairness: Sequence[str] = (),
    allow_leaks: bool = False,
    thresholds: Sequence[float] = THRESHOLDS,
    replicates: int = 1000,
    permutations: int = 10,
    confidence: float = 0.95,
    seed: int = 0,
    progress: Progress | None = None,
) -> DropoutPrediction:
    """What is a prediction of dropout worth, for clients of therapists not seen before?

    Parameters
    ----------
    study
        A `Study` with clients (and their therapists), terminations, and ratings or scores.
    landmark
        The session at which the prediction is made; 0 for intake. Only what was known by then is
        used, and only clients still in therapy after it: those who came to that session
        (``last_session >= landmark``), without those whose therapy was completed, handed over or
        otherwise ended at that very session.
    horizon
        Predict dropout within so many sessions from the landmark on; else at any time later.
    models
        Of ``base_rate``, ``one_predictor``, ``logistic`` (ridge), ``boosting``; all unless given.
        The base rate is always among them.
    features
        Names of columns: background of client and therapist; ``<measure>_<rater>_last``,
        ``_mean``, ``_change`` over the sessions up to the landmark; ``<measure>_<rater>_pre`` of
        assessments; ``missed_sessions``. All of them unless given. The first is the one of
        ``one_predictor``; unless given, the client's last alliance rating (without one that
        model is left out, and ``.messages`` says so).
    groups
        What is never split between training and testing: ``therapist_id`` or ``site_id``.
    without_therapist
        ``"refuse"`` clients without a therapist (or site, where sites are kept together), or
        ``"leave_out"``: they are counted in ``.flow``.
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
    when the data end has no known outcome and is set aside. Features found to be leaks are left
    out; suspect ones are kept and told (``.leaks``). Leaks are sought among columns of clients and
    therapists, which bear no date: one with an area under the curve of .90 (.80 at its low end)
    for any ending, a correlation of .60 with the number of sessions (.50 within dropouts and
    others), or dates after the landmark is left out; one with a low end above .70, or a
    correlation of .50, is suspect. Published models reach areas of .6 to .7 with all their
    predictors together. The order of rows and of columns does not change the result.

    Calibration after Van Calster et al. (2019, doi 10.1186/s12916-019-1466-7), ICI after Austin &
    Steyerberg (2019, doi 10.1002/sim.8281), net benefit after Vickers & Elkin (2006, doi
    10.1177/0272989X06295361). Intervals draw whole therapists again; some are widened for the
    training of the models (Nadeau & Bengio 2003, doi 10.1023/A:1024068626366); what they cover in
    simulation stands in docs/dropout.md. Down-sampling distorts probabilities (van den Goorbergh
    et al. 2022, doi 10.1093/jamia/ocac093), hence the shift.

    Examples
    --------
    >>> import alliance_stats as al
    >>> found = al.predict_dropout(
    ...     al.load_dataset("demo-trial"), models=["one_predictor"], replicates=50, seed=1
    ... )
    >>> found.models
    ('base_rate', 'one_predictor')
    """
    asked = asked_of(
        models=models, features=features, groups=groups, folds=folds, inner_folds=inner_folds,
        without_therapist=without_therapist, resampling=resampling, fairness=fairness,
        allow_leaks=allow_leaks, thresholds=thresholds, replicates=replicates,
        permutations=permutations, confidence=confidence, seed=seed, progress=progress,
    )  # fmt: skip
    land = at_landmark(study, landmark, horizon, asked.without_therapist, groups)
    require_columns(study.tables["clients"].columns, list(asked.fairness),
                    what="the clients' table (fairness)")  # fmt: skip
    land, again = _without_copies(study, land, asked.allow_leaks)
    x, found, messages = _usable_features(land, asked)
    chosen, first, said = _with_one_predictor(asked, x)
    size = dropout_sample_size(
        parameters=parameters_of(x), prevalence=float(land.clients["event"].mean())
    )
    messages += [*said, *_small(size, len(x))]
    setup = make_setup(land, groups, asked.folds, asked.inner, asked.seed, messages)
    # In one order, so that the order of the columns decides no tie.
    ordered = x[sorted(x.columns)]
    with threadpool_limits(1):  # on folds so small threads only wait for one another
        run = cross_validate(
            chosen,
            ordered,
            land,
            setup,
            first,
            resampling,
            progress or (lambda what, done, steps: None),
        )
    split = leaks.therapists_in_several(land.clients, run.fold, groups)
    told = [*found, *again, *leaks.split_therapists(study, land.clients["client_id"]), *split]
    lines = [(one.feature, one.kind, one.why, one.action(asked.allow_leaks)) for one in told]
    table = pd.DataFrame(lines, columns=list(leaks.COLUMNS))
    settings = _settings(asked, study, land, setup, first, x, horizon, unseen=not split)
    with threadpool_limits(1):
        return judged(
            run, land, x, table, size, settings, describe(study, land, x, run, settings),
            (*land.messages, *messages), study,
        )  # fmt: skip


def _settings(
    asked: Asked, study: Study, land: Landmark, setup: Setup, first: str, x: pd.DataFrame,
    horizon: int | None, *, unseen: bool,
) -> dict[str, Any]:  # fmt: skip
    """Return what was done, for the result and the checklist."""
    return {
        "landmark": land.session, "horizon": horizon, "groups": asked.groups,
        "resampling": asked.resampling, "folds": setup.outer.n_splits, "inner_folds": asked.inner,
        "seed": asked.seed, "confidence": asked.confidence, "replicates": asked.replicates,
        "permutations": asked.permutations, "one_predictor": first,
        "thresholds": asked.thresholds, "definition": land.definition,
        "study": str(getattr(study, "name", "")),
        "synthetic": bool(getattr(study, "synthetic", False)),
        "fairness": asked.fairness, "allow_leaks": asked.allow_leaks,
        "undated": tuple(c for c in map(str, x.columns) if c in land.undated),
        "words": tuple(c for c in map(str, x.columns) if x[c].dtype == object),
        "versions": _versions(), "unseen_therapists": unseen,
        "without_therapist": asked.without_therapist,
    }  # fmt: skip


def _versions() -> dict[str, str]:
    import sklearn

    from ... import __version__

    return {
        "alliance_stats": __version__, "Python": platform.python_version(),
        "numpy": np.__version__, "pandas": pd.__version__, "scikit-learn": sklearn.__version__,
    }  # fmt: skip


def _without_copies(
    study: Study, land: Landmark, allowed: bool
) -> tuple[Landmark, list[leaks.Leak]]:
    """Leave out clients who are in the data twice, whatever features were chosen."""
    clients = study.tables["clients"]
    own = [c for c in land.undated if c in clients.columns]
    assessments = study.tables.get("assessments")
    ids = land.clients["client_id"]
    twice = copies(session_scores(study), assessments, land.known[own], ids)
    if not twice.any():
        return land, []
    why = f"{int(twice.sum())} clients repeat the scores of an earlier one: {listing(ids[twice])}."
    found = [leaks.Leak("", "duplicates", why)]
    if allowed:
        return land, found
    return land.rows(~twice, "same scores as an earlier client"), found


def _usable_features(
    land: Landmark, asked: Asked
) -> tuple[pd.DataFrame, list[leaks.Leak], list[str]]:
    """Return the features, the leaks found among them, and what was left out."""
    x = leaks.choose_features(land, asked.features)
    found = leaks.find_leaks(land, x)
    if not asked.allow_leaks:
        x = x.drop(columns=[leak.feature for leak in found if not leak.suspect])
    notes = [c for c in x.columns if asked.features is None and _is_note(x[c])]
    x = x.drop(columns=notes).apply(_plain).reset_index(drop=True)
    together = [c for c in x.columns if x[c].dtype == object and few_alike(x[c])]
    x = x.assign(**{c: rare_together(x[c].fillna("missing")) for c in together})
    # Counted are the clients who have another value than most.
    alike = [c for c in x.columns if x[c].value_counts().iloc[1:].sum() < RARE]
    x = x.drop(columns=alike)
    messages = []
    if alike:
        messages.append(
            "Features in which fewer than five clients differ from the others are left out: "
            f"{listing(alike)}."
        )
    if together := [c for c in together if c not in alike]:
        messages.append(
            "Values of fewer than five clients are put together, so that no coefficient is about "
            f"so few: {listing(together)}."
        )
    if notes:
        messages.append(
            f"Text that differs between most clients (a note, a name) is no feature unless named, "
            f"and is left out: {listing(notes)}."
        )
    if x.shape[1] == 0:
        sure = [leak.feature for leak in found if not leak.suspect]
        told = f" {len(sure)} were leaks ({listing(sure)})." if sure else ""
        raise DesignError(f"No feature is left to predict from.{told}")
    suspect = [leak.feature for leak in found if leak.suspect]
    if suspect:
        messages.append(
            f"Suspect features were kept: {listing(suspect)}. Look when they were known (.leaks)."
        )
    return x, found, messages


def _is_note(column: pd.Series) -> bool:
    """Return whether a column is text of which most clients have a value of their own."""
    known = column.dropna()
    if pd.api.types.is_numeric_dtype(column.dtype) or dates_of(column) is not None:
        return False
    own = known.map(str).nunique()
    return bool(own > max(len(known) / 2, 5) and any(isinstance(one, str) for one in known))


def _plain(column: pd.Series) -> pd.Series:
    """Return numbers and dates as floats and everything else as text, missing as NaN."""
    dates = dates_of(column)
    if dates is not None:
        return pd.Series(days(dates), name=column.name)
    if pd.api.types.is_timedelta64_dtype(column.dtype):
        return pd.Series(in_days(column), name=column.name)
    if pd.api.types.is_numeric_dtype(column.dtype):
        return pd.Series(column.to_numpy(dtype=float, na_value=np.nan), name=column.name)
    words = column.astype(object).where(column.notna(), np.nan)
    return words.map(lambda value: value if value != value else str(value)).astype(object)


def _small(size: DropoutSampleSize, n: int) -> list[str]:
    """Say which criteria of the sample size are not met, and what would help."""
    if n >= size.n:
        return []
    failed = size.table[size.table["n"] > n]
    each = listing([f"{row.criterion} {row.n}" for row in failed.itertuples(index=False)])
    parameters = f"{size.parameters} parameter{'' if size.parameters == 1 else 's'}"
    help_ = (
        "the overall risk itself is not known well enough, which fewer features do not mend."
        if set(failed["criterion"]) == {"overall risk"}
        else "expect too extreme probabilities; take fewer features or more clients."
    )
    return [
        f"{n} clients are fewer than Riley et al.'s criteria ask for with {parameters} (those not "
        f"met: {each}): {help_}"
    ]


def _with_one_predictor(asked: Asked, x: pd.DataFrame) -> tuple[tuple[str, ...], str, list[str]]:
    """Return the models, the feature of ``one_predictor``, and what is to be said of it."""
    first, said = "", []
    if asked.features is not None:
        first = next(name for name in asked.features if name in x.columns)
        if first != asked.features[0] and "one_predictor" in asked.models:
            said = [f"one_predictor uses '{first}': '{asked.features[0]}' was left out."]
    else:
        last = (str(c) for c in x.columns if str(c).endswith("_client_last"))
        first = next((name for name in sorted(last) if leaks.has_construct(name, "alliance")), "")
    if first or "one_predictor" not in asked.models:
        return asked.models, first, said
    why = "No rating of the alliance by the client is known at the landmark"
    if asked.named_models:
        raise DesignError(
            f"{why}, so one_predictor has none of its own; name it as the first of features=."
        )
    models = tuple(name for name in asked.models if name != "one_predictor")
    return models, "", [f"{why}, so the model one_predictor was left out; features= names one."]
