"""A fit as text for a console."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from ..core.results import Z95, short_p

if TYPE_CHECKING:
    from .nested_fit import NestedFit
    from .outcomes.result import OutcomeFit
    from .result import MultilevelFit

_METHODS = {
    "satterthwaite": "t tests with Satterthwaite's degrees of freedom",
    "kenward-roger": "t tests with Kenward-Roger's standard errors and degrees of freedom",
    "normal": "z tests",
}
_GROUPING = {"crossed": "crossed", "membership": "several in a row"}


def text(fit: MultilevelFit) -> str:
    """Return the fit as text: what was fitted, variances, coefficients and notes."""
    kind = "REML" if fit.reml else "maximum likelihood"
    groups = ", ".join(f"{name} {size}" for name, size in fit.n_groups.items())
    head = [
        f"{fit.title} by {kind}",
        f"Formula: {fit.formula}",
        f"Rows: {fit.nobs}; groups: {groups}"
        + ("" if fit.grouping == "nested" else f" ({_GROUPING[fit.grouping]})"),
        f"Log-likelihood {fit.llf:.4f}; AIC {fit.aic:.2f}; BIC {fit.bic:.2f}",
    ]
    if fit.autocorrelation is not None:
        ar1 = fit.autocorrelation
        low, high = ar1.conf_int(Z95)
        ends = "" if ar1.on_boundary else f", 95 % interval [{low:.3f}, {high:.3f}]"
        head.insert(3, f"Residuals: AR(1) over '{ar1.neighbours.time}', phi {ar1.phi:.4f}{ends}")
    parts = ["\n".join(head), f"Random effects\n{random_text(fit)}"]
    parts.append(f"Fixed effects ({_METHODS[fit.df_method]})\n{coefficients_text(fit)}")
    return "\n\n".join([*parts, *notes_of(fit)])


def notes_of(fit: NestedFit) -> list[str]:
    """Return the notes as a paragraph, if there are any.

    What was done to the data before, as the preparing functions wrote it down, comes first.
    """
    done = fit.design.frame.attrs.get("preparation", [])
    notes = [str(note["message"] if isinstance(note, dict) else note) for note in done]
    notes += fit.messages
    return ["Notes\n" + "\n".join(f"- {note}" for note in notes)] if notes else []


def random_text(fit: MultilevelFit | OutcomeFit) -> str:
    """Return variances and correlations as a table."""
    table = fit.varcomp
    shown = pd.DataFrame(
        {
            "group": table["group"],
            "term": [
                "" if pd.isna(a) else str(a) if pd.isna(b) else f"{a}, {b}"
                for a, b in zip(table["term1"], table["term2"], strict=True)
            ],
            "variance": table["vcov"].map("{:.5g}".format),
            "sd or cor": table["sdcor"].map("{:.5g}".format),
        }
    )
    return shown.to_string(index=False)


def coefficients_text(fit: NestedFit) -> str:
    """Return coefficients, tests and intervals as a table."""
    interval = fit.conf_int()
    table = pd.DataFrame(
        {
            "estimate": fit.params.map("{:.5g}".format),
            "std error": fit.bse.map("{:.4g}".format),
            "df": fit.df.map("{:.1f}".format),
            "t": fit.tvalues.map("{:.2f}".format),
            "p": fit.pvalues.map(short_p),
            "95 % interval": [
                f"[{low:.4g}, {high:.4g}]"
                for low, high in zip(interval[0], interval[1], strict=True)
            ],
        }
    )
    return str(table.to_string())
