"""What is said of a fit above its numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..core.display.formatting import equation
from ..core.display.labels import inside
from ..core.results import Z95
from ..errors import plural

if TYPE_CHECKING:
    from .nested_fit import NestedFit
    from .result import MultilevelFit

DF_NOTES = {
    "satterthwaite": "Satterthwaite's degrees of freedom",
    "kenward-roger": "Kenward-Roger's standard errors and degrees of freedom",
    "between-within": "between-within degrees of freedom",
    "normal": "z tests",
}
TESTS = DF_NOTES | {
    name: f"t tests with {words}" for name, words in DF_NOTES.items() if name != "normal"
}
MOST_TOLD = 12  # SDs and correlations in a sentence
_GROUPING = {"crossed": "crossed", "membership": "several in a row"}


def head(fit: NestedFit) -> str:
    """Return what was fitted: formula, rows and groups, rows' own spread, likelihood."""
    lines = [
        f"{fit.estimator}; {TESTS[fit.df_method]}",
        f"Formula: {fit.formula}",
        f"Rows: {fit.nobs:,} ({groups(fit)})",
        *fit.spread_lines(),
        f"Log-likelihood {fit.llf:.4f}; AIC {fit.aic:.2f}; BIC {fit.bic:.2f}",
    ]
    return "\n".join(lines)


def groups(fit: NestedFit) -> str:
    """Return the groups of each level with their numbers, and how they lie to each other."""
    sizes = ", ".join(_counted(name, size) for name, size in fit.n_groups.items())
    return sizes if fit.grouping == "nested" else f"{sizes} ({_GROUPING[fit.grouping]})"


def spread_in_words(fit: NestedFit, labels: Mapping[str, str] | None) -> list[str]:
    """Return the SDs and correlations of random effects and residuals as a sentence."""
    rows = fit.tidy().sort_values("effect", ascending=False, kind="stable")
    n = int((rows["effect"].eq("random") & rows["estimate"].notna()).sum())
    table = fit._table(rows, labels)  # of all rows, so that decimals are those of the table
    spread = table.frame[table.frame["effect"].eq("random") & table.frame["estimate"].notna()]
    cells = [(inside(row["label"]), table.columns[1].write(row)) for _, row in spread.iterrows()]
    said = [equation(*cell) for cell in cells]
    if n > MOST_TOLD:
        said = [f"{n} variances and covariances stand in the table"]
    return [f"Random effects: {'; '.join(said)}."] if said else []


def _counted(name: str, size: int) -> str:
    """Return ``303 clients`` for a column of ids, the column's name with the number for others."""
    stem = name.removesuffix("_id")
    return f"{name} {size:,}" if stem == name else plural(size, stem.replace("_", " "))


def residual_lines(fit: MultilevelFit) -> list[str]:
    """Return how residuals hang together, where they do, and what variances were kept from."""
    if fit.prior is not None:
        return ["Variances: kept off zero by the boundary penalty of Chung et al. (2013)"]
    if fit.structured is not None:
        whole = fit.structured.where.whole_units
        of = "a covariance for each two occasions" if whole else "a variance for each group"
        return [f"Residuals: {of}"]
    ar1 = fit.autocorrelation
    if ar1 is None:
        return []
    low, high = ar1.conf_int(Z95)
    ends = "" if ar1.on_boundary else f", 95 % interval [{low:.3f}, {high:.3f}]"
    return [f"Residuals: AR(1) over '{ar1.neighbours.time}', phi {ar1.phi:.4f}{ends}"]


def particulars(fit: MultilevelFit) -> str:
    """Return what a methods section must say of variances, residuals and groups beside the rest."""
    said = []
    if fit.design.weights is not None:
        said.append("prior weights of the rows")
    if fit.prior is not None:
        said.append("variances kept off zero by a boundary penalty (Chung, Rabe-Hesketh, Dorie, "
                    "Gelman & Liu 2013, doi 10.1007/s11336-013-9328-2)")  # fmt: skip
    if fit.autocorrelation is not None:
        said.append(f"AR(1) residuals over {fit.autocorrelation.neighbours.time}")
    if fit.structured is not None:
        groups = fit.structured.where.level.blocks
        if fit.structured.where.whole_units:
            said.append("an unstructured covariance of each client's residuals"
                        + " in each group" * (len(groups) > 1))  # fmt: skip
        else:
            said.append(f"a residual variance for each of {len(groups)} groups")
    if fit.grouping == "membership":
        said.append("rows of several groups by weights (Browne, Goldstein & Rasbash 2001, doi "
                    "10.1177/1471082X0100100202)")  # fmt: skip
    if fit.design.saturated:
        said.append("as many random effects as rows or more, which was allowed")
    return "".join(f", {each}" for each in said)


def preparation(fit: NestedFit) -> list[str]:
    """Return what was done to the data before, as the preparing functions wrote it down."""
    done = fit.design.frame.attrs.get("preparation", [])
    return [str(note["message"] if isinstance(note, dict) else note) for note in done]
