"""Do clients whose early ruptures were repaired end better? Classes known at a landmark."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ...core.arguments import checked_choice, whole
from ...core.model_disclosure import people_beyond
from ...core.results import TIDY_COLUMNS
from ...errors import AllianceStatsWarning, DesignError
from ...inference.rows import glance_row
from ...study.times import SESSION, along
from ..episodes import FOLLOWED
from ..reading import table_of, therapist_of_client
from ..result import Ruptures
from ..result_tables import NOT_JUDGED
from ..rules import RUPTURE_RULE
from ..rules.told import ByRule
from .clustered import contrast_rows
from .design import SLOPES
from .plots import plot_classes
from .session_table import detect, read_ratings

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ...multilevel import MultilevelFit
    from ...study import Study

CLASSES = ("none", "repaired", "unrepaired", "open")
LEAST_CLIENTS = 20
IMMORTAL = (
    "Classes are known at the landmark and outcomes come after it. A class of the whole course "
    "would not do: only who stays long enough can have a rupture, and only who stays longer can "
    "have it repaired, so 'repaired' would mean 'stayed' (immortal time)."
)
BETWEEN_CLIENTS = (
    "Classes are compared between clients, who may differ in much else than their ruptures: in the "
    "level of the alliance, too, which is not held beside the classes. Where the outcome follows "
    "the alliance point by point and nothing ruptures, classes do not differ without it, and "
    "beside them it takes part of a true effect away (docs/rupture-models.md)."
)


@dataclass(frozen=True)
class RuptureOutcome(ByRule):
    """Later outcome by the class of rupture a client had by a landmark session.

    Attributes
    ----------
    table
        The columns of ``tidy()``; ``class: repaired`` and so on are differences from clients
        without a rupture.
    counts
        ``class, n, n_sessions, baseline, later`` - who is in which class.
    landmark
        The session by which the class is known.
    rows
        One row a client of the model.
    fit
        The multilevel model, where there are therapists; else None (least squares).
    """

    table: pd.DataFrame
    counts: pd.DataFrame = field(repr=False)
    landmark: int
    rows: pd.DataFrame = field(repr=False)
    ruptures: Ruptures = field(repr=False)
    fit: MultilevelFit | None = field(default=None, repr=False)
    messages: tuple[str, ...] = ()
    title: str = "Later outcome by class of rupture at a landmark"
    score: str = ""

    @property
    def fewest(self) -> int:  # type: ignore[override]
        """How few clients are in one of the classes, or beyond one a coefficient."""
        return min(int(self.counts["n"].min()), people_beyond(len(self.rows), len(self.table)))

    def tidy(self) -> pd.DataFrame:
        """Return one row a coefficient."""
        return self.table[list(TIDY_COLUMNS)]

    def glance(self) -> pd.DataFrame:
        """Return one row: landmark, rule, clients."""
        levels = 1 if self.fit is None else 2
        counts = {"n_clients": len(self.rows), "levels": levels}
        return glance_row(self, rule=self.ruptures.rule, landmark=self.landmark, **counts)

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw the differences between classes."""
        return plot_classes(self, ax=ax)


def fit_rupture_outcome(
    data: Study | pd.DataFrame,
    *,
    alliance: str,
    outcome: str,
    landmark: int = 6,
    rule: str = RUPTURE_RULE,
    subscale: str | None = None,
    rater: str | None = None,
    outcome_subscale: str | None = None,
    outcome_rater: str | None = None,
    events: pd.DataFrame | None = None,
    codes: pd.DataFrame | None = None,
    slopes: str = "all",
    time: str = SESSION,
    **parameters: Any,
) -> RuptureOutcome:
    """Do clients whose early ruptures were repaired end better than those whose were not?

    Ruptures are looked for in the sessions up to the landmark only. Clients who were still rated
    after it are classed by what was known then: ``none``, ``repaired`` (all their ruptures were),
    ``unrepaired``, ``open`` (too soon to tell). Their last outcome after the landmark is compared,
    adjusted for the first outcome (baseline) and the sessions observed by the landmark (exposure).

    Parameters
    ----------
    data, alliance, outcome, rule, subscale, ..., **parameters
        As in `fit_rupture_repair`.
    landmark
        Session number by which the class is known.
    slopes
        ``"all"``: the differences between classes vary between therapists, as far as the data
        carry it; ``"none"``: they are the same with every therapist.
    time
        The column that counts along time in place of ``session``: ``"occasion"``, by its order, or
        one of numbers, such as ``"week"``.

    Returns
    -------
    RuptureOutcome
        ``.tidy()`` with ``class: repaired``, ``class: unrepaired``, ``class: open`` (each against
        ``none``), ``baseline``, ``n_sessions``; ``.counts``.

    Notes
    -----
    Without a landmark the comparison is biased (immortal time): a client must have stayed to be
    repaired. Who left before the landmark is in no class; the result speaks of those who stayed.
    Therapists are a random intercept where they are known (Satterthwaite's degrees of freedom);
    else least squares.

    Examples
    --------
    >>> import alliance_stats as al
    >>> study = al.simulate_study(n_therapists=10, n_clients=120, seed=2)
    >>> later = al.fit_rupture_outcome(study, alliance="wai-sr", outcome="core-10", landmark=6)
    >>> bool(later.counts["n"].sum() == len(later.rows))
    True
    """
    data, events, codes = (along(one, time, whole=True) for one in (data, events, codes))
    landmark = whole(landmark, "landmark", 3)
    checked_choice("slopes", slopes, SLOPES)
    ratings, card, score = read_ratings(
        data, (alliance, subscale, rater), (outcome, outcome_subscale, outcome_rater)
    )
    early = ratings[ratings["session"] <= landmark]
    events = _until(table_of(data, "events", events), landmark)
    codes = _until(table_of(data, "observer_codes", codes), landmark)
    found = detect(early, early, card, rule, parameters, events=events, codes=codes)
    rows = _one_row_a_client(ratings, found, landmark)
    _require(rows, landmark)
    table, fit, notes = _fit(rows, slopes)
    gone = int(len(found.clients) - len(rows))
    said = (
        IMMORTAL,
        f"{len(rows)} clients were judged by session {landmark} and have an outcome after it; "
        f"{gone} judged or rated by then are not in the comparison (no later or no first outcome, "
        "or too few sessions to judge).",
        BETWEEN_CLIENTS,
        *_open(rows, landmark, found),
    )
    return RuptureOutcome(
        table, _counts(rows), landmark, rows, found, fit, (*said, *found.messages, *notes),
        score=score,
    )  # fmt: skip


def _open(rows: pd.DataFrame, landmark: int, found: Ruptures) -> list[str]:
    """Tell how many have a rupture of which the landmark is too early to say what became of it."""
    n = int((rows["class"] == "open").sum())
    wanted = found.parameters["repair_window"] or FOLLOWED
    return [
        f"{n} clients are in the class 'open': by session {landmark} a rupture of theirs was "
        f"followed for fewer than {wanted} session(s). They are not unrepaired, and some will be "
        "repaired; a later landmark, or a shorter repair_window=, decides more of them."
    ] * bool(n)


def _until(table: pd.DataFrame | None, landmark: int) -> pd.DataFrame | None:
    if table is None or "session" not in table.columns:  # what is lacking is told by detection
        return table
    return table[table["session"] <= landmark]


def _one_row_a_client(ratings: pd.DataFrame, found: Ruptures, landmark: int) -> pd.DataFrame:
    seen = ratings.dropna(subset=["outcome"]).sort_values(["client_id", "session"], kind="stable")
    first = seen[seen["session"] <= landmark].groupby("client_id")["outcome"].first()
    later = seen[seen["session"] > landmark].groupby("client_id")["outcome"].last()
    clients = found.clients[~found.clients["class"].isin(NOT_JUDGED)].copy()
    clients["class"] = clients["class"].astype(str).replace({"censored": "open"})
    rows = clients[["client_id", "class", "n_sessions"]].assign(
        baseline=clients["client_id"].map(first), later=clients["client_id"].map(later)
    )
    whose = therapist_of_client(ratings)
    if whose is not None:
        rows = rows.assign(therapist_id=rows["client_id"].map(whose))
    return rows.dropna(subset=["baseline", "later"]).reset_index(drop=True)


def _require(rows: pd.DataFrame, landmark: int) -> None:
    counts = rows["class"].value_counts()
    if len(rows) < LEAST_CLIENTS or len(counts) < 2 or counts.get("none", 0) < 2:
        raise DesignError(
            f"By session {landmark} there are {len(rows)} clients with a class and a later "
            f"outcome ({', '.join(f'{name}: {n}' for name, n in counts.items())}); "
            f"{LEAST_CLIENTS} are needed, some without a rupture. Choose an earlier landmark or "
            "another rule."
        )


def _counts(rows: pd.DataFrame) -> pd.DataFrame:
    grouped = rows.groupby("class")
    table = grouped[["n_sessions", "baseline", "later"]].mean()
    table.insert(0, "n", grouped.size())
    order = [name for name in CLASSES if name in table.index]
    return table.loc[order].reset_index()


def _fit(
    rows: pd.DataFrame, slopes: str
) -> tuple[pd.DataFrame, MultilevelFit | None, tuple[str, ...]]:
    present = [name for name in CLASSES if (rows["class"] == name).any()]
    data = rows.assign(**{"class": pd.Categorical(rows["class"], categories=present)})
    columns = {f"class_{name}": (data["class"] == name).astype(float) for name in present[1:]}
    data = data.assign(**columns)
    terms = [*columns, "baseline", "n_sessions"]
    if len(data["n_sessions"].unique()) == 1:
        terms.remove("n_sessions")
    if "therapist_id" in data.columns and len(data["therapist_id"].dropna().unique()) > 1:
        from ...multilevel import fit_multilevel

        data = data.sort_values("therapist_id", kind="stable", ignore_index=True)
        varying = _varying(data, list(columns)) if slopes == "all" else "none"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", AllianceStatsWarning)
            formula = f"later ~ {' + '.join(terms)} + (1 | therapist_id)"
            fit = fit_multilevel(formula, data, slopes=varying)
        return _renamed(fit.tidy()), fit, fit.messages
    x = np.column_stack([np.ones(len(data)), *(data[name].to_numpy(float) for name in terms)])
    y = data["later"].to_numpy(dtype=float)
    coef, _, rank, _ = np.linalg.lstsq(x, y, rcond=None)
    if rank < x.shape[1]:
        raise DesignError("Classes, baseline and exposure cannot be told apart in these data.")
    df = len(y) - x.shape[1]
    covariance = np.linalg.inv(x.T @ x) * float(np.square(y - x @ coef).sum()) / df
    names = ["Intercept", *terms]
    note = "No therapists are known: least squares, clients taken as independent."
    return _renamed(contrast_rows(names, coef, covariance, df)), None, (note,)


def _varying(data: pd.DataFrame, names: list[str]) -> list[str]:
    """Return the columns that differ between clients of two therapists or more."""
    values = data.groupby("therapist_id")[names].nunique()
    return [name for name in names if (values[name] > 1).sum() > 1]


def _renamed(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(term=table["term"].str.replace(r"^class_", "class: ", regex=True))
