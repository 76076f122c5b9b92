"""The success gap: what therapists forecast against what their clients' measures show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ...core.arguments import whole
from ...core.results import TIDY_COLUMNS, Result
from ...errors import DesignError
from ...instruments.criteria import Criterion
from ...study.select import outcome_of
from ..wording import caveats
from .accuracy import calibration_curve, calibration_line, discrimination, foreseen
from .caseloads import bias_row, caseloads, ranks, self_ranks
from .forecasts import TARGETS, checked_forecasts, observed_outcomes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ...study import Study

ENOUGH = 10  # clients with and without the event that a calibration line needs


@dataclass(frozen=True, eq=False)
class OutcomeGap(Result):
    """Forecasts against outcomes; made by `outcome_gap`.

    Attributes
    ----------
    table
        ``tidy()``; terms ``<target>:forecast``, ``:observed``, ``:bias`` (forecast minus
        observed; above 0: more expected than seen), ``:brier``, ``:auc``,
        ``:calibration_intercept``, ``:calibration_slope``; for deterioration ``:sensitivity``,
        ``:specificity``, ``:predictive_value``; ``<target>:caseload_bias`` for shares of a
        caseload; ``rank_correlation``; with `self_rank`, ``self_rank:...``.
    calibration
        ``target, bin, n, forecast, observed, conf_low, conf_high``.
    therapists
        ``therapist_id, n, forecast, observed, shrunken, rank_forecast, rank_observed`` of
        improvement.
    clients
        A row a client and target: ``therapist_id, client_id, target, forecast, observed``.
    used
        Measure and scale, and the method, reliability, SD and points of the observed change.
    criterion
        What a change had to exceed, and where that is from.
    """

    table: pd.DataFrame
    calibration: pd.DataFrame
    therapists: pd.DataFrame
    clients: pd.DataFrame
    used: dict[str, Any]
    criterion: Criterion
    messages: tuple[str, ...] = ()
    _quantities = True
    _shares = "(?:forecast|observed|bias|value)$"
    title: str = "Success gap, forecast minus observed"

    def tidy(self) -> pd.DataFrame:
        """Return one row a term."""
        return self.table

    def glance(self) -> pd.DataFrame:
        """Return numbers of forecasts, clients and therapists in one row."""
        row = {
            "n_forecasts": len(self.clients),
            "n_clients": self.clients["client_id"].nunique(),
            "n_therapists": self.clients["therapist_id"].nunique(),
        }
        return pd.DataFrame([{**row, **self.used}])

    @property
    def published(self) -> pd.DataFrame:
        """The published studies of therapists' self-assessment, each with its source."""
        from ...datasets import load_dataset

        found = load_dataset("published/self-assessment")
        assert isinstance(found, pd.DataFrame)
        return found

    def plot(self, target: str = "improved", ax: Axes | None = None) -> Axes:
        """Draw how often what was forecast came to pass."""
        from ..description.plots import plot_calibration

        return plot_calibration(self, target, ax)


def outcome_gap(
    study: Study,
    *,
    measure: str | None = None,
    scale: str = "total",
    rater: str = "client",
    reliability: float | None = None,
    method: str = "JT",
    criterion: str | Criterion = "card",
    threshold: float | None = None,
    bins: int = 5,
    self_rank: pd.DataFrame | None = None,
    confidence: float = 0.95,
    replicates: int = 1000,
    seed: int = 0,
) -> OutcomeGap:
    """Do therapists' forecasts agree with what their clients' measures show?

    Parameters
    ----------
    study
        A `Study` with the table ``forecasts`` and the outcome at two times or more.
    measure, scale, rater
        The outcome score; where not named, the outcome measure with most scores of clients.
    reliability, method, criterion
        Who improved reliably, as `reliable_change` takes them: the card's reliability where none
        is given, with the SD of the clients who have both scores. ``criterion="alpha"`` takes
        Cronbach's alpha of the clients here, where the study holds items.
    threshold
        From which forecast a deterioration counts as foreseen. By default where it is the most
        likely of improved, unchanged and deteriorated.
    bins
        Groups of clients, alike in number, of the calibration curve.
    self_rank
        ``therapist_id, percentile`` (0 to 100): where each therapist places himself or herself
        among colleagues. Adds ``self_rank:mean``, ``self_rank:bias`` (against the percentile of
        the shrunken outcome in this study) and ``self_rank:correlation``.
    confidence
        Level of the intervals.
    replicates, seed
        Of the bootstrap over therapists for the correlations of ranks.

    Returns
    -------
    OutcomeGap

    Raises
    ------
    DesignError
        No forecasts, no outcome measure, no reliability.
    ColumnError
        A forecast outside 0 to 1, an unknown target.

    Notes
    -----
    *Bias*: ``forecast - observed ~ 1 + (1 | therapist_id)``; so too for a share of the caseload,
    whose clients are its rows: a caseload of one does not count like one of fifty. *Calibration*:
    logistic regression on the forecast's log odds with errors that respect therapists and t with
    one degree of freedom less than there are therapists; slope 1 and intercept 0 are perfect (the
    intercept at slope 1). *AUC*: errors that respect therapists (Obuchowski 1997, doi
    10.2307/2533958). *Sensitivity, specificity, predictive value*: of clients with the forecasts
    that the rule needs; Wilson's intervals, which treat clients as independent. *Rank*: Spearman
    between therapists' mean forecast of improvement and their observed share, shrunken by caseload;
    percentile interval of a bootstrap over therapists.

    Examples
    --------
    >>> import alliance_stats as al
    >>> found = al.outcome_gap(al.simulate_study(n_therapists=20, n_clients=150, seed=1))
    >>> bool(found.tidy().set_index("term").loc["improved:bias", "estimate"] > 0)
    True
    """
    if threshold is not None and not 0 < threshold <= 1:
        raise DesignError(f"threshold is a probability above 0 and up to 1, not {threshold!r}.")
    whole(bins, "bins", 1)
    whole(replicates, "replicates", 2)
    whole(seed, "seed", 0)
    forecasts = checked_forecasts(study)
    name = measure or outcome_of(study)
    outcomes, used = observed_outcomes(
        study, name, scale, rater, reliability=reliability, method=method, criterion=criterion
    )
    messages: list[str] = [*used.messages]
    _note_therapists(study, forecasts, messages)
    clients = _per_client(forecasts, outcomes, messages)
    rows = []
    curves = []
    for target in TARGETS:
        part = clients[(clients["target"] == target) & clients["observed"].notna()]
        if len(part):
            rows += _target_rows(part, target, messages, confidence)
            curves.append(calibration_curve(part, bins, confidence).assign(target=target))
    if len(clients):
        rows += foreseen(clients, threshold, messages, confidence)
    rows += caseloads(study, forecasts, outcomes, messages, confidence)
    if not rows:
        raise DesignError("No forecast belongs to a client or therapist whose outcome is known.")
    therapists, rank = ranks(clients, replicates, seed, messages, confidence)
    if self_rank is not None:
        therapists, own = self_ranks(self_rank, therapists, replicates, seed, messages, confidence)
        rank += own
    table = pd.DataFrame([*rows, *rank]).assign(effect="fixed", group="")
    return OutcomeGap(
        table=table.reindex(columns=list(TIDY_COLUMNS)),
        calibration=_curves(curves),
        therapists=therapists,
        clients=clients,
        used={"measure": name, "scale": scale, **used.as_dict()},
        criterion=used,
        messages=(*messages, *caveats("outcome_gap")),
    )


def _curves(curves: list[pd.DataFrame]) -> pd.DataFrame:
    columns = ["target", "bin", "n", "forecast", "observed", "conf_low", "conf_high"]
    return (
        pd.concat(curves, ignore_index=True)[columns] if curves else pd.DataFrame(columns=columns)
    )


def _per_client(
    forecasts: pd.DataFrame, outcomes: pd.DataFrame, messages: list[str]
) -> pd.DataFrame:
    empty = int((forecasts["client_id"].notna() & forecasts["forecast"].isna()).sum())
    if empty:
        messages.append(f"{empty} forecasts of clients are empty and do not count.")
    own = forecasts[forecasts["client_id"].notna() & forecasts["forecast"].notna()]
    long = outcomes.melt("client_id", list(TARGETS), var_name="target", value_name="observed")
    keep = ["therapist_id", "client_id", "target", "forecast"]
    merged = own[keep].merge(long, on=["client_id", "target"], how="left")
    for target, part in merged.groupby("target", sort=False):
        lacking = int(part["observed"].isna().sum())
        if lacking:
            messages.append(
                f"{lacking} of {len(part)} clients with a forecast of '{target}' have no known "
                "outcome and do not count."
            )
    return merged


def _note_therapists(study: Study, forecasts: pd.DataFrame, messages: list[str]) -> None:
    """Say where a forecast is not of the client's own therapist, or several forecast one client."""
    own = forecasts[forecasts["client_id"].notna() & forecasts["forecast"].notna()]
    clients = study.tables.get("clients")
    if clients is not None and "therapist_id" in clients and len(own):
        known = clients.set_index("client_id")["therapist_id"]
        of = own["client_id"].map(known)
        other = own[of.notna() & (of.astype(str) != own["therapist_id"].astype(str))]
        if len(other):
            messages.append(
                f"{other['client_id'].nunique()} of {own['client_id'].nunique()} clients have "
                "forecasts of another therapist than the table of clients names; they count for "
                "the therapist who made them."
            )
    several = own.groupby(["client_id", "target"])["therapist_id"].nunique()
    n = several[several > 1].reset_index()["client_id"].nunique()
    if n:
        messages.append(
            f"{n} of {own['client_id'].nunique()} clients have forecasts of several "
            "therapists; each forecast counts once, and intervals treat them as different clients."
        )


def _target_rows(
    part: pd.DataFrame, target: str, messages: list[str], confidence: float
) -> list[dict[str, Any]]:
    forecast, observed = part["forecast"].to_numpy(), part["observed"].to_numpy()
    rows = [
        {"term": f"{target}:forecast", "estimate": forecast.mean()},
        {"term": f"{target}:observed", "estimate": observed.mean()},
        {**bias_row(part, confidence), "term": f"{target}:bias"},
        {"term": f"{target}:brier", "estimate": ((forecast - observed) ** 2).mean()},
    ]
    events = int(observed.sum())
    if min(events, len(observed) - events) < ENOUGH:
        messages.append(
            f"'{target}': {events} of {len(observed)} clients; fewer than {ENOUGH} with or "
            "without it are too few for a calibration line."
        )
        names = ("auc", "calibration_intercept", "calibration_slope")
        return rows + [{"term": f"{target}:{name}", "estimate": np.nan} for name in names]
    clusters = pd.factorize(part["therapist_id"])[0]
    found = {"auc": discrimination(forecast, observed, clusters, confidence)}
    found |= calibration_line(part, target, messages, confidence)
    return rows + [{**row, "term": f"{target}:{name}"} for name, row in found.items()]
