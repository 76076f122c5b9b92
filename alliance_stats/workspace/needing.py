"""What an analysis needs of a study, and which lines of ``study.yaml`` add what is not there."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ..core.arguments import shown
from ..core.people import SESSION
from ..errors import DesignError, StudyLacksError, did_you_mean, listing
from ..study.select import measures_of, name_of
from ..study.tables import TABLES, table_schema
from ..study.times import along, time_of

if TYPE_CHECKING:
    from ..study import Study

KINDS = {"alliance": "an alliance measure", "outcome": "an outcome measure"}


def needs(
    study: Study,
    *,
    tables: Iterable[str] = (),
    scores: Iterable[tuple[str, str]] = (),
    therapists: bool = False,
    sessions: bool = False,
) -> None:
    """Does the study hold what an analysis cannot do without?

    Parameters
    ----------
    study
        A `Study`.
    tables
        Names of tables that must have rows, such as ``["terminations"]``.
    scores
        Pairs of measure and rater that must have scores at sessions, or at occasions where the
        study has no session at all.
    therapists
        Whether it must be known which therapist each client has.
    sessions
        Whether the scores must be those of sessions, since it is asked what follows from one to
        the next.

    Raises
    ------
    StudyLacksError
        For the first that is not there, with the lines of ``study.yaml`` that add it. In Jupyter
        it is shown as that sentence, without a traceback.

    Examples
    --------
    >>> import alliance_stats as al
    >>> study = al.simulate_study(n_therapists=4, n_clients=12, seed=1)
    >>> al.needs(study, tables=["terminations"], scores=[("wai-sr", "therapist")])
    >>> al.needs(study.with_tables(forecasts=None), tables=["forecasts"])
    Traceback (most recent call last):
        ...
    alliance_stats.errors.StudyLacksError: The study 'simulated-1' has no table 'forecasts'; ...
    """
    if sessions and time_of(study) != SESSION:
        raise StudyLacksError(
            f"The study '{study.name}' has scores at occasions and none at sessions, and here it "
            "is asked what follows from one session to the next. The templates change, rating-gap "
            "and describe-and-validate take occasions."
        )
    for table in tables:
        lack = _lacking_table(study, table)
        if lack:
            raise StudyLacksError(lack)
    for measure, rater in _pairs(scores):
        lack = _lacking_scores(study, measure, rater)
        if lack:
            raise StudyLacksError(lack)
    if therapists:
        lack = _lacking_therapists(study)
        if lack:
            raise StudyLacksError(lack)


def _pairs(scores: Any) -> list[tuple[str, str]]:
    try:
        return [(measure, rater) for measure, rater in scores]
    except (TypeError, ValueError):
        raise DesignError(
            "scores must be a list of pairs of a measure and a rater, such as "
            f"[('wai-sr', 'therapist')], not {shown(scores)}."
        ) from None


def choose_measure(study: Study, wanted: str, *constructs: str, rater: str = "client") -> str:
    """Which measure is meant: the one asked for, else the one of its kind with most scores?

    Parameters
    ----------
    study
        A `Study`.
    wanted
        The name of a measure (or ``measure/scale``), or an empty text.
    *constructs
        What its card must say where `wanted` is empty: ``alliance``, ``outcome``, ``function``.
    rater
        Who must have rated it at sessions.

    Returns
    -------
    str

    Raises
    ------
    StudyLacksError
        Where the study has no session scores of it by `rater`.

    Examples
    --------
    >>> import alliance_stats as al
    >>> study = al.simulate_study(n_therapists=4, n_clients=12, seed=1)
    >>> al.choose_measure(study, "", "alliance")
    'wai-sr'
    """
    if wanted:
        needs(study, scores=[(wanted, rater)])
        return wanted
    scores = along(study).scores
    there = scores[(scores["rater"] == rater) & scores["score"].notna()]["measure"]
    for name in measures_of(study, constructs, rater=rater):
        if (there == name).any():
            return name
    kind = " or ".join(KINDS.get(one, f"a measure of {one}") for one in constructs)
    held = listing(there.unique(), 8) or "none"
    raise StudyLacksError(
        f"The study '{study.name}' has no session scores of {kind} by the {rater} (measures with "
        f"scores: {held}); {_add(study, 'ratings', _measure_lines('NAME', rater))} "
        "`alliance-stats measures` lists the names."
    )


def _lacking_table(study: Study, table: str) -> str:
    """Return what is missing and how to add it; empty where the table has rows."""
    if table not in TABLES:
        raise DesignError(
            f"A study has no table '{table}'; its tables are {listing(TABLES, 20)}."
            f"{did_you_mean(table, TABLES)}"
        )
    if study.has(table):
        return ""
    what = "an empty table" if table in study.tables else "no table"
    if table == "ratings":
        lines = _measure_lines("NAME", "client")
    else:
        named = ", ".join(f"{name}: {name}" for name in table_schema(table).needed)
        lines = f"- {{file: {table}.csv, table: {table}, columns: {{{named}}}}}"
    return f"The study '{study.name}' has {what} '{table}'; {_add(study, table, lines)}"


def _lacking_scores(study: Study, measure: str, rater: str) -> str:
    scores = along(study).scores
    there = scores[scores["score"].notna()]
    measure = name_of(measure).measure or measure
    if ((there["measure"] == measure) & (there["rater"] == rater)).any():
        return ""
    names = [str(name) for name in there["measure"].unique()]
    held = there.loc[there["measure"] == measure, "rater"].unique()
    also = f" (only by the {listing(held)})" if len(held) else ""
    return (
        f"The study '{study.name}' has no session scores of {measure} by the {rater}{also}; it "
        f"has {listing(names, 8) or 'none'};{did_you_mean(measure, set(names) - {measure})} "
        f"{_add(study, 'ratings', _measure_lines(measure, rater))}"
    )


def _lacking_therapists(study: Study) -> str:
    clients = study.tables.get("clients")
    if clients is not None and clients["therapist_id"].notna().any():
        return ""
    line = "- {file: clients.csv, table: clients, columns: {client_id: client_id, therapist_id: therapist_id}}"  # noqa: E501 - one line of YAML
    return (
        f"The study '{study.name}' does not say which therapist a client has; "
        f"{_add(study, 'clients', line)}"
    )


def _measure_lines(measure: str, rater: str) -> str:
    return (
        "- {file: sessions.csv, client_id: client_id, session: session, measures: "
        f'[{{measure: {measure}, rater: {rater}, items: "item{{item}}"}}]}}'
    )


def _add(study: Study, table: str, lines: str) -> str:
    """Return how to add a table: a source of ``study.yaml``, or a table of a saved package."""
    folder = study.folder
    if folder is not None and (folder / "study.yaml").is_file():
        return (
            f"to add it, name its file among the sources in study.yaml: {lines} (with your file's "
            "name and, after each colon, your column's)."
        )
    columns = listing(table_schema(table).needed, 8)
    return (
        f"to add it, save the study with it: study.with_tables({table}=...).save(folder), with the "
        f"columns {columns}; or name its file among the sources in a study.yaml: {lines}."
    )
