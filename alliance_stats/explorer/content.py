"""What the page of a study holds: everybody by number, or means of all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ..core.disclosure import SMALLEST_SHOWN
from ..core.precision import coarse
from ..description import mean_course
from ..dropout.endings import endings
from ..errors import AllianceStatsError, DesignError
from ..ruptures.rules import REGISTRY
from ..study import Study
from ..study.select import ALLIANCE, KEYS, forms_of
from ..study.times import OCCASION, along, in_order, time_of
from .offered import MOST_JUDGED, OFFERED, Found, about, search

SHUFFLE = 17
"""Numbers do not follow the order of the files, which would tell who somebody is."""
DIGITS = 5
SLOW = {"state_model"}
"""Rules that take seconds a score: looked for in totals only."""
TOO_LARGE = (
    "The study is too large for this rule on this score beside the others; "
    "al.detect_ruptures finds them."
)


@dataclass(frozen=True)
class Score:
    """One measure, scale and rater, with what the card says."""

    measure: str
    scale: str
    rater: str
    title: str
    low_high: tuple[float, float] | None
    lower_is_better: bool
    alliance: bool

    @property
    def name(self) -> str:
        """The score in the package's grammar."""
        return f"{self.measure}/{self.scale}/{self.rater}"

    def described(self) -> dict[str, Any]:
        """Return what the page needs to know of it."""
        return {
            "measure": self.measure,
            "scale": self.scale,
            "rater": self.rater,
            "title": self.title,
            "range": self.low_high,
            "lower_is_better": self.lower_is_better,
            "alliance": self.alliance,
        }


def scores_in(study: Study) -> list[Score]:
    """Return the scores of a study: the alliance first, totals before scales, clients first."""
    counts = forms_of(study).dropna(subset=list(KEYS))
    held = [_described(study, *map(str, row[:3])) for row in counts.itertuples(index=False)]
    raters = ["client", "therapist", "observer"]

    def order(one: Score) -> tuple[Any, ...]:
        place = raters.index(one.rater) if one.rater in raters else len(raters)
        return (not one.alliance, one.measure, one.scale != "total", one.scale, place, one.rater)

    return sorted(held, key=order)


def _described(study: Study, measure: str, scale: str, rater: str) -> Score:
    card = study.measures.get(measure)
    known = card is not None and scale in card.scales
    title = measure.upper() + ("" if scale == "total" else f", {scale}")
    ends = tuple(map(float, card.scale_range(scale))) if known and card is not None else None
    way = getattr(card.scales[scale] if known and card is not None else card, "direction", "")
    of_kind = getattr(card, "construct", None) in ALLIANCE
    return Score(measure, scale, rater, title, ends, way == "lower_is_better", of_kind)  # type: ignore[arg-type]


def time_axis(study: Study) -> dict[str, Any]:
    """Return what the horizontal axis is called, and the words at its places where it has some."""
    if time_of(study) != OCCASION:
        return {"title": "Session", "words": []}
    return {"title": "Occasion", "words": list(map(str, in_order(study.tables["assessments"])))}


def of_persons(study: Study) -> tuple[dict[str, Any], pd.DataFrame]:
    """Return everybody's courses, endings and what rules find in them; and who has which number."""
    walked = along(study)
    clients = _numbered(walked)
    place = pd.Series(range(len(clients)), index=clients["client_id"].astype(object))
    scores, found, looked = scores_in(walked), Found(), []
    held = []
    for score in scores:
        rows = _rows(walked, score)
        held.append({
            **score.described(),
            "client": place.loc[rows["client_id"].astype(object)].tolist(),
            "session": rows["session"].tolist(),
            "score": [float(f"{one:.{DIGITS}g}") for one in rows["score"]],
        })  # fmt: skip
    for at, own, rule in _searches(scores):
        seen: dict[str, Any] = {"reason": TOO_LARGE}
        if found.judged < MOST_JUDGED:
            seen = search(
                walked, rule, own.name if own else "", found, own.low_high if own else None
            )
        if "reason" not in seen:
            who = place.loc[seen.pop("client_id").astype(object)]
            seen |= {"client": who.tolist(), "session": seen["session"].tolist()}
        looked.append({"score": at, "rule": rule.name, **seen})
    ends, why = _ends(study)
    content = {
        "persons": True,
        "time": time_axis(study),
        "therapists": sorted(clients["therapist"].dropna().unique(), key=_last_number),
        "arms": sorted(map(str, clients["arm"].dropna().unique())),
        "clients": _people(clients, ends),
        "scores": held,
        "rules": [about(REGISTRY[name]) for name in OFFERED],
        "looked": looked,
        "lists": found.lists,
        "without_endings": why,
    }
    return content, clients


def _rows(study: Study, score: Score) -> pd.DataFrame:
    rows = study.scores
    for column in KEYS:
        rows = rows[rows[column] == getattr(score, column)]
    rows = rows.dropna(subset=["client_id", "session", "score"])
    return rows.sort_values(["client_id", "session"], kind="stable")


def _searches(scores: list[Score]) -> Iterator[tuple[int, Score | None, Any]]:
    """Yield what is searched: reports and codes once, then each alliance score by each rule."""
    rules = [REGISTRY[name] for name in OFFERED]
    yield from ((-1, None, rule) for rule in rules if rule.needs != "scores")
    for at, score in sorted(enumerate(scores), key=lambda pair: pair[1].scale != "total"):
        alone = sum(one.measure == score.measure and one.rater == score.rater for one in scores)
        for rule in rules:
            slow = rule.name in SLOW and score.scale != "total" and alone > 1
            if score.alliance and rule.needs == "scores" and not slow:
                yield at, score, rule


def _numbered(study: Study) -> pd.DataFrame:
    """Return ``client_id, therapist_id, client, therapist, arm``: numbers in place of ids."""
    everybody = study.scores["client_id"].dropna().drop_duplicates().to_frame()
    known = study.tables.get("clients")
    for own, column in (("therapist_id", "therapist_id"), ("arm", "condition")):
        everybody[own] = None
        if known is not None and column in known:
            named = known.dropna(subset=["client_id"]).drop_duplicates("client_id")
            everybody[own] = everybody["client_id"].map(named.set_index("client_id")[column])
    everybody = everybody.sample(frac=1, random_state=SHUFFLE, ignore_index=True)
    everybody["client"] = [f"Client {n}" for n in range(1, len(everybody) + 1)]
    codes = pd.factorize(everybody["therapist_id"])[0]
    everybody["therapist"] = [f"Therapist {n + 1}" if n >= 0 else None for n in codes]
    return everybody


def _last_number(label: str) -> int:
    return int(label.rsplit(" ", 1)[1])


def _ends(study: Study) -> tuple[pd.DataFrame, str]:
    """Return ``last_session, reason`` by client, and why there is nothing."""
    nothing = pd.DataFrame(columns=["last_session", "reason"])
    if time_of(study) == OCCASION:
        return nothing, "The study has occasions and no sessions, so no ending has a place."
    try:
        return endings(study, False).set_index("client_id"), ""
    except AllianceStatsError as error:
        return nothing, str(error)


def _people(clients: pd.DataFrame, ends: pd.DataFrame) -> list[dict[str, Any]]:
    dated = ends.dropna(subset=["last_session"])
    told = {
        who: {"session": float(last), "reason": str(reason)}
        for who, last, reason in zip(
            dated.index, dated["last_session"], dated["reason"], strict=True
        )
    }
    arms = clients["arm"].astype(object).where(clients["arm"].notna(), None)
    people = zip(clients["client_id"], clients["client"], clients["therapist"], arms, strict=True)
    return [
        {
            "label": label,
            "therapist": therapist,
            "arm": None if arm is None else str(arm),
            "end": told.get(who),
        }
        for who, label, therapist, arm in people
    ]


def of_means(study: Study) -> dict[str, Any]:
    """Return means of all clients at sessions with ten or more; no number of people.

    As on the page of a notebook (`workspace.sharing`): who reads it may have the report of the
    same study, whose sizes are kept by a ledger that knows nothing of this page.
    """
    walked = along(study)
    held = []
    for score in scores_in(walked):
        course = mean_course(_rows(walked, score)[["client_id", "session", "rater", "score"]])
        course = course[course["n"] >= SMALLEST_SHOWN]
        if course.empty:
            continue
        course = coarse(course)
        held.append({
            **score.described(),
            "client": [0] * len(course),
            "session": course["session"].tolist(),
            "score": course["mean"].tolist(),
            "low": course["conf_low"].tolist(),
            "high": course["conf_high"].tolist(),
        })  # fmt: skip
    if not held:
        raise DesignError(
            "At no session ten clients or more were rated, so no mean can be shown to others; "
            "--show-persons (show_persons=True) makes the page for the owner of the data."
        )
    time, reached = time_axis(study), {at for one in held for at in one["session"]}
    words = [word * (at in reached) for at, word in enumerate(time["words"], 1)]
    return {
        "persons": False,
        "time": {**time, "words": words[: max(reached)]},  # none of what few came to
        "therapists": [],
        "arms": [],
        "clients": [{"label": "Mean of all clients", "therapist": None, "arm": None, "end": None}],
        "scores": held,
        "rules": [],
        "looked": [],
        "lists": [],
        "without_endings": "",
    }
