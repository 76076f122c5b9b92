"""The same items under several conditions: raters of a session, sessions of a client, groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ...core.arguments import checked_table, numbers
from ...core.people import refuse_repeats
from ...errors import DesignError, listing, plural, require_columns
from ...study.item_table import item_table, items_card
from ...study.select import ScoreName, is_study, name_of, scale_of
from ..engine.patterns import cluster_codes
from .checks import checked_factors

USUAL_RATERS = ("client", "therapist")
BEYOND, EXPECTED = 0.005, 10.0
"""A scale ends where a rater gives no answer beyond, so many are to be expected of such a mean and
spread, and of the other's answers this share lies beyond."""
FAR_BEYOND = 0.2
"""Or where this share of the other's answers lies beyond, whatever is to be expected."""
MOST_ANSWERS = 15
"""Scores of more different values have no range that shows in them."""


@dataclass(frozen=True, eq=False)
class Answers:
    """Answers by condition: one table each, with the same columns.

    Where `repeated`, the tables have the same rows: a row is one dyad, or one client.
    """

    factors: dict[str, list[str]]
    tables: Mapping[str, pd.DataFrame]
    repeated: bool
    scored: str
    of: str
    messages: tuple[str, ...]
    clusters: list[np.ndarray] | None = None

    @property
    def values(self) -> list[np.ndarray]:
        """The values as the models need them: side by side where repeated, else by group."""
        own = [table.to_numpy(dtype=float) for table in self.tables.values()]
        return [np.hstack(own)] if self.repeated else own


def answers_of(
    data: Any,
    measure: str | None,
    factors: Any,
    *,
    across: str,
    raters: Sequence[str],
    sessions: Sequence[float] | None,
    scored: str,
    cluster: str | None = None,
) -> Answers:
    """Return the answers of a study or table under the conditions asked for."""
    if is_study(data):
        frame, chosen, scored, of, said = of_study(data, measure, factors, across, raters, cluster)
    else:
        frame, chosen, of = checked_table(data, "the data"), checked_factors(factors), ""
        said = []
        frame = frame.assign(client_id=np.arange(len(frame))) if "client_id" not in frame else frame
    items = list(dict.fromkeys(item for own in chosen.values() for item in own))
    further = [across] if cluster is None else [across, cluster]
    require_columns(frame.columns, [*further, *items], what="the data")
    frame = frame.assign(**{item: numbers(frame, item, "the data") for item in items})
    by_session = across in ("rater", "session") or _several(frame)
    placed = [one for one in ("client_id", "session") if one in frame and (
        one == "client_id" or by_session)]  # fmt: skip
    keep = frame[items].notna().any(axis=1) & frame[[*placed, across]].notna().all(axis=1)
    if not is_study(data) or across not in ("rater", "session"):
        group = across if across in ("rater", "session") else "group"
        more = [f"'{one}'" for one in placed if one != across and frame[one].isna().any()]
        said += left_out(keep, "every answer", f"the {group}", *more)
    frame = frame[keep]
    if "session" in frame and by_session:
        frame = frame.assign(session=numbers(frame, "session", "the data"))
    if across == "rater":
        tables = _by_rater(frame, items, raters, sessions, said)
        if not is_study(data):  # a card has one range for all raters, and answers were held to it
            _refuse_other_range(tables, said)
    elif across == "session":
        tables = _by_session(frame, items, sessions, said)
    else:
        tables = _by_group(frame, items, across, said)
    repeated = across in ("rater", "session")
    of_rows = None if cluster is None else _clusters(frame, tables, cluster, repeated=repeated)
    return Answers(chosen, tables, repeated, scored, of, tuple(said), of_rows)


def left_out(keep: pd.Series, *lacking: str) -> list[str]:
    """Return in a sentence how many rows are not kept, and what they lack."""
    n = int((~keep).sum())
    verb, are = ("lacks", "is") if n == 1 else ("lack", "are")
    rows = f"{plural(n, 'row')} {verb} {' or '.join(lacking)} and {are} left out."
    return [rows] if n else []


def _clusters(
    frame: pd.DataFrame, tables: Mapping[str, pd.DataFrame], name: str, *, repeated: bool
) -> list[np.ndarray]:
    """Return the cluster of each row of the tables (of one, where they have the same rows)."""
    if repeated:
        rows = next(iter(tables.values())).index.get_level_values("client_id")
        of = [frame.groupby("client_id")[name].first().reindex(rows)]
    else:
        of = [frame.loc[table.index, name] for table in tables.values()]
    return np.split(cluster_codes(pd.concat(of), name), np.cumsum([len(one) for one in of])[:-1])


def of_study(
    study: Any,
    measure: str | None,
    factors: Any,
    across: str,
    raters: Sequence[str],
    cluster: str | None = None,
) -> tuple[pd.DataFrame, dict[str, list[str]], str, str, list[str]]:
    """Return long answers of a study (a row a client, session and rater), and their factors.

    Behind them how they are scored, the score's name, and which answers were left out.
    """
    if measure is None:
        raise DesignError("measure= must name the measure of the study, such as 'wai-sr'.")
    score = name_of(measure)
    card = items_card(study, str(score.measure))
    scored = scale_of(card, score.scale or next(iter(card.scales))).method
    if factors is None:
        names = [score.scale] if score.scale else _parts(card)
        numbered = {name: [int(i) for i in scale_of(card, name).items] for name in names}
    else:
        words = factors
        if isinstance(factors, Mapping):
            words = {name: [*map(str, np.atleast_1d(items))] for name, items in factors.items()}
        numbered = {
            name: [_item_of(card, one) for one in items]
            for name, items in checked_factors(words).items()
        }
    chosen = checked_factors(
        {name: [f"item {i}" for i in items] for name, items in numbered.items()}
    )
    items = sorted({i for own in numbered.values() for i in own})
    whose = list(raters) if across == "rater" else [score.rater or "client"]
    tables = {rater: item_table(study, card.name, rater, items) for rater in whose}
    said = [one for rater, table in tables.items() for one in _impossible(rater, table, card.name)]
    frames = [table.reset_index().assign(rater=rater) for rater, table in tables.items()]
    frame = pd.concat(frames, ignore_index=True).rename(columns={i: f"item {i}" for i in items})
    if not {across, cluster or across} <= {*frame} and study.has("clients"):
        frame = frame.merge(study.tables["clients"], on="client_id", how="left")
    if across != "rater":
        if not score.rater:
            said.append(
                f"Answers of the {whose[0]}; another rater is named behind the scale: measure="
                f"'{score.measure}/{score.scale or 'SCALE'}/RATER'."
            )
        score = ScoreName.of(score.measure, score.scale, whose[0]) if score.scale else score
    return frame, chosen, scored, str(score), said


def _item_of(card: Any, item: str) -> int:
    """Return the number of an item of a card."""
    last = max(int(i) for scale in card.scales.values() for i in scale.items)
    if not item.isdecimal() or not 1 <= int(item) <= last:
        raise DesignError(
            f"'{item}' is no item of {card.name}: of a study factors hold numbers of items, 1 to "
            f"{last}, such as {{'bond': [3, 5, 7]}}."
        )
    return int(item)


def _impossible(rater: str, table: pd.DataFrame, measure: str) -> list[str]:
    """Return how many answers lie beyond their card's range; refuse those of another range."""
    n = table.attrs["impossible"]
    share = n / max(n + int(table.notna().sum().sum()), 1)
    if share > FAR_BEYOND:
        raise DesignError(
            f"{share:.0%} of the {rater}s' answers to {measure} lie beyond the range of its card: "
            "they are on another range. Put them on that of the card first; loadings and means "
            "can be compared only there."
        )
    if not n:
        return []
    return [f"{plural(n, 'answer')} of the {rater}s beyond the card's range left out."]


def _parts(card: Any) -> list[str]:
    """Return the subscales of a card that share no item, else the one scale with most."""
    held = {name: set(scale.items) for name, scale in card.scales.items() if len(scale.items) > 1}
    if not held:
        raise DesignError(f"{card.name} has no scale of several items by its card.")
    largest = max(held, key=lambda name: len(held[name]))
    parts = [
        name
        for name, items in held.items()
        if name != largest and not any(items & held[o] for o in held if o not in (name, largest))
    ]
    return parts if len(parts) > 1 else [largest]


def _by_rater(
    frame: pd.DataFrame,
    items: list[str],
    raters: Sequence[str],
    sessions: Sequence[float] | None,
    said: list[str],
) -> dict[str, pd.DataFrame]:
    """Return one session of each dyad, as both rated it."""
    if len(raters) != 2 or raters[0] == raters[1]:
        raise DesignError(f"raters must be two different raters, such as {USUAL_RATERS}.")
    there = [str(one) for one in frame["rater"].unique()]
    lacking = [one for one in raters if one not in there]
    if lacking:
        raise DesignError(
            f"There are no answers of rater '{lacking[0]}'; there are {listing(there)}. Name both "
            "raters with raters=(...)."
        )
    frame = frame[frame["rater"].isin(list(raters))]
    if "session" not in frame:
        frame = frame.assign(session=1)
    refuse_repeats(frame, ["client_id", "session", "rater"], "The answers")
    keyed = frame.set_index(["client_id", "session"])
    tables = [keyed.loc[keyed["rater"] == rater, items] for rater in raters]
    both = tables[0].index.intersection(tables[1].index)
    if not len(both):
        raise DesignError(f"No session was answered by both {raters[0]} and {raters[1]}.")
    at = both.get_level_values("session")
    if sessions is None:
        counts = at.value_counts().sort_index()
        chosen = counts.idxmax()
        if len(counts) > 1:
            said.append(
                f"Session {chosen:g} of each dyad counts, the one that most dyads have from both "
                f"({counts.max()} of {both.get_level_values('client_id').nunique()}); sessions of "
                "one dyad are not independent. Another: sessions=[number]."
            )
    else:
        if len(sessions) != 1:
            raise DesignError("Across raters one session of each dyad counts: sessions=[3].")
        chosen = sessions[0]
    kept = both[at == chosen]
    if not len(kept):
        raise DesignError(f"Session {chosen} was answered by both in no dyad.")
    said.append(f"{plural(len(kept), 'dyad')} answered by both.")
    return {rater: table.loc[kept] for rater, table in zip(raters, tables, strict=True)}


def _by_session(
    frame: pd.DataFrame, items: list[str], sessions: Sequence[float] | None, said: list[str]
) -> dict[str, pd.DataFrame]:
    """Return each client's answers at the sessions asked for; whoever has one of them counts."""
    _refuse_raters(frame)
    refuse_repeats(frame, ["client_id", "session"], "The answers")
    counts = frame["session"].value_counts().sort_index()
    if sessions is None:
        first = counts.index[0]
        enough = counts.index[counts >= 0.5 * counts.max()]
        sessions = [first, enough[-1]]
        said.append(
            f"Compared: session {first:g} and {enough[-1]:g}, the last that half as many answered; "
            "others: sessions=[...]."
        )
    lacking = [one for one in sessions if one not in counts.index]
    if lacking or len(set(sessions)) < 2:
        raise DesignError(
            f"sessions must name two or more sessions that were answered; there are "
            f"{listing(f'{one:g}' for one in counts.index)}."
        )
    keyed = frame[frame["session"].isin(list(sessions))].set_index("client_id")
    clients = pd.Index(keyed.index.unique())
    said.append(f"{plural(len(clients), 'client')} answered at one of the sessions or more.")
    return {
        f"session {one:g}": keyed.loc[keyed["session"] == one, items].reindex(clients)
        for one in sessions
    }


def _several(frame: pd.DataFrame) -> bool:
    """Return whether clients have several rows; rows without a client are nobody's."""
    return bool(frame["client_id"].dropna().duplicated().any())


def _refuse_raters(frame: pd.DataFrame) -> None:
    """Refuse rows of clients that several raters answered, where those of one are meant."""
    if "rater" in frame and len(frame["rater"].unique()) > 1:
        raise DesignError(
            "The answers are of several raters; keep the rows of one, or compare them in "
            "measurement_invariance(across='rater')."
        )


def _by_group(
    frame: pd.DataFrame, items: list[str], across: str, said: list[str]
) -> dict[str, pd.DataFrame]:
    if _several(frame):
        _refuse_raters(frame)
        if "session" not in frame:
            raise DesignError(
                "The data must have one row a client: rows of one client are not independent."
            )
        frame = _first_sessions(frame)
        refuse_repeats(frame, ["client_id"], "The first sessions")
        said.append("The first session that a client answered counts.")
    names = sorted(frame[across].unique(), key=str)
    if len(names) < 2:
        raise DesignError(
            f"'{across}' has one value ({listing(names)}); there is nothing to compare."
        )
    said.append(f"Compared: {listing(f'{n} ({(frame[across] == n).sum()})' for n in names)}.")
    return {str(name): frame.loc[frame[across] == name, items] for name in names}


def _first_sessions(frame: pd.DataFrame) -> pd.DataFrame:
    first = frame.groupby("client_id")["session"].transform("min")
    return frame[frame["session"] == first]


def _refuse_other_range(tables: Mapping[str, pd.DataFrame], said: list[str]) -> None:
    """Refuse answers of which one rater's go on where the other's end; tell it where they may."""
    from scipy.stats import norm

    held = {name: _flat(table) for name, table in tables.items()}
    (one, first), (other, second) = held.items()
    ranges = (
        f"{one} {first.min():g} to {first.max():g}, {other} {second.min():g} to {second.max():g}"
    )
    may = False
    for sign in (1, -1):
        for own, beside in ((sign * first, sign * second), (sign * second, sign * first)):
            end, kinds = own.max(), np.unique(own)
            beyond = (beside > end).mean()
            step = np.diff(kinds).min(initial=np.inf)  # an answer stands for half a step more
            expected = len(own) * float(norm.sf(end + step / 2, own.mean(), own.std()))
            if beyond > FAR_BEYOND or (beyond > BEYOND and expected > EXPECTED):
                raise DesignError(
                    f"The raters' answers are on different ranges: {ranges}. Put both on one "
                    "range first; loadings and means can be compared only there."
                )
            may |= beyond > BEYOND and len(kinds) <= MOST_ANSWERS
    if may:
        said.append(
            f"The raters' answers end at different values ({ranges}): if that is how their forms "
            "end, put both on one range first; loadings and means can be compared only there."
        )


def _flat(table: pd.DataFrame) -> np.ndarray:
    answers = table.to_numpy(dtype=float).ravel()
    return answers[np.isfinite(answers)]


def clusters_by_group(clusters: pd.Series, of: pd.Series) -> list[Any]:
    """Return the number of each row's cluster, by group."""
    codes = cluster_codes(clusters, str(clusters.name))
    return [codes[(of == name).to_numpy()] for name in sorted(of.unique(), key=str)]


def rows_to_fit(
    data: Any, factors: Any, measure: str | None, by: str | None, cluster: str | None
) -> tuple[pd.DataFrame, dict[str, list[str]], str, list[str]]:
    """Return answers, factors, the score they are of, and what was left out of them."""
    if not is_study(data):
        table = checked_table(data, "the data")
        if by is not None or ("client_id" in table and _several(table)):
            _refuse_raters(table)
        if by is None and cluster != "client_id" and "client_id" in table and _several(table):
            raise DesignError(
                "Some clients (client_id) have several rows, which are not independent: keep one "
                "row each, or name by='client_id', which models what varies within clients, too."
            )
        return table, checked_factors(factors), "", []
    frame, chosen, _, score, said = of_study(data, measure, factors, "", (), cluster)
    if by is not None:
        return frame, chosen, score, said
    said.append("The first session that a client answered counts; by='client_id' takes all.")
    items = list(dict.fromkeys(item for own in chosen.values() for item in own))
    return _first_sessions(frame[frame[items].notna().any(axis=1)]), chosen, score, said
