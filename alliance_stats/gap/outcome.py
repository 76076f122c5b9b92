"""The success gap: what therapists forecast against what their clients' measures show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..errors import DesignError, SingularFitWarning
from ..results import TIDY_COLUMNS, Result
from .forecasts import TARGETS, checked_forecasts, default_measure, observed_outcomes
from .linear import multilevel
from .outcome_scores import calibration_curve, calibration_line, discrimination, foreseen

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CAVEATS = (
    "Observed change is that of the clients with both scores: clients who left before the second "
    "score may have fared otherwise.",
    "Reliable change is a cut on one self-report measure. A therapist who forecast something else "
    "(functioning, goals) is not shown to be wrong by it.",
    "This gap is of success and is not on one axis with the gap of alliance ratings: there "
    "therapists rate lower than clients, here they may expect more than is measured.",
)
ENOUGH = 10  # clients with and without the event that a calibration line needs
SMALLEST_CASELOAD = 5


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
        caseload; ``rank_correlation``.
    calibration
        ``target, bin, n, forecast, observed, conf_low, conf_high``.
    therapists
        ``therapist_id, n, forecast, observed, shrunken, rank_forecast, rank_observed`` of
        improvement.
    clients
        A row a client and target: ``therapist_id, client_id, target, forecast, observed``.
    used
        Measure, scale, reliability and method of the observed change.
    """

    table: pd.DataFrame
    calibration: pd.DataFrame
    therapists: pd.DataFrame
    clients: pd.DataFrame
    used: dict[str, Any]
    messages: tuple[str, ...] = ()
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
        from ..datasets import load_dataset

        found = load_dataset("published/self-assessment")
        assert isinstance(found, pd.DataFrame)
        return found

    def plot(self, target: str = "improved", ax: Axes | None = None) -> Axes:
        """Draw how often what was forecast came to pass."""
        from .plots import plot_calibration

        return plot_calibration(self, target, ax)


def outcome_gap(
    study: Any,
    *,
    measure: str | None = None,
    scale: str = "total",
    rater: str = "client",
    reliability: float | None = None,
    method: str = "JT",
    threshold: float | None = None,
    bins: int = 5,
) -> OutcomeGap:
    """Do therapists' forecasts agree with what their clients' measures show?

    Parameters
    ----------
    study
        A `Study` with the table ``forecasts`` and the outcome at two times or more.
    measure, scale, rater
        The outcome score; the study's only outcome measure where not named.
    reliability
        For reliable change; that of the measure's card where not given.
    method
        Which reliable change (see `reliable_change`).
    threshold
        From which forecast a deterioration counts as foreseen. By default where it is the most
        likely of improved, unchanged and deteriorated.
    bins
        Groups of clients, alike in number, of the calibration curve.

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
    *Bias*: ``forecast - observed ~ 1 + (1 | therapist_id)``. *Calibration*: logistic regression
    on the forecast's log odds with errors that respect therapists; slope 1 and intercept 0 are
    perfect (the intercept at slope 1). *Sensitivity, specificity, predictive value*: Wilson's
    intervals, which treat clients as independent. *Rank*: Spearman between therapists' mean
    forecast of improvement and their observed share, shrunken by caseload.

    Examples
    --------
    >>> import alliance_stats as al
    >>> found = al.outcome_gap(al.simulate_study(n_therapists=20, n_clients=150, seed=1))
    >>> bool(found.tidy().set_index("term").loc["improved:bias", "estimate"] > 0)
    True
    """
    if threshold is not None and not 0 < threshold <= 1:
        raise DesignError(f"threshold is a probability above 0 and up to 1, not {threshold!r}.")
    forecasts = checked_forecasts(study)
    name = measure or default_measure(study)
    outcomes, used = observed_outcomes(study, name, scale, rater, reliability, method)
    messages: list[str] = []
    clients = _per_client(forecasts, outcomes, messages)
    rows = []
    curves = []
    for target in TARGETS:
        part = clients[(clients["target"] == target) & clients["observed"].notna()]
        if len(part):
            rows += _target_rows(part, target, messages)
            curves.append(calibration_curve(part, bins).assign(target=target))
    if len(clients):
        rows += foreseen(clients, threshold, messages)
    rows += _caseloads(study, forecasts, outcomes)
    if not rows:
        raise DesignError("No forecast belongs to a client or therapist whose outcome is known.")
    therapists, rank = _ranks(clients, messages)
    table = pd.DataFrame([*rows, *rank]).assign(effect="fixed", group="")
    return OutcomeGap(
        table=table.reindex(columns=list(TIDY_COLUMNS)),
        calibration=_curves(curves),
        therapists=therapists,
        clients=clients,
        used=used,
        messages=(*messages, *CAVEATS),
    )


def _curves(curves: list[pd.DataFrame]) -> pd.DataFrame:
    columns = ["target", "bin", "n", "forecast", "observed", "conf_low", "conf_high"]
    return (
        pd.concat(curves, ignore_index=True)[columns] if curves else pd.DataFrame(columns=columns)
    )


def _per_client(
    forecasts: pd.DataFrame, outcomes: pd.DataFrame, messages: list[str]
) -> pd.DataFrame:
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


def _row(term: str, estimate: float, **more: float) -> dict[str, Any]:
    return {"term": term, "estimate": float(estimate), **more}


def _target_rows(part: pd.DataFrame, target: str, messages: list[str]) -> list[dict[str, Any]]:
    forecast, observed = part["forecast"].to_numpy(), part["observed"].to_numpy()
    rows = [
        _row(f"{target}:forecast", forecast.mean()),
        _row(f"{target}:observed", observed.mean()),
        {**_bias(part), "term": f"{target}:bias"},
        _row(f"{target}:brier", ((forecast - observed) ** 2).mean()),
    ]
    events = int(observed.sum())
    if min(events, len(observed) - events) < ENOUGH:
        messages.append(
            f"'{target}': {events} of {len(observed)} clients; fewer than {ENOUGH} with or "
            "without it are too few for a calibration line."
        )
        names = ("auc", "calibration_intercept", "calibration_slope")
        return rows + [_row(f"{target}:{name}", np.nan) for name in names]
    rows.append({**discrimination(forecast, observed), "term": f"{target}:auc"})
    lines = calibration_line(part, target, messages)
    return rows + [{**line, "term": f"{target}:{name}"} for name, line in lines.items()]


def _bias(part: pd.DataFrame) -> dict[str, float]:
    """Return forecast minus observed with its interval, therapists respected where they repeat."""
    import warnings

    frame = part.assign(bias=part["forecast"] - part["observed"])
    clusters = frame["therapist_id"].nunique()
    if 1 < clusters < len(frame) and frame["bias"].std() > 0:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SingularFitWarning)
            found = multilevel("bias ~ 1 + (1 | therapist_id)", frame, df="satterthwaite")
        row = found.rows(np.ones((1, 1)), ["bias"]).iloc[0]
        return {str(k): v for k, v in row.items() if k not in ("effect", "group", "term")}
    from .moments import mean_row

    return mean_row(frame["bias"].to_numpy())


def _caseloads(study: Any, forecasts: pd.DataFrame, outcomes: pd.DataFrame) -> list[dict[str, Any]]:
    """Compare shares that therapists expect of their caseload with the observed ones."""
    from .moments import mean_row

    shares = forecasts[forecasts["client_id"].isna() & forecasts["forecast"].notna()]
    if shares.empty:
        return []
    clients = study.tables["clients"][["client_id", "therapist_id"]]
    seen = outcomes.merge(clients, on="client_id", how="left").groupby("therapist_id")
    observed = seen[list(TARGETS)].mean()
    rows = []
    for target, part in shares.groupby("target", sort=False):
        gap = part["forecast"].to_numpy() - part["therapist_id"].map(observed[target]).to_numpy()
        gap = gap[np.isfinite(gap)]
        if len(gap):
            rows.append({**mean_row(gap), "term": f"{target}:caseload_bias"})
    return rows


def _ranks(clients: pd.DataFrame, messages: list[str]) -> tuple[pd.DataFrame, list[dict[str, Any]]]:
    columns = [
        "therapist_id", "n", "forecast", "observed", "shrunken", "rank_forecast", "rank_observed",
    ]  # fmt: skip
    part = clients[(clients["target"] == "improved") & clients["observed"].notna()]
    if part["therapist_id"].nunique() < 3:
        return pd.DataFrame(columns=columns), []
    groups = part.groupby("therapist_id", observed=True)
    table = groups[["forecast", "observed"]].mean()
    table.insert(0, "n", groups.size())
    fit = multilevel("observed ~ 1 + (1 | therapist_id)", part, df="normal").fit
    assert fit is not None
    own = fit.random_effects["therapist_id"]["Intercept"].reindex(table.index)
    table["shrunken"] = float(fit.params["Intercept"]) + own
    for name, source in (("forecast", "forecast"), ("observed", "shrunken")):
        table[f"rank_{name}"] = table[source].rank(ascending=False, method="average")
    enough = table[table["n"] >= SMALLEST_CASELOAD]
    if len(enough) < 5 or not enough["shrunken"].std() > 1e-9 < enough["forecast"].std():
        messages.append(
            "The correlation of ranks needs five therapists with five clients or more who are "
            "found to differ in outcome and in forecast; it is left out."
        )
        return table.reset_index()[columns], [_row("rank_correlation", np.nan)]
    from scipy.stats import spearmanr

    found = spearmanr(enough["forecast"], enough["shrunken"])
    r, n = float(found.statistic), len(enough)
    half = 1.959964 * np.sqrt((1 + r * r / 2) / (n - 3))  # Bonett & Wright 2000
    low, high = np.tanh(np.arctanh(np.clip(r, -0.999999, 0.999999)) + np.array([-half, half]))
    row = _row(
        "rank_correlation", r, p_value=float(found.pvalue), conf_low=float(low),
        conf_high=float(high),
    )  # fmt: skip
    return table.reset_index()[columns], [row]
