"""Response surface analysis: does outcome depend on both ratings' level, gap, or agreement?"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd

from ...core.arguments import checked_choice, flag
from ...errors import DesignError, listing, require_columns
from .. import linear, model_rows
from ..model_rows import grouping, require_one_scale, require_variance
from .design import Part, Specification, design, fit_design
from .result import ResponseSurface

PARTS = ("total", "within", "between", "both")
RANDOM = ("linear", "intercepts", "linear_all")


def fit_response_surface(
    data: pd.DataFrame,
    *,
    x: str,
    y: str,
    outcome: str,
    by: str | Sequence[str] | None = None,
    covariates: str | Sequence[str] | None = None,
    moderators: str | Sequence[str] | None = None,
    center: Literal["midpoint"] | float | None = "midpoint",
    part: Literal["total", "within", "between", "both"] = "total",
    cubic: bool = False,
    slopes: Literal["all", "none"] = "all",
    cluster: str | None = None,
    df: Literal["satterthwaite", "kenward-roger", "normal"] = "satterthwaite",
    same_scale: bool = False,
    direction: Literal["higher_is_better", "lower_is_better"] | None = None,
    random: Literal["linear", "intercepts", "linear_all"] | None = None,
    confidence: float = 0.95,
) -> ResponseSurface:
    """Does outcome go with the level of both ratings, with their gap, or with their agreement?

    A difference score answers none of these: it forces the effects of both ratings to be equal and
    opposite. The surface estimates them freely: ``Z = b0 + b1 X + b2 Y + b3 X2 + b4 XY + b5 Y2``.

    Parameters
    ----------
    data
        One row a session (or a dyad).
    x, y
        Columns of the two ratings, on one scale (``"client"``, ``"therapist"``).
    outcome
        Column of the outcome.
    by
        Where given, the multilevel surface: ``"client_id"``, or ``["client_id",
        "therapist_id"]``.
    covariates
        Further numeric columns, entered as they are.
    moderators
        Numeric columns that may change the surface, centred on their mean over the rows: each adds
        ``b0:name`` to ``b5:name`` and ``a1:name`` to ``a5:name``.
    center
        ``"midpoint"``: both ratings minus the mean of all x and y together, the same number for
        both, since centring each on its own mean would remove the gap; a number (the scale's
        midpoint); or None.
    part
        With `by`: ``"total"`` is the surface of the ratings as they are. ``"within"``: of each
        rating's deviation from the client's own mean (do sessions in which both move together
        differ?); it says nothing of the level of the gap. ``"between"``: of the clients' means
        as observed: with few sessions they hold error, which pulls the surface's curvature towards
        zero by more than the reliability of the means (``.mean_reliability``); intervals then do
        not hold the truth about clients' lasting levels.
        ``"both"``: both surfaces in one model; their rows are told apart by ``group``.
    cubic
        Adds ``b6`` to ``b9`` (X3, X2Y, XY2, Y3), which can tell whether x above y is worse than y
        above x.
    slopes
        With `by`: ``"all"``: the effects of x and y vary between clients; ``"none"``: only levels
        do.
    cluster
        Without `by`: the column whose groups ``.bootstrap()`` draws as a whole.
    df
        How degrees of freedom of linear terms are found in the multilevel surface.
    same_scale
        Say True where ranges look unlike although both ratings are on one scale.
    direction
        Which outcome is the better one: ``"higher_is_better"``, or ``"lower_is_better"`` (as for
        symptoms), where agreement should go with a low outcome. ``.congruence()`` uses it. Without
        it words speak of a higher and lower outcome only.
    random
        Older and finer than `slopes`: ``"linear"`` and ``"intercepts"`` are ``"all"`` and
        ``"none"``; with ``"linear_all"`` effects vary between therapists too.
    confidence
        Level of the intervals; ``.congruence()`` has its own.

    Returns
    -------
    ResponseSurface
        ``.tidy()``, ``.congruence()``, ``.ladder()``, ``.regions()``, ``.bootstrap()``,
        ``.plot()``.

    Raises
    ------
    DesignError
        Ratings on different scales, a rating that does not vary, too few rows.
    ColumnError
        A column is missing or holds no numbers.

    Notes
    -----
    a1 = b1 + b2 and a2 = b3 + b4 + b5 are slope and curvature where both ratings agree, a3 =
    b1 - b2 and a4 = b3 - b4 + b5 across, a5 = b3 - b5; p10 and p11 are intercept and slope of the
    first principal axis, p20 and p21 of the second; x0 and y0 the stationary point. Standard
    errors of a1-a5 are exact functions of the coefficients' covariance; those of axes and point
    come from the delta method and are rough where b4 or the curvature is near zero: see
    ``.bootstrap()``. Least squares' tests have n - 6 - covariates degrees of freedom. Edwards
    (2002); multilevel: Nestler, Humberg & Schönbrodt (2019, doi 10.1037/met0000199).

    Examples
    --------
    >>> import alliance_stats as al, numpy as np, pandas as pd
    >>> rng = np.random.default_rng(3)
    >>> data = pd.DataFrame(rng.normal(4, 1, (200, 2)), columns=["client", "therapist"])
    >>> gap = data["therapist"] - data["client"]
    >>> data["outcome"] = -0.5 * gap**2 + rng.normal(0, 1, 200)
    >>> found = al.fit_response_surface(data, x="client", y="therapist", outcome="outcome")
    >>> bool(found.tidy().set_index("term").loc["a4", "conf_high"] < 0)
    True
    """
    levels = grouping(by)
    checked_choice("direction", direction, (None, "higher_is_better", "lower_is_better"))
    checked_choice("df", df, linear.METHODS)
    flag(cubic, "cubic")
    flag(same_scale, "same_scale")
    _check(part, levels, cluster)
    kind = model_rows.random_part(slopes, random, RANDOM)
    further = model_rows.names_of(covariates, "covariates")
    moderating = model_rows.names_of(moderators, "moderators")
    wanted = {"x": x, "y": y, "outcome": outcome}
    wanted |= {f"covariate{i}": name for i, name in enumerate(further)}
    wanted |= {f"moderator{i}": name for i, name in enumerate(moderating)}
    rows, levels, messages = model_rows.model_rows(data, wanted, by)
    if not same_scale:
        require_one_scale(rows["x"], rows["y"], (x, y))
    for name in ("x", "y", "outcome"):
        require_variance(rows[name], wanted[name], "there is no surface to fit.")
    for i, name in enumerate(further):
        require_variance(rows[f"covariate{i}"], name, "it cannot be held equal.")
    if levels and rows.groupby("level1")["outcome"].nunique().max() < 2:
        model_rows.refuse_pairwise(rows, "x", "y", levels, (x, y))
    elif model_rows.pairwise(rows, "x", "y", levels):
        messages.append(
            f"Each '{levels[0]}' stands in two rows in which '{x}' and '{y}' change places "
            f"(pairwise form): the surface is of persons, each with the own '{outcome}', and the "
            "dyad's intercept makes the two alike."
        )
    if part == "total":
        levels = model_rows.levels_in(rows, levels, messages)
    if cluster:
        rows = rows.assign(cluster=_cluster(data, cluster)[rows.index])
    middle = _middle(rows, center)
    if levels and kind != "intercepts" and len(rows) <= 3 * rows["level1"].nunique():
        kind = "intercepts"
        messages.append(
            f"{len(rows)} rows of {rows['level1'].nunique()} dyads cannot carry slopes of each "
            "dyad's own: only intercepts vary between dyads here."
        )
    spec = Specification(
        x=x, y=y, outcome=outcome, levels=tuple(levels), covariates=tuple(further),
        moderators=tuple(moderating), part=part, cubic=cubic, random=kind, df=df,
        center=middle, direction=direction, confidence=confidence,
    )  # fmt: skip
    frame, parts = design(rows, spec)
    found = fit_design(frame, spec)
    if found.fit is not None:
        _require_whole(found, parts, rows["level1"].nunique())
        messages += _told(found.fit.messages, spec)
    if not cluster:
        model_rows.note_clusters(data, levels, messages)
    reliability = {}
    if part in ("between", "both"):
        reliability = _reliability(rows, (x, y), messages)
    return ResponseSurface(spec, found, frame, parts, rows, tuple(messages), reliability)


def _require_whole(found: linear.Linear, parts: Sequence[Part], groups: int) -> None:
    """Raise where the multilevel fit left a coefficient out that follows from the others."""
    for part in parts:
        lost = [name.split("_")[-1] for name in part.columns if name not in found.params.index]
        if lost:
            where = f" {part.group} clients" if part.group else ""
            simpler = "fit part='within', or " if part.group == "between" else ""
            raise DesignError(
                f"The ratings of {groups} clients or dyads cannot tell {listing(lost)} of the "
                f"surface{where} from its other coefficients: {simpler}use more of them."
            )


def _reliability(
    rows: pd.DataFrame, names: tuple[str, str], messages: list[str]
) -> dict[str, float]:
    """Return the reliability of clients' observed means, and say what follows from it."""
    from ...preparation import mean_reliability

    found = {}
    of = {"x": f"'{names[0]}'", "y": f"'{names[1]}'", "gap": "their difference"}
    data = rows.assign(gap=rows["y"] - rows["x"])
    for column, name in of.items():
        try:
            found[column] = float(mean_reliability(data, column, by="level1").average)
        except DesignError:
            found[column] = float("nan")
        if not np.isfinite(found[column]):
            messages.append(f"The reliability of the clients' means of {name} is not known.")
    if np.isfinite(list(found.values())).all():
        messages.append(
            "The surface between clients rests on observed means, with reliability "
            f"{found['x']:.2f} ({names[0]}), {found['y']:.2f} ({names[1]}) and {found['gap']:.2f} "
            "(their difference). Error in them pulls slopes towards those within clients and "
            f"curvatures to zero, a4 to about {found['gap'] ** 2:.2f} of its size: estimates and "
            "intervals speak of observed means, not of the clients' lasting levels."
        )
    return found


def _told(messages: Sequence[str], spec: Specification) -> list[str]:
    """Return the fit's messages in the surface's words."""
    out = [linear.renamed(message, spec.levels) for message in messages]
    # Squares of deviations differ between clients by construction: nothing there is left to split.
    out = [m for m in out if not re.search(r"'\w*(?:total|within|between)_b\d' varies within", m)]
    out = [re.sub(r"'(total|within|between)_(b\d)'", r"'\2'", message) for message in out]
    names = {f"covariate{i}": name for i, name in enumerate(spec.covariates)}
    names |= {f"moderator{i}": name for i, name in enumerate(spec.moderators)}
    for inner, outer in names.items():
        out = [re.sub(rf"\b{inner}(?:_\w+)?\b", outer, message) for message in out]
    if spec.part != "total":
        return out
    mixed = (
        f"The surface of the ratings as they are mixes rows of one '{spec.levels[0]}' with "
        "differences between them; part='both' tells them apart."
    )
    return [*out, mixed]


def _check(part: str, levels: list[str], cluster: str | None) -> None:
    checked_choice("part", part, PARTS)
    if part != "total" and not levels:
        raise DesignError(f"part={part!r} needs by='client_id': deviations and means of clients.")
    if cluster and levels:
        raise DesignError("cluster is for by=None; with `by` whole top-level groups are drawn.")


def _cluster(data: pd.DataFrame, column: str) -> np.ndarray:
    require_columns(data.columns, [column], what="the data")
    codes = pd.factorize(data[column])[0]
    if (codes < 0).any():
        raise DesignError(
            f"The cluster '{column}' is missing in {int((codes < 0).sum())} rows; give every row "
            "one, or leave those rows out."
        )
    return codes


def _middle(rows: pd.DataFrame, center: Any) -> float:
    if isinstance(center, str) and center == "midpoint":
        return float((rows["x"].mean() + rows["y"].mean()) / 2)
    if center is None:
        return 0.0
    number = isinstance(center, (int, float, np.number)) and not isinstance(center, bool)
    if number and np.isfinite(center):
        return float(center)
    raise DesignError(f"center must be 'midpoint', a number or None, not {center!r}.")
