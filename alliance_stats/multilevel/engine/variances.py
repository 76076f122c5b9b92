"""Variance components, intraclass correlations and the log-likelihood on the user's scale."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ...core.display.shown import ShownTable, shown
from ...inference.rows import tidy_rows
from .batches import Array
from .deviance import Profile, factors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..result import MultilevelFit
    from .design import Design
    from .optimise import Optimum

RESIDUAL = "Residual"


def log_likelihood(design: Design, profile: Profile) -> float:
    """Undo the scaling of columns and outcome in the deviance."""
    deviance = profile.deviance + 2.0 * profile.denominator * np.log(design.scale[-1])
    if profile.reml:
        deviance += 2.0 * np.log(design.scale[list(design.fixed)]).sum()
    if design.weights is not None:
        deviance -= np.log(design.weights).sum()
    return float(-deviance / 2.0)


def random_covariances(design: Design, optimum: Optimum) -> dict[str, pd.DataFrame]:
    """Return each group's covariance of random effects."""
    found = {}
    for number, factor in enumerate(factors(design.levels, optimum.theta)):
        names = list(design.effects[number].names)
        of_user = design.to_user(number) @ factor
        values = optimum.profile.variance * (of_user @ of_user.T)
        found[design.grouping.names[number]] = pd.DataFrame(values, index=names, columns=names)
    return found


def elements_to_user(design: Design) -> Array:
    """Return the matrix that takes the free elements of the scaled covariances to the user's.

    In the order of each level's `pairs`, the lowest level first.
    """
    blocks = []
    for number, level in enumerate(design.levels):
        T, (rows, columns) = (
            design.to_user(number),
            np.array(level.pairs, dtype=np.intp).reshape(-1, 2).T,
        )
        block = T[rows[:, None], rows] * T[columns[:, None], columns]
        block += (T[rows[:, None], columns] * T[columns[:, None], rows]) * (rows != columns)
        blocks.append(block)
    ends = np.cumsum([len(block) for block in blocks])
    whole = np.zeros((ends[-1], ends[-1]))
    for block, end in zip(blocks, ends, strict=True):
        whole[end - len(block) : end, end - len(block) : end] = block
    return whole


def mean_products(fit: MultilevelFit, number: int, Z: Array) -> float:
    """Return the mean over rows of ``z' D z``: the variance a level's effects give them.

    `Z` are its columns as the fit works with them (see `working_columns`), or parts of them.
    """
    root = factors(fit.design.levels, fit.optimum.theta)[number].T @ Z
    variance = fit.optimum.profile.variance * fit.design.scale[-1] ** 2
    return float(variance * (root**2 @ fit.design.grouping.squared(number)).sum() / Z.shape[1])


def working_columns(design: Design, number: int) -> Array:
    """Return the scaled columns of a level's effects, a row an effect."""
    places = list(design.levels[number].columns)
    columns = [design.columns[place] / design.scale[place] for place in places]
    return np.reshape(columns, (len(places), design.n))


def varcomp(random: dict[str, pd.DataFrame], design: Design, scale: float | None) -> pd.DataFrame:
    """List variances, then covariances, of every group, and the residual variance last, if any."""
    rows: list[tuple[str, object, object, float, float]] = []
    for number, (group, matrix) in enumerate(random.items()):
        names, values = list(matrix.index), matrix.to_numpy()
        sd = np.sqrt(np.diag(values))
        rows += [(group, names[a], None, values[a, a], sd[a]) for a in range(len(names))]
        for a, b in design.levels[number].pairs:
            if a != b:
                size = sd[a] * sd[b]
                correlation = values[a, b] / size if size > 0 else np.nan
                rows.append((group, names[b], names[a], values[a, b], correlation))
    if scale is not None:
        rows.append((RESIDUAL, None, None, scale, float(np.sqrt(scale))))
    return listed(pd.DataFrame(rows, columns=["group", "term1", "term2", "vcov", "sdcor"]))


def listed(components: pd.DataFrame) -> ShownTable:
    """Return variances and covariances as a table that shows itself."""
    return shown(
        components, "Variances and covariances", group="Level", term1="Effect", term2="With",
        vcov="Variance or covariance", sdcor="SD or correlation",
    )  # fmt: skip


def variance_rows(components: pd.DataFrame) -> pd.DataFrame:
    """Return rows of ``tidy()``: ``sd <term>`` and ``cor <term> <term>``."""
    terms = []
    for row in components.to_dict("records"):
        if row["group"] == RESIDUAL and not isinstance(row["term1"], str):
            terms.append("sd")
        elif isinstance(row["term2"], str):
            terms.append(f"cor {row['term1']} {row['term2']}")
        else:
            terms.append(f"sd {row['term1']}")
    return tidy_rows(terms, components["sdcor"], effect="random", group=components["group"])


def icc(fit: MultilevelFit) -> pd.DataFrame:
    """Return the share of the variance that lies at each level.

    With random slopes a level's variance depends on the predictors; what counts is its mean over
    the rows, the mean of ``z' D z`` (Johnson 2014, doi 10.1111/2041-210X.12225). The shares are
    of the variance the fixed part does not explain.

    Returns
    -------
    pandas.DataFrame
        A row a level and one for the residual: ``group, variance, icc, icc_above``. ``icc`` is
        the level's own share; ``icc_above`` adds the levels over it: the correlation of two
        rows in the same group. Where groups cross no level is over another: it is that of two
        rows that share this group and no other.
    """
    design = fit.design
    groups = list(design.grouping.names)
    roots = factors(design.levels, fit.optimum.theta)
    variance = fit.optimum.profile.variance * design.scale[-1] ** 2
    own = [variance * design.mean_square(number, root.T) for number, root in enumerate(roots)]
    values = np.array([*own, fit.scale])
    share = values / values.sum()
    nested = design.grouping.kind == "nested"
    above = np.append(np.cumsum(share[:-1][::-1])[::-1] if nested else share[:-1], np.nan)
    return shares_of_variance([*groups, RESIDUAL], values, above)


def shares_of_variance(groups: Sequence[str], values: Array, above: Array) -> ShownTable:
    """Return the variances of levels with their shares, as a table that shows itself."""
    named = {"group": groups, "variance": values, "icc": values / values.sum(), "icc_above": above}
    return shown(
        pd.DataFrame(named), "Variance by level",
        group="Level", variance="Variance", icc="ICC", icc_above="ICC with the levels above",
    )  # fmt: skip
