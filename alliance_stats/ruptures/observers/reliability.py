"""Do the coders agree? Intraclass correlations whose form is named, and weighted kappas."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ...core.pingouin_adapter import icc_forms
from ...core.results import Result
from ...errors import DesignError
from ...inference.rows import glance_row, tidy_rows
from .kappa import jackknife
from .table import FAMILIES, SESSION, coded_by, counts_by_family, tables_of

if TYPE_CHECKING:
    from ...study import Study

MANY_ZEROS = 0.5
"""Share of zeros from which an ICC on raw counts misleads: it rests on few sessions."""
LEAST_SESSIONS = 10
NOTHING = (np.nan, np.nan, np.nan)

Floats = npt.NDArray[Any]


@dataclass(frozen=True)
class CoderReliability(Result):
    """Agreement of coders, code by code.

    Attributes
    ----------
    table
        One row a code and coefficient: ``code``, ``coefficient`` (``ICC(A,1)``: absolute
        agreement of a single coder, two-way random; ``ICC(A,k)``: of the mean of the k coders;
        ``kappa, weighted``: quadratic weights on ratings; ``kappa, seen``: seen or not, on
        counts), ``scale`` (``counts``, ``log1p``, ``extent``), ``estimate, conf_low, conf_high,
        n_sessions, n_coders, share_zero``.
    """

    table: pd.DataFrame
    messages: tuple[str, ...] = ()
    _quantities = True
    title: str = field(default="Reliability of coders")

    def tidy(self) -> pd.DataFrame:
        """Return one row a code and coefficient; the term names both."""
        own = self.table
        term = own["code"] + ": " + own["coefficient"] + " (" + own["scale"] + ")"
        limits = {name: own[name] for name in ("conf_low", "conf_high")}
        return tidy_rows(term, own["estimate"], **limits)

    def glance(self) -> pd.DataFrame:
        """Return one row: how many codes, sessions, coders."""
        most = {name: int(self.table[name].max()) for name in ("n_sessions", "n_coders")}
        return glance_row(self, n_codes=self.table["code"].nunique(), **most)


def coder_reliability(
    data: Study | pd.DataFrame,
    *,
    codes: pd.DataFrame | None = None,
    principles: pd.DataFrame | None = None,
    coded: pd.DataFrame | None = None,
) -> CoderReliability:
    """How far do independent coders agree on ruptures, repairs and principles?

    Parameters
    ----------
    data, codes, principles, coded
        As in `summarise_codes`.

    Returns
    -------
    CoderReliability
        ``.table``, ``.tidy()``. For the three families: segments with a marker, as counts and as
        log(1 + count), and seen or not. For principles: extent 0-4.

    Notes
    -----
    ICC forms as McGraw & Wong 1996 (doi 10.1037/1082-989X.1.1.30) name them, computed by
    pingouin, over the sessions every coder coded. Counts of markers are mostly zero; an ICC on
    them rests on the few sessions with many, so log1p and seen-or-not stand beside it. Weighted
    kappa has quadratic weights (Cohen 1968, doi 10.1037/h0026256), the mean over pairs of coders,
    with an interval that leaves out one client at a time.

    Examples
    --------
    >>> import alliance_stats as al
    >>> study = al.simulate_study(n_therapists=8, n_clients=60, coded_share=0.2, seed=2)
    >>> agreement = al.coder_reliability(study)
    >>> bool((agreement.table["estimate"] <= 1).all())
    True
    """
    marks, extents = tables_of(data, codes, principles)
    by, how = coded_by(marks, extents, coded)
    rows: list[dict[str, Any]] = []
    notes = [how]
    if marks is not None:
        counts = counts_by_family(marks, by)
        for family in FAMILIES:
            matrix = _matrix(counts, family)
            rows += _coefficients(family, matrix, counts=True)
            zero = float((matrix.to_numpy() == 0).mean()) if matrix.size else np.nan
            if zero > MANY_ZEROS:
                notes.append(
                    f"{family}: {zero:.0%} of the counts are zero; the ICC on raw counts rests on "
                    "the others. Read log1p and seen-or-not."
                )
    if extents is not None:
        for principle, own in extents.groupby("principle", sort=False):
            rows += _coefficients(str(principle), _matrix(own, "extent"), counts=False)
    table = pd.DataFrame(rows)
    _require(table)
    unable = table["estimate"].isna()
    if unable.any():
        notes.append(
            f"{int(unable.sum())} coefficients cannot be had: the codes do not vary, or fewer than "
            f"{LEAST_SESSIONS} sessions have all coders."
        )
    return CoderReliability(table, tuple(notes))


def _require(table: pd.DataFrame) -> None:
    """Refuse codes of one coder, and too few sessions that all coders share."""
    sessions, coders = int(table["n_sessions"].max()), int(table["n_coders"].max())
    if coders < 2:
        raise DesignError("All codes are of one coder; how far coders agree takes two at least.")
    if sessions < LEAST_SESSIONS:
        raise DesignError(
            f"At most {sessions} sessions were coded by every one of the {coders} coders; "
            f"{LEAST_SESSIONS} are needed to say how far they agree. Where coders take turns, pass "
            "the codes of those who share sessions."
        )


def _matrix(frame: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return sessions by coders; only sessions that every coder coded."""
    keyed = frame.set_index([*SESSION, "coder_id"])[column].astype(float)
    if keyed.index.has_duplicates:
        keyed = keyed.groupby(level=[0, 1, 2]).mean()
    return keyed.unstack("coder_id").dropna()  # noqa: PD010


def _coefficients(code: str, matrix: pd.DataFrame, *, counts: bool) -> Iterator[dict[str, Any]]:
    """Yield one row a coefficient: ICCs on every scale, then kappa."""
    values = matrix.to_numpy()
    scales = {"counts": values, "log1p": np.log1p(values)} if counts else {"extent": values}
    found = []
    for scale, own in scales.items():
        forms = icc_forms(own) if _able(own) else {}
        found += [(form, scale, forms.get(form, NOTHING)) for form in ("ICC(A,1)", "ICC(A,k)")]
    kind, judged = ("seen", (values > 0).astype(float)) if counts else ("weighted", values)
    client = pd.factorize(matrix.index.get_level_values("client_id"))[0]
    own_kappa = _kappa(judged, client) if _able(judged) else NOTHING
    found.append((f"kappa, {kind}", next(iter(scales)), own_kappa))
    for coefficient, scale, (estimate, low, high) in found:
        yield {
            "code": code,
            "coefficient": coefficient,
            "scale": scale,
            "estimate": estimate,
            "conf_low": low,
            "conf_high": high,
            "n_sessions": len(matrix),
            "n_coders": matrix.shape[1],
            "share_zero": float((values == 0).mean()) if values.size else np.nan,
        }


def _able(values: Floats) -> bool:
    return len(values) >= LEAST_SESSIONS and values.shape[1] >= 2 and float(np.ptp(values)) > 0


def _kappa(values: Floats, client: npt.NDArray[Any]) -> tuple[float, float, float]:
    """Return weighted kappa with an interval from leaving out one client at a time."""
    without = [weighted_kappa(values[client != one]) for one in range(int(client.max()) + 1)]
    estimate = weighted_kappa(values)
    return estimate, *jackknife(estimate, np.array(without))[1:]


def weighted_kappa(values: Floats) -> float:
    """Return the mean over pairs of coders of kappa with quadratic weights.

    kappa = 1 - sum of squared differences / what is expected of independent coders; for 0 and 1
    it is Cohen's plain kappa.
    """
    found = []
    for first, second in combinations(range(values.shape[1]), 2):
        a, b = values[:, first], values[:, second]
        expected = a.var() + b.var() + (a.mean() - b.mean()) ** 2
        if expected > 0:
            found.append(1 - float(np.mean((a - b) ** 2)) / float(expected))
    return float(np.mean(found)) if found else float("nan")
