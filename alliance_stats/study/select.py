"""One score of a study: named by one string, chosen by one rule, with who and when beside it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from ..core.arguments import checked_choice, shown
from ..core.people import GROUP, refuse_repeats, same_ids
from ..errors import ArgumentError, DesignError, ScoreError, did_you_mean, listing
from ..instruments import load_registry
from .frames import once_a_study

if TYPE_CHECKING:
    from typing_extensions import TypeIs

    from ..instruments import Measure, Registry
    from ..instruments.card import Scale
    from .study import Study

KEYS = ("measure", "scale", "rater")
USUAL = {"scale": "total", "rater": "client"}
TIMES = {"session": "scores", "occasion": "assessments"}
COURSE = ("person_id", "episode")
"""Whose course it is, and which, where a client's treatments are counted."""
ALLIANCE, OUTCOME = ("alliance",), ("outcome", "function")
"""What the cards say of measures of the alliance, and of the outcome."""


class ScoreName(str):
    """The name of a score, ``measure/scale/rater``; what nobody said is empty at its place.

    Examples
    --------
    >>> name = ScoreName("wai-sr/total/client")
    >>> name.measure, name.scale, name.rater
    ('wai-sr', 'total', 'client')
    >>> ScoreName.of("wai-sr", rater="therapist")
    'wai-sr//therapist'
    """

    __slots__ = ()

    @classmethod
    def of(
        cls, measure: str | None = None, scale: str | None = None, rater: str | None = None
    ) -> ScoreName:
        """Return the name made of its parts."""
        return cls("/".join(part or "" for part in (measure, scale, rater)).rstrip("/"))

    @property
    def parts(self) -> tuple[str | None, str | None, str | None]:
        """Measure, scale and rater; None for what is not said."""
        first, second, third, *_ = (*self.split("/"), "", "", "")
        return first or None, second or None, third or None

    @property
    def chosen(self) -> tuple[str, str, str]:
        """Measure, scale and rater of a score that was chosen, where all three are said."""
        measure, scale, rater = self.rsplit("/", 2)
        return measure, scale, rater

    @property
    def measure(self) -> str | None:
        """The measure."""
        return self.parts[0]

    @property
    def scale(self) -> str | None:
        """The scale."""
        return self.parts[1]

    @property
    def rater(self) -> str | None:
        """The rater."""
        return self.parts[2]

    @property
    def label(self) -> str:
        """The score as tables and pictures have it: its measure in capitals, and who rated.

        Examples
        --------
        >>> ScoreName("wai-sr/total/client").label, ScoreName("wai-sr/bond/therapist").label
        ('WAI-SR (client)', 'WAI-SR bond (therapist)')
        """
        measure, scale, rater = self.parts
        own = "" if scale == USUAL["scale"] else scale
        return " ".join(filter(None, ((measure or "").upper(), own, rater and f"({rater})")))

    @property
    def words(self) -> str:
        """The name in words: measure and scale, and by whom."""
        measure, scale, rater = self.parts
        return " ".join(filter(None, (measure, scale, rater and f"by the {rater}")))


def name_of(
    measure: str | None,
    scale: str | None = None,
    rater: str | None = None,
    *,
    argument: str = "scale",
) -> ScoreName:
    """Return the score that one string, or a measure with separate arguments, names.

    Parameters
    ----------
    measure
        ``"wai-sr"``, ``"wai-sr/task"``, ``"wai-sr/total/client"``, ``"wai-sr//therapist"``.
    scale, rater
        The parts by arguments of their own; they may say again what the string says.
    argument
        What the argument of the scale is called where it is not ``scale``.
    """
    for name, value in (("measure", measure), (argument, scale), ("rater", rater)):
        if value is not None and not isinstance(value, str):
            raise ArgumentError(f"{name} must be a text, not {shown(value)}.")
    if measure is not None and (measure.count("/") > 2 or not measure.split("/")[0].strip()):
        raise DesignError(
            f"A score is named by 'measure', 'measure/scale' or 'measure/scale/rater', such as "
            f"'wai-sr/total/client'; it is {shown(measure)}."
        )
    named = ScoreName(measure or "").parts
    for name, own, given in zip((argument, "rater"), named[1:], (scale, rater), strict=True):
        if own and given and own != given:
            raise DesignError(f"'{measure}' and {name}='{given}' name two scores; name one.")
    return ScoreName.of(named[0], named[1] or scale, named[2] or rater)


def is_study(given: object) -> TypeIs[Study]:
    """Return whether this is a study rather than a table."""
    return not isinstance(given, pd.DataFrame) and hasattr(given, "tables")


def scores_of(given: Any) -> pd.DataFrame:
    """Return the scores of a study, or the table given for them."""
    if is_study(given):
        return given.scores
    if not isinstance(given, pd.DataFrame):
        raise ScoreError(
            "Scores must be a Study (al.open_study), or a DataFrame with a row a client, session "
            f"and rater, not {'nothing' if given is None else type(given).__name__}."
        )
    twice = given.columns[given.columns.duplicated()].intersection([*KEYS, "client_id", "session"])
    if len(twice):
        raise ScoreError(f"The column '{twice[0]}' is there twice in the scores; rename one.")
    return given


def choose(
    given: Any,
    measure: str | None = None,
    scale: str | None = None,
    rater: str | None = None,
    *,
    settle: Sequence[str] = KEYS,
    argument: str = "scale",
) -> tuple[pd.DataFrame, ScoreName]:
    """Return the rows of one measure, scale and rater, and the name of that score.

    Where the measure is named, its scale is ``total`` and its rater the client unless said, if
    there are such scores. What is not said otherwise must be one in the rows: a mixture is
    refused. A column that the table does not have is settled by being named.

    Parameters
    ----------
    given
        A study, or a table of scores.
    measure, scale, rater
        The score, as in `name_of`.
    settle
        Which parts must be one; another, such as the rater where raters are compared, is left as
        it is unless it is named.
    argument
        What the argument of the scale is called where it is not ``scale``.
    """
    rows = scores_of(given)
    if "measure" in rows and (rows["measure"] == measure).any():  # its own name may hold a slash
        parts = (measure, *name_of(None, scale, rater).parts[1:])
    else:
        parts = name_of(measure, scale, rater, argument=argument).parts
    found = dict(zip(KEYS, parts, strict=True))
    usual = USUAL if found["measure"] else {}
    at_occasions = is_study(given) and given.has("assessments")
    elsewhere = set(given.assessments["measure"].unique()) if at_occasions else set()
    for column in KEYS:
        if column not in settle and not found[column]:
            continue
        words = {**found, **dict.fromkeys(KEYS[KEYS.index(column) :])}
        of = ScoreName.of(**words).words
        arg = argument if column == "scale" else column
        rows, found[column] = _settled(
            rows, column, found[column], usual.get(column), of, arg, elsewhere
        )
    return rows, ScoreName.of(**found)


def _settled(
    rows: pd.DataFrame,
    column: str,
    wanted: str | None,
    usual: str | None,
    of: str,
    argument: str,
    elsewhere: set[str],
) -> tuple[pd.DataFrame, str | None]:
    """Return the rows of one value of a column, and that value."""
    if column not in rows.columns:
        if wanted is not None and column == "rater":
            raise ScoreError(
                f"rater='{wanted}' was asked for, but the scores have no column 'rater'."
            )
        return rows, wanted
    values = rows[column]
    there = [str(one) for one in pd.unique(values.dropna())]
    value = wanted if wanted is not None else usual if usual in there else None
    if value is None:
        if len(there) < 2:
            return rows, there[0] if there else None
        what = f"{column}s{f' of {of}' if of else ''}"
        raise ScoreError(
            f"The scores mix {len(there)} {what}: {listing(sorted(there), 8)}. "
            f"Choose one with {argument}='{sorted(there)[0]}'."
        )
    if value not in there:
        raise ScoreError(_unknown(rows, column, value, there, of, elsewhere))
    return rows if len(there) == 1 and not values.isna().any() else rows[values == value], value


def _unknown(
    rows: pd.DataFrame, column: str, value: str, there: list[str], of: str, elsewhere: set[str]
) -> str:
    """Return one sentence: what there is in place of what was named, and the nearest."""
    asked = (
        f"of {value}"
        if column == "measure"
        else f"{f'of {of} ' if of else ''}with {column} '{value}'"
    )
    held = f"there are {listing(there, 8)}" if there else "there are none"
    hint = did_you_mean(value, there)
    if column == "scale" and "rater" in rows.columns and (rows["rater"] == value).any():
        hint = _rater_as_scale(of, value, there)
    at = " at occasions" if rows.attrs.get("along") == "occasion" else ""
    if column == "measure" and value in elsewhere:
        at = " at sessions, only at occasions"
    return f"There are no scores {asked}{at}; {held}.{hint}"


def _rater_as_scale(measure: str, rater: str, scales: list[str]) -> str:
    """Return what to write where a rater stands in place of a scale."""
    usual = "total" if "total" in scales else scales[0]
    return f" '{rater}' is a rater, the third part: write '{measure}/{usual}/{rater}'."


def direction_of(given: Any, score: ScoreName) -> str | None:
    """Return which way is better on a scale by its card; None where no card says it.

    A scale may run against the rest of its measure; without a scale the measure's is meant.
    """
    card = cards_of(given).get(score.measure) if score.measure else None
    scale = card.scales.get(score.scale or "total") if card is not None else None
    return getattr(scale or card, "direction", None)


def scale_of(card: Measure, scale: str) -> Scale:
    """Return a scale of a card, or say which it has."""
    if scale not in card.scales:
        hint = did_you_mean(scale, card.scales)
        if scale in card.raters:
            hint = _rater_as_scale(card.name, scale, [*card.scales])
        raise ScoreError(
            f"{card.name} has no scale '{scale}'; it has {listing(card.scales)}.{hint}"
        )
    return card.scales[scale]


def cards_of(given: Any) -> Registry:
    """Return the cards of a study; for a table those that ship."""
    return given.measures if is_study(given) else load_registry()


def measures_of(given: Any, kinds: Iterable[str], *, rater: str | None = None) -> list[str]:
    """Return the measures whose card says that they are of a kind, those with most forms first.

    Occasions count beside sessions; with `rater`, measures of that rater go first.
    """
    held = forms_of(given)
    order = []
    for part in (held[held["rater"] == rater], held):
        counts = part.groupby(["measure", "scale"], sort=False)["n"].sum()
        order += [*counts.sort_values(ascending=False, kind="stable").index.get_level_values(0)]
    cards, wanted = cards_of(given), set(kinds)
    names = map(str, dict.fromkeys(order))
    return [name for name in names if getattr(cards.get(name), "construct", None) in wanted]


@once_a_study
def forms_of(given: Any) -> pd.DataFrame:
    """Return how many scores there are: ``measure, scale, rater, n``, first come first."""
    tables = [scores_of(given)]
    if is_study(given) and given.has("assessments"):
        tables.append(given.tables["assessments"])
    held = pd.concat([one.loc[one["score"].notna(), list(KEYS)] for one in tables]).astype(object)
    return held.groupby(list(KEYS), sort=False, dropna=False).size().rename("n").reset_index()


def measures_named(study: Study) -> list[str]:
    """Return the measures that the study's tables name, answered or not, by alphabet."""
    held = [study.tables.get(name) for name in ("ratings", "scores", "assessments")]
    names = [one["measure"].dropna().unique() for one in held if one is not None]
    return sorted({str(name) for some in names for name in some})


def alliance_of(study: Study) -> str:
    """Return the study's alliance measure (that with most scores of the client), or refuse."""
    return _most_used(study, ALLIANCE, "an alliance measure")


def outcome_of(study: Study) -> str:
    """Return the study's outcome measure (that with most scores of the client), or refuse."""
    return _most_used(study, OUTCOME, "an outcome measure")


def _most_used(study: Study, kinds: Iterable[str], what: str) -> str:
    found = measures_of(study, kinds, rater="client")
    if not found:
        raise DesignError(f"No measure of the study is {what} by its card; name one with measure=.")
    return found[0]


def select(
    study: Study,
    score: str,
    *,
    scale: str | None = None,
    rater: str | None = None,
    at: str | None = None,
) -> pd.DataFrame:
    """Return one score with who and when beside it; see `Study.select`."""
    times = TIMES if at is None else {checked_choice("at", at, TIMES): TIMES[at]}
    held = {time: study.table(name) for time, name in times.items() if at or _has(study, name)}
    time, rows, name = _first_that_has(held, score, scale, rater)
    keys = ["client_id", time]
    refuse_repeats(rows, keys, f"The scores of {name.words}")
    out = _with_people(rows.sort_values(keys, kind="stable", ignore_index=True), study)
    front = ["client_id", "therapist_id", GROUP, "site_id", "condition", time, "week", "date"]
    order = [one for one in (*front, *KEYS, "score") if one in out.columns]
    out = out[[*order, *(one for one in out.columns if one not in order)]]
    out.attrs = {"score": str(name)}
    return out


def _has(study: Study, table: str) -> bool:
    return table == "scores" or study.has(table)


def _first_that_has(
    held: Mapping[str, pd.DataFrame], *asked: str | None
) -> tuple[str, pd.DataFrame, ScoreName]:
    """Return the first kind of time whose table has the score; else the first's refusal."""
    refusals = []
    for time, table in held.items():
        try:
            return time, *choose(table, *asked)
        except ScoreError as refusal:
            refusals.append(refusal)
    raise refusals[0]


def _with_people(rows: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Add the session's therapist and date, and what the clients' and therapists' tables say."""
    for table, keys, wanted in (
        ("sessions", ["client_id", "session"], ("therapist_id", GROUP, "date")),
        ("clients", ["client_id"], ("therapist_id", GROUP, "site_id", "condition", *COURSE)),
        ("therapists", ["therapist_id"], ("site_id",)),
    ):
        source = study.tables.get(table)
        if source is None or not set(keys) <= set(rows.columns) & set(source.columns):
            continue
        if "client_id" in keys:
            source = same_ids(source, rows["client_id"])
        for column in wanted:
            if column not in source.columns:
                continue
            known = source[[*keys, column]].dropna().drop_duplicates(keys)
            found = rows[keys].merge(known, on=keys, how="left")[column].set_axis(rows.index)
            old = rows[column] if column in rows.columns else found
            rows = rows.assign(**{column: old.where(old.notna(), found)})
    return rows
