"""Do the items measure the factors they are meant to, and how reliably?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from ...core.arguments import checked_choice, names, numbers, share
from ...core.model_disclosure import people_beyond
from ...errors import DesignError, listing, plural, require_columns
from ...inference.rows import coefficient_rows
from ..engine.fit import Estimates, estimate
from ..engine.patterns import Sample
from ..result import (
    CORRECTION,
    ROBUST,
    LatentFit,
    clustered,
    few_clusters,
    few_for_parameters,
    few_people,
    with_warning,
)
from .answers import clusters_by_group, left_out, rows_to_fit
from .checks import coarse_items, refuse_thin, signs, turned_items
from .factor_structure import Factors
from .plots import plot_loadings
from .reliability import reliabilities
from .terms import factor_terms, term_in_words
from .two_levels import LevelEstimates, fit_levels

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ...core.display.page import Block
    from ...study import Study

FACTORS = "Jöreskog 1969, doi 10.1007/BF02289343"
MISSING = "Enders & Bandalos 2001, doi 10.1207/S15328007SEM0803_5"
LEVELS = "Geldhof, Preacher & Zyphur 2014, doi 10.1037/a0032138"
EQUAL = ("loadings", "intercepts", "residuals", "means")


@dataclass(frozen=True, eq=False)
class FactorModel(LatentFit):
    """Items and the factors behind them; made by `fit_factor_model`.

    Attributes
    ----------
    table
        ``tidy()``: terms as lavaan writes them (``task=~i1`` a loading, ``i1~1`` an intercept,
        ``i1~~i1`` a variance, ``task~~goal`` a covariance), and ``subgroup``, empty where a
        parameter is the same in all; of two levels ``level``, within or between clients.
    factors
        Factor → its items.
    subgroups
        The groups that were compared; one without a name where there is one.
    n_left_out
        How many rows were left out, for want of an answer or of what they belong to.
    """

    table: pd.DataFrame
    factors: dict[str, list[str]]
    subgroups: tuple[str, ...]
    n_people: int
    estimates: Estimates = field(repr=False)
    confidence: float = 0.95
    messages: tuple[str, ...] = ()
    title: str = "Factor model"
    score: str = ""
    levels: bool = False
    n_left_out: int = 0
    listwise: bool = False
    errors: str = "normal"
    cluster: str = ""

    @property
    def fewest(self) -> int:  # type: ignore[override]
        """How few people have one of the items, in one of the groups, beyond one a parameter."""
        if self.levels:  # rows of the estimates are no people there
            items = len({item for of in self.factors.values() for item in of})
            return people_beyond(self.n_people, len(self.estimates.theta), items)
        return self.estimates.fewest

    def glance(self) -> pd.DataFrame:
        """Return size and fit in one row; of two levels ``n_rows``, too."""
        if isinstance(self.estimates, LevelEstimates):
            return self._glance("n_people", n_rows=self.estimates.n_rows, n_groups=1)
        return self._glance("n_people", n_groups=len(self.subgroups))

    def facts(self) -> dict[str, Any]:
        """Return what sentences are filled from: the glance, which answers count, and how."""
        groups = f" in {len(self.subgroups)} groups" if len(self.subgroups) > 1 else ""
        kind, rows = "A confirmatory factor model", f"the answers of {self.n_people} people{groups}"
        if isinstance(self.estimates, LevelEstimates):
            kind += (
                " of two levels, with factors and loadings of its own within and between clients,"
            )
            of = "complete rows" if self.listwise else "rows"
            rows = f"{self.estimates.n_rows} {of} of {self.n_people} clients"
        elif self.listwise:
            rows = f"the complete answers of {self.n_people} people{groups}"
        how = "" if self.listwise else "full information "
        lost = f" ({plural(self.n_left_out, 'row')} left out)" if self.n_left_out else ""
        by = " by client" if self.levels else ""
        robust = f" Standard errors are robust{by}." if self.errors == "robust" else ""
        if not self.levels and self.estimates.clusters:
            robust = clustered(self.cluster, self.estimates.clusters)
        done = f"{kind} was fitted to {rows}{lost} by {how}maximum likelihood.{robust}"
        done += f"{self._scaled}{self._corrected}"
        named = {FACTORS: True, MISSING: not self.listwise, ROBUST: robust, LEVELS: self.levels}
        named |= {CORRECTION: self._corrected}
        sources = "; ".join(source for source, holds in named.items() if holds)
        return super().facts() | {"done": done, "source": sources}

    def term_labels(self) -> dict[str, str]:
        """Return the terms in words; items and factors keep their names."""
        return {term: term_in_words(term, self.factors) for term in self.table["term"]}

    def shown(self, labels: Mapping[str, str] | None = None) -> list[Block]:
        """Return the parameters, and the fit."""
        return [self._table(self.tidy(), labels), self._fit_in_words("n_people", "n_groups")]

    def standardised(self) -> pd.DataFrame:
        """Return loadings where factors and items have a standard deviation of one.

        Returns
        -------
        DataFrame
            As `tidy`, with ``subgroup`` (or ``level``); standard errors by the delta method.
        """
        parts = []
        order = self.items
        at = [
            (order.index(item), f)
            for f, items in enumerate(self.factors.values())
            for item in items
        ]
        rows, columns = (np.array(one) for one in zip(*at, strict=True))
        terms = [f"{factor}=~{item}" for factor, items in self.factors.items() for item in items]
        for g, name in enumerate(self.subgroups):

            def loadings(theta: Any, g: int = g) -> Any:
                L, phi, sigma = self.matrices(g, theta)
                return L[rows, columns] * _root(phi)[columns] / _root(np.diag(sigma))[rows]

            value, covariance = self.estimates.delta(loadings)
            error = np.sqrt(np.maximum(np.diag(covariance), 0.0))
            table = coefficient_rows(
                terms, value, error, self.estimates.df, confidence=self.confidence
            )
            parts.append(table.assign(**{self.parts: name}))
        return pd.concat(parts, ignore_index=True)

    @property
    def parts(self) -> str:
        """The column that tells rows of groups, or of levels, apart."""
        return "level" if self.levels else "subgroup"

    @property
    def items(self) -> list[str]:
        """The items, each once."""
        return list(dict.fromkeys(item for items in self.factors.values() for item in items))

    def matrices(self, g: int, theta: Any) -> tuple[Any, Any, Any]:
        """Return loadings, variances of factors and covariances of items of a group or level."""
        model, between = self.estimates.model, self.levels and g == 1
        k = g if not between else len(model.structures) - 1
        m = model.structures[k].moments(model.values(theta, k))
        latent = {name: i for i, name in enumerate(m.structure.latent)}
        behind = " (between)" if between else ""
        columns = [latent[f"{factor}{behind}"] for factor in self.factors]
        if between:
            rows = [latent[f"{item}{behind}"] for item in self.items]
            loading, sigma = m.matrices["path"], m.omega
        else:
            rows = [m.structure.observed.index(item) for item in self.items]
            loading, sigma = m.matrices["loading"], m.sigma
        return (
            loading[np.ix_(rows, columns)],
            np.diag(m.omega)[columns],
            sigma[np.ix_(rows, rows)],
        )

    def omega(self) -> pd.DataFrame:
        """Return how reliable the sum (or mean) of each factor's items is.

        Omega: the share of the sum's variance that comes from the factor (McDonald 1999); standard
        error by the delta method, interval on the logit scale (Raykov & Marcoulides 2011). Of two
        levels one each (Geldhof, Preacher & Zyphur 2014, doi 10.1037/a0032138): within, of a
        session's deviation from the client's level; between, of the levels themselves.

        Returns
        -------
        DataFrame
            A row a factor and group (or ``level``): ``factor, subgroup, n_items, omega, std_error,
            conf_low, conf_high``.
        """
        return reliabilities(self)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the standardised loadings with their intervals."""
        return plot_loadings(self, ax)


def _root(variance: Any) -> Any:
    """Return standard deviations; NaN where a variance is estimated below zero."""
    return np.sqrt(np.where(variance.real > 0, variance, np.nan))


def fit_factor_model(
    data: Study | pd.DataFrame,
    factors: Mapping[str, Sequence[str]] | None = None,
    *,
    measure: str | None = None,
    by: str | None = None,
    group: str | None = None,
    equal: Sequence[str] = (),
    missing: Literal["fiml", "listwise"] = "fiml",
    errors: Literal["normal", "robust"] = "normal",
    cluster: str | None = None,
    identify: Literal["marker", "variance"] = "marker",
    confidence: float = 0.95,
) -> FactorModel:
    """Do the items measure the factors they are meant to, and how reliably?

    Parameters
    ----------
    data
        A `Study` with items; or a table with a row a person and a column an item (of one form
        each; several sessions of a client are no independent rows, but see `by`).
    factors
        ``{"task": ["i1", "i2", "i3"], ...}``; of a study, numbers of items, else its subscales.
    measure
        Of a study: ``"wai-sr"``, ``"wai-sr/bond/therapist"``. Without `by` the first session of
        each client counts.
    by
        A column of clients who have several rows: two levels are modelled, what varies within
        clients from session to session and what lasts, each with factors and loadings of its own.
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
    cluster
        A column such as ``therapist_id``: standard errors and tests then hold where people of one
        go together, with t of clusters - 1 degrees of freedom.
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
    (Rhemtulla, Brosseau-Liard & Savalei 2012, doi 10.1037/a0029315), with ``errors="robust"``
    (of two levels by client). Compared with lavaan in ``tests/reference/latent``.

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
    if held and group is None and by is None:
        raise DesignError("equal= says what is the same in all groups; name them in group=.")
    table, chosen, of_score, said = rows_to_fit(data, factors, measure, by, cluster)
    items = list(dict.fromkeys(item for own in chosen.values() for item in own))
    named = "client_id" in table and table["client_id"].notna().any()
    client = by if by is not None else "client_id" if named else None
    extra = [one for one in (group, client) if one is not None]
    require_columns(table.columns, [*items, *extra, *([cluster] if cluster else [])],
                    what="the data")  # fmt: skip
    if by is not None and (group or cluster or held or identify == "variance"):
        raise DesignError(
            "by= fits two levels of one group with markers, clients being the clusters; leave out "
            "group=, cluster=, equal=, identify=."
        )
    values = pd.DataFrame(
        {item: numbers(table, item, "the data") for item in items}, index=table.index
    )
    listwise = missing == "listwise"
    keep = values.notna().all(axis=1) if listwise else values.notna().any(axis=1)
    keep &= table[extra].notna().all(axis=1)
    lacking = ["an answer" if listwise else "every answer"]
    lacking += [] if group is None else ["the group"]
    lacking += [f"'{client}'"] if client and table[client].isna().any() else []
    said += left_out(keep, *lacking)
    values = values[keep]
    if values.empty:
        raise DesignError(f"No row of the data holds answers to {listing(items)}.")
    said += coarse_items(values)
    more: dict[str, Any] = {
        "confidence": share(confidence),
        "score": of_score,
        "errors": errors,
        "cluster": cluster or "",
        "n_left_out": int((~keep).sum()),
        "listwise": listwise,
    }
    if by is not None:
        said += turned_items(chosen, {"": values})
        return with_warning(_of_levels(values, table.loc[keep, by], chosen, said, more))
    of = pd.Series("", index=values.index) if group is None else table.loc[keep, group]
    samples = {str(name): values[of == name] for name in sorted(of.unique(), key=str)}
    refuse_thin(samples, len(items))
    said += turned_items(chosen, samples)
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
        shape.model(),
        [Sample.of(own.to_numpy()) for own in samples.values()],
        errors=errors,
        clusters=None if cluster is None else clusters_by_group(table.loc[keep, cluster], of),
    )
    result = FactorModel(
        table=factor_terms(fitted, list(samples), confidence=more["confidence"]),
        factors=chosen,
        subgroups=tuple(samples),
        n_people=len(values),
        estimates=fitted,
        messages=(*said, *few_clusters(fitted), *few_people(fitted), *fitted.messages),
        **more,
    )
    return with_warning(result)


def _of_levels(
    values: pd.DataFrame,
    clients: pd.Series,
    chosen: dict[str, list[str]],
    said: list[str],
    more: dict[str, Any],
) -> FactorModel:
    """Return the model of two levels, within and between clients."""
    fitted = fit_levels(values, clients, chosen, more["errors"])
    levels = ["within", "between"]
    q = sum(not name.endswith("@0") for name in fitted.model.names)  # means are of clients, too
    few = few_for_parameters(clients.nunique(), q, "clients", "parameters between clients")
    if few:
        few.append(
            "The chi-square and CFI, TLI and RMSEA of two levels are not corrected for few "
            "clients, and may look too bad."
        )
    table = factor_terms(fitted, levels, confidence=more["confidence"])
    return FactorModel(
        table=table.rename(columns={"subgroup": "level"}),
        factors=chosen,
        subgroups=tuple(levels),
        n_people=clients.nunique(),
        estimates=fitted,
        messages=(*said, *few, *fitted.messages),
        title="Factor model within and between clients",
        levels=True,
        **more,
    )
