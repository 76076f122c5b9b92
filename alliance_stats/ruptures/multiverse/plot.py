"""The specification curve: every estimate in order, and beneath it the choices that made it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..plots import GREY, INK, PALE, REPAIR, RUPTURE
from ..rules import short_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_DRAWN = 1500
"""With more specifications every so-many-th is drawn, the first and the last among them."""


def curve_data(result: Any) -> pd.DataFrame:
    """Return the fitted specifications in order of their estimate, with ``order`` from 1."""
    table = result.specifications.dropna(subset=["estimate"])
    table = table.sort_values("estimate", kind="stable").reset_index(drop=True)
    low, high = table["conf_low"], table["conf_high"]
    sign = np.where(low > 0, "above zero", np.where(high < 0, "below zero", "includes zero"))
    return table.assign(order=np.arange(1, len(table) + 1), interval=sign)


def choice_data(result: Any, curve: pd.DataFrame) -> pd.DataFrame:
    """Return one row an option of each choice that varies: ``choice, option`` and its orders."""
    rows = []
    for choice in result.choices:
        values = curve[choice].map(_label)
        for option in sorted(values.unique(), key=_sort_key):
            if option == "–" and len(values.unique()) == 1:
                continue
            orders = curve.loc[values == option, "order"].to_numpy()
            rows.append({"choice": choice, "option": option, "orders": orders})
    return pd.DataFrame(rows, columns=["choice", "option", "orders"])


def _label(value: Any) -> str:
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return "–"
    if isinstance(value, (bool, np.bool_)):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, (int, float, np.number)) else str(value)


def _sort_key(text: str) -> tuple[int, float, str]:
    try:
        return (0, float(text), text)
    except ValueError:
        return (1, 0.0, text)


def plot_curve(result: Any, *, ax: Axes | None = None) -> Axes:
    """Draw the curve; with no `ax`, the choices stand beneath it on the same axis."""
    from matplotlib.ticker import MaxNLocator

    curve = curve_data(result)
    options = choice_data(result, curve)
    lower = None
    if ax is None:
        from matplotlib.figure import Figure

        height = 3.0 + 0.19 * len(options) + 0.12 * len(result.choices)
        figure = Figure(figsize=(7.0, height), layout="constrained")
        ax, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3.0, max(height - 3.0, 0.3)])
    drawn = _thinned(curve)
    _draw_estimates(ax, drawn, result)
    if lower is not None:
        _draw_choices(lower, options, set(drawn["order"]))
    lowest = ax if lower is None else lower
    lowest.xaxis.set_major_locator(MaxNLocator(integer=True))
    lowest.set_xlabel(f"Specifications in order of their estimate (n = {len(curve)})")
    return ax


def _thinned(curve: pd.DataFrame) -> pd.DataFrame:
    if len(curve) <= MOST_DRAWN:
        return curve
    keep = np.unique(np.linspace(0, len(curve) - 1, MOST_DRAWN).round().astype(int))
    keep = np.union1d(keep, np.flatnonzero(curve["primary"]))
    return curve.iloc[keep]


def _draw_estimates(ax: Axes, curve: pd.DataFrame, result: Any) -> None:
    looks = {"above zero": RUPTURE, "below zero": REPAIR, "includes zero": GREY}
    marks = {"above zero": "^", "below zero": "v", "includes zero": "o"}
    ax.axhline(0, color=INK, linewidth=0.8)
    for sign, colour in looks.items():
        own = curve[curve["interval"] == sign]
        if own.empty:
            continue
        ax.vlines(own["order"], own["conf_low"], own["conf_high"], color=PALE, linewidth=1.0)
        label = f"interval {sign} ({int((curve['interval'] == sign).sum())})"
        ax.plot(own["order"], own["estimate"], marks[sign], color=colour, markersize=3, label=label)
    first = curve[curve["primary"]]
    if len(first):
        ax.plot(
            first["order"],
            first["estimate"],
            "D",
            markersize=8,
            markerfacecolor="none",
            markeredgecolor=INK,
            label="primary specification",
        )
    ax.set_ylabel(f"Effect of {result.effect.replace('_', ' ')}\n({result.response}, points)")
    ax.spines[["top", "right"]].set_visible(False)
    # Above the curve, where no estimate can lie, and the full width is left to it.
    key = ax.legend(
        title=_title(result),
        alignment="left",
        ncols=2,
        fontsize=8,
        title_fontsize=9,
        frameon=False,
        loc="lower left",
        bbox_to_anchor=(0.0, 1.0),
        borderaxespad=0.2,
    )
    key.set_in_layout(True)


def _title(result: Any) -> str:
    sizes = result.specifications.loc[result.specifications["nobs"] > 0, "n_clients"]
    if sizes.empty:
        return "No specification could be fitted"
    low, high = int(sizes.min()), int(sizes.max())
    clients = f"{low} to {high}" if low < high else f"{low}"
    return f"Specification curve, n = {clients} clients"


def _draw_choices(ax: Axes, options: pd.DataFrame, drawn: set[int]) -> None:
    labels, y, place = [], [], 0.0
    before = None
    for choice, option, orders in options.itertuples(index=False):
        place -= 1.6 if before not in (None, choice) else 1.0
        shown = [order for order in orders if order in drawn]
        ax.plot(shown, np.full(len(shown), place), "|", color=INK, markersize=5)
        words = choice.replace("_", " ")
        said = short_of(option) if choice == "rule" else option
        labels.append(f"{words}: {said}" if choice != before else said)
        y.append(place)
        before = choice
    ax.set_yticks(y, labels, fontsize=8)
    ax.tick_params(axis="y", length=0)
    ax.spines[["top", "right", "left"]].set_visible(False)
