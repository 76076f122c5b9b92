"""What a clinic is shown of the file that it sends: where it is, and what it tells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ..core.display.page import Block
from ..core.results import Result
from ..inference.rows import tidy_rows
from .expansion import Expansion
from .shared_file import SharedFile


@dataclass(frozen=True)
class ClinicFile(Result):
    """What a clinic sends for a joint model, and what it tells.

    Attributes
    ----------
    path
        Where the file is; None where only the audit was asked for.
    file
        What it holds.
    findings
        What the file tells beyond the default standard; empty under the defaults.
    """

    path: Path | None
    file: SharedFile
    findings: tuple[str, ...] = ()

    advice: tuple[str, ...] = ()
    """What would make the file more exact."""

    title = "What this file tells"

    @property
    def messages(self) -> tuple[str, ...]:  # type: ignore[override]
        """The audit in sentences, and what goes beyond the default standard."""
        return (*self.file.tells["in words"], *self.findings, *self.advice)

    @property
    def kind(self) -> str:
        """``sums``, exact, or ``curve``, rounded to `digits`."""
        return self.file.kind

    @property
    def digits(self) -> int | None:
        """To which decimal the most rounded column of a curve goes."""
        return self.file.digits

    def tidy(self) -> pd.DataFrame:
        """Return a row a number of the audit: clients behind each term, shares of a person's mean.

        The rows' names begin with ``clients behind`` or ``share of a mean told``; for a group the
        mean is that of the outcome, for a term that of the term. With noise the privacy budget.
        """
        tells = self.file.tells
        rows = {f"clients behind {k}": v for k, v in tells["clients behind each term"].items()}
        most = tells.get("share of a person's mean that could be computed, at most", {})
        rows |= {f"share of a mean told at most: {name}": v for name, v in most.items()}
        rows |= tells.get("privacy budget", {})
        return tidy_rows(list(rows), np.array(list(rows.values()), dtype=float))

    def glance(self) -> pd.DataFrame:
        """Return one row: clinic, kind, digits, rows and groups."""
        numbers = {
            f"n_{k}": v for k, v in self.file.numbers.items() if k in self.file.model["groups"]
        }
        row = {"clinic": self.file.clinic, "kind": self.kind, "digits": self.digits}
        return pd.DataFrame([row | {"nobs": self.file.numbers["rows"]} | numbers])

    def shown(self, labels: Mapping[str, str] | None = None) -> list[Block]:
        """Return what was written, and the numbers of the audit."""
        where = "Nothing was written." if self.path is None else f"Written to {self.path}."
        body = self.file.body
        how = "exact sums" if self.digits is None else "a rounded curve"
        if isinstance(body, Expansion):
            how = f"round {body.point.number} of a search by mail"
        if getattr(self.file.body, "noise", 0.0):
            how = "sums with noise"
        return [f"{where} {self.file.model['formula']}: {how}.", *super().shown(labels)]
