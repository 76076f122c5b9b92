"""Outcomes of a joint model that are no measurements: what all clinics must agree on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..errors import ColumnError, DesignError
from ..multilevel.formula.model_formula import Formula
from ..multilevel.formula.tree import Name
from ..multilevel.outcomes.answers import refuse_words
from ..multilevel.outcomes.families import Family
from ..multilevel.outcomes.ordinal import Ordinal
from ..multilevel.outcomes.reading import FAMILIES, Asked, family_of

USUAL_SD = 1.0  # of random effects on the link's scale, where a search begins


@dataclass(frozen=True)
class Answers:
    """A kind of outcome.

    Attributes
    ----------
    asked
        The family and its link.
    family
        The distribution.
    """

    asked: Asked
    family: Family

    @classmethod
    def of(cls, family: str, link: str | None, outcome: list[str] | None) -> Answers | None:
        """Return the kind of outcome; None for measurements.

        Raises
        ------
        DesignError
            Where the family is unknown, or the categories of an ordered outcome are.
        """
        if family not in FAMILIES:
            raise DesignError(f"family must be one of {', '.join(FAMILIES)}, not {family!r}.")
        if family == "gaussian":
            if link is not None:
                raise DesignError("link= belongs to outcomes that are no measurements.")
            return None
        asked = Asked(family, link).checked()
        if family == "ordinal" and not outcome:
            raise DesignError(
                "All clinics must number the answers of an ordered outcome alike: name them in "
                "categories, the lowest first, such as {'rating': ['0', '1', '2']}."
            )
        return cls(asked, family_of(asked, outcome))

    def categories(self, formula: Formula) -> dict[str, list[str]]:
        """Return the answers of an ordered outcome by its name; nothing for others."""
        if not isinstance(self.family, Ordinal):
            return {}
        return {formula.response.text: list(self.family.categories)}

    def numbered(self, formula: Formula, frame: pd.DataFrame) -> pd.DataFrame:
        """Return complete rows with the outcome as the family takes it.

        Raises
        ------
        ColumnError
            Where it holds something else.
        """
        tree = formula.response.tree
        if not isinstance(tree, Name):
            raise DesignError(f"family='{self.asked.family}' needs an outcome that is one column.")
        name = tree.column
        if self.asked.family == "ordinal":
            return frame.assign(**{name: frame[name].cat.codes.to_numpy(dtype=float) + 1.0})
        refuse_words(formula, frame)
        values = frame[name].to_numpy(dtype=float)
        most = 1.0 if self.asked.family == "binomial" else np.inf
        if (values != np.round(values)).any() or values.min() < 0 or values.max() > most:
            what = "yes and no as 1 and 0" if most == 1.0 else "counts"
            raise ColumnError(f"'{name}' must hold {what}, and holds other numbers.")
        return frame.assign(**{name: values})

    def begin(self) -> np.ndarray:
        """Return the family's own parameters where a search begins, whatever the rows."""
        count = len(self.family.own_names)
        if self.asked.family == "ordinal":
            return np.linspace(-1.0, 1.0, count) * min(count - 1, 3) / 2.0
        return np.full(count, np.log(2.0))
