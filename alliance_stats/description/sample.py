"""Who is in a study: therapists, clients, age and sex, and scores before treatment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..core.arguments import names
from ..core.disclosure import SMALLEST_SHOWN
from ..core.display import columns as col
from ..core.display.formatting import number, percent
from ..core.display.shown import ShownTable
from ..core.display.table import Table
from ..core.people import CLIENT, THERAPIST, same_ids
from ..errors import AllianceStatsWarning, DesignError, listing, plural, require_columns, warn
from ..study.labels import labelled, of_age_or_sex
from ..study.select import KEYS, ScoreName
from ..study.splitting import groups_of
from ..study.stages import stage_of
from ..study.times import OCCASION, SESSION, in_order

if TYPE_CHECKING:
    from ..study import Study

MOST_LEVELS = 8
"""Text of more values is no category that a table of the sample can show."""
FEWEST_NUMBERS = 3
"""Numbers of fewer values are codes of a category."""
TREATED = ("mid", "post", "followup")
EVERYBODY = "all"


@dataclass(frozen=True)
class Characteristic:
    """One thing that is known of clients: numbers or categories, a value a client.

    ``variable`` is a column of the clients, or a score whose ``when`` says at which time.
    """

    variable: str
    when: str
    values: pd.Series

    @property
    def numeric(self) -> bool:
        """Whether it has a mean."""
        return pd.api.types.is_float_dtype(self.values.dtype)


def sample_table(
    study: Study, *, by: str | None = None, columns: str | Sequence[str] | None = None
) -> pd.DataFrame:
    """Who is in the study? Table 1 of a paper: therapists, clients, and what they were like before.

    Parameters
    ----------
    study
        A `Study`.
    by
        A column of the clients (``condition``, ``site_id``) for a description of each group.
    columns
        Columns of the clients that are described; those of age and sex if left out, which may also
        stand beside the sessions, the same at each.

    Returns
    -------
    DataFrame
        `by`, then ``variable, level, when, n, share, mean, sd, n_missing``. Variables are
        ``therapists`` and ``clients`` (numbers alone), each of `columns` (mean and SD of numbers;
        a row a `level` of categories, with its share of those known), and each total score at the
        first occasion, or at the first session. ``n_missing`` counts the clients without a value.
        Clients without a value of `by` are left out, with a warning that counts them (also in
        ``.attrs["messages"]``).

    Notes
    -----
    There are no tests of differences between arms: randomisation makes any difference one of
    chance (CONSORT 2010, item 15; doi 10.1136/bmj.c869).

    Examples
    --------
    >>> import alliance_stats as al
    >>> study = al.simulate_study(n_therapists=6, n_clients=30, seed=1)
    >>> found = al.sample_table(study, by="condition")
    >>> found.loc[found.variable == "clients", ["condition", "n"]].values.tolist()
    [['alliance-focused', 14], ['standard', 16]]
    """
    group, lost = client_groups(study, by)
    messages, rows = list(lost), []
    for name, members in group.groupby(group, observed=True, sort=True):
        rows += [{"group": name, **row} for row in _heads(study, members.index)]
        for one in characteristics(study, columns, messages):
            rows += [{"group": name, **row} for row in _described(one, members.index)]
    plain = pd.DataFrame(rows).rename(columns={"group": by or "group"})
    found = SampleTable(plain if by else plain.drop(columns="group"))
    found.attrs["messages"] = tuple(dict.fromkeys(messages))
    for message in lost:
        warn(message, AllianceStatsWarning)
    return found


class SampleTable(ShownTable):
    """Who is in a study, a row a characteristic; made by `sample_table`."""

    def _as_table(self) -> Table:
        frame = pd.DataFrame(self)
        by = str(frame.columns[0])
        group = "" if by == "variable" else by
        said = [_in_words(row) for row in frame.to_dict("records")]
        columns = [
            col.text("said", ""),
            col.count("n", "n"),
            col.value("share", "Share", percent),
            col.value("mean", "M", number),
            col.value("sd", "SD", number),
            col.count("n_missing", "Missing"),
        ]
        empty = frame.columns[frame.isna().all()]
        kept = [one for one, name in zip(columns, ("", *NUMBERS), strict=True) if name not in empty]
        title = "Who is in the study, before treatment"
        return Table("sample", title, frame.assign(said=said), tuple(kept), "", group=group)


NUMBERS = ("n", "share", "mean", "sd", "n_missing")


def _in_words(row: dict[Any, Any]) -> str:
    """Return what a row is about: a score with its time, a level of a column."""
    name = str(row["variable"])
    said = ScoreName(name).label if "/" in name else name.replace("_", " ").capitalize()
    return "".join([said, *(f", {row[part]}" for part in ("level", "when") if row[part] != "")])


def client_groups(study: Study, by: str | None) -> tuple[pd.Series, list[str]]:
    """Return each client's group (everybody's, without `by`), and what is said of those without."""
    clients = study.table("clients").drop_duplicates(CLIENT).set_index(CLIENT)
    if by is None:
        return pd.Series(EVERYBODY, clients.index), []
    group = groups_of(study, by)
    lost = len(clients) - len(group)
    verbs = "has no '{}' and is" if lost == 1 else "have no '{}' and are"
    return group, [f"{plural(lost, 'client')} {verbs.format(by)} left out."][: lost > 0]


def _heads(study: Study, members: pd.Index) -> Iterator[dict[str, Any]]:
    clients = study.table("clients")
    if THERAPIST in clients.columns:
        own = clients.loc[clients[CLIENT].isin(members), THERAPIST]
        yield {**EMPTY, "variable": "therapists", "n": own.nunique(),
               "n_missing": int(own.isna().sum())}  # fmt: skip
    yield {**EMPTY, "variable": "clients", "n": len(members)}


EMPTY = {
    "variable": "", "level": "", "when": "", "n": 0, "share": np.nan, "mean": np.nan,
    "sd": np.nan, "n_missing": 0,
}  # fmt: skip


def _described(one: Characteristic, members: pd.Index) -> Iterator[dict[str, Any]]:
    values = one.values.reindex(members)
    known = values.dropna()
    row = {**EMPTY, "variable": one.variable, "when": one.when}
    row |= {"n": len(known), "n_missing": len(values) - len(known)}
    if one.numeric:
        yield {**row, "mean": known.mean(), "sd": known.std()}
        return
    for level in sorted(one.values.dropna().unique()):
        n = int((known == level).sum())
        yield {**row, "level": level, "n": n, "share": n / len(known) if len(known) else np.nan}


def characteristics(
    study: Study, columns: str | Sequence[str] | None, messages: list[str]
) -> list[Characteristic]:
    """Return what is known of clients; what cannot be shown is told in `messages`."""
    clients = study.table("clients").drop_duplicates(CLIENT).set_index(CLIENT)
    if columns is None:
        clients = _told_by_sessions(study, clients, messages)
        wanted = [name for name in clients.columns if _is_age_or_sex(study, str(name))]
    else:
        wanted = names(columns, "columns")
        require_columns(clients.columns, wanted, what="the clients' table")
    found = []
    for name in wanted:
        values = _typed(labelled(study, clients[name]))
        if pd.api.types.is_float_dtype(values.dtype) or values.nunique() <= MOST_LEVELS:
            found.append(Characteristic(str(name), "", values))
        else:
            messages.append(f"'{name}' has {values.nunique()} values and is no category to show.")
    return found + _scores_before(study, messages)


def _is_age_or_sex(study: Study, name: str) -> bool:
    labels = study.labels.get(name)
    return of_age_or_sex(name, labels.title if labels else "")


def _told_by_sessions(study: Study, clients: pd.DataFrame, messages: list[str]) -> pd.DataFrame:
    """Return clients with the age and sex that stand beside their sessions, the same at each.

    Where it differs for a few clients they have none; where for many, nobody has.
    """
    sessions = study.tables.get("sessions")
    if sessions is None:
        return clients
    for name in sessions.columns.difference(clients.columns, sort=False):
        if _is_age_or_sex(study, str(name)):
            known = sessions[[CLIENT, name]].dropna().drop_duplicates().set_index(CLIENT)[name]
            differ = known.index[known.index.duplicated()].unique()
            if len(differ) >= SMALLEST_SHOWN:  # that fewer do is no reason that may be told
                messages.append(f"'{name}' differs between sessions of a client and is not shown.")
                continue
            if len(differ):
                messages.append(
                    f"'{name}' differs between sessions of {plural(len(differ), 'client')}, "
                    "counted as without one."
                )
            known = known.drop(differ)
            if len(known):
                clients = clients.assign(**{str(name): known.reindex(clients.index)})
    return clients


def _typed(column: pd.Series) -> pd.Series:
    """Return numbers as floats, and categories as text."""
    numbers = pd.to_numeric(column.astype(object), errors="coerce")
    if numbers.notna().sum() == column.notna().sum() and numbers.nunique() >= FEWEST_NUMBERS:
        return numbers.astype(float)
    if numbers.notna().sum() == column.notna().sum():
        return numbers.map("{:g}".format, na_action="ignore").astype(object)
    return column.astype(object).map(str, na_action="ignore")


def _scores_before(study: Study, messages: list[str]) -> list[Characteristic]:
    """Return the total scores at the first occasion, and of others at the first session."""
    found: dict[str, Characteristic] = {}
    held = study.tables.get("assessments")
    if held is not None and held["score"].notna().any():
        try:
            first = in_order(held)[0]
        except DesignError as error:
            messages.append(str(error))
        else:
            if stage_of(str(first)) not in TREATED:
                at = held[held[OCCASION].astype(object) == first]
                found |= _of_scores(at, str(first), study)
    scores = study.scores[study.scores["score"].notna()]
    if len(scores):
        first = scores[SESSION].min()
        at = scores[scores[SESSION] == first]
        found = {**_of_scores(at, f"session {first}", study), **found}
    return [found[name] for name in sorted(found)]


def _of_scores(rows: pd.DataFrame, when: str, study: Study) -> dict[str, Characteristic]:
    """Return totals (every scale of a measure without one) by their name."""
    found = {}
    clients = study.table("clients")[CLIENT]
    rows = same_ids(rows[rows["score"].notna()], clients)
    for keys, own in rows.groupby(list(KEYS), observed=True, sort=False):
        measure, scale, _ = map(str, keys)
        scales = set(rows.loc[rows["measure"] == measure, "scale"].astype(str))
        if scale == "total" or "total" not in scales:
            if own[CLIENT].duplicated().any():
                who = listing(own.loc[own[CLIENT].duplicated(), CLIENT].unique())
                raise DesignError(f"Clients have two scores of {measure} at {when}: {who}.")
            name = "/".join(map(str, keys))
            found[name] = Characteristic(name, when, own.set_index(CLIENT)["score"].astype(float))
    return found
