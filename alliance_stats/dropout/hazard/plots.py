"""Pictures of a hazard model: the hazard by session, and one client's predicted course."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ...core.drawing import GREY, INK, PALE, SERIES, house_style, in_percent, new_axes
from ...core.people import refuse_repeats
from ...errors import DesignError, listing, require_columns
from ...inference.distributions import half_width
from ...inference.shares import wilson
from .accumulation import accumulated
from .links import inverse_link

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .result import DropoutHazard

SMALLEST = 5
ADDS = "adds: "  # before the name of a term in `client_course`


def hazard_by_session(fit: DropoutHazard, data: pd.DataFrame) -> pd.DataFrame:
    """Return ``session, n_at_risk, n_events, observed, conf_low, conf_high, fitted``.

    Observed shares of those at risk with Wilson's interval, beside the mean fitted hazard of the
    same rows (known therapists); rows the model could not use are in neither.
    """
    require_columns(data.columns, ["session", "event"], what="the person-period rows")
    fitted = fit.predict(data, therapists="known" if fit.group else "average")
    rows = data.assign(fitted=fitted)[fitted.notna()]
    table = rows.groupby("session").agg(
        n_at_risk=("event", "size"), n_events=("event", "sum"), fitted=("fitted", "mean")
    )
    table["observed"] = table["n_events"] / table["n_at_risk"]
    counts = zip(table["n_events"], table["n_at_risk"], strict=True)
    low, high = np.reshape([wilson(n, of, fit.confidence) for n, of in counts], (-1, 2)).T
    # At a share of 0 or 1 rounding can put Wilson's limit a hair on the wrong side.
    table["conf_low"] = np.minimum(low, table["observed"])
    table["conf_high"] = np.maximum(high, table["observed"])
    order = ["n_at_risk", "n_events", "observed", "conf_low", "conf_high", "fitted"]
    return table[order].reset_index()


def plot_hazard(fit: DropoutHazard, data: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw the observed and the fitted hazard of dropout by session."""
    if ax is None:
        with house_style():
            return plot_hazard(fit, data, new_axes())
    table = hazard_by_session(fit, data)
    table = table[table["n_at_risk"] >= SMALLEST]
    if table.empty:
        raise DesignError(f"No session has {SMALLEST} clients at risk with a prediction to draw.")
    own, model = SERIES[1], SERIES[0]
    ax.vlines(table["session"], table["conf_low"], table["conf_high"], color=GREY, lw=0.8)
    ax.plot(table["session"], table["observed"], own.marker, color=own.color, ls="",
            label=f"observed share, {fit.confidence:.0%} interval")  # fmt: skip
    ax.plot(table["session"], table["fitted"], color=model.color, label="fitted")
    ax.set_xlabel("Session")
    ax.set_ylabel("Share who leave after the session")
    ax.set_ylim(0, None)
    in_percent(ax.yaxis)
    first, last = table.iloc[0], table.iloc[-1]
    ax.set_title(
        f"n at risk: {first['n_at_risk']:.0f} at session {first['session']:.0f}, "
        f"{last['n_at_risk']:.0f} at session {last['session']:.0f}", loc="left",
    )  # fmt: skip
    ax.legend(loc="upper right")
    return ax


def client_course(fit: DropoutHazard, data: pd.DataFrame, client_id: object) -> pd.DataFrame:
    """Return one client's hazard by session and what each term adds to it.

    Columns ``session``; ``hazard``, ``conf_low``, ``conf_high``: for the client's own therapist
    where the model knows that one (the interval takes the therapist's intercept and the
    coefficients as independent), else averaged over therapists and without an interval;
    ``left_by``: the chance to have left by then, were nothing else to end the therapy, NaN from
    the first session without a prediction on; and ``adds: TERM`` for each term: its coefficient
    times the distance of the client's value from the mean of the rows without gaps, and the
    therapist's intercept, on the link's scale.
    """
    require_columns(data.columns, ["client_id", "session"], what="the person-period rows")
    refuse_repeats(data, ["client_id", "session"], "Person-period rows")
    mine = data["client_id"] == client_id
    if not mine.any():
        raise DesignError(
            f"There is no client '{client_id}' in the rows; the first are "
            f"{listing(data['client_id'].unique())}."
        )
    x = fit.design(data)
    own = data[mine].sort_values("session", kind="stable")
    known = "known" if fit.group else "average"
    out = pd.DataFrame({"session": own["session"], "hazard": fit.predict(own, therapists=known)})
    out["conf_low"], out["conf_high"] = _band(fit, own, x.loc[own.index])
    _, ended = accumulated([fit], own, np.zeros(len(own), dtype=int), known)
    out["left_by"] = ended[0]
    added = _contributions(fit, x).loc[own.index]
    if fit.group:
        added[fit.group] = fit.intercepts(own, "known")[0]
    return pd.concat([out, added.add_prefix(ADDS)], axis=1).reset_index(drop=True)


def _contributions(fit: DropoutHazard, x: pd.DataFrame) -> pd.DataFrame:
    terms = [name for name in fit.params.index if name != "Intercept"]
    added = (x[terms] - x[terms].mean()) * fit.params[terms]
    # The columns of one spline, or of one category, are one term to a reader.
    return added.T.groupby([name.split("[")[0] for name in terms], sort=False).sum(min_count=1).T


def _band(fit: DropoutHazard, own: pd.DataFrame, x: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return pointwise limits of the hazard, NaN where it is an average over therapists."""
    effect, spread, sd = fit.intercepts(own, "known" if fit.group else "average")
    values = x.to_numpy()
    eta = values @ fit.params.to_numpy() + effect
    error = np.sqrt(np.einsum("ij,jk,ik->i", values, fit.cov.to_numpy(), values) + spread**2)
    half = np.where(sd > 0, np.nan, half_width(error, confidence=fit.confidence))
    return inverse_link(fit.link, eta - half), inverse_link(fit.link, eta + half)


def plot_client(
    fit: DropoutHazard, data: pd.DataFrame, client_id: object, ax: Axes | None = None
) -> Axes:
    """Draw one client's predicted hazard, and below it what drove it."""
    if ax is None:
        with house_style():
            return plot_client(fit, data, client_id, new_axes(6.3, 5.4))
    table = client_course(fit, data, client_id)
    if table["hazard"].isna().all():
        raise DesignError(
            f"Client '{client_id}' has no session at which every predictor is known, so there is "
            "no prediction to draw."
        )
    lower = _axes_below(ax)
    _draw_hazard(ax, table, fit)
    _draw_contributions(lower, table, fit)
    gaps = table.loc[table["hazard"].isna(), "session"]
    missing = f"; no prediction after session {listing(gaps, 8)}" if len(gaps) else ""
    ax.set_title(f"Client {client_id}{missing}", loc="left")
    return ax


def _axes_below(ax: Axes) -> Axes:
    """Give the lower half of the axes' place to new axes."""
    figure, place = ax.figure, ax.get_subplotspec()
    if place is not None:
        halves = place.subgridspec(2, 1)
        ax.set_subplotspec(halves[0])
        return figure.add_subplot(halves[1], sharex=ax)
    box = ax.get_position()
    ax.set_position((box.x0, box.y0 + 0.55 * box.height, box.width, 0.45 * box.height))
    return figure.add_axes((box.x0, box.y0, box.width, 0.42 * box.height), sharex=ax)


def _draw_hazard(ax: Axes, table: pd.DataFrame, fit: DropoutHazard) -> None:
    known = table[table["hazard"].notna()]
    if known["conf_high"].notna().any():
        ax.vlines(known["session"], known["conf_low"], known["conf_high"], color=PALE, lw=4)
    ax.plot(table["session"], table["hazard"], color=INK, marker="o", clip_on=False)
    ax.set_ylabel("Predicted chance to leave")
    top = float(np.nanmax(known[["hazard", "conf_high"]].to_numpy()))
    ax.set_ylim(0, 1.2 * top)
    ax.yaxis.set_major_formatter(lambda value, _: f"{value:.1%}")
    ax.tick_params(labelbottom=False)
    interval = f"{fit.confidence:.0%} pointwise interval"
    words = interval if not fit.group else f"with the client's own therapist; {interval}"
    if known["conf_high"].isna().all():
        words = "averaged over therapists; no interval"
    ax.annotate(words, (0.99, 0.97), xycoords="axes fraction", ha="right", va="top", fontsize=8,
                color=GREY)  # fmt: skip


def _draw_contributions(ax: Axes, table: pd.DataFrame, fit: DropoutHazard) -> None:
    from matplotlib.ticker import MaxNLocator

    ax.axhline(0, color=GREY, lw=0.6)
    for position, column in enumerate(c for c in table.columns if c.startswith(ADDS)):
        style = SERIES[position % len(SERIES)]
        ax.plot(table["session"], table[column], color=style.color, ls=style.linestyle,
                marker=style.marker, ms=3, lw=1.1, label=column.removeprefix(ADDS))  # fmt: skip
    scale = {"logit": "log odds", "cloglog": "log hazard"}[fit.link]
    ax.set_ylabel(f"What each adds ({scale})")
    ax.set_xlabel("Session")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    ax.legend(loc="upper center", ncols=2, bbox_to_anchor=(0.5, -0.24))
