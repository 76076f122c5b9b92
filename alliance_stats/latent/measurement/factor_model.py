"""Do the items measure the factors they are meant to, and how reliably?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from ...core.arguments import checked_choice, checked_table, names, numbers, share
from ...errors import DesignError, listing, plural, require_columns
from ...inference.distributions import half_width
from ...inference.rows import coefficient_rows
from ..engine.fit import Estimates, estimate
from ..engine.patterns import Sample, copies
from ..result import LatentFit
from .factor_structure import Factors
from .plots import plot_loadings

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ...core.display.page import Block

EQUAL = ("loadings", "intercepts", "residuals", "means")


@dataclass(frozen=True, eq=False)
class FactorModel(LatentFit):
    """Items and the factors behind them; made by `fit_factor_model`.

    Attributes
    ----------
    table
        ``tidy()``: terms as lavaan writes them (``task=~i1`` a loading, ``i1~1`` an intercept,
        ``i1~~i1`` a variance, ``task~~goal`` a covariance), and ``subgroup``, empty where a
        parameter is the same in all.
    factors
        Factor → its items.
    subgroups
        The groups that were compared; one without a name where there is one.
    """

    table: pd.DataFrame
    factors: dict[str, list[str]]
    subgroups: tuple[str, ...]
    n_people: int
    estimates: Estimates
    confidence: float = 0.95
    messages: tuple[str, ...] = ()
    title: str = "Factor model"

    @property
    def fewest(self) -> int:  # type: ignore[override]
        """How many people the smallest group has."""
        return min(sample.n for sample in self.estimates.samples)

    def glance(self) -> pd.DataFrame:
        """Return size and fit in one row."""
        return self._glance("n_people", n_groups=len(self.subgroups))

    def term_labels(self) -> dict[str, str]:
        """Return the terms as they are; their names are those of the items."""
        return {term: term for term in self.table["term"]}

    def shown(self, labels: Mapping[str, str] | None = None) -> list[Block]:
        """Return the parameters, and the fit."""
        return [self._table(self.tidy(), labels), self._table(self.glance(), labels)]

    def standardised(self) -> pd.DataFrame:
        """Return loadings where factors and items have a standard deviation of one.

        Returns
        -------
        DataFrame
            As `tidy`, with ``subgroup``; standard errors by the delta method.
        """
        parts = []
        for g, name in enumerate(self.subgroups):
            structure = self.estimates.model.structures[g]
            at = [
                (structure.observed.index(item), list(structure.latent).index(factor))
                for factor, items in self.factors.items()
                for item in items
            ]
            rows, columns = (np.array(one) for one in zip(*at, strict=True))

            def loadings(theta: Any, g: int = g, rows: Any = rows, columns: Any = columns) -> Any:
                m = self.estimates.model.structures[g].moments(
                    self.estimates.model.values(theta, g)
                )
                spread = np.sqrt(np.diag(m.omega))[columns] / np.sqrt(np.diag(m.sigma))[rows]
                return m.matrices["loading"][rows, columns] * spread

            value, covariance = self.estimates.delta(loadings)
            terms = [
                f"{factor}=~{item}" for factor, items in self.factors.items() for item in items
            ]
            error = np.sqrt(np.maximum(np.diag(covariance), 0.0))
            table = coefficient_rows(terms, value, error, confidence=self.confidence)
            parts.append(table.assign(subgroup=name))
        return pd.concat(parts, ignore_index=True)

    def omega(self) -> pd.DataFrame:
        """Return how reliable the sum (or mean) of each factor's items is.

        Omega: the share of the sum's variance that comes from the factor (McDonald 1999); standard
        error by the delta method, interval on the logit scale (Raykov & Marcoulides 2011).

        Returns
        -------
        DataFrame
            A row a factor and group: ``factor, subgroup, n_items, omega, std_error, conf_low,
            conf_high``.
        """
        rows = []
        for g, name in enumerate(self.subgroups):
            for factor, items in self.factors.items():
                share_of = partial(_share_of_factor, self.estimates, g, factor, items)
                value, covariance = self.estimates.delta(share_of)
                omega, error = float(value[0]), float(np.sqrt(covariance[0, 0]))
                low, high = _limits(omega, error, self.confidence)
                rows.append(
                    {"factor": factor, "subgroup": name, "n_items": len(items), "omega": omega,
                     "std_error": error, "conf_low": low, "conf_high": high}
                )  # fmt: skip
        return pd.DataFrame(rows)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the standardised loadings with their intervals."""
        return plot_loadings(self, ax)


def _share_of_factor(fit: Estimates, g: int, factor: str, items: list[str], theta: Any) -> Any:
    structure = fit.model.structures[g]
    m = structure.moments(fit.model.values(theta, g))
    rows = [structure.observed.index(item) for item in items]
    f = list(structure.latent).index(factor)
    true = m.matrices["loading"][rows, f].sum() ** 2 * m.omega[f, f]
    return true / m.sigma[np.ix_(rows, rows)].sum()


def _limits(omega: float, error: float, confidence: float) -> tuple[float, float]:
    if not 0 < omega < 1:
        return np.nan, np.nan
    logit, half = (
        np.log(omega / (1 - omega)),
        half_width(error / (omega * (1 - omega)), np.inf, confidence),
    )
    low, high = (1 / (1 + np.exp(-end)) for end in (logit - half, logit + half))
    return float(low), float(high)


def fit_factor_model(
    data: pd.DataFrame,
    factors: Mapping[str, Sequence[str]],
    *,
    group: str | None = None,
    equal: Sequence[str] = (),
    missing: Literal["fiml", "listwise"] = "fiml",
    errors: Literal["normal", "robust"] = "normal",
    identify: Literal["marker", "variance"] = "marker",
    confidence: float = 0.95,
) -> FactorModel:
    """Do the items measure the factors they are meant to, and how reliably?

    Parameters
    ----------
    data
        A row a person, a column an item (of one form each; several sessions of a client are no
        independent rows).
    factors
        ``{"task": ["i1", "i2", "i3"], ...}``.
    group
        A column of groups that are fitted together.
    equal
        What is the same in all groups: of ``loadings, intercepts, residuals, means``. Where
        intercepts are, means of factors are free from the second group on unless they are equal.
    missing
        ``"fiml"``: people count with the answers that there are; ``"listwise"``: only those who
        answered everything.
    errors
        ``"robust"``: standard errors and a scaled chi-square that do not need normal answers.
    identify
        ``"marker"``: the first item of each factor loads 1; ``"variance"``: factors have a
        variance of 1 (in the first group, where loadings are equal).
    confidence
        Level of the intervals.

    Returns
    -------
    FactorModel

    Raises
    ------
    DesignError
        Where a factor has one item, an item does not vary, or a group is too small.

    Notes
    -----
    Maximum likelihood of continuous, normal answers; five answers or more come near to that
    (Rhemtulla, Brosseau-Liard & Savalei 2012, doi 10.1037/a0029315), with ``errors="robust"``.
    Compared with lavaan in ``tests/reference/latent``.

    Examples
    --------
    >>> import alliance_stats as al
    >>> import numpy as np
    >>> import pandas as pd
    >>> rng = np.random.default_rng(1)
    >>> bond = rng.normal(size=300)
    >>> data = pd.DataFrame({f"i{k}": bond + rng.normal(size=300) for k in range(1, 5)})
    >>> fit = al.fit_factor_model(data, {"bond": ["i1", "i2", "i3", "i4"]})
    >>> fit.chi2_df
    2
    >>> bool(0.7 < fit.omega()["omega"][0] < 0.9)  # 0.8 in truth
    True
    """
    checked_choice("missing", missing, ("fiml", "listwise"))
    checked_choice("errors", errors, ("normal", "robust"))
    checked_choice("identify", identify, ("marker", "variance"))
    held = frozenset(checked_choice("equal", one, EQUAL) for one in names(equal, "equal"))
    table, chosen = checked_table(data, "the data"), checked_factors(factors)
    items = list(dict.fromkeys(item for own in chosen.values() for item in own))
    require_columns(table.columns, [*items, *([] if group is None else [group])], what="the data")
    said: list[str] = []
    values = pd.DataFrame(
        {item: numbers(table, item, "the data") for item in items}, index=table.index
    )
    keep = values.notna().all(axis=1) if missing == "listwise" else values.notna().any(axis=1)
    if group is not None:
        keep &= table[group].notna()
    if not keep.all():
        why = "an answer" if missing == "listwise" else "every answer"
        why += "" if group is None else " or the group"
        said.append(f"{plural(int((~keep).sum()), 'row')} lack {why} and are left out.")
    values = values[keep]
    if values.empty:
        raise DesignError(f"No row of the data holds answers to {listing(items)}.")
    of = pd.Series("", index=values.index) if group is None else table.loc[keep, group]
    samples = {str(name): values[of == name] for name in sorted(of.unique(), key=str)}
    refuse_thin(samples, len(items))
    shape = Factors(
        factors=chosen,
        conditions=list(samples),
        mean=np.stack([own.mean().to_numpy() for own in samples.values()]),
        sd=np.stack([own.std(ddof=0).to_numpy() for own in samples.values()]),
        equal=held if len(samples) > 1 else frozenset(),
        marker=identify == "marker",
        sign=signs(chosen, values),
    )
    fitted = estimate(
        shape.model(), [Sample.of(own.to_numpy()) for own in samples.values()], errors=errors
    )
    return FactorModel(
        table=_table(fitted, list(samples), confidence=share(confidence)),
        factors=chosen,
        subgroups=tuple(samples),
        n_people=len(values),
        estimates=fitted,
        confidence=confidence,
        messages=(*said, *fitted.messages),
    )


def checked_factors(factors: Any) -> dict[str, list[str]]:
    """Return factors with their items, or say what is wrong with them."""
    if not isinstance(factors, Mapping) or not factors:
        raise DesignError("factors must be such as {'task': ['i1', 'i2', 'i3']}.")
    chosen = {str(name): names(items, f"factors['{name}']") for name, items in factors.items()}
    for name, items in chosen.items():
        if len(items) < 2:
            raise DesignError(
                f"The factor '{name}' has {len(items)} item; what an item measures shows only in "
                "what it shares with others, so a factor needs two or more, three where it stands "
                "alone."
            )
    return chosen


def signs(factors: Mapping[str, Sequence[str]], values: pd.DataFrame) -> dict[str, float]:
    """Return -1 for items that go against the first of their factor."""
    return {
        item: -1.0 if values[item].corr(values[items[0]]) < 0 else 1.0
        for items in factors.values()
        for item in items
    }


def refuse_thin(samples: Mapping[str, pd.DataFrame], n_variables: int) -> None:
    """Refuse groups with too few people, and items that nobody or everybody answers alike."""
    for name, own in samples.items():
        of = f"The group '{name}' has" if name else "There are"
        if len(own) <= n_variables:
            raise DesignError(
                f"{of} {plural(len(own), 'row')} with answers; {n_variables} items need more rows "
                "than items. Leave it out, join groups, or use fewer items."
            )
        flat = own.columns[~(own.std() > 1e-9 * own.abs().max())]
        if len(flat):
            where = f" in the group '{name}'" if name else ""
            raise DesignError(
                f"{listing(flat)} does not vary{where} (or nobody answered), so nothing can go "
                "with it; leave it out."
            )
        twins = copies(own.to_numpy(dtype=float))
        if twins is not None:
            one, other = (own.columns[i] for i in twins)
            raise DesignError(f"{one} and {other} move exactly together; is one a copy?")


def _table(fit: Estimates, subgroups: list[str], confidence: float) -> pd.DataFrame:
    parted = [name.partition("@") for name in fit.model.names]
    table = coefficient_rows(
        [term for term, _, _ in parted], fit.theta, fit.bse.to_numpy(), confidence=confidence
    )
    which = [subgroups[int(k)] if k else "" for _, _, k in parted]
    table = table.assign(subgroup=which)
    variance = ["~~" in term and len({*term.split("~~")}) == 1 for term in table["term"]]
    table.loc[variance, ["statistic", "p_value"]] = np.nan
    kind = [0 if "=~" in term else 1 if "~~" in term else 2 for term in table["term"]]
    return table.iloc[np.argsort(kind, kind="stable")].reset_index(drop=True)
