"""Do both forms measure the same thing? To be asked before a gap between them is believed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ...core.display.page import MEANINGS
from ...core.people import THERAPIST
from ...errors import DesignError, plural
from ...inference.cluster_bootstrap import percentiles
from ...inference.rows import glance_row, tidy_rows
from ...latent import FEWEST_CLUSTERS, MeasurementInvariance, measurement_invariance
from ...latent.result import few_clusters
from ...study import Study
from ...study.select import ScoreName, name_of
from .. import checks
from ..about_dyads import AboutDyads
from ..wording import caveats, explained, labels, meanings, wording
from .homogeneity import same_gaps
from .items import Array, ItemSums, item_sums

if TYPE_CHECKING:
    from ...core.display.page import Block

TERMS = meanings("parallel_forms")
SMALLEST = 10
LEVELS = "Geldhof, Preacher & Zyphur 2014, doi 10.1037/a0032138"
LATENT = "Cheung 2009, doi 10.1177/1094428107308914"


@dataclass(frozen=True, eq=False)
class ParallelForms(AboutDyads):
    """Whether client's and therapist's forms run parallel; made by `check_parallel_forms`.

    Attributes
    ----------
    table
        A row each of `TERMS`, with bootstrap intervals; the ``statistic`` of ``sd_item_gaps`` is an
        F with ``df_num`` and ``df`` degrees of freedom.
    items
        A row an item: ``item, client, therapist, gap, r_within, r_between``.
    known
        What is known of the forms' invariance.
    invariance
        What `measurement_invariance` says of these data; None where they are too few for it.
    n_with_several
        Dyads with two sessions or more: all terms rest on what moves within these.
    """

    table: pd.DataFrame
    items: pd.DataFrame
    known: str
    n_dyads: int
    n_sessions: int
    n_with_several: int = 0
    invariance: MeasurementInvariance | None = None
    messages: tuple[str, ...] = ()
    _quantities = True
    title: str = "Do both forms measure the same?"
    score: str = ""
    _letter = "F"

    def glance(self) -> pd.DataFrame:
        """Return numbers of dyads, sessions and items, and how far invariance holds, in one row."""
        holds = {} if self.invariance is None else {"holds": self.invariance.holds}
        return glance_row(self, "n_dyads", "n_sessions", n_items=len(self.items), **holds)

    def term_labels(self) -> dict[str, str]:
        """Return what the terms are called where they are explained."""
        return labels("parallel_forms")

    def shown(self, labels: Mapping[str, str] | None = None) -> list[Block]:
        """Return the table, what its terms mean, whether items are used alike, what is known."""
        meaning = self._table(explained("parallel_forms"), labels, MEANINGS)
        tested = [] if self.invariance is None else self.invariance.shown(labels)[:2]
        return [*super().shown(labels), meaning, *tested, self.known]

    def facts(self) -> dict[str, Any]:
        """Return what sentences are filled from: the glance, and whether invariance was tested."""
        told = (
            ""
            if self.invariance is None
            else " Whether both use the items alike was asked of one session of each dyad by "
            "nested factor models (equal loadings, intercepts, residual variances)"
        )
        sources = [LEVELS, LATENT]
        if self.invariance is not None:
            known = self.invariance.facts()
            told += (
                f", each against the one before by {known['tested_by']}, with Holm's correction "
                f"over the three tests.{known['errors_told']}"
            )
            sources.append(known["source"])
        return super().facts() | {"invariance_told": told, "source": "; ".join(sources)}

    def text(self, labels: Mapping[str, str] | None = None) -> str:
        """Return the terms, whether items are used alike, and what was done, in sentences."""
        heading, *rest = super().text(labels).splitlines()
        verdict = [] if self.invariance is None else self.invariance.verdict()
        return "\n".join([heading, *rest[:-1], *verdict, *rest[-1:]])


def check_parallel_forms(
    study: Study,
    *,
    measure: str,
    scale: str | None = None,
    confidence: float = 0.95,
    replicates: int = 1000,
    seed: int = 0,
) -> ParallelForms:
    """Do client's and therapist's forms measure the same, and how reliably?

    A gap between two scores is a gap between two persons only where the forms run parallel. With
    items, reliabilities are found at each level: of differences between dyads, and of movements
    from session to session, which is what correlations within dyads rest on. Whether both use the
    items alike is asked of one session of each dyad (`measurement_invariance`), with tests that
    hold where a therapist rates several clients (from ten therapists on).

    Parameters
    ----------
    study
        A `Study` with ``ratings`` of both raters.
    measure, scale
        Which scale; its items are those of the measure's card, the same numbers for both raters.
    confidence
        Level of the intervals.
    replicates, seed
        Bootstrap samples of whole therapists (five or more, else dyads) behind the intervals.

    Returns
    -------
    ParallelForms

    Notes
    -----
    Covariances within dyads are pooled; those between are the dyads' means' minus what the
    sessions' noise adds. Alpha at each level: Geldhof, Preacher & Zyphur (2014, doi
    10.1037/a0032138). Disattenuated: r / sqrt(alpha x alpha). The latent level and congruence are
    those of Cheung (2009, doi 10.1177/1094428107308914), here by moments with equal loadings:
    variances are mean covariances of different items, so that items' own errors stay out.

    The spread of the items' gaps is that of their means minus what sampling adds; that all gaps
    are equal is tested by Hotelling's T2 of the clusters' means.

    Only sessions in which both answered every item count. The correction is for error of the items
    alone; error that all items of a session share, such as mood, stays in.

    Examples
    --------
    >>> import alliance_stats as al
    >>> study = al.simulate_study(n_therapists=8, n_clients=40, seed=1)
    >>> found = al.check_parallel_forms(study, measure="wai-sr", replicates=20)
    >>> bool(found.tidy().set_index("term").loc["r_within_disattenuated", "estimate"] > 0)
    True
    """
    replicates, seed, rough = checks.resampling(replicates, seed)
    score = name_of(measure, scale)
    score = ScoreName.of(score.measure, score.scale or "total")
    sums = item_sums(study, str(score.measure), str(score.scale))
    if len(sums.n) < SMALLEST:
        raise DesignError(
            f"Only {len(sums.n)} dyads have a session with all items from both; reliabilities "
            f"need {SMALLEST} or more."
        )
    observed = _terms(sums, np.ones((1, len(sums.n))))
    drawn = _terms(sums, sums.units.draws(replicates, seed))
    messages = [*caveats("parallel_forms"), *sums.units.messages, *rough]
    if sums.incomplete:
        messages.append(
            f"{sums.incomplete} sessions lack an item of one of the raters and are left out; "
            f"{sums.n_sessions} count."
        )
    several = int((np.asarray(sums.n) > 1).sum())
    if not several:
        messages.append(
            "Each dyad has one session, so within and between dyads cannot be told apart: "
            "reliabilities and correlations at either level are not given."
        )
    rows = [
        _gaps_row(sums, messages)
        if term == "sd_item_gaps"
        else tidy_rows(term, np.nan)
        if not several
        else _row(
            term,
            value := float(observed[term][0]),
            sums.units.as_one(drawn[term], value),
            messages,
            confidence,
        )
        for term in TERMS
    ]
    of = wording("parallel_forms_known").items()
    known = next(text for name, text in of if measure.startswith(name))
    invariance = _invariance(study, score, messages)
    return ParallelForms(
        table=pd.concat(rows, ignore_index=True),
        items=_items(sums),
        known=known,
        n_dyads=len(sums.n),
        n_with_several=several,
        n_sessions=sums.n_sessions,
        invariance=invariance,
        messages=tuple(messages),
        score=score,
    )


def _invariance(
    study: Study, score: ScoreName, messages: list[str]
) -> MeasurementInvariance | None:
    """Return whether both use the items alike; of a total score, with its subscales as factors."""
    parts = [str(score.measure)] + ([] if score.scale == "total" else [str(score.scale)])
    clients = study.tables.get("clients", pd.DataFrame())
    therapists = clients[THERAPIST].nunique() if THERAPIST in clients.columns else 0
    # a therapist has a way of using the items, with all clients alike; of few, clusters tell little
    enough = FEWEST_CLUSTERS <= therapists < len(clients)
    for cluster in (THERAPIST, None) if enough else (None,):
        try:
            found = measurement_invariance(study, measure="/".join(parts), cluster=cluster)
            break
        except DesignError as error:
            if cluster is None:
                messages.append(f"Whether both use the items alike could not be tested. {error}")
                return None
    messages += [*few_clusters(found.partial), *found.wrong]
    if cluster is None and therapists < len(clients):
        why = (
            f"errors by therapist need {FEWEST_CLUSTERS} therapists of the dyads compared, and one "
            "known for each dyad"
            if enough
            else f"{plural(therapists, 'therapist')} are fewer than the {FEWEST_CLUSTERS} that "
            "errors by therapist need"
        )
        messages.append(
            f"The test of items takes dyads as independent: {why}, so that what one therapist does "
            "with an item can pass for a difference between the forms."
        )
    return found


def _row(
    term: str, value: float, draws: Array, messages: list[str], confidence: float
) -> pd.DataFrame:
    """Return a row with percentile limits; what is above 1 and must not be is withheld."""
    draws = draws[np.isfinite(draws)]
    bounded = term.startswith(("reliability", "r_", "latent_cor"))
    if np.isnan(value):
        messages.append(f"{term} cannot be had: no variation at that level, or it is negative.")
    elif bounded and abs(value) > 1:
        messages.append(
            f"{term} comes out as {value:.2f}, which it cannot be: the items' errors are not "
            "independent, or the dyads too few. It is withheld."
        )
        value = np.nan
    if np.isnan(value) or len(draws) < 2:
        return tidy_rows(term, value)
    low, high = percentiles(draws, confidence)
    if bounded:
        low, high = max(low, -1.0), min(high, 1.0)
    return tidy_rows(term, value, draws.std(ddof=1), conf_low=low, conf_high=high)


def _gaps_row(sums: ItemSums, messages: list[str]) -> pd.DataFrame:
    k = len(sums.items)
    found = same_gaps(sums.means[:, k:] - sums.means[:, :k], sums.units.codes)
    if np.isnan(found.p_value):
        messages.append(
            f"That all items show the same gap is not tested: {sums.units.n} {sums.units.unit} are "
            f"too few for {k} items."
        )
    messages.append(
        "sd_item_gaps has no interval: near 0 none is trustworthy. Its p tests that all items "
        "show the same gap."
    )
    test = {"statistic": found.statistic, "df": found.df, "p_value": found.p_value}
    return tidy_rows("sd_item_gaps", found.sd, **test, df_num=found.df_num)


def _alpha(C: Array) -> Array:
    """Return Cronbach's alpha of covariance matrices; NaN where the total does not vary."""
    k = C.shape[-1]
    trace, total = np.trace(C, axis1=1, axis2=2), C.sum(axis=(1, 2))
    with np.errstate(divide="ignore", invalid="ignore"):
        value = k / (k - 1) * (1 - trace / total)
    return np.where((total > 1e-12 * np.abs(C).sum(axis=(1, 2))) & (value > 0), value, np.nan)


def _terms(sums: ItemSums, weights: Array) -> dict[str, Array]:
    k = len(sums.items)
    client, therapist = slice(0, k), slice(k, 2 * k)
    out: dict[str, Array] = {}
    with np.errstate(divide="ignore", invalid="ignore"):
        for level, C in zip(("within", "between"), sums.moments(weights), strict=True):
            cc, tt, ct = C[:, client, client], C[:, therapist, therapist], C[:, client, therapist]
            gap = cc + tt - ct - np.swapaxes(ct, 1, 2)
            for name, block in (("client", cc), ("therapist", tt), ("gap", gap)):
                out[f"reliability_{name}_{level}"] = _alpha(block)
            own = [block.sum(axis=(1, 2)) for block in (cc, tt)]
            both = ct.sum(axis=(1, 2))
            r = both / np.sqrt(np.where(own[0] * own[1] > 0, own[0] * own[1], np.nan))
            alphas = [out[f"reliability_{name}_{level}"] for name in ("client", "therapist")]
            out[f"r_{level}"] = r
            out[f"r_{level}_disattenuated"] = r / np.sqrt(alphas[0] * alphas[1])
            if level == "within":
                out["truth_force_disattenuated"] = both / own[0] / alphas[0]
            else:
                out |= _latent(cc, tt, ct)
    return out


def _latent(cc: Array, tt: Array, ct: Array) -> dict[str, Array]:
    """Return level and congruence of latent ratings: means of covariances of different items."""
    k = cc.shape[-1]
    off = ~np.eye(k, dtype=bool)
    var_c, var_t, cov = (block[:, off].mean(axis=1) for block in (cc, tt, ct))
    level, gap = (var_c + var_t + 2 * cov) / 4, var_c + var_t - 2 * cov
    level, gap = (np.where(value > 0, value, np.nan) for value in (level, gap))
    return {
        "latent_sd_level": np.sqrt(level),
        "latent_sd_congruence": np.sqrt(gap),
        "latent_cor_level_congruence": (var_t - var_c) / 2 / np.sqrt(level * gap),
    }


def _items(sums: ItemSums) -> pd.DataFrame:
    k = len(sums.items)
    within, between = (C[0] for C in sums.moments(np.ones((1, len(sums.n)))))
    mean = sums.means.mean(axis=0)

    def correlation(C: Array) -> Array:
        own = np.diag(C)
        product = own[:k] * own[k:]
        return np.diag(C[:k, k:]) / np.sqrt(np.where(product > 0, product, np.nan))

    return pd.DataFrame(
        {
            "item": sums.items,
            "client": mean[:k],
            "therapist": mean[k:],
            "gap": mean[k:] - mean[:k],
            "r_within": correlation(within),
            "r_between": correlation(between) if (np.asarray(sums.n) > 1).any() else np.nan,
        }
    )
