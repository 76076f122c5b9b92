"""Do falls of the alliance do as much as rises? Each with a slope of its own."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from ...core.arguments import checked_choice, whole
from ...core.results import TIDY_COLUMNS, Result
from ...errors import DesignError
from ...inference.cluster_robust import BiasReduced, Cluster, runs
from ...inference.distributions import chi2_upper
from ...inference.rows import glance_row
from ...preparation import decompose
from ...study.times import SESSION, along
from .clustered import contrast_rows, fit_differences, working
from .design import LEAST_CLIENTS, Choices, ModelData, of_levels
from .plots import plot_asymmetric
from .repair import quiet_fit
from .session_table import read_ratings

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ...multilevel import MultilevelFit
    from ...study import Study

METHODS = ("first_differences", "cumulative")
ERRORS = {"toeplitz-1": None, "constrained": -0.9999 / (1 + 0.9999**2), "independent": 0.0}
"""Correlation of neighbouring differences; None: estimated. (-.5 itself would be singular.)"""


@dataclass(frozen=True)
class AsymmetricChange(Result):
    """Slopes of rises and of falls, and the test that they are equal.

    Attributes
    ----------
    table
        The columns of ``tidy()``: ``rise`` (change of the outcome for a rise of one point),
        ``fall`` (for a fall of one point; equal effects have opposite signs), ``rise + fall``
        (their difference in size: zero where effects are equal), with tests.
    equality
        ``statistic, df, p_value`` of the test that rise = -fall (chi-square).
    method
        ``"first_differences"`` or ``"cumulative"``.
    n_rises, n_falls, nobs, n_clients
        What the estimates rest on.
    rho
        Working correlation of neighbouring differences; missing for ``"cumulative"``.
    fit
        The multilevel model, for ``"cumulative"``.
    """

    table: pd.DataFrame
    equality: dict[str, float]
    method: str
    levels: int
    nobs: int
    n_clients: int
    n_rises: int
    n_falls: int
    rho: float = float("nan")
    fit: MultilevelFit | None = field(default=None, repr=False)
    messages: tuple[str, ...] = ()
    title: str = "Asymmetric change: rises and falls of the alliance"
    score: str = ""

    @property
    def fewest(self) -> int:  # type: ignore[override]
        """How many clients there are beyond the slopes: all have rises and falls."""
        if self.fit is not None:
            return self.fit.fewest
        return max(self.n_clients - 3, 0)  # a trend, rises and falls

    def tidy(self) -> pd.DataFrame:
        """Return one row a slope, and one for the sum of the two."""
        return self.table[list(TIDY_COLUMNS)]

    def glance(self) -> pd.DataFrame:
        """Return one row: the method, its data and the test of equality."""
        fields = ("method", "levels", "nobs", "n_clients", "n_rises", "n_falls", "rho")
        equality = {f"equality_{name}": self.equality[name] for name in ("statistic", "p_value")}
        return glance_row(self, *fields, **equality)

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw the two slopes as the change of the outcome for a rise and for a fall."""
        return plot_asymmetric(self, ax=ax)


def fit_asymmetric_change(
    data: Study | pd.DataFrame,
    *,
    alliance: str,
    outcome: str,
    lag: int = 1,
    method: str = "first_differences",
    errors: str = "toeplitz-1",
    levels: int = 2,
    subscale: str | None = None,
    rater: str | None = None,
    outcome_subscale: str | None = None,
    outcome_rater: str | None = None,
    time: str = SESSION,
) -> AsymmetricChange:
    """Does a fall of the alliance do as much harm as a rise of the same size does good?

    A usual regression gives falls and rises one slope with opposite signs. Here each has its own
    (Allison 2019, doi 10.1177/2378023119826441).

    Parameters
    ----------
    data, alliance, outcome, subscale, rater, outcome_subscale, outcome_rater
        As in `fit_rupture_repair`; no rule is needed.
    lag
        The alliance change that ended `lag` sessions before the outcome change ends: with 1, the
        outcome's change from session t - 1 to t on the alliance's from t - 2 to t - 1.
    method
        ``"first_differences"``: the change of the outcome on the rises and falls of the alliance,
        clients' levels cancelling; generalised least squares with CR2 standard errors over
        clients and clients - 1 degrees of freedom. With ``errors="toeplitz-1"`` this is R
        panelr's ``asym()`` (nlme's ``gls`` with ``corARMA(q = 1)``, REML, and clubSandwich's
        naive t). ``"cumulative"``: the level of the outcome on the summed rises and the summed
        falls since the client's first session, split within and between clients, in a multilevel
        model with 2 or 3 levels in which every client has a trend of its own (without it the test
        of equality rejects far too often).
    errors
        For ``"first_differences"``: ``"toeplitz-1"`` (neighbouring differences correlate, by an
        estimated rho), ``"constrained"`` (by -.5: the errors of levels are independent) or
        ``"independent"`` (by 0: the errors of levels are a random walk).
    levels
        For ``"cumulative"``: 2 or 3.
    time
        The column that counts along time in place of ``session``: ``"occasion"``, by its order, or
        one of numbers, such as ``"week"``.

    Returns
    -------
    AsymmetricChange
        ``.tidy()`` with the terms ``rise``, ``fall`` and ``rise + fall``; ``.equality``.

    Notes
    -----
    Changes are between adjacent session numbers only; a gap parts a client's course (panelr
    takes the session before, whatever its number, so the two agree where no session is missing).
    Measurement error of the alliance makes both slopes too small.

    Examples
    --------
    >>> import alliance_stats as al
    >>> study = al.simulate_study(n_therapists=8, n_clients=60, seed=2)
    >>> change = al.fit_asymmetric_change(study, alliance="wai-sr", outcome="core-10")
    >>> change.tidy()["term"].tolist()
    ['rise', 'fall', 'rise + fall']
    """
    data = along(data, time, whole=True)
    checked_choice("method", method, METHODS)
    checked_choice("errors", errors, ERRORS)
    checked_choice("levels", levels, (2, 3))
    if method == "first_differences" and levels == 3:
        raise DesignError(
            "First differences cancel therapists as well as clients, so there are no levels to "
            "choose; for three levels use method='cumulative'."
        )
    whole(lag, "lag", 0)
    rows, _, score = read_ratings(
        data, (alliance, subscale, rater), (outcome, outcome_subscale, outcome_rater)
    )
    if method == "cumulative":
        return replace(_cumulative(rows, lag, levels), score=score)
    return replace(_first_differences(changes(rows, lag), errors), score=score)


def changes(rows: pd.DataFrame, lag: int) -> pd.DataFrame:
    """Return changes between adjacent sessions: ``client_id, session, change, rise, fall``.

    ``rise`` and ``fall`` are sizes, never negative; only complete rows are returned, sorted.
    """
    frame = rows.sort_values(["client_id", "session"], kind="stable").reset_index(drop=True)
    own = frame[["client_id", "session", "alliance", "outcome"]]
    before = own.assign(session=own["session"] + 1).rename(
        columns={"alliance": "alliance_before", "outcome": "outcome_before"}
    )
    both = own.merge(before, on=["client_id", "session"], how="left")
    step = both["alliance"] - both["alliance_before"]
    moved = both[["client_id", "session"]].assign(session=both["session"] + lag, step=step)
    change = both[["client_id", "session"]].assign(change=both["outcome"] - both["outcome_before"])
    table = change.merge(moved, on=["client_id", "session"], how="inner").dropna()
    return table.assign(
        rise=table["step"].clip(lower=0.0), fall=(-table["step"]).clip(lower=0.0)
    ).reset_index(drop=True)


def _first_differences(table: pd.DataFrame, errors: str) -> AsymmetricChange:
    _require(table)
    codes = pd.factorize(table["client_id"])[0]
    order = np.lexsort((table["session"], codes))
    table, codes = table.iloc[order].reset_index(drop=True), codes[order]
    x = np.column_stack([np.ones(len(table)), table["rise"], table["fall"]])
    y = table["change"].to_numpy(dtype=float)
    if np.ptp(y) == 0:
        raise DesignError(
            f"The outcome changes by {y[0]:g} from every session to the next: there is nothing "
            "for rises and falls to explain."
        )
    session = table["session"].to_numpy()
    new = np.append(True, (codes[1:] != codes[:-1]) | (np.diff(session) != 1))
    fit = fit_differences(x, y, np.flatnonzero(new), ERRORS[errors])
    clusters = [
        Cluster(x[rows], _correlation(new[rows], fit.rho), fit.resid[rows]) for rows in runs(codes)
    ]
    covariance = BiasReduced(clusters, fit.inverse).covariance
    wanted = np.array([[0.0, 1, 0], [0, 0, 1], [0, 1, 1]])
    rows = contrast_rows(
        ["rise", "fall", "rise + fall"], fit.coef, covariance, len(clusters) - 1, wanted
    )
    statistic = float(rows["statistic"].iloc[2] ** 2)
    per_client = table.groupby("client_id").size().median()
    return AsymmetricChange(
        rows,
        {"statistic": statistic, "df": 1.0, "p_value": chi2_upper(statistic, 1)},
        "first_differences",
        2,
        len(table),
        len(clusters),
        *_rises_and_falls(table),
        fit.rho,
        messages=(
            f"{len(table)} changes between adjacent sessions of {len(clusters)} clients "
            f"(median {per_client:g} a client).",
            "fall is the change of the outcome for a fall of one point: equal effects have "
            "opposite signs, and 'rise + fall' is zero.",
        ),
    )


def _rises_and_falls(table: pd.DataFrame) -> tuple[int, int]:
    return int((table["rise"] > 0).sum()), int((table["fall"] > 0).sum())


def _correlation(new: npt.NDArray[np.bool_], rho: float) -> npt.NDArray[np.float64]:
    """Return a client's working correlation, with nothing across the start of a run."""
    matrix = working(len(new), rho)
    for first in np.flatnonzero(new):
        if first:
            matrix[first, first - 1] = matrix[first - 1, first] = 0.0
    return matrix


def _require(table: pd.DataFrame) -> None:
    n = table["client_id"].nunique()
    rises, falls = _rises_and_falls(table)
    if n < LEAST_CLIENTS or rises < 2 or falls < 2:
        raise DesignError(
            f"Slopes of rises and falls need changes between adjacent sessions of {LEAST_CLIENTS} "
            f"clients, some of them rises and some falls; there are {len(table)} of {n} clients, "
            f"{rises} rises and {falls} falls."
        )


def accumulated(rows: pd.DataFrame, lag: int) -> pd.DataFrame:
    """Return the sessions with ``rises`` and ``falls`` summed since the client's first.

    The sums end at the first gap: what rose or fell across it is not known.
    """
    frame = rows.dropna(subset=["alliance"]).sort_values(["client_id", "session"], kind="stable")
    client = frame["client_id"]
    step = frame.groupby("client_id", sort=False)["alliance"].diff()
    jump = frame.groupby("client_id", sort=False)["session"].diff()
    broken = ((jump > 1).astype(int)).groupby(client, sort=False).cumsum() > 0
    sums = frame[["client_id", "session"]].assign(
        rises=step.clip(lower=0).fillna(0.0).groupby(client, sort=False).cumsum(),
        falls=(-step).clip(lower=0).fillna(0.0).groupby(client, sort=False).cumsum(),
    )
    sums = sums[~broken].assign(session=lambda f: f["session"] + lag)
    keep = [n for n in ("client_id", "therapist_id", "session", "outcome") if n in rows.columns]
    return rows[keep].merge(sums, on=["client_id", "session"], how="inner")


def _cumulative(rows: pd.DataFrame, lag: int, levels: int) -> AsymmetricChange:
    by, parts, therapist = of_levels(levels, rows)
    table = accumulated(rows, lag).dropna().reset_index(drop=True)
    n = table["client_id"].nunique()
    if n < LEAST_CLIENTS:
        raise DesignError(
            f"Only {n} clients have an outcome and the alliance of the sessions before it without "
            f"a gap; {LEAST_CLIENTS} are needed at least."
        )
    table = decompose(table, ["rises", "falls"], by=by)
    table.attrs = {}
    terms = [f"{name}_{part}" for name in ("rises", "falls") for part in parts]
    formula = f"outcome ~ session + {' + '.join(terms)} + (1 + session | client_id){therapist}"
    as_written = Choices(("rises",), slopes="none")  # CR2 holds where effects differ, too
    fit = quiet_fit(ModelData(table, formula, as_written, "outcome", ()), "satterthwaite")
    table, statistic, p_value = _robust(fit)
    return AsymmetricChange(
        table,
        {"statistic": statistic, "df": 1.0, "p_value": p_value},
        "cumulative",
        levels,
        fit.nobs,
        n,
        *_rises_and_falls(changes(rows, lag)),
        fit=fit,
        messages=(
            "The sums of rises and of falls grow with the session number, at each client's own "
            "pace; so the model gives each client a trend of its own, and the slopes are those "
            "within clients.",
            "Standard errors are cluster-robust (CR2): sums drift, and so do outcomes, which "
            "model-based errors do not know. Equality is a t test (its square is given).",
            *fit.messages,
        ),
    )


def _robust(fit: MultilevelFit) -> tuple[pd.DataFrame, float, float]:
    """Return rise, fall and their sum with CR2 errors; the square of the sum's t and its p.

    The sum's degrees of freedom are the smaller of the two slopes'.
    """
    robust = fit.robust()
    names = ["rises_within", "falls_within"]
    own = robust.tidy().set_index("term", drop=False).loc[names].reset_index(drop=True)
    covariance = robust.cov_params().loc[names, names].to_numpy()
    coef = fit.params[names].to_numpy()
    df = float(own["df"].min())
    total = contrast_rows(["rise + fall"], coef, covariance, df, np.array([[1.0, 1.0]]))
    table = pd.concat([own.assign(term=["rise", "fall"]), total], ignore_index=True)
    row = total.iloc[0]
    return table[list(TIDY_COLUMNS)], float(row["statistic"] ** 2), float(row["p_value"])
