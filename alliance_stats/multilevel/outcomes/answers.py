"""Is the outcome what its family takes? What is not is told with its column and rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ...errors import ColumnError, DesignError, listing, plural
from ..engine.batches import Array
from ..engine.design import Design
from ..formula.model_formula import Formula
from ..formula.terms import INTERCEPT
from ..formula.tree import Name
from .families import Outcome

if TYPE_CHECKING:
    from .reading import Asked


MOST = 10**9  # of a count or of trials, beyond which numbers lose their digits in a likelihood
MOST_CATEGORIES = 100


def categories_of(formula: Formula, data: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Number the categories of an ordered outcome from 1 on."""
    tree = formula.response.tree
    if not isinstance(tree, Name):
        raise DesignError(
            f"An ordinal outcome is one column, not '{tree.label}'; make that column first."
        )
    name = tree.column
    column = data[name]
    if isinstance(column.dtype, pd.CategoricalDtype):
        if not column.cat.ordered:
            raise ColumnError(
                f"The categories of '{name}' have no order; make it one with "
                f"data['{name}'].cat.as_ordered() (now: {listing(column.cat.categories, 8)})."
            )
        codes = column.cat.codes.to_numpy().astype(float)
        codes[codes < 0] = np.nan
        known = list(column.cat.categories)
    elif pd.api.types.is_numeric_dtype(column.dtype):
        values = column.to_numpy(dtype=float, na_value=np.nan)
        known = np.unique(values[~np.isnan(values)]).tolist()
        if any(value != round(value) for value in known):
            raise ColumnError(
                f"An ordinal outcome holds the numbers of categories; '{name}' holds "
                f"{int((values != np.round(values))[~np.isnan(values)].sum())} that are no whole "
                "numbers. For measurements use family='gaussian'."
            )
        codes = np.searchsorted(known, values).astype(float)
        codes[np.isnan(values)] = np.nan
        known = [f"{value:g}" for value in known]
    else:
        raise ColumnError(
            f"The order of the answers in '{name}' (text) is not known; make it an ordered "
            f"category: pd.Categorical(data['{name}'], categories=[...], ordered=True)."
        )
    if len(known) > MOST_CATEGORIES:
        raise ColumnError(
            f"'{name}' has {len(known)} different answers, and an ordinal model a threshold "
            f"between each two; at most {MOST_CATEGORIES} can be. For measurements use "
            "family='gaussian'; otherwise join answers (pandas.cut)."
        )
    if len(set(codes[~np.isnan(codes)])) == 1:
        only = known[int(codes[~np.isnan(codes)][0])]
        rows = int((~np.isnan(codes)).sum())
        raise ColumnError(f"'{name}' holds one category only, {only}, in all {rows} rows.")
    return data.assign(**{name: codes + 1.0}), [str(value) for value in known]


def plain(data: pd.DataFrame, name: str, family: str) -> pd.DataFrame:
    """Return the data with numbers and True or False in a column of objects as what they are.

    A join that leaves some rows without an answer makes such a column of a column of True and
    False. Categories of numbers are numbers too, but where the order of categories
    is what is asked of.
    """
    column = data[name]
    if isinstance(column.dtype, pd.CategoricalDtype) and family != "ordinal":
        column = column.astype(object)
    if column.dtype != object:
        return data
    found = column.convert_dtypes()
    return data.assign(**{name: found}) if pd.api.types.is_numeric_dtype(found.dtype) else data


def refuse_words(formula: Formula, data: pd.DataFrame) -> None:
    """Refuse a yes and no in words, of which nobody but the user knows which is the yes."""
    tree = formula.response.tree
    if isinstance(tree, Name) and not pd.api.types.is_numeric_dtype(data[tree.column].dtype):
        name = tree.column
        words = sorted(data[name].dropna().unique(), key=str)
        held = f"'{name}' must hold yes and no as 1 and 0; it holds"
        if len(words) > 2:  # of these nobody but the user knows which are neither
            raise ColumnError(
                f"{held} the {len(words)} values {listing(words)}. Choose which is the yes, which "
                f"the no and which are missing: data['{name}'] = data['{name}'].map({{<the yes>: "
                "1, <the no>: 0}), which leaves the others missing. For answers in an order use "
                "family='ordinal'."
            )
        numbers = ", ".join(f"{word!r}: {n}" for n, word in enumerate(words, 2 - len(words)))
        raise ColumnError(
            f"{held} {listing(words)}. Say which is the yes, such as data['{name}'] = "
            f"data['{name}'].map({{{numbers}}})."
        )


def refuse_empty_categories(
    outcome: Outcome, categories: Sequence[str] | None, design: Design
) -> None:
    """Refuse categories that nobody chose."""
    if categories is None:
        return
    counts = np.bincount(outcome.y.astype(int), minlength=len(categories))
    empty = [name for name, n in zip(categories, counts, strict=True) if not n]
    if empty:
        raise ColumnError(
            f"Nobody in the {design.n} rows used gave the answer {listing(empty)} of "
            f"'{design.outcome}', so nothing can be said of its thresholds. Join or remove it "
            "(.cat.remove_unused_categories())."
        )


def outcome_of(design: Design, asked: Asked) -> Outcome:
    """Return the outcome, once it is known to be what its family takes."""
    name = design.outcome
    y = design.columns[-1] + design.outcome_shift
    y = np.where(np.abs(y - np.round(y)) < 1e-9, np.round(y), y)
    trials = np.ones(design.n)
    if asked.family == "ordinal":
        return Outcome(y - 1.0, trials)
    if asked.trials is not None:
        column = design.frame[asked.trials]
        if not pd.api.types.is_numeric_dtype(column.dtype):
            raise ColumnError(
                f"trials= needs whole numbers of 1 or more; '{asked.trials}' is of type "
                f"{column.dtype} ({listing(column.unique())})."
            )
        trials = column.to_numpy(dtype=float)
        refuse(
            trials == 0,
            design,
            f"trials= needs whole numbers of 1 or more (a row without trials says nothing: leave "
            f"it out, data[data['{asked.trials}'] > 0]), and '{asked.trials}' is 0",
        )
        refuse(
            (trials < 1) | (trials != np.round(trials)),
            design,
            f"trials= needs whole numbers of 1 or more, and '{asked.trials}' holds others",
        )
        refuse(trials > MOST, design, f"trials='{asked.trials}' is above {MOST:,}")
    refuse_impossible(y, trials, design, asked)
    if asked.family == "binomial" and ((y == 0).all() or (y == trials).all()):
        which = "none" if (y == 0).all() else "all"
        raise DesignError(
            f"'{name}' says {which} in every one of {design.n} rows; there is nothing to explain."
        )
    return Outcome(y, trials)


def refuse_impossible(y: Array, trials: Array, design: Design, asked: Asked) -> None:
    """Refuse values that no yes and no, number of successes or count has."""
    name, binomial = design.outcome, asked.family == "binomial"
    what = "yes and no as 1 and 0" if binomial else "counts"
    what = what if asked.trials is None else "numbers of successes"
    refuse(y < 0, design, f"'{name}' must hold {what}, and is negative")
    shares = ""
    if binomial and (y <= 1).all():
        shares = (
            " (of shares, give the numbers they are shares of in trials=, and multiply by them)"
        )
    refuse(
        y != np.round(y), design, f"'{name}' must hold {what}{shares}, and holds no whole numbers"
    )
    refuse(y > MOST, design, f"'{name}' must hold {what}, and is above {MOST:,}")
    if binomial and asked.trials is None:
        refuse(
            y > trials,
            design,
            f"'{name}' must hold {what} (for k of n name the column of n in trials=), and is "
            "above 1",
        )
    if binomial:
        refuse(y > trials, design, f"'{name}' is above its number of trials, '{asked.trials}',")


def check_one_row_groups(design: Design, asked: Asked) -> None:
    """Refuse an effect of every row where a row is one yes or no, or one answer."""
    single = asked.family == "ordinal" or (asked.family == "binomial" and asked.trials is None)
    lowest = design.grouping
    if single and lowest.sizes[0] == design.n:
        raise DesignError(
            f"Every group of '{lowest.names[0]}' has one row, and one yes or no (or one answer) "
            "says nothing of differences between groups. Leave "
            f"(… | {lowest.names[0]}) out, or check that it really groups the rows."
        )


def refuse_groups_alike(design: Design, asked: Asked, outcome: Outcome) -> None:
    """Refuse intercepts of groups each of which says one thing only.

    Their likelihood rises for ever with the variance between them: it has no finite estimate.
    """
    if asked.family not in ("binomial", "ordinal") or INTERCEPT not in design.effects[0].names:
        return
    units, name = design.grouping.units, design.grouping.names[0]
    share = outcome.y / outcome.trials
    answers = pd.Series(share).groupby(units).agg(["min", "max"])
    several = np.bincount(units, outcome.trials) > 1
    inside = (share > 0) & (share < 1) if asked.family == "binomial" else np.zeros(design.n, bool)
    if inside.any() or not several.any() or (answers["min"] != answers["max"])[several].any():
        return
    raise DesignError(
        f"None of the {plural(int(several.sum()), 'group')} of '{name}' with several answers has "
        f"two that differ in '{design.outcome}', so the variance between groups has no finite "
        f"estimate. Leave (… | {name}) out and use one row a group, or check that '{name}' really "
        "groups the rows."
    )


def refuse_flat_above_zero(
    design: Design, asked: Asked, outcome: Outcome, names: tuple[str, ...], X: Array
) -> None:
    """Refuse predictors of a hurdle's counts of which the rows above zero say nothing."""
    if asked.zero != "hurdle":
        return
    refuse_one_count(design, outcome)
    above = X[outcome.y > 0]
    rank = np.linalg.matrix_rank(above)
    if rank == X.shape[1]:
        return
    idle = [
        name
        for i, name in enumerate(names)
        if name != INTERCEPT and np.linalg.matrix_rank(np.delete(above, i, axis=1)) == rank
    ]
    columns = listing([f"'{name}'" for name in idle])
    raise DesignError(
        f"With zero='hurdle' only the {len(above)} of {design.n} rows in which '{design.outcome}' "
        f"is above zero speak of the predictors, and there {columns} cannot be told from the "
        "others or from the intercept. Leave one out, or use zero='inflated'."
    )


def refuse_one_count(design: Design, outcome: Outcome) -> None:
    """Refuse a hurdle whose counts above zero are all the same."""
    above = np.unique(outcome.y[outcome.y > 0])
    if len(above) == 1:
        raise DesignError(
            f"'{design.outcome}' is {above[0]:g} in all {int((outcome.y > 0).sum())} of "
            f"{design.n} rows in which it is above zero, so zero='hurdle' has no counts to "
            "explain. Fit whether it is above zero: family='binomial'."
        )


def told_gaps(categories: Sequence[str], outcome: str) -> list[str]:
    """Say which whole numbers between the answers of a rating nobody gave."""
    if not all(name.lstrip("-").isdigit() for name in categories):
        return []
    numbers = [int(name) for name in categories]
    gaps = sorted(set(range(min(numbers), max(numbers))) - set(numbers))
    if not gaps or len(gaps) > len(numbers):  # then they are no numbers of a scale
        return []
    return [
        f"Nobody gave the answer {listing(gaps)} of '{outcome}': the thresholds stand between the "
        "answers that were given."
    ]


def refuse(wrong: Array, design: Design, sentence: str) -> None:
    """Refuse rows in which something is wrong: the sentence, how many, and which."""
    rows = np.flatnonzero(wrong)
    if len(rows):
        where = listing(design.frame.index[rows])
        raise ColumnError(f"{sentence} in {plural(len(rows), 'row')} (index {where}).")
