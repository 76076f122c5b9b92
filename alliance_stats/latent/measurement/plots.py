"""Pictures of factors: loadings with intervals, and what each item adds to a mean gap."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...core.drawing import GREY, SERIES, house_style, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .factor_model import FactorModel
    from .invariance import MeasurementInvariance


def plot_loadings(result: FactorModel, ax: Axes | None = None) -> Axes:
    """Draw the standardised loadings with their intervals, groups beside each other."""
    table = result.standardised()
    terms = table["term"].drop_duplicates().tolist()
    if ax is None:
        with house_style():
            return plot_loadings(result, new_axes(6.3, 0.8 + 0.28 * len(terms)))
    for k, (name, own) in enumerate(table.groupby(result.parts, sort=False)):
        height = -np.arange(len(terms)) - 0.12 * (k - (len(result.subgroups) - 1) / 2)
        reach = [own["estimate"] - own["conf_low"], own["conf_high"] - own["estimate"]]
        look = SERIES[k % len(SERIES)]
        ax.errorbar(
            own["estimate"], height, xerr=reach, fmt=look.marker, color=look.color, label=str(name)
        )
    ax.set_yticks(-np.arange(len(terms)), [term.replace("=~", ": ") for term in terms])
    ax.axvline(0, color=GREY, lw=0.6)
    ax.set_xlabel("standardised loading")
    if len(result.subgroups) > 1:
        ax.legend(loc="lower left")
    return ax


def plot_shifts(result: MeasurementInvariance, ax: Axes | None = None) -> Axes:
    """Draw each item's mean gap, and the part of it that comes from the item and not the people.

    A gap is a hollow mark, its part a full one with its interval, in a colour a comparison.
    """
    table = result.in_points
    compared = [*table["compared"].unique()]
    items = [*table["item"].unique()]
    if ax is None:
        with house_style():
            tall = 0.3 * len(items) * max(1.0, 0.7 * len(compared))
            return plot_shifts(result, new_axes(6.3, 0.5 + 0.4 * len(compared) + tall))
    for k, (name, one) in enumerate(table.groupby("compared", sort=False)):
        look, of = SERIES[k % len(SERIES)], "" if len(compared) == 1 else f"{name}: "
        height = -np.arange(len(items)) - 0.7 * k / len(compared)
        style: dict[str, Any] = {"color": look.color, "ls": "none", "marker": look.marker}
        ax.plot(one["gap"], height, mfc="white", label=f"{of}mean gap", **style)
        reach = [one["estimate"] - one["conf_low"], one["conf_high"] - one["estimate"]]
        ax.errorbar(
            one["estimate"], height - 0.18, xerr=np.nan_to_num(reach),
            label=f"{of}of it, from how the item is used", **style,
        )  # fmt: skip
    ax.set_yticks(-np.arange(len(items)), items)
    ax.axvline(0, color=GREY, lw=0.6)
    ax.set_xlabel("points" if len(compared) > 1 else f"points: {compared[0]}")
    # long names side by side would press the axes together
    columns = 2 if len(compared) == 1 else 1
    ax.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=columns)  # off the intervals
    return ax
