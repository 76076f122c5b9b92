"""From formula and data to a problem the engine can climb: families, columns, pieces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from ...core.arguments import checked_choice, of_rows
from ...errors import ColumnError, DesignError, did_you_mean, listing
from ..engine.batches import Array
from ..engine.contact import THERAPIST, level_of_column
from ..engine.design import Design, make_design
from ..engine.grouping import CrossedGrouping
from ..formula.factors import learn_outcome
from ..formula.model_formula import Formula, Part, parse_formula
from ..formula.table import Table
from ..formula.terms import INTERCEPT
from ..formula.tree import Name
from .answers import (
    categories_of,
    check_one_row_groups,
    outcome_of,
    plain,
    refuse,
    refuse_empty_categories,
    refuse_flat_above_zero,
    refuse_groups_alike,
    refuse_impossible,
    refuse_words,
)
from .extra_zeros import ExtraZeros
from .families import Binomial, Family, NegativeBinomial, Outcome, Poisson
from .integral import Shape
from .maximise import Problem
from .ordinal import Ordinal
from .pieces import pieces_of

LINKS = {
    "binomial": ("logit", "probit", "cloglog"),
    "poisson": ("log",),
    "negative_binomial": ("log",),
    "ordinal": ("logit", "probit"),
}
FAMILIES = ("gaussian", *LINKS)
COUNTS = ("poisson", "negative_binomial")
ZEROS = ("none", "inflated", "hurdle")
MOST_EFFECTS = 3  # correlated effects of a client; the nodes are a power of their number
OFFSET = "(offset)"
NEARLY_ALL = 0.8  # share of the pairs of two groupings that occur: ids that begin anew, or items
OF_TRIALS = (
    " It holds of how many the successes of a row are; where all rows have as many, make one: "
    "data['n'] = 5, trials='n'."
)
FAR_SLOPE = 15.0  # SDs: intercepts and slopes are correlated by .998 there
FARTHEST = 50.0  # an offset: a factor of 10^21
LARGEST_SPAN = 20.0  # of logs of exposures: a second and fifteen years


@dataclass(frozen=True)
class Asked:
    """What a user asked for beside formula and data."""

    family: str
    link: str | None = None
    trials: str | None = None
    offset: str | Sequence[float] | None = None
    zero: str = "none"

    def checked(self) -> Asked:
        """Refuse combinations that have no meaning, and fill in the link."""
        checked_choice("family", self.family, LINKS)
        checked_choice("zero", self.zero, ZEROS)
        links = LINKS[self.family]
        if self.link is not None and self.link not in links:
            raise DesignError(
                f"family='{self.family}' has the link {' or '.join(links)}, not {self.link!r}."
            )
        if self.trials is not None and self.family != "binomial":
            raise DesignError(
                "trials= has a meaning only with family='binomial'; for counts with an exposure "
                "use offset= (the log of it)."
            )
        if self.zero != "none" and self.family not in COUNTS:
            raise DesignError(
                f"zero='{self.zero}' has a meaning only with counts: family='poisson' or "
                "'negative_binomial'."
            )
        return replace(self, link=self.link or links[0])


@dataclass(frozen=True)
class Model:
    """Everything a fit needs: the design, the family, and the rows as the engine has them.

    Attributes
    ----------
    outcome, offset, X, Z
        In the order of the rows used.
    names
        Of the coefficients and of the family's own parameters that stand among them.
    scale, effect_scale
        What the columns of X and Z were divided by.
    """

    asked: Asked
    design: Design
    family: Family
    outcome: Outcome
    offset: Array
    X: Array
    Z: Array
    scale: Array
    effect_scale: Array
    coefficients: tuple[str, ...]
    problem: Problem

    @property
    def shape(self) -> Shape:
        """How the parameters are cut."""
        return self.problem.shape

    def with_outcome(self, values: Array) -> Model:
        """Return the same model of another outcome, categories counted from 1.

        Raises
        ------
        ColumnError
            Where the outcome cannot have such a value.
        """
        if isinstance(self.family, Ordinal):
            most = len(self.family.categories)
            wrong = (values != np.round(values)) | (values < 1) | (values > most)
            sentence = f"'{self.design.outcome}' must hold categories, numbered from 1 to {most}"
            refuse(wrong, self.design, f"{sentence}, and does not")
            values = values - 1.0
        else:
            refuse_impossible(values, self.outcome.trials, self.design, self.asked)
        outcome = replace(self.outcome, y=values)
        design, X, Z = self.design, self.X, self.Z
        groups, prior, above = design.grouping, design.weights, _above(design)
        pieces = pieces_of(groups, prior, self.family, outcome, self.offset, X, Z, above)
        return replace(self, outcome=outcome, problem=Problem(self.family, self.shape, pieces))

    def eta(self, at: Array) -> Array:
        """Return the fixed part of every row's linear predictor."""
        return np.asarray(self.X @ at[: self.shape.coefficients] + self.offset)


def read_model(
    formula: Formula,
    data: pd.DataFrame,
    asked: Asked,
    weights: str | Sequence[float] | None = None,
) -> Model:
    """Read the data into a model.

    Raises
    ------
    FormulaError, ColumnError, DesignError
        Where the formula or the data cannot carry the model; the sentence names the column.
    """
    asked = asked.checked()
    formula.check_columns(data.columns)
    if not formula.random:
        raise DesignError(
            "A multilevel model needs a random term such as (1 | client_id); without one use "
            f"{_single_level(asked)}."
        )
    if asked.trials is not None:
        _refuse_missing_column(asked.trials, data, "trials")
    tree = formula.response.tree
    for name in (tree.column if isinstance(tree, Name) else None, asked.trials):
        if name is not None:
            data = plain(data, name, asked.family)
    frame, categories = data, None
    if asked.family == "ordinal":
        frame, categories = categories_of(formula, data)
    elif asked.family == "binomial":
        refuse_words(formula, data)
    frame, offset = _offset_of(asked.offset, frame)
    further = list(offset.columns) if offset is not None else []
    if asked.trials is not None:
        further.append(asked.trials)
    design = make_design(formula, frame, weights, measured=False, further=further, fill=True)
    outcome = outcome_of(design, asked)
    refuse_empty_categories(outcome, categories, design)
    family = family_of(asked, categories)
    shift = np.zeros(design.n) if offset is None else _offset_values(offset, design, asked)
    names, X = _fixed(design, asked)
    scale = _root_mean_squares(X)
    Z, effect_scale, shape = _random(design, len(names), len(family.own_names), asked)
    X, Z = X / scale, Z / effect_scale
    check_one_row_groups(design, asked)
    refuse_groups_alike(design, asked, outcome)
    refuse_flat_above_zero(design, asked, outcome, names, X)
    groups, prior = design.grouping, design.weights
    pieces = pieces_of(groups, prior, family, outcome, shift, X, Z, _above(design))
    problem = Problem(family, shape, pieces)
    return Model(asked, design, family, outcome, shift, X, Z, scale, effect_scale, names, problem)


def family_of(asked: Asked, categories: Sequence[str] | None = None) -> Family:
    """Return the family that was asked for."""
    assert asked.link is not None
    if asked.family == "binomial":
        return Binomial(asked.link)
    if asked.family == "ordinal":
        return Ordinal(tuple(categories or ()), asked.link)
    counts = Poisson() if asked.family == "poisson" else NegativeBinomial()
    return counts if asked.zero == "none" else ExtraZeros(counts, asked.zero)


def _single_level(asked: Asked) -> str:
    """Return what of statsmodels fits this outcome without groups."""
    if asked.zero != "none":
        return "statsmodels.discrete (its count models with extra zeros or a hurdle)"
    if asked.trials is not None or asked.link == "cloglog":
        return "statsmodels.formula.api.glm with its family Binomial"
    known = {
        "binomial": f"formula.api.{asked.link}",
        "poisson": "formula.api.poisson",
        "negative_binomial": "formula.api.negativebinomial",
        "ordinal": "miscmodels.ordinal_model.OrderedModel",
    }
    return f"statsmodels.{known[asked.family]}"


# -- trials and offset ---------------------------------------------------------------------------


def _refuse_missing_column(name: str, data: pd.DataFrame, argument: str) -> None:
    if name not in data.columns:
        raise ColumnError(
            f"{argument}= names the column '{name}', which the data lack."
            f"{did_you_mean(name, map(str, data.columns))}{OF_TRIALS * (argument == 'trials')}"
        )


def _offset_of(
    offset: str | Sequence[float] | None, data: pd.DataFrame
) -> tuple[pd.DataFrame, Part | None]:
    """Return the data, and the offset as a part of a formula."""
    if offset is None:
        return data, None
    if not isinstance(offset, str):
        values = of_rows(offset, data, "offset")
        data, offset = data.assign(**{OFFSET: values}), f"`{OFFSET}`"
    elif offset in data.columns:
        offset = f"`{offset}`"
    elif offset.isidentifier():
        _refuse_missing_column(offset, data, "offset")
    parsed = parse_formula(f"{offset} ~ 1").over(data.columns)
    return data, parsed.response


def _offset_values(offset: Part, design: Design, asked: Asked) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        values = learn_outcome(offset.tree, offset.source, Table(design.frame))
    named = "The offset" if OFFSET in offset.text else f"The offset '{offset.text.strip('`')}'"
    refuse(
        ~np.isfinite(values),
        design,
        f"{named} is not finite (the log of an exposure of zero is not: leave rows without "
        "exposure out)",
    )
    low, high = float(values.min()), float(values.max())
    if max(-low, high) > FARTHEST:
        raise DesignError(
            f"{named} reaches from {low:g} to {high:g}, and is added to the linear predictor, in "
            f"which {FARTHEST:g} is as good as never or always. Give the log of an exposure, such "
            "as offset='log(minutes)'."
        )
    if asked.family in COUNTS and high - low > LARGEST_SPAN:
        raise DesignError(
            f"{named} reaches from {low:g} to {high:g}, and stands on the scale of the logarithm: "
            f"that is exposures which differ by a factor of {np.exp(min(high - low, 700.0)):.0e}. "
            "Give the log of the exposure, such as offset='log(minutes)'."
        )
    return values


# -- columns -------------------------------------------------------------------------------------


def _fixed(design: Design, asked: Asked) -> tuple[tuple[str, ...], Array]:
    """Return the columns of the coefficients; thresholds stand for the intercept."""
    kept = dict(design.fixed_terms.named_arrays())
    names = design.fixed_names
    if asked.family == "ordinal":
        if INTERCEPT not in names:
            raise DesignError(
                "The thresholds of an ordinal model are its intercepts; leave '0 +' out."
            )
        names = tuple(name for name in names if name != INTERCEPT)
    if not names and asked.family != "ordinal":
        raise DesignError(
            f"The fixed part of '{design.formula.text}' has neither an intercept nor a predictor, "
            "so there is nothing to estimate but variances; leave '0 +' out."
        )
    columns = [kept[name] for name in names]
    return names, np.stack(columns, axis=1) if columns else np.empty((design.n, 0))


def _random(
    design: Design, coefficients: int, own: int, asked: Asked
) -> tuple[Array, Array, Shape]:
    """Return the lowest level's columns, their scale, and how the parameters are cut."""
    grouping = design.grouping
    if isinstance(grouping, CrossedGrouping):
        raise DesignError(
            f"family='{asked.family}' needs nested groups, one of each level in every row; "
            f"{' '.join(grouping.notes) or listing(grouping.names)} {_way_out(grouping)}"
        )
    if len(grouping.names) > 2:
        raise DesignError(
            f"family='{asked.family}' takes two levels of groups, such as clients within "
            f"therapists; the formula has {listing(grouping.names)}. Leave one of them out."
        )
    names = design.effects[0].names
    if len(names) > MOST_EFFECTS:
        raise DesignError(
            f"family='{asked.family}' takes up to {MOST_EFFECTS} random effects of "
            f"'{grouping.names[0]}'; the formula has {listing(names)}."
        )
    if len(grouping.names) == 2 and design.effects[1].names != (INTERCEPT,):
        if grouping.lacking:
            lower, group = grouping.names
            raise DesignError(
                f"family='{asked.family}' lets rows have no '{group}' only where no random effects "
                f"of '{lower}' stand beside: leave (… | {lower}) or (… | {group}) out, or the rows "
                f"without a '{group}'."
            )
        raise DesignError(
            f"family='{asked.family}' takes slopes at the lowest level only; write (1 | "
            f"{grouping.names[1]}) instead of the effects of {listing(design.effects[1].names)}."
        )
    if len(grouping.names) == 2 and INTERCEPT not in names:
        raise DesignError(
            f"Beside (1 | {grouping.names[1]}) the effects of '{grouping.names[0]}' need an "
            f"intercept of their own: (1 + … | {grouping.names[0]})."
        )
    columns = [array for term in design.effects[0].terms for array in term.arrays]
    Z = np.stack(columns, axis=1)
    if INTERCEPT in names:
        _refuse_far_slopes(Z, names, grouping.names[0])
    scale = _root_mean_squares(Z)
    pairs = design.levels[0].pairs
    shape = Shape(coefficients, own, len(names), pairs, len(grouping.names) == 2)
    return Z, scale, shape


def _way_out(grouping: CrossedGrouping) -> str:
    """Return what to do about groups that are not nested: ids may begin anew, or groups cross."""
    if len(grouping.names) == 2 and grouping.kind == "crossed":
        met = [len(pd.unique(factor.codes)) for factor in grouping.factors]
        pairs = len(np.unique(np.stack([factor.codes for factor in grouping.factors]), axis=1).T)
        lower, upper = sorted(grouping.names, key=lambda name: level_of_column(name) or 0)
        if pairs > NEARLY_ALL * met[0] * met[1]:
            return (
                f"Every '{lower}' occurs with nearly every '{upper}': where its ids begin anew "
                f"under each, they stand for different people; write (1 | {upper}/{lower}), or "
                "make the ids unique. Otherwise leave one of the two out."
            )
    therapists = level_of_column(THERAPIST) in map(level_of_column, grouping.names)
    return f"Leave one of them out{', or use one therapist a client' if therapists else ''}."


def _refuse_far_slopes(Z: Array, names: Sequence[str], group: str) -> None:
    """Refuse slopes of a column far from zero, where intercepts say nothing but the slopes."""
    for name, column in zip(names, Z.T, strict=True):
        mean, sd = float(column.mean()), float(column.std())
        if name != INTERCEPT and np.abs(column).min() > 0 and abs(mean) > FAR_SLOPE * sd:
            raise DesignError(
                f"'{name}' lies far from zero (mean {mean:.6g}, SD {sd:.3g}), where the intercepts "
                f"of '{group}' are, so they cannot be told from its slopes. Centre it: "
                f"(1 + center({name}) | {group})."
            )


def _above(design: Design) -> int:
    names = design.effects[0].names
    return names.index(INTERCEPT) if INTERCEPT in names else 0


def _root_mean_squares(columns: Array) -> Array:
    size = np.sqrt((columns**2).mean(axis=0))
    return np.where(size > 0, size, 1.0)
