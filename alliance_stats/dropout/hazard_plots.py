"""Pictures of a hazard model: the hazard by session, and one client's predicted course."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ..drawing import GREY, INK, SERIES, house_style, new_axes
from ..errors import DesignError, listing, require_columns

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .hazard_result import DropoutHazard

SMALLEST = 5


def hazard_by_session(fit: DropoutHazard, data: pd.DataFrame) -> pd.DataFrame:
    """Return ``session, n_at_risk, n_events, observed, conf_low, conf_high, fitted``.

    Observed shares of those at risk with Wilson's interval, beside the mean fitted hazard of the
    same rows (known therapists); rows the model could not use are in neither.
    """
    from statsmodels.stats.proportion import proportion_confint

    require_columns(data.columns, ["session", "event"], what="the person-period rows")
    fitted = fit.predict(data, therapists="known" if fit.group else "average")
    rows = data.assign(fitted=fitted)[fitted.notna()]
    table = rows.groupby("session").agg(
        n_at_risk=("event", "size"), n_events=("event", "sum"), fitted=("fitted", "mean")
    )
    table["observed"] = table["n_events"] / table["n_at_risk"]
    low, high = proportion_confint(
        table["n_events"], table["n_at_risk"], alpha=1 - fit.confidence, method="wilson"
    )
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
    own, model = SERIES[1], SERIES[0]
    ax.vlines(table["session"], table["conf_low"], table["conf_high"], color=GREY, lw=0.8)
    ax.plot(table["session"], table["observed"], own.marker, color=own.color, ls="",
            label="observed share, 95% interval")  # fmt: skip
    ax.plot(table["session"], table["fitted"], color=model.color, label="fitted")
    ax.set_xlabel("Session")
    ax.set_ylabel("Share who leave after the session")
    ax.set_ylim(0, None)
    ax.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    first, last = table.iloc[0], table.iloc[-1]
    ax.set_title(
        f"n at risk: {first['n_at_risk']:.0f} at session {first['session']:.0f}, "
        f"{last['n_at_risk']:.0f} at session {last['session']:.0f}", loc="left",
    )  # fmt: skip
    ax.legend(loc="upper right")
    return ax


def client_course(fit: DropoutHazard, data: pd.DataFrame, client_id: object) -> pd.DataFrame:
    """Return one client's hazard by session and what each term adds to it.

    Columns ``session, hazard, left_by`` (the chance to have left by then, were nothing else to
    end the therapy) and one column a term: its coefficient times the distance of the client's
    value from the mean of all rows, on the link's scale.
    """
    require_columns(data.columns, ["client_id", "session"], what="the person-period rows")
    mine = data["client_id"] == client_id
    if not mine.any():
        raise DesignError(
            f"There is no client '{client_id}' in the rows; the first are "
            f"{listing(data['client_id'].unique())}."
        )
    from ..multilevel.terms import Table

    x = pd.DataFrame(
        dict(zip(fit.terms.names, fit.terms.rebuild(Table(data)), strict=True)), index=data.index
    )
    terms = [name for name in fit.params.index if name != "Intercept"]
    added = (x[terms] - x[terms].mean()) * fit.params[terms]
    # The columns of one spline, or of one category, are one term to a reader.
    added = added.T.groupby([name.split("[")[0] for name in terms], sort=False).sum(min_count=1).T
    hazard = fit.predict(data[mine])
    out = pd.DataFrame({"session": data.loc[mine, "session"], "hazard": hazard})
    out["left_by"] = 1 - (1 - hazard.fillna(0.0)).cumprod()
    return pd.concat([out, added[mine]], axis=1).reset_index(drop=True)


def plot_client(
    fit: DropoutHazard, data: pd.DataFrame, client_id: object, ax: Axes | None = None
) -> Axes:
    """Draw one client's predicted hazard, and the terms that drove it as lines below."""
    if ax is None:
        with house_style():
            return plot_client(fit, data, client_id, new_axes(6.3, 3.8))
    table = client_course(fit, data, client_id)
    terms = [c for c in table.columns if c not in {"session", "hazard", "left_by"}]
    ax.plot(table["session"], table["hazard"], color=INK, marker="o", label="predicted hazard")
    ax.set_xlabel("Session")
    ax.set_ylabel("Predicted chance to leave")
    ax.set_ylim(0, 1.15 * float(np.nanmax(table["hazard"])))
    ax.yaxis.set_major_formatter(lambda value, _: f"{value:.1%}")
    other = ax.twinx()
    other.spines["right"].set_visible(True)
    other.axhline(0, color=GREY, lw=0.6)
    for position, term in enumerate(terms):
        style = SERIES[position % len(SERIES)]
        other.plot(table["session"], table[term], color=style.color, ls=style.linestyle, lw=1.1,
                   label=term)  # fmt: skip
    scale = {"logit": "log odds", "cloglog": "log hazard"}[fit.link]
    other.set_ylabel(f"What each term adds ({scale})")
    lines = [*ax.get_lines(), *[line for line in other.get_lines() if line.get_label() in terms]]
    ax.legend(lines, [str(line.get_label()) for line in lines], loc="upper center", ncols=2,
              bbox_to_anchor=(0.5, -0.18))  # fmt: skip
    return ax
