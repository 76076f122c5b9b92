"""A fit as text for a console."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..summary import coefficients_text, notes_of, random_text

if TYPE_CHECKING:
    from .result import OutcomeFit

NAMES = {
    "binomial": "binomial model",
    "poisson": "Poisson model",
    "negative_binomial": "negative binomial model",
    "ordinal": "cumulative model of ordered answers",
}
ZEROS = {"none": "", "inflated": ", zeros inflated", "hurdle": ", with a hurdle at zero"}
TESTS = {"normal": "z tests", "between-within": "t tests with between-within degrees of freedom"}


def title(fit: OutcomeFit) -> str:
    """Return what the model is called."""
    return f"Multilevel {NAMES[fit.family]} ({fit.link}{ZEROS[fit.zero]})"


def text(fit: OutcomeFit) -> str:
    """Return the fit as text: what was fitted, variances, coefficients and notes."""
    groups = ", ".join(f"{name} {size}" for name, size in fit.n_groups.items())
    last = fit.nodes.iloc[-1]
    how = f"adaptive quadrature, {last['nodes']:.0f} nodes"
    if last["nodes_top"]:
        how += f" within {last['nodes_top']:.0f}"
    how = "Laplace's approximation" if fit.method == "laplace" else how
    head = [
        f"{fit.title} by maximum likelihood ({how})",
        f"Formula: {fit.formula}",
        f"Rows: {fit.nobs}; groups: {groups}",
        f"Log-likelihood {fit.llf:.4f}; AIC {fit.aic:.2f}; BIC {fit.bic:.2f}",
    ]
    if fit.dispersion == fit.dispersion:
        head.append(f"Size of the negative binomial: {fit.dispersion:.5g}")
    parts = ["\n".join(head), f"Random effects, on the scale of the {fit.link}\n{random_text(fit)}"]
    parts.append(
        f"Fixed effects, on the scale of the {fit.link} ({TESTS[fit.df_method]})\n"
        f"{coefficients_text(fit)}"
    )
    return "\n\n".join([*parts, *notes_of(fit)])
