"""Do the coders agree? Intraclass correlations whose form is named, and weighted kappas."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ...core.results import TIDY_COLUMNS, Result
from ...errors import DesignError
from .table import FAMILIES, SESSION, coded_by, counts_by_family, tables_of

if TYPE_CHECKING:
    from ...study import Study

MANY_ZEROS = 0.5
"""Share of zeros from which an ICC on raw counts misleads: it rests on few sessions."""
LEAST_SESSIONS = 10

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
    title: str = field(default="Reliability of coders")

    def tidy(self) -> pd.DataFrame:
        """Return one row a code and coefficient; the term names both."""
        own = self.table
        frame = pd.DataFrame(
            {
                "effect": "fixed",
                "group": "",
                "term": own["code"] + ": " + own["coefficient"] + " (" + own["scale"] + ")",
                **{name: own[name] for name in ("estimate", "conf_low", "conf_high")},
            }
        )
        return frame.reindex(columns=list(TIDY_COLUMNS))

    def glance(self) -> pd.DataFrame:
        """Return one row: how many codes, sessions, coders."""
        return pd.DataFrame(
            {
                "n_codes": [self.table["code"].nunique()],
                "n_sessions": [int(self.table["n_sessions"].max())],
                "n_coders": [int(self.table["n_coders"].max())],
            }
        )


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
            rows += _of_counts(family, matrix)
            zero = float((matrix.to_numpy() == 0).mean()) if matrix.size else np.nan
            if zero > MANY_ZEROS:
                notes.append(
                    f"{family}: {zero:.0%} of the counts are zero; the ICC on raw counts rests on "
                    "the others. Read log1p and seen-or-not."
                )
    if extents is not None:
        for principle, own in extents.groupby("principle", sort=False):
            rows += _of_extent(str(principle), _matrix(own, "extent"))
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


def _of_counts(code: str, matrix: pd.DataFrame) -> Iterator[dict[str, Any]]:
    values = matrix.to_numpy()
    yield from _icc_rows(code, "counts", values, matrix)
    yield from _icc_rows(code, "log1p", np.log1p(values), matrix)
    yield _kappa_row(code, "kappa, seen", "counts", (values > 0).astype(float), matrix)


def _of_extent(code: str, matrix: pd.DataFrame) -> Iterator[dict[str, Any]]:
    values = matrix.to_numpy()
    yield from _icc_rows(code, "extent", values, matrix)
    yield _kappa_row(code, "kappa, weighted", "extent", values, matrix)


def _row(code, coefficient, scale, found, matrix: pd.DataFrame) -> dict[str, Any]:
    values = matrix.to_numpy()
    return {
        "code": code,
        "coefficient": coefficient,
        "scale": scale,
        **dict(zip(("estimate", "conf_low", "conf_high"), found, strict=True)),
        "n_sessions": len(matrix),
        "n_coders": matrix.shape[1],
        "share_zero": float((values == 0).mean()) if values.size else np.nan,
    }


def _able(values: Floats) -> bool:
    return len(values) >= LEAST_SESSIONS and values.shape[1] >= 2 and float(np.ptp(values)) > 0


def _icc_rows(code: str, scale: str, values: Floats, matrix: pd.DataFrame) -> Iterator[dict]:
    from ...core.pingouin_adapter import icc_forms

    found = icc_forms(values) if _able(values) else {}
    nothing = (np.nan, np.nan, np.nan)
    for form in ("ICC(A,1)", "ICC(A,k)"):
        yield _row(code, form, scale, found.get(form, nothing), matrix)


def _kappa_row(
    code: str, name: str, scale: str, values: Floats, matrix: pd.DataFrame
) -> dict[str, Any]:
    if not _able(values):
        return _row(code, name, scale, (np.nan,) * 3, matrix)
    client = pd.factorize(matrix.index.get_level_values("client_id"))[0]
    return _row(code, name, scale, _with_interval(values, client), matrix)


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


def _with_interval(values: Floats, client: npt.NDArray[Any]) -> tuple[float, float, float]:
    """Return weighted kappa with a t interval from leaving out one client at a time."""
    from scipy.stats import t

    estimate = weighted_kappa(values)
    n = int(client.max()) + 1
    without = np.array([weighted_kappa(values[client != one]) for one in range(n)])
    if n < 3 or not np.isfinite(without).all():
        return estimate, np.nan, np.nan
    error = float(np.sqrt((n - 1) / n * np.square(without - without.mean()).sum()))
    half = float(t.ppf(0.975, n - 1)) * error
    return estimate, max(-1.0, estimate - half), min(1.0, estimate + half)
