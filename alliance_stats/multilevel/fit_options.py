"""Which options of a fit go together: each refusal is a sentence."""

from __future__ import annotations

from ..core.arguments import checked_choice
from ..errors import DesignError

RESIDUALS = ("independent", "ar1", "unstructured")


def refuse_for_partitions(**given: object) -> None:
    """Refuse what needs rows of several partitions together."""
    for name, value in given.items():
        if value:
            raise DesignError(
                f"{name}= needs all rows at once, and data in partitions give sums of them only: "
                "fit a part of the rows in memory (a pandas DataFrame)."
            )


def refuse_for_measurements(**given: object) -> None:
    """Refuse what only measurements have, of another outcome."""
    for name, value in given.items():
        if value:
            raise DesignError(
                f"{name}= is for measurements (family='gaussian'); with other outcomes write "
                "random slopes into the formula."
            )


def refuse_for_outcomes(**given: object) -> None:
    """Refuse what only other outcomes have, of measurements."""
    for name, value in given.items():
        if value is not None and value is not False:
            raise DesignError(
                f"{name}= is for outcomes that are no measurements; name their family=, such as "
                "family='binomial'."
            )


def check_residual(residual: str, time: str | None, df: str, by: str | None) -> None:
    """Refuse residuals that need what was not given, or go with something else."""
    checked_choice("residual", residual, RESIDUALS)
    if residual != "independent" and time is None:
        what = "of session numbers (or of times)" if residual == "ar1" else "of the occasions"
        raise DesignError(f"residual='{residual}' needs time='...', the column {what}.")
    if residual == "independent" and time is not None:
        raise DesignError(
            f"time={time!r} has a meaning only with residual='ar1' or 'unstructured'."
        )
    if residual == "ar1" and by is not None:
        raise DesignError("residual_by= goes with independent or unstructured residuals.")
    if residual == "ar1" and df == "kenward-roger":
        raise DesignError(
            "Kenward-Roger's adjustment holds for covariances that are linear in their "
            "parameters, and an AR(1) is not: use df='satterthwaite' with residual='ar1', or "
            "fit.robust() for standard errors that do not rest on the residual structure."
        )
