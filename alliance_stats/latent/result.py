"""What every fitted covariance structure can be asked, whatever it is a model of."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pandas as pd

from ..core.display import formatting as fmt
from ..core.results import Result
from ..errors import ConvergenceWarning, warn
from ..inference.cluster_bootstrap import FEW_CLUSTERS
from ..inference.rows import glance_row
from .engine.fit import NO_MAXIMUM
from .engine.fit_indices import TELLING, TRUSTED, small_sample_factor

if TYPE_CHECKING:
    from .engine.fit import Estimates

Said = TypeVar("Said", bound="Latent")

_SRMR = {"srmr": "SRMR"} | {f"srmr_{n}": f"SRMR ({n} clients)" for n in ("within", "between")}

_INDICES = ("cfi", "tli", "rmsea")

ROBUST = "Yuan & Bentler 2000, doi 10.1111/0081-1750.00078"
"""What robust errors, by person or by cluster, and the scaled chi-square are taken from."""
SCALED_DIFFERENCE = "Satorra & Bentler 2001, doi 10.1007/BF02296192"
CORRECTION = (
    "Herzog, Boomsma & Reinecke 2007, doi 10.1080/10705510701301602; Herzog & Boomsma 2009, "
    "Structural Equation Modeling 16:1-27"
)
"""Where Swain's correction is told, which ours follows: of the chi-square, and of indices."""

PER_PARAMETER = 5
"""Fewer people a parameter are few (Bentler & Chou 1987, doi 10.1177/0049124187016001004)."""


class Latent(Result):
    """A result of what is not observed: what is wrong with its solution stands in every text."""

    @property
    def wrong(self) -> tuple[str, ...]:
        """What is wrong with the solution: no maximum, no scaled test, what cannot be."""
        raise NotImplementedError

    def text(self, labels: Mapping[str, str] | None = None) -> str:
        """Return the result in sentences, what was done, and what is wrong with the solution."""
        return "\n".join([super().text(labels), *self.wrong])


class LatentFit(Latent):
    """Likelihood, fit and parameters of a result that holds `estimates`."""

    table: pd.DataFrame
    estimates: Estimates

    @property
    def wrong(self) -> tuple[str, ...]:
        """What is wrong with the solution, in sentences."""
        return self.estimates.messages

    @property
    def llf(self) -> float:
        """The log-likelihood."""
        return self.estimates.llf

    @property
    def chi2(self) -> float:
        """Chi-square against the model without structure; NaN where that cannot be estimated."""
        return self.estimates.chi2

    @property
    def chi2_df(self) -> int:
        """The degrees of freedom of `chi2`."""
        return self.estimates.chi2_df

    @property
    def params(self) -> pd.Series:
        """All parameters by name, those that `tidy` leaves out too; behind ``@`` the group."""
        return self.estimates.params

    @property
    def bse(self) -> pd.Series:
        """The standard errors of all parameters."""
        return self.estimates.bse

    @property
    def converged(self) -> bool:
        """Whether the maximum of the likelihood was reached."""
        return self.estimates.converged

    @cached_property
    def _indices(self) -> pd.Series:
        return self.estimates.fit_indices()

    def fit_indices(self) -> pd.Series:
        """Return ``chi2, df, p_value, cfi, tli, rmsea`` (with 90 % limits), ``srmr, aic, bic``.

        These are those of lavaan and Mplus, which do not correct for few people.
        ``chi2_corrected``, ``p_value_corrected`` and ``cfi_corrected, tli_corrected,
        rmsea_corrected`` (with limits) allow for few people (a correction like Swain's; misfit is
        what lies above the chi-square that so few would have of a true model; NaN where they are
        too few for it). Texts tell them where they matter, and the others beside them.

        Where errors are robust or by cluster, ``chi2_scaled``, ``scaling`` and ``p_value_scaled``
        follow (Yuan & Bentler 2000), and ``cfi_scaled, tli_scaled, rmsea_scaled`` (with limits),
        which are made of them as in Mplus and lavaan; the indices without that word are those of
        normal theory. All of them are NaN where there is no scaled chi-square (see `messages`).
        """
        return self._indices.copy()

    def tidy(self) -> pd.DataFrame:
        """Return one row a term (and wave, and group)."""
        return self.table.copy()

    def text(self, labels: Mapping[str, str] | None = None) -> str:
        """Return the fit and the result in sentences, what was done, and what is wrong."""
        heading, *rest = super().text(labels).splitlines()
        return "\n".join([heading, f"Fit: {'; '.join(self._fit())}.", *rest])

    def _fit(self) -> list[str]:
        """Return the test of the fit and its indices, in words."""
        row = self.glance().iloc[0]
        srmr = (f"{_SRMR[n]} = {fmt.number(row[n], 3, bounded=True)}" for n in _SRMR if n in row)
        return [*_tested(row), *srmr]

    def _fit_in_words(self, *sizes: str) -> str:
        """Return the fit as a paper has it; first how much was fitted, by columns of the glance."""
        row = self.glance().iloc[0]
        one_group = row.get("n_groups") == 1
        told = [n for n in sizes if n in row and not (one_group and n == "n_groups")]
        size = ", ".join(f"{fmt.count(row[n])} {n.removeprefix('n_')}" for n in told)
        said = [
            *(f"{n.upper()} = {fmt.number(row[n], 1)}" for n in ("aic", "bic")),
            f"log-likelihood {fmt.number(row['llf'], 1)}",
        ]
        return f"{size}. {'; '.join([*self._fit(), *said])}."

    @property
    def _scaled(self) -> str:
        """Tell in a sentence whether the test was scaled, where errors need no normal data."""
        row = self.glance().iloc[0]
        kind = _kind(row)[1]
        if not row["df"] > 0 or not np.isfinite(row["chi2"]) or np.isnan(self.estimates.trace):
            return ""
        if kind == "χ²":
            return " The test of the fit is that of normal theory."
        if kind == "scaled χ²":
            return " The chi-square, and the CFI, TLI and RMSEA made of it, were scaled."
        units = "people" if self.estimates.clusters is None else "clusters"
        return (
            f" The test of the fit is that of normal theory: there are too few {units} to scale it."
        )

    @property
    def _corrected(self) -> str:
        """Tell in a sentence that the test was corrected for few people, where it was."""
        row = self.glance().iloc[0]
        if not row["df"] > 0 or _kind(row)[0] != "_corrected":
            return ""
        return (
            " The test of the fit, CFI, TLI and RMSEA were corrected for few people, as Swain's "
            "correction does, with values missing, too (lavaan and Mplus give them uncorrected)."
        )

    def _glance(self, *fields: str, **size: Any) -> pd.DataFrame:
        """Return fields, sizes, log-likelihood and fit in one row."""
        row = glance_row(self, *fields, **size, llf=self.llf)
        fit = self._indices.rename(
            {"p_value_scaled": "p_scaled", "p_value_corrected": "p_corrected"}
        )
        return pd.concat([row, fit.to_frame().T.set_axis([0])], axis=1)


def _tested(row: pd.Series) -> list[str]:
    """Return the test of the fit and the indices made of it; none where nothing can fail."""
    if not row["df"] > 0:
        return ["χ²(0) = 0 (the model cannot fail)"]
    behind, kind = _kind(row)
    scaled = behind == "_scaled"
    test = f"{kind}({fmt.degrees(row['df'])}) = {fmt.number(row['chi2' + behind * scaled], 2)}"
    p_told = fmt.p_sentence(row[("p" if behind else "p_value") + behind])
    of = "" if kind == "χ²" else f" (indices of the {kind})"
    if behind == "_corrected":
        p_told = f"corrected for few people {fmt.number(row['chi2_corrected'], 2)}, {p_told}"
        plain = (f"{n.upper()} = {fmt.number(row[n], 3, bounded=True)}" for n in _INDICES)
        of = (
            " (indices of the corrected χ²; uncorrected, as in lavaan and Mplus: "
            f"{', '.join(plain)})"
        )
    elif not behind and np.isfinite(row["chi2"]) and np.isnan(row.get("chi2_corrected", 0.0)):
        p_told = "no p value (too few people)"
        of = " (indices of a χ² that is too large)"
    low, high = (row[f"rmsea{behind}_{end}"] for end in ("low", "high"))
    limits = f", 90% CI {fmt.interval(low, high, 3, bounded=True)}{of}"
    indices = [f"{n.upper()} = {fmt.number(row[n + behind], 3, bounded=True)}" for n in _INDICES]
    return [f"{test}, {p_told}".replace("\u00a0", " "), *indices[:2],
            f"{indices[2]}{limits}"]  # fmt: skip


def _kind(row: pd.Series) -> tuple[str, str]:
    """Return what stands behind the names of the test and indices that are told, and its word."""
    if not fmt.is_missing(row.get("chi2_scaled")):
        return "_scaled", "scaled χ²"
    less = row.get("chi2_corrected", np.nan)
    corrected = less > 0.0 and _too_large(row["chi2"] / less, row["df"])  # none without any df
    return "_corrected" if corrected else "", "normal-theory χ²" if "chi2_scaled" in row else "χ²"


def _too_large(factor: float, df: float) -> bool:
    return bool((factor - 1.0) * np.sqrt(df / 2.0) > TELLING)


def with_warning(found: Said) -> Said:
    """Return a result, and warn in the sentence of its messages where it has no maximum."""
    for one in found.wrong:
        if NO_MAXIMUM in one:
            warn(one, ConvergenceWarning)
    return found


def difference_in_words(statistic: float, df: float, p: float, found: Estimates) -> str:
    """Return the test of two nested models in the words of the distribution that p is of."""
    test = f"chi2({df:.0f}) = {fmt.number(statistic, 2)}"
    if found.clusters is not None:
        test = f"F({df:.0f}, {found.clusters - 1}) = {fmt.number(statistic / df, 2)}"
    elif np.isfinite(found.trace):
        test = f"scaled {test}"
    return f"{test}, {fmt.p_sentence(p)}".replace("\u00a0", " ")


def few_people(found: Estimates, people: str = "people", *, tested: bool = True) -> list[str]:
    """Return in sentences what of a fit rests on more people than there are."""
    n, q, df = sum(sample.n for sample in found.samples), len(found.theta), found.chi2_df
    said = few_for_parameters(n, q, people)
    factor = small_sample_factor(found.samples, q)
    if df > 0 and np.isfinite(found.chi2) and _too_large(factor, df):
        p = max(sample.p for sample in found.samples)
        fewest = int(min(sample.counts.min() for sample in found.samples))
        why = f"{fewest} {people} have the variable that fewest have, few for {p} variables: "
        bad = "CFI, TLI and RMSEA are not corrected and may look too bad"
        if np.isfinite(found.scaling) and np.isfinite(found.trace):
            how = f"the chi-square comes out too large, scaled, too; {bad}."
        elif factor < TRUSTED:
            corrected = "; its p, CFI, TLI and RMSEA are told corrected" if tested else f"; {bad}"
            how = f"the chi-square is too large by about {factor - 1:.1%}{corrected}."
        else:
            shown = (
                "no p value is shown with it" if tested else "it does not tell how the model fits"
            )
            how = f"the chi-square is too large by so much that {shown}; {bad}."
        said.append(why + how)
    return said


def few_for_parameters(n: int, q: int, people: str, of: str = "parameters") -> list[str]:
    """Return in a sentence that people are few for so many parameters, where they are."""
    if n >= PER_PARAMETER * q:
        return []
    return [
        f"{n} {people} are few for {q} {of} (fewer than {PER_PARAMETER} for each): standard "
        "errors, intervals and tests hold for many, and may be too sure of themselves."
    ]


def few_clusters(found: Estimates) -> list[str]:
    """Return in a sentence what stands behind errors of clusters that are few, if they are."""
    if found.clusters is None or found.clusters >= FEW_CLUSTERS:
        return []
    return [
        f"Standard errors and tests rest on {found.clusters} clusters; with fewer than "
        f"{FEW_CLUSTERS} they are uncertain themselves, and errors tend to be too small."
    ]


def clustered(cluster: str, clusters: int) -> str:
    """Return in a sentence what errors by cluster rest on."""
    return (
        f" Standard errors allow for clients of one {cluster} being alike ({clusters} clusters, t "
        f"with {clusters - 1} degrees of freedom)."
    )
