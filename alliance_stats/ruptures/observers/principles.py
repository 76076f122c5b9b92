"""Which principles, seen in a session in rupture, go with repair by the next session?"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ...core.arguments import checked_choice
from ...core.drawing import new_axes
from ...core.results import TIDY_COLUMNS, Result
from ...errors import DesignError, plural
from ...inference.rows import as_ratios, coefficient_rows, glance_row
from ...multilevel.fit import fitted, fitted_outcome
from ...multilevel.outcomes.reading import Asked
from ...study.times import along
from ..models.clustered import contrast_rows, least_squares
from ..models.plots import forest, tidy_up
from ..models.session_table import detect, read_ratings
from ..reading import table_of
from ..result import Ruptures
from ..rules import RUPTURE_RULE
from .table import SESSION, summarise_codes, tables_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ...study import Study

METHODS = ("logistic", "linear", "gee")
NUMBERS = ("estimate", "std_error", "statistic", "df", "p_value", "conf_low", "conf_high")
LEAST_SESSIONS = 30
LEAST_EACH = 5
LEAST_REPEATED = 20
"""Clients with two coded sessions or more from which a variance between clients can be told."""
INSTEAD = {
    "logistic": "coefficients are averages over clients (generalised estimating equations)",
    "linear": "least squares with standard errors over clients (CR2)",
}
CAVEAT = (
    "The coders saw the session: how far a principle was followed and how the rupture went are not "
    "judged blind to each other. An association here is no effect of the principle."
)


@dataclass(frozen=True)
class PrinciplesAndRepair(Result):
    """One model a principle: its extent in a session in rupture, and repair by the next session.

    Attributes
    ----------
    table
        The columns of ``tidy()`` and ``p_holm`` (adjusted for the number of principles),
        ``n_sessions``, ``n_repaired``, ``message``. The estimate is a log odds ratio for one
        point of extent; linear: a change of the probability of repair.
    rows
        The coded sessions in rupture: extents, ``depth``, ``repaired_next``.
    method
        ``logistic``, ``linear`` or ``gee`` (see the function).
    """

    table: pd.DataFrame
    rows: pd.DataFrame = field(repr=False)
    ruptures: Ruptures = field(repr=False)
    method: str
    messages: tuple[str, ...] = ()
    title: str = "Principles in a session in rupture and repair by the next"
    score: str = ""

    @property
    def _ratio(self) -> str:  # type: ignore[override]
        """An odds ratio, unless the model is linear."""
        return "" if self.method == "linear" else "OR"

    def tidy(self, *, exponentiate: bool = False) -> pd.DataFrame:
        """Return one row a principle; `exponentiate` gives odds ratios."""
        table = self.table[[*TIDY_COLUMNS, "p_holm"]]
        if not exponentiate:
            return table
        if self.method == "linear":
            raise DesignError("A linear probability model has no odds ratios: method='logistic'.")
        return as_ratios(table)

    def glance(self) -> pd.DataFrame:
        """Return one row: sessions, clients, repairs, the rule and the method."""
        return glance_row(
            self,
            rule=self.ruptures.rule,
            method=self.method,
            n_sessions=len(self.rows),
            n_clients=self.rows["client_id"].nunique(),
            n_repaired=int(self.rows["repaired_next"].sum()),
        )

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw the principles' coefficients with their intervals."""
        ax = new_axes(7.4, 1.4 + 0.3 * len(self.table)) if ax is None else ax
        forest(ax, self.table, [term.replace("_", " ") for term in self.table["term"]])
        what = "Probability of repair" if self.method == "linear" else "Log odds of repair"
        ax.set_xlabel(f"{what} for one point of extent, 95 % interval")
        n, clients = len(self.rows), self.rows["client_id"].nunique()
        ax.set_title(f"n = {n} sessions in rupture, {clients} clients", fontsize=10, loc="left")
        return tidy_up(ax)


def fit_principles_repair(
    data: Study | pd.DataFrame,
    *,
    alliance: str,
    principles: pd.DataFrame | None = None,
    rule: str = RUPTURE_RULE,
    method: str = "logistic",
    subscale: str | None = None,
    rater: str | None = None,
    time: str = "session",
    **parameters: Any,
) -> PrinciplesAndRepair:
    """Which of the principles, followed in a session in rupture, go with repair by the next?

    Parameters
    ----------
    data, alliance, rule, subscale, rater, **parameters
        As in `fit_rupture_repair`.
    principles
        The table ``principle_codes``, where the study has none.
    method
        ``"logistic"``: repair (yes or no) on extent, depth so far and session, with clients as
        random intercepts (`fit_multilevel` with ``family="binomial"``): log odds ratios within
        clients, z tests; ``.tidy(exponentiate=True)`` has odds ratios.
        ``"gee"``: the same predictors in a logistic model whose coefficients are averages over
        clients (generalised estimating equations, exchangeable within clients, standard errors
        robust and corrected for few clients after Mancl & DeRouen 2001).
        ``"linear"``: a linear probability model with clients as random intercepts, Satterthwaite's
        degrees of freedom.
        Where fewer than 20 clients have two coded sessions or more, no variance between clients
        can be told: ``"logistic"`` is then as ``"gee"``, ``"linear"`` is least squares with CR2
        standard errors over clients, and a message says so.
    time
        The column that counts along time in place of ``session``: ``"occasion"``, by its order, or
        one of numbers, such as ``"week"``.

    Returns
    -------
    PrinciplesAndRepair
        One row a principle, with Holm's correction over principles.

    Notes
    -----
    A session is in rupture from the rupture to the session before its repair, by the stated rule.
    Sessions whose next session was not rated are left out, and counted: whether the rupture was
    repaired there is not known. So is the last session of a repair window: what comes next is no
    repair by the rule, whatever it is. Depth is the fall from the level before, in that session.

    Examples
    --------
    >>> import alliance_stats as al
    >>> study = al.simulate_study(n_therapists=20, n_clients=300, coded_share=1.0, seed=2)
    >>> found = al.fit_principles_repair(study, alliance="wai-sr")
    >>> len(found.table)
    13
    """
    data, principles = (along(one, time, whole=True) for one in (data, principles))
    checked_choice("method", method, METHODS)
    principles = table_of(data, "principle_codes", principles)
    extents = None if principles is None else tables_of(None, None, principles)[1]
    if extents is None:
        raise DesignError("There is no table 'principle_codes'; pass principles=.")
    ratings, card, score = read_ratings(data, (alliance, subscale, rater), None)
    found = detect(data, ratings, card, rule, parameters)
    names = [str(name) for name in extents["principle"].unique()]
    rows, notes = rupture_sessions(found, summarise_codes(extents))
    _require(rows)
    fits = [_one(rows, name, method) for name in names]
    alike = sum(one.pop("alike", 0) for one in fits)
    if alike:
        notes.append(
            f"In {alike} of {plural(len(fits), 'model')} no difference between clients is found (a "
            "variance of zero): there the sessions count as independent."
        )
    table = pd.DataFrame(fits)
    table["p_holm"] = _holm(table["p_value"].to_numpy(dtype=float))
    repeated = int((rows.groupby("client_id").size() > 1).sum())
    if method in INSTEAD and repeated < LEAST_REPEATED:
        notes.append(
            f"Only {repeated} clients have two such sessions or more, too few for a variance "
            f"between clients: {INSTEAD[method]}."
        )
    failed = table.loc[table["message"] != "", ["term", "message"]].itertuples(index=False)
    notes += [f"{term}: no estimate, {why}." for term, why in failed]
    return PrinciplesAndRepair(
        table, rows, found, method, (CAVEAT, *notes, *found.messages), score=score
    )


def rupture_sessions(found: Ruptures, coded: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Return the coded sessions in rupture whose next session was rated.

    Columns: those of `coded`, ``depth`` and ``repaired_next`` (0 or 1).
    """
    sessions = found.sessions
    episodes = found.episodes.reset_index(drop=True)
    inside = sessions[sessions["episode"] >= 0]
    own = episodes.loc[inside["episode"].to_numpy()].reset_index(drop=True)
    repair = own["repair_session"].astype("Float64").to_numpy(dtype=float, na_value=np.nan)
    number = inside["session"].to_numpy(dtype=float)
    table = inside[SESSION].reset_index(drop=True)
    depth = own["pre_level"].to_numpy(float) - inside["score"].to_numpy(float)
    sign = 1.0 if found.parameters["direction"] == "higher_is_better" else -1.0
    table = table.assign(depth=sign * depth, repaired_next=(repair == number + 1).astype(float))
    window = found.parameters["repair_window"]
    opened = own["rupture_session"].to_numpy(float)
    late = number + 1 > opened + (np.inf if window is None else window)
    at_repair = number == repair
    table, late = table[~at_repair].reset_index(drop=True), late[~at_repair]
    table = table.assign(_late=late)
    rated = sessions.loc[sessions["judged"] | sessions["score"].notna(), SESSION]
    follows = rated.assign(session=rated["session"] - 1, _next=True)
    table = table.merge(follows, on=SESSION, how="left")
    both = table.merge(coded, on=SESSION, how="inner")
    rated_next, open_ = both["_next"].notna(), ~both["_late"]
    rows = both[rated_next & open_].drop(columns=["_next", "_late"]).reset_index(drop=True)
    said = [
        f"{len(both)} of {len(coded)} coded sessions are in rupture by the rule; "
        f"{int((~rated_next).sum())} of them have no rated session next and are left out."
    ]
    shut = int((rated_next & ~open_).sum())
    if shut:
        said.append(
            f"{shut} more are the last of the repair window, where the next session cannot count "
            "as a repair by the rule, and are left out."
        )
    return rows, said


def _require(rows: pd.DataFrame) -> None:
    n, repaired = len(rows), int(rows["repaired_next"].sum()) if len(rows) else 0
    if n < LEAST_SESSIONS or min(repaired, n - repaired) < LEAST_EACH:
        raise DesignError(
            f"{n} coded sessions are in rupture with a rated session next, {repaired} of them "
            f"repaired by it; {LEAST_SESSIONS} are needed, {LEAST_EACH} repaired and {LEAST_EACH} "
            "not. Code more sessions in rupture, or choose a rule that finds more."
        )


def _one(rows: pd.DataFrame, name: str, method: str) -> dict[str, Any]:
    use = rows.dropna(subset=[name, "depth"]).rename(columns={name: "extent"})
    base = {"effect": "fixed", "group": "", "term": name, "n_sessions": len(use)}
    base |= {"n_repaired": int(use["repaired_next"].sum()), "message": ""}
    numbers = dict.fromkeys(NUMBERS, np.nan)
    if len(use["extent"].unique()) < 2:
        return {**base, **numbers, "message": "the extent does not vary"}
    try:
        return {**base, **_estimate(use, method)}
    except (DesignError, np.linalg.LinAlgError, ValueError) as error:
        return {**base, **numbers, "message": str(error)}


def _adjusted(use: pd.DataFrame) -> list[str]:
    """Return the extent and, of what it is adjusted for, what differs between sessions."""
    return ["extent", *(name for name in ("depth", "session") if len(use[name].unique()) > 1)]


def _estimate(use: pd.DataFrame, method: str) -> dict[str, float]:
    """Fit clients as random intercepts; with too few repeated clients, robustly over clients.

    Where hardly any client has two coded sessions, the variance between clients takes all of the
    residual and standard errors collapse.
    """
    if method == "gee":
        return _averages(use)
    if (use.groupby("client_id").size() > 1).sum() < LEAST_REPEATED:
        return _averages(use) if method == "logistic" else _least_squares(use)
    formula = f"repaired_next ~ {' + '.join(_adjusted(use))} + (1 | client_id)"
    if method == "linear":
        linear = fitted(formula, use, slopes="all")
        return _of_extent(linear.tidy()) | {"alike": linear.singular}
    fit = fitted_outcome(formula, use, Asked("binomial"))
    if not fit.converged:
        raise ValueError("the search for the maximum did not end at one")
    return _of_extent(fit.tidy()) | {"alike": fit.singular}


def _of_extent(table: pd.DataFrame) -> dict[str, float]:
    """Return the numbers of the extent's row."""
    row: Any = table.set_index("term").loc["extent"]
    return {name: float(row[name]) for name in NUMBERS}


def _least_squares(use: pd.DataFrame) -> dict[str, float]:
    terms = _adjusted(use)
    x = np.column_stack([np.ones(len(use)), use[terms].to_numpy(dtype=float)])
    y = use["repaired_next"].to_numpy(dtype=float)
    coef, covariance, n_clients = least_squares(x, y, pd.factorize(use["client_id"])[0])
    df = n_clients - x.shape[1]
    return _of_extent(contrast_rows(["Intercept", *terms], coef, covariance, df))


def _averages(use: pd.DataFrame) -> dict[str, float]:
    import statsmodels.api as sm

    x = sm.add_constant(use[_adjusted(use)].astype(float))
    groups = pd.factorize(use["client_id"])[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = sm.GEE(
            use["repaired_next"].to_numpy(float),
            x,
            groups=groups,
            family=sm.families.Binomial(),
            cov_struct=sm.cov_struct.Exchangeable(),
        ).fit(cov_type="bias_reduced")
    estimate, error = float(fit.params["extent"]), float(fit.bse["extent"])
    if not np.isfinite(error) or error > 50:
        raise ValueError("the logistic model separates the sessions: no finite estimate")
    return _of_extent(coefficient_rows(["extent"], [estimate], [error]))


def _holm(p_values: np.ndarray) -> np.ndarray:
    """Return Holm's adjusted p values; missing ones stay missing and do not count."""
    adjusted = np.full(len(p_values), np.nan)
    known = np.flatnonzero(np.isfinite(p_values))
    order = known[np.argsort(p_values[known], kind="stable")]
    steps = p_values[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0) if len(order) else steps
    return adjusted
