"""What must be known beside a comparison of arms: of outcome, spread, means and model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ..multilevel.advice import about_residuals, on_the_boundary
from ..multilevel.checks import about_few_values
from ..multilevel.result import MultilevelFit
from .model import alike, at_a_bound
from .rows import ARM, SCORE, TIME, TrialRows
from .shared import KINDS


def of_fit(fit: MultilevelFit, robust: bool) -> list[str]:
    """Return what must be known of the model itself; robust errors have df of their own."""
    few = fit.design.grouping.names[-1] in {kind.column for kind in KINDS} and not robust
    said = [fit.few_groups_note if few else ""]
    if not fit.converged:
        said.append(fit.convergence_note)
    if at_a_bound(fit):
        note = on_the_boundary(fit) if robust else fit.singular_note
        for kind in KINDS:
            note = note.replace(f"'{kind.given}' for", "'level' for")
            note = note.replace(f"'{kind.change}' for", "'change over time' for")
        said.append(note)
    return [*said, *about_residuals(fit)]


def of_outcome(data: TrialRows) -> list[str]:
    """Say what is compared where the outcome is a yes or no, or has few steps."""
    values, n = np.unique(data.rows[SCORE].dropna().to_numpy(dtype=float), return_counts=True)
    if set(values) <= {0.0, 1.0}:
        return [
            f"'{data.score}' holds only 0 and 1: means are shares, contrasts differences of "
            "shares, by a linear model. For odds ratios, or differences of shares by a logistic "
            f'one: fit_multilevel("{data.score} ~ arm + (1 | therapist_id)", data, '
            'family="binomial"), .odds_ratios() and .average_effects().'
        ]
    return about_few_values(f"{data.score} ~ arm + (1 | therapist_id)", data.score, values, n)


def of_means(means: pd.DataFrame, data: TrialRows, times: tuple[Any, ...]) -> list[str]:
    """Say which time was taken where it is not the last, and where nobody was measured."""
    said = []
    if times[-1] != data.times[-1]:
        said.append(
            f"Arms are compared at {times[-1]}, the last time at which half of each arm were "
            f"measured; times go on to {data.times[-1]}."
        )
    said += [
        f"Nobody of the arm '{arm}' was measured at {times[-1]}: it is in no comparison."
        for arm in data.arms
        if arm not in set(means[ARM].astype(str))
    ]
    left_empty = "that mean and its comparisons cannot be estimated and are left empty."
    return said + [
        f"The rows of the arm '{row[ARM]}' at {row[TIME]} cannot be told from others: {left_empty}"
        if row["n"]
        else f"Nobody of the arm '{row[ARM]}' was measured at {row[TIME]}: {left_empty}"
        for row in means[means["estimate"].isna()].to_dict("records")
    ]


def of_spread(rows: pd.DataFrame) -> list[str]:
    """Say which arms have no spread of their own: the model has one for all."""
    return [
        f"All outcomes of the arm '{arm}' are {value:g}: they have no spread, and the model gives "
        "them that of the others."
        for arm, value in alike(rows).items()
    ]
