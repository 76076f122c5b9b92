"""The gap by therapist and by scale."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ...core.display.shown import shown
from ...errors import DesignError
from ...inference.distributions import half_width
from ...study import Study
from ...study.select import choose
from ...study.times import SESSION, along
from ..linear import multilevel
from .gap_statistics import standard_units
from .rating_gap import RatingGap, rating_gap

SMALLEST_CELL = 5


def gap_by_therapist(gap: RatingGap, *, confidence: float = 0.95) -> pd.DataFrame:
    """How far apart is each therapist from the clients, given how few they are?

    Parameters
    ----------
    gap
        What `rating_gap` gives, of data that name the therapist.
    confidence
        Level of the intervals.

    Returns
    -------
    DataFrame
        ``therapist_id, n_dyads, n_sessions, mean`` (of the dyads' means), ``shrunken`` (the
        model's best prediction: pulled towards the average, the more the fewer the clients) and
        ``conf_low, conf_high`` of it, smallest gap first. Therapists with fewer than 5 dyads are
        in the table; pictures leave their names out. ``.attrs["average"]`` is the mean gap,
        ``.attrs["note"]`` is there where therapists are not found to differ; the
        intervals are then NaN.

    Notes
    -----
    ``gap ~ 1 + (1 | client_id) + (1 | therapist_id)``. The interval is that of the therapist's gap
    as the model predicts it, with the variances taken as known: with few therapists it is too
    narrow. It is no test against the average, and a rank read from such a list is mostly
    noise where the intervals overlap. Where no variance between therapists is found, all get the
    average and no interval: that none was found does not show that they are alike.

    Examples
    --------
    >>> import alliance_stats as al
    >>> study = al.simulate_study(n_therapists=8, n_clients=60, seed=2)
    >>> table = al.gap_by_therapist(al.rating_gap(study, measure="wai-sr", scale="total"))
    >>> len(table)
    8
    """
    if not isinstance(gap, RatingGap):
        raise DesignError(
            "gap_by_therapist needs what rating_gap(...) gives, not "
            f"{'nothing' if gap is None else type(gap).__name__}."
        )
    pairs = gap.pairs
    if "therapist_id" not in pairs or pairs["therapist_id"].isna().any():
        raise DesignError("Every dyad needs a known therapist_id; some or all have none.")
    if pairs["therapist_id"].nunique() < 3 or pairs["client_id"].nunique() <= (
        pairs["therapist_id"].nunique()
    ):
        raise DesignError("A list of therapists needs three of them, and some with two clients.")
    if standard_units(pairs).constant:
        raise DesignError("The gap is the same in every session, so therapists do not differ.")
    repeated = pairs["client_id"].duplicated().any()
    formula = f"gap ~ 1{' + (1 | client_id)' if repeated else ''} + (1 | therapist_id)"
    fit = multilevel(formula, pairs, df="normal").fit
    assert fit is not None
    average = float(fit.params["Intercept"])
    own = fit.random_effects["therapist_id"]["Intercept"]
    spread = fit.random_effects_sd["therapist_id"]["Intercept"]
    dyads = pairs.groupby(["therapist_id", "client_id"], observed=True)["gap"].mean()
    groups = dyads.groupby("therapist_id", observed=True)
    table = pd.DataFrame({"n_dyads": groups.size(), "mean": groups.mean()})
    table.insert(1, "n_sessions", pairs.groupby("therapist_id", observed=True).size())
    table["shrunken"] = average + own.reindex(table.index)
    # the average is itself uncertain; what the shrinkage does not cancel of it is left in
    error = np.hypot(spread.reindex(table.index), fit.bse["Intercept"])
    half = half_width(error, confidence=confidence)
    table["conf_low"], table["conf_high"] = table["shrunken"] - half, table["shrunken"] + half
    found = bool((own.abs() > 1e-9 * float(pairs["gap"].std())).any())
    if not found:
        table[["conf_low", "conf_high"]] = np.nan
    out = table.sort_values("shrunken" if found else "n_dyads", kind="stable").reset_index()
    out = shown(out, "Gap by therapist", n_dyads="Dyads", shrunken="Shrunken gap")
    out.attrs |= {"average": average, "confidence": confidence}
    if not found:
        out.attrs["note"] = (
            "No variance between therapists is found: all get the average, without intervals. "
            "That does not show that they are alike."
        )
    return out


def gap_by_scale(
    study_or_data: Study | pd.DataFrame,
    *,
    measure: str,
    confidence: float = 0.95,
    replicates: int = 1000,
    seed: int = 0,
    time: str = SESSION,
) -> pd.DataFrame:
    """On which scales of a measure do therapist and client differ most?

    Parameters
    ----------
    study_or_data
        A `Study`, or a table of scores with the column ``scale``.
    measure
        The measure.
    confidence, replicates, seed
        As for `rating_gap`.
    time
        The column that counts along time in place of ``session``: ``"occasion"``, by its order, or
        one of numbers, such as ``"week"``.

    Returns
    -------
    DataFrame
        The rows of ``rating_gap(...).tidy()`` for each scale, with ``scale`` in front; what was
        left out stands in ``.attrs["messages"]`` by scale. Scales overlap in their respondents:
        intervals do not test differences between scales.

    Examples
    --------
    >>> import alliance_stats as al
    >>> study = al.simulate_study(n_therapists=6, n_clients=30, seed=2)
    >>> al.gap_by_scale(study, measure="wai-sr", replicates=20)["scale"].unique().tolist()
    ['task', 'bond', 'goal', 'total']
    """
    part, _ = choose(along(study_or_data, time), measure, settle=("measure",))
    if "scale" not in part.columns:
        raise DesignError("The scores have no column 'scale', so there is one scale: rating_gap.")
    scales = [str(scale) for scale in pd.unique(part["scale"])]
    tables, messages = [], {}
    for scale in scales:
        found = rating_gap(
            study_or_data, measure=measure, scale=scale, confidence=confidence,
            replicates=replicates, seed=seed, time=time,
        )  # fmt: skip
        messages[scale] = found.messages
        table = found.tidy()
        table.insert(0, "scale", scale)
        tables.append(table)
    out = pd.concat(tables, ignore_index=True)
    out.attrs["messages"] = messages
    return out
