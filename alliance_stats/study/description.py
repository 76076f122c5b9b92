"""How large a study is, and how much of it is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..core.people import ids_in

if TYPE_CHECKING:
    import pandas as pd

    from .study import Study

Row = tuple[str, str, str, float]
FORM = ["client_id", "session"]


def describe(study: Study) -> pd.DataFrame:
    """Return the rows of `Study.describe`."""
    import pandas as pd

    tables = study.tables
    rows: list[Row] = [*_units(tables), *_spread(tables), *_missing(tables)]
    return pd.DataFrame(rows, columns=["about", "group", "quantity", "value"])


def _units(tables: dict[str, pd.DataFrame]) -> list[Row]:
    """Count sites, therapists, clients and sessions in the tables that know them."""
    ids = {"sites": "site_id", "therapists": "therapist_id"}
    ids |= {"clients": "client_id", "persons": "person_id"}
    rows: list[Row] = []
    for unit, column in ids.items():
        if seen := ids_in(tables, column):
            rows.append(("units", "", unit, float(len(seen))))
    long = ("sessions", "ratings", "scores", "assessments", "terminations", "events")
    rows += [
        ("units", "", f"rows of {name}", float(len(tables[name])))
        for name in long
        if name in tables
    ]
    sessions = tables.get("sessions")
    if sessions is not None and "attended" in sessions.columns:
        held = sessions["attended"].fillna(True).astype(bool)
        rows.append(("units", "", "sessions that took place", float(held.sum())))
        rows.append(("units", "", "sessions missed", float((~held).sum())))
    return rows


def _spread(tables: dict[str, pd.DataFrame]) -> list[Row]:
    rows: list[Row] = []
    if "sessions" in tables:
        per_client = _held(tables["sessions"]).groupby("client_id", observed=True).size()
        rows += _summary("sessions per client", per_client)
    clients = tables.get("clients")
    if clients is not None and "therapist_id" in clients.columns:
        per_therapist = clients.groupby("therapist_id", observed=True).size()
        rows += _summary("clients per therapist", per_therapist)
        rows.append(
            ("clients per therapist", "", "therapists with one client", _n(per_therapist == 1))
        )
        rows.append(
            (
                "clients per therapist",
                "",
                "clients without a therapist",
                _n(clients["therapist_id"].isna()),
            )
        )
    return rows


def _missing(tables: dict[str, pd.DataFrame]) -> list[Row]:
    """Return, by rater and measure, missing forms among held sessions and missing answers."""
    rows: list[Row] = []
    held = len(_held(tables["sessions"])) if "sessions" in tables else 0
    ratings = tables.get("ratings")
    if ratings is None or not len(ratings):
        return _missing_scores(tables, held)
    answered = ratings["value"].notna()
    for (rater, measure), part in ratings.groupby(["rater", "measure"], observed=True):
        group = f"{rater}, {measure}"
        given = part[answered.loc[part.index]]
        forms = len(given.drop_duplicates(FORM))
        rows.append(("missing", group, "forms filled in", float(forms)))
        if held:
            rows.append(("missing", group, "share of sessions without the form", 1 - forms / held))
        blank = part.merge(given[FORM].drop_duplicates(), on=FORM)["value"].isna().mean()
        rows.append(("missing", group, "share of answers left out in filled forms", float(blank)))
    return rows + _missing_scores(tables, held)


def _missing_scores(tables: dict[str, pd.DataFrame], held: int) -> list[Row]:
    """Return the same for measures of which the files gave scores."""
    scores = tables.get("scores")
    rows: list[Row] = []
    if scores is None or not len(scores):
        return rows
    for (rater, measure), part in scores.groupby(["rater", "measure"], observed=True):
        group = f"{rater}, {measure}"
        forms = len(part[part["score"].notna()].drop_duplicates(FORM))
        rows.append(("missing", group, "scores given", float(forms)))
        if held:
            rows.append(("missing", group, "share of sessions without a score", 1 - forms / held))
    return rows


def _held(sessions: pd.DataFrame) -> pd.DataFrame:
    if "attended" not in sessions.columns:
        return sessions
    return sessions[sessions["attended"].fillna(True).astype(bool)]


def _summary(about: str, counts: pd.Series) -> list[Row]:
    if not len(counts):
        return []
    values = {
        "minimum": counts.min(),
        "median": counts.median(),
        "mean": counts.mean(),
        "maximum": counts.max(),
    }
    return [(about, "", name, float(value)) for name, value in values.items()]


def _n(flags: pd.Series) -> float:
    return float(flags.sum())
