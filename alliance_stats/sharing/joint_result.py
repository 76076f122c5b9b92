"""What joint results of several clinics share: who sent what, and what only rows could answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

import pandas as pd

from ..errors import DesignError
from ..multilevel.formula.terms import INTERCEPT
from ..multilevel.nested_fit import NestedFit
from .closed_design import CLINIC
from .expansion import Expansion
from .search import ENDED, following_round

if TYPE_CHECKING:
    from os import PathLike
    from pathlib import Path

    from .shared_file import SharedFile


def asks(what: str) -> Any:
    """Return a method that says why it cannot answer."""

    def refuse(self: object, *arguments: object, **options: object) -> NoReturn:
        raise DesignError(
            f"{what} would need the rows, and those stayed in the clinics. Each clinic can compute "
            "it with its own fit."
        )

    refuse.__doc__ = f"Refuse: {what[0].lower()}{what[1:]} would need the rows."
    return refuse


class JointResult(NestedFit):
    """A joint model of several clinics; stands before the result it would be with the rows."""

    files: tuple[SharedFile, ...]
    """What the clinics sent."""
    between: Any
    """How clinics may differ, as `combine_clinics` takes it."""
    step: Any
    """In a search by mail where the next round looks, by name."""
    _deviance: Any
    """At the point of the round, or of the estimates."""

    if TYPE_CHECKING:

        @property
        def converged(self) -> bool:
            """Whether the search has ended."""

    @property
    def rounds(self) -> int:
        """How many rounds of mail the search took so far; one where one mail suffices."""
        body = self.files[0].body
        return body.point.number if isinstance(body, Expansion) else 1

    @property
    def clinics(self) -> pd.DataFrame:
        """A row a clinic: ``clinic, kind, digits, rows`` and the number of groups by level."""
        return pd.DataFrame(
            [
                {"clinic": f.clinic, "kind": f.kind, "digits": f.digits}
                | {name: size for name, size in f.numbers.items() if name != "rows left out"}
                for f in self.files
            ]
        )

    @property
    def fewest(self) -> int:  # type: ignore[override]
        """How many clients the fewest are that a coefficient is about, in all clinics together."""
        each = [file.tells.get("clients behind each term", {}) for file in self.files]
        whole = [int(of.get(INTERCEPT, 0)) for of in each]
        sums = [sum(int(of.get(name, 0)) for of in each) for name in self.files[0].model["terms"]]
        own = any(f"{CLINIC}[T.{file.clinic}]" in self.names for file in self.files)
        found = [total for total in sums if total]
        return min([*whole, *found]) if own else min(found, default=0)

    def next_round(self, path: str | PathLike[str]) -> Path:
        """Write where the next round of a search by mail looks; clinics answer with ``at=`` it.

        Raises
        ------
        DesignError
            Where the search has ended, or one mail holds the model.
        """
        if self.converged:
            raise DesignError(ENDED)
        return following_round(self.files, self.step, self._deviance, self.between, path)

    def facts(self) -> dict[str, Any]:
        """Return what sentences are filled from."""
        return super().facts() | {"n_clinics": len(self.files)}

    fittedvalues = property(asks("Fitted values"))
    resid = property(asks("Residuals"))
    random_effects = property(asks("Predicted random effects"))
    random_effects_sd = property(asks("Predicted random effects"))
    structure = property(asks("How many sessions each client has"))
    augment = asks("Values for each row")
    predict = asks("A prediction for rows")
    simulate = asks("New outcomes for the rows")
    refit = asks("A fit to another outcome")
    bootstrap = asks("A bootstrap")
    plot = asks("A plot of groups or rows")
