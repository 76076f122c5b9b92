"""Pictures of a cross-lagged model: paths from wave to wave, and courses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...core.display.formatting import interval, number
from ...core.display.labels import renamed
from ...core.drawing import GREY, INK, SERIES, house_style, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from .result import CrossLagged


def plot_paths(result: CrossLagged, ax: Axes | None = None) -> Axes:
    """Draw scores one above the other at two neighbouring waves: effects in SDs, mean over waves.

    An arrow is as wide as its effect is large; dashed where its interval holds zero (of groups:
    in each). Of two scores the correlations of lasting levels stand on the left, those of what is
    new at a wave on the right.
    """
    names, labels = result.data.names, result.name_labels()
    rows = len(names) - 1
    lines = len(result.subgroups)
    if ax is None:
        with house_style():
            longest = max(len(name) for name in result.subgroups) + 2 if lines > 1 else 0
            wide, tall = 6.3 + 0.17 * longest, 1.4 + (1.1 + 0.45 * lines) * rows
            return plot_paths(result, new_axes(wide, tall))
    place = {v: float(rows - i) for i, v in enumerate(names)}
    table = result.standardised()
    table = table[table["wave"].isna()]
    for v, height in place.items():
        for at, when in ((0.0, "wave before"), (1.0, "wave")):
            box = {"boxstyle": "round,pad=0.5", "fc": "white", "ec": INK, "lw": 0.9}
            words = f"{renamed(names[v], labels)}\n{when}"
            ax.text(at, height, words, ha="center", va="center", fontsize=8, bbox=box, zorder=3)
    for term, own in table.groupby("term", sort=False):
        to, before = str(term)[0], str(term)[-1]
        size = float(own["estimate"].abs().max())
        sure = ((own["conf_low"] > 0) | (own["conf_high"] < 0)).any()
        arrow = {
            "arrowstyle": "-|>",
            "lw": 0.8 + 4.0 * min(size, 1.0),
            "ls": "-" if sure else (0, (4, 2)),
            "color": SERIES[0 if to == before else 1].color,
            "shrinkA": 40,
            "shrinkB": 40,
        }
        ax.annotate("", (1.0, place[to]), (0.0, place[before]), arrowprops=arrow)
        passed = int(abs(place[to] - place[before]))
        along = {0: 0.5, 1: 0.36 if rows == 1 else 0.3, 2: 0.74}[passed]
        height = place[before] + along * (place[to] - place[before])
        patch = {"fc": "white", "ec": "none", "pad": 1.0}
        words = "\n".join(_number(row, lines > 1) for _, row in own.iterrows())
        ax.text(along, height, words, ha="center", va="center", fontsize=8, bbox=patch, zorder=4)
    if rows == 1:
        _correlations(result, ax, lines > 1)
    ax.set_xlim(-0.55, 1.55)
    ax.set_ylim(-0.4, rows + 0.4)
    ax.axis("off")
    ax.set_title("Standardised effects, mean over waves; dashed: interval holds 0", loc="left")
    return ax


def _correlations(result: CrossLagged, ax: Axes, grouped: bool) -> None:
    """Draw bent arrows for what goes together, between clients (left) and at a wave (right)."""
    table = result.correlations()
    table = table[table["wave"].isna()]
    for term, at, bend, words in (
        ("cor_between", -0.14, -0.5, "levels"),
        ("cor_within", 1.12, 0.5, "new at a wave"),
    ):
        own = table[table["term"] == term]
        if own.empty:
            continue
        style = {"arrowstyle": "<|-|>", "color": GREY, "lw": 1.0, "shrinkA": 16, "shrinkB": 16}
        style["connectionstyle"] = f"arc3,rad={bend}"
        ax.annotate("", (at, 1.0), (at, 0.0), arrowprops=style)
        numbers = "\n".join(_number(row, grouped, limits=False) for _, row in own.iterrows())
        beside = at - 0.24 if at < 0 else at + 0.24
        ax.text(beside, 0.5, f"{words}\n{numbers}", ha="right" if at < 0 else "left",
                va="center", fontsize=8)  # fmt: skip


def _number(row: Any, grouped: bool, *, limits: bool = True) -> str:
    of = f"{row['subgroup']}: " if grouped else ""
    if not limits:
        return f"{of}r = {number(row['estimate'])}"
    return f"{of}{number(row['estimate'])} {interval(row['conf_low'], row['conf_high'])}"


def plot_course(result: CrossLagged, ax: Axes | None = None) -> Axes:
    """Draw means by wave: points of those who were there, lines as implied for everybody.

    Where they part, those who left differ from those who stayed. Bands are the intervals of what is
    implied; of more than two courses bars beside each other, as bands would hide one another.
    """
    if ax is None:
        with house_style():
            return plot_course(result, new_axes())
    course, labels = result.course(), result.name_labels()
    keys = ["score", "subgroup"] if "subgroup" in course else ["score"]
    spread = course.groupby("score")[["observed", "sd_observed"]].mean()
    parts = [*course.groupby(keys, sort=False)]
    bands = len(parts) <= 2
    step = float(np.diff(result.waves).min()) * (0.0 if bands else 0.5 / len(parts))
    for k, (name, own) in enumerate(parts):
        at = own["wave"] + step * (k - (len(parts) - 1) / 2)
        score, *group = map(str, name)
        middle, sd = spread.loc[score].to_numpy(dtype=float)
        look = SERIES[k % len(SERIES)]
        words = ", ".join([renamed(score, labels), *group])
        line, seen, low, high = (
            (own[name] - middle) / sd for name in ("implied", "observed", "conf_low", "conf_high")
        )
        if bands:
            ax.fill_between(at, low, high, color=look.color, alpha=0.15, lw=0)
        else:
            ax.vlines(at, low, high, color=look.color, alpha=0.5, lw=1.0)
        ax.plot(at, line, color=look.color, ls=look.linestyle)
        ax.plot(at, seen, look.marker, color=look.color, label=words)
    ax.axhline(0, color=GREY, lw=0.6)
    ax.set_xlabel("wave")
    ax.set_ylabel("mean, in SDs of a wave")
    ax.set_xticks(np.asarray(result.waves)[:: max(len(result.waves) // 10, 1)])
    ax.legend(loc="best")
    level = f"{100 * result.confidence:g}% CI"
    ax.set_title(f"Points: observed; lines: implied for all clients, {level}", loc="left")
    return ax
