"""One with many: how much of a rating is the therapist, the relationship, the session?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ...core.model_disclosure import with_several
from ...errors import DesignError
from ...inference.cluster_bootstrap import ENOUGH_DRAWS, percentiles, times_drawn
from ...inference.rows import glance_row, tidy_rows
from ...study import Study
from ...study.times import SESSION, along
from .. import checks
from ..about_dyads import AboutDyads, dyads_of
from ..pairs import RATERS, pairs_of

Array = np.ndarray
LEVELS = ("therapist", "dyad", "session")
RECIPROCITY = {
    "generalised_reciprocity": "therapist",
    "dyadic_reciprocity": "dyad",
    "session_reciprocity": "session",
}
FEW_THERAPISTS = 20


@dataclass(frozen=True, eq=False)
class OneWithMany(AboutDyads):
    """Both ratings' variance by level, and how they go together; made by `one_with_many`.

    Attributes
    ----------
    table
        ``tidy()``: ``client_rating:therapist_variance``, ``:dyad_variance``,
        ``:session_variance`` and ``..._share``, the same of ``therapist_rating``;
        ``generalised_reciprocity`` (do therapists whom clients rate high rate their clients
        high?), ``dyadic_reciprocity`` (in the particular dyad, therapist's average taken off) and
        ``session_reciprocity``.
    covariances
        By level the 2 x 2 covariance of client's and therapist's rating.
    """

    table: pd.DataFrame
    covariances: dict[str, pd.DataFrame]
    n_sessions: int
    n_dyads: int
    n_therapists: int
    n_with_several: int = 0
    messages: tuple[str, ...] = ()
    _quantities = True
    title: str = "One with many"
    score: str = ""

    def glance(self) -> pd.DataFrame:
        """Return the numbers of sessions, dyads and therapists in one row."""
        return glance_row(self, "n_sessions", "n_dyads", "n_therapists")


def one_with_many(
    study_or_data: Study | pd.DataFrame,
    *,
    measure: str | None = None,
    scale: str | None = None,
    confidence: float = 0.95,
    replicates: int = 1000,
    seed: int = 0,
    time: str = SESSION,
) -> OneWithMany:
    """How much of each rating is the therapist, the dyad, the session, and is it returned?

    Parameters
    ----------
    study_or_data
        A `Study`, a table of scores with ``therapist_id``, or a `RatingGap`.
    measure, scale
        Which scores.
    confidence
        Level of the intervals.
    replicates, seed
        Bootstrap samples of whole therapists behind the intervals.
    time
        The column that counts along time in place of ``session``: ``"occasion"``, by its order, or
        one of numbers, such as ``"week"``.

    Returns
    -------
    OneWithMany

    Notes
    -----
    Nested multivariate analysis of variance with coefficients for unequal numbers: unbiased, and
    no rater's noise is presumed equal to the other's. A variance found below zero is shown as it
    was found and means: none detectable; a reciprocity that needs it is NaN. In the client's
    rating the therapist's variance is what therapists evoke in all their clients; in the
    therapist's it is how therapists see clients in general. The dyad's variance holds client and
    relationship, which one client with one therapist cannot tell apart. Kashy & Kenny's
    one-with-many design: Marcus, Kashy & Baldwin (2009, doi 10.1037/a0017269).

    Examples
    --------
    >>> import alliance_stats as al
    >>> study = al.simulate_study(n_therapists=20, n_clients=120, seed=2)
    >>> found = al.one_with_many(study, measure="wai-sr", scale="total", replicates=50)
    >>> bool(found.tidy().set_index("term").loc["dyadic_reciprocity", "estimate"] > 0.3)
    True
    """
    study_or_data = along(study_or_data, time)
    replicates, seed, rough = checks.resampling(replicates, seed)
    pairs, left_out = pairs_of(study_or_data, measure=measure, scale=scale, whole=time == SESSION)
    pairs = pairs.assign(client_id=dyads_of(pairs))
    _check(pairs)
    sums = _sums(pairs)
    n = len(sums["dyads"])
    components = _components(sums, np.ones((1, n)))
    observed = _terms(components)
    drawn = _terms(_components(sums, times_drawn(n, replicates, seed)))
    rows = []
    messages = [*left_out, *rough]
    for term, values in observed.items():
        value, draws = float(values[0]), drawn[term][np.isfinite(drawn[term])]
        if term in RECIPROCITY and abs(value) > 1:
            value = np.nan
        enough = len(draws) > ENOUGH_DRAWS * replicates and np.isfinite(value)
        low, high = percentiles(draws, confidence) if enough else (np.nan, np.nan)
        if term in RECIPROCITY:
            low, high = np.clip([low, high], -1, 1)
        error = draws.std(ddof=1) if enough else np.nan
        rows.append(tidy_rows(term, value, error, conf_low=low, conf_high=high))
        if np.isnan(value):
            messages.append(
                f"{term} cannot be had: a variance it needs is not above zero, or so small that "
                "the correlation comes out above 1."
            )
    if n < FEW_THERAPISTS:
        messages.append(f"{n} therapists: intervals of the therapists' level are too narrow.")
    return OneWithMany(
        table=pd.concat(rows, ignore_index=True),
        covariances={
            level: pd.DataFrame(one[0], index=list(RATERS), columns=list(RATERS))
            for level, one in zip(LEVELS, components, strict=True)
        },
        n_sessions=len(pairs),
        n_dyads=int(sums["dyads"].sum()),
        n_therapists=n,
        n_with_several=with_several(pairs["client_id"]),
        messages=tuple(messages),
        score=pairs.attrs.get("score", ""),
    )


def _check(pairs: pd.DataFrame) -> None:
    if "therapist_id" not in pairs or pairs["therapist_id"].isna().any():
        raise DesignError("One with many needs the therapist_id of every dyad; some have none.")
    for rater in RATERS:
        if not pairs[rater].max() > pairs[rater].min():
            raise DesignError(
                f"The {rater}s' ratings are the same in all {len(pairs)} sessions: there is no "
                "variance to part."
            )
    dyads, therapists = pairs["client_id"].nunique(), pairs["therapist_id"].nunique()
    if therapists < 3 or dyads <= therapists or len(pairs) <= dyads:
        raise DesignError(
            "One with many needs three therapists, therapists with several clients and dyads with "
            f"several sessions; here are {therapists} therapists, {dyads} dyads and {len(pairs)} "
            "sessions."
        )


def _outer(values: Array, weight: Array) -> Array:
    return np.asarray(weight[:, None, None] * values[:, :, None] * values[:, None, :])


def _sums(pairs: pd.DataFrame) -> dict[str, Array]:
    """Return what each therapist adds to the sums of squares and to their expectations."""
    therapist = pd.factorize(pairs["therapist_id"], sort=True)[0]
    dyad, _ = pd.factorize(pairs["client_id"], sort=True)
    of_dyad = np.zeros(dyad.max() + 1, dtype=int)
    of_dyad[dyad] = therapist
    y = pairs[list(RATERS)].to_numpy(dtype=float)
    y = y - y.mean(axis=0)  # a large level would cost the sums of squares their digits
    n = np.bincount(dyad).astype(float)
    sessions = np.bincount(therapist).astype(float)
    m = np.stack([np.bincount(dyad, col) for col in y.T], axis=1) / n[:, None]
    t = np.stack([np.bincount(therapist, col) for col in y.T], axis=1) / sessions[:, None]
    J = len(sessions)

    def by_therapist(values: Array, codes: Array) -> Array:
        out = np.zeros((J, *values.shape[1:]))
        np.add.at(out, codes, values)
        return out

    return {
        "within": by_therapist(_outer(y - m[dyad], np.ones(len(y))), therapist),
        "dyad": by_therapist(_outer(m - t[of_dyad], n), of_dyad),
        "mean": t,
        "sessions": sessions,
        "dyads": np.bincount(of_dyad).astype(float),
        "squares": by_therapist(n**2, of_dyad),
    }


def _components(sums: dict[str, Array], weights: Array) -> tuple[Array, Array, Array]:
    """Return covariances of therapists, dyads and sessions for each row of therapists' weights."""
    J, D, N = (weights @ x for x in (np.ones(len(sums["dyads"])), sums["dyads"], sums["sessions"]))
    ratio = weights @ (sums["squares"] / sums["sessions"])

    def total(name: str) -> Array:
        return np.asarray(np.einsum("rj,jab->rab", weights, sums[name]))

    mean = (weights @ (sums["sessions"][:, None] * sums["mean"])) / N[:, None]
    square = np.einsum("rj,jab->rab", weights, _outer(sums["mean"], sums["sessions"]))
    between = square - N[:, None, None] * mean[:, :, None] * mean[:, None, :]
    with np.errstate(divide="ignore", invalid="ignore"):
        ms_e = total("within") / (N - D)[:, None, None]
        ms_d = total("dyad") / (D - J)[:, None, None]
        ms_t = between / (J - 1)[:, None, None]
        k1 = (N - ratio) / (D - J)
        k2 = (ratio - (weights @ sums["squares"]) / N) / (J - 1)
        k3 = (N - (weights @ sums["sessions"] ** 2) / N) / (J - 1)
        dyads = (ms_d - ms_e) / k1[:, None, None]
        therapists = (ms_t - ms_e - k2[:, None, None] * dyads) / k3[:, None, None]
    return therapists, dyads, ms_e


def _terms(components: tuple[Array, Array, Array]) -> dict[str, Array]:
    out: dict[str, Array] = {}
    for r, rater in enumerate(RATERS):
        own = [C[:, r, r] for C in components]
        total = sum(np.maximum(value, 0) for value in own)
        for level, value in zip(LEVELS, own, strict=True):
            out[f"{rater}_rating:{level}_variance"] = value
            out[f"{rater}_rating:{level}_share"] = np.maximum(value, 0) / total
    for (name, _), C in zip(RECIPROCITY.items(), components, strict=True):
        a, b = C[:, 0, 0], C[:, 1, 1]
        product = np.where((a > 0) & (b > 0), a * b, np.nan)
        out[name] = C[:, 0, 1] / np.sqrt(product)
    return out
