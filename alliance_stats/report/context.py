"""What every section of a report gets: the study, the choices made for it, and the options."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pandas as pd

from ..core.disclosure import SMALLEST_SHOWN, Disclosure
from ..core.people import CLIENT, SESSION, in_words
from ..errors import DesignError, listing
from ..ruptures.rules import RUPTURE_RULE
from ..study import Study
from ..study.codebook import Codebook, codebook_and_ledger
from ..study.select import (
    ALLIANCE,
    KEYS,
    OUTCOME,
    ScoreName,
    choose,
    measures_named,
    measures_of,
)
from ..study.times import OCCASION, along, time_of
from .plan import planned_outcome

if TYPE_CHECKING:
    from collections.abc import Iterable

ARM = "condition"
RATERS = ("client", "therapist")


@dataclass(frozen=True)
class Options:
    """What a user may choose for a report; whatever is None is chosen from the data, and said.

    Attributes
    ----------
    alliance, outcome
        The scores the report is about: measures, or ``"wai-sr/task/client"``.
    cutoff
        The outcome score from which a client counts as in the upper range; else the card's.
    criterion
        What makes a change of outcome reliable: ``card``, ``alpha``, ``published``, as
        `reliable_change` takes it.
    rater
        Whose alliance ratings are the series in which ruptures are looked for.
    rupture_rule, rupture_parameters
        The one rule by which ruptures are told.
    replicates
        Shuffled series for the number of ruptures expected by chance.
    seed
        Of everything random.
    individual_courses
        Whether single persons are drawn (without ids): one client's course, and the figures with
        a mark a client. Then nothing else is withheld either: small numbers, sizes, messages. Such
        a report is for the owner of the data and must not leave the clinic.
    """

    alliance: str | None = None
    outcome: str | None = None
    cutoff: float | None = None
    criterion: str = "card"
    rater: str = "client"
    rupture_rule: str = RUPTURE_RULE
    rupture_parameters: dict[str, Any] = field(default_factory=dict)
    replicates: int = 1000
    seed: int = 0
    individual_courses: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Return the options as plain values, for ``run.json``."""
        return asdict(self)


@dataclass(frozen=True)
class Score:
    """One score: which measure, scale and rater, and what its card says."""

    measure: str
    scale: str
    rater: str
    title: str
    direction: str
    range: tuple[float, float] | None = None

    @property
    def label(self) -> str:
        """The score in words with its unit, for an axis."""
        low_high = f", {self.range[0]:g}–{self.range[1]:g}" if self.range else ""
        return f"{self.title} {self.scale} (points{low_high})"


@dataclass(frozen=True)
class Context:
    """The study and what was chosen for its report."""

    study: Study
    options: Options

    @cached_property
    def disclosure(self) -> Disclosure:
        """Which groups of people the report may speak of; one ledger for all sections.

        It begins with those of whom the study's codebook speaks, for who reads both.
        """
        return self._disclosure_and_codebook[0]

    def levels(self, table: str, column: str) -> dict[str, int]:
        """Return the levels of a column that the study's codebook shows; none, in no codebook."""
        codebook = self._disclosure_and_codebook[1]
        columns = [
            one
            for of in (codebook.content["tables"] if codebook else ())
            if of["name"] == table
            for one in of["columns"]
        ]
        return next((dict(c.get("levels", {})) for c in columns if c["name"] == column), {})

    @cached_property
    def _disclosure_and_codebook(self) -> tuple[Disclosure, Codebook | None]:
        if self.options.individual_courses:
            return Disclosure.of(self.study.tables, everything=True), None
        codebook, ledger = codebook_and_ledger(self.study)
        ledger.withheld = False  # here nothing is, so far
        return ledger, codebook

    @property
    def time(self) -> str:
        """What the study is walked along: its sessions, or its occasions where it has none."""
        return time_of(self.study)

    @cached_property
    def walked(self) -> Any:
        """The study, with its occasions at the place of sessions where it has none."""
        return along(self.study)

    @cached_property
    def arms(self) -> pd.Series | None:
        """Each client's arm, where the study has two or more of ten clients and more.

        In a report for the owner of the data, of two.
        """
        least = 2 if self.options.individual_courses else SMALLEST_SHOWN
        arms = self.arms_held
        sizes = arms.value_counts()
        return arms if len(sizes) > 1 and sizes.min() >= least else None

    def states_mean(self, score: Score, time: Any, people: Iterable[Any]) -> bool:
        """Return whether the mean of a score at a time over some people may stand.

        Beside that of all who have one then, which comes first: it also stands on the explorer's
        page and on those of notebooks.
        """
        name = (score.measure, score.scale, score.rater)
        at, when = isinstance(time, str), OCCASION if isinstance(time, str) else SESSION
        rows, places = self._scored[when]
        about = f"{'/'.join(name)} {time if at else f'session {time:g}'}"
        scores = rows.iloc[places.get((*name, time), [])].set_index(CLIENT)["score"]
        may = self.disclosure.states(scores.index, about, values=scores)
        people = list(people)
        own_scores = scores[~scores.index.duplicated()].reindex(people)
        return may and self.disclosure.states(people, about, values=own_scores)

    @cached_property
    def _scored(self) -> dict[str, tuple[pd.DataFrame, dict[Any, Any]]]:
        """The scores by session and by occasion, and in which rows each stands at each time."""
        tables = {SESSION: self.study.scores, OCCASION: self.study.tables.get("assessments")}
        known = {when: one[one["score"].notna()] for when, one in tables.items() if one is not None}
        return {
            when: (rows, rows.groupby([*KEYS, when], observed=True).indices)
            for when, rows in known.items()
        }

    @cached_property
    def arms_held(self) -> pd.Series:
        """Each client's arm, however few an arm has."""
        clients = self.study.tables.get("clients")
        if clients is None or ARM not in clients.columns:
            return pd.Series(dtype=object)
        return in_words(clients.set_index("client_id")[ARM]).dropna()

    def card(self, measure: str) -> Any:
        """Return the card of a measure, or None for one without a card."""
        return self.study.measures.get(measure)

    @cached_property
    def alliance(self) -> Score:
        """The alliance score the report is about; raises where the study has none."""
        return self._score(ALLIANCE, self.options.alliance, self.options.rater)

    @cached_property
    def outcome(self) -> Score:
        """The outcome score the report is about; raises where the study has none."""
        return self._score(OUTCOME, self.options.outcome or self._planned, "client")

    @property
    def compared_by_arm(self) -> Score:
        """What arms are compared on: the outcome, or the alliance where no measure is one."""
        asked = self.options.outcome or self._planned
        known = asked or measures_of(self.study, OUTCOME, rater="client")
        return self.outcome if known else self.alliance

    @cached_property
    def other_outcomes(self) -> tuple[Score, ...]:
        """The scores of the study's other outcome measures, those with most forms first."""
        names = measures_of(self.study, OUTCOME, rater="client")
        return tuple(
            self._score(OUTCOME, name, "client") for name in names if name != self.outcome.measure
        )

    @property
    def outcome_choice(self) -> str:
        """How the outcome was chosen, in a sentence or two, and which others there are."""
        if self.disclosure.tells_nothing:
            return self._outcome_of_few
        chosen, others = self.outcome.title, [score.title for score in self.other_outcomes]
        beside = f"; the study also has {listing(others, 8)}" if others else ""
        if self.options.outcome is not None:
            return f"The outcome, {chosen}, was asked for by the one who made the report{beside}."
        if self._planned:
            return f"The outcome, {chosen}, is that of the analysis plan in the study{beside}."
        if not others:
            return f"The outcome is the {chosen}, the only outcome measure of the study."
        return (
            f"The outcome, {chosen}, was chosen by counting: no other outcome of the study (it "
            f"also has {listing(others, 8)}) has more scores, those by clients counted first. That "
            "is no reason of substance: name the outcome that was meant beforehand in the study's "
            "analysis plan, or by --outcome (outcome= in Python)."
        )

    def named(self, what: str) -> ScoreName | None:
        """Return the alliance or outcome as options, plan or cards alone name it.

        Where several cards would do, what people answered decides, and this is None.
        """
        asked = getattr(self.options, what) or (
            planned_outcome(self.study) if what == "outcome" else None
        )
        there = self._of_kind(what)
        return ScoreName(asked or there[0]) if asked or len(there) == 1 else None

    def _of_kind(self, what: str) -> list[str]:
        kinds = {"alliance": ALLIANCE, "outcome": OUTCOME}[what]
        names = measures_named(self.study)
        return [one for one in names if getattr(self.card(one), "construct", None) in kinds]

    @property
    def _outcome_of_few(self) -> str:
        """How the outcome is chosen, where no word may depend on what people answered."""
        named, there = self.named("outcome"), self._of_kind("outcome")
        if named is None and not there:
            raise DesignError("The study has no measure whose card says 'outcome'.")
        if named is None:
            return (
                f"The study has several outcome measures ({listing(map(str.upper, there), 8)}), "
                "and no plan in the study names the one that was meant beforehand."
            )
        if self.options.outcome is not None:
            return f"The outcome, {named.label}, was asked for by the one who made the report."
        if planned_outcome(self.study):
            return f"The outcome, {named.label}, is that of the analysis plan in the study."
        return f"The outcome is the {named.label}, the only outcome measure of the study."

    @property
    def counted_of(self) -> int:
        """Of how many outcomes this one was chosen by counting alone; 0 where it was not."""
        named = self.options.outcome is not None or self._planned
        return 0 if named or not self.other_outcomes else 1 + len(self.other_outcomes)

    @cached_property
    def _planned(self) -> str | None:
        """The outcome of the study's plan, where the study has scores of it."""
        name = planned_outcome(self.study)
        held = measures_of(self.study, OUTCOME)
        return name if name and name.partition("/")[0] in held else None

    @cached_property
    def compared(self) -> Score:
        """The score whose raters are compared: the alliance, or without one an outcome of two."""
        asked = self.options.alliance or measures_of(self.study, ALLIANCE, rater=self.options.rater)
        if asked or not measures_of(self.study, OUTCOME, rater="client"):
            return self.alliance
        raters = self.rows(self.outcome, any_rater=True)["rater"].unique()
        return self.outcome if len(raters) > 1 else self.alliance

    def pair(self, score: Score) -> dict[str, str]:
        """Return the two raters whose ratings are compared, and what each is called.

        Client and therapist, or the two with most scores where one of those has none.
        """
        usual = {rater: rater for rater in RATERS}
        there = self.rows(score, any_rater=True)["rater"].astype(str).value_counts()
        if len(there) < len(usual) or set(usual) <= set(there.index):
            return usual
        order = dict.fromkeys([*usual, *self.study.raters, *sorted(there.index)])
        titles = self.study.raters
        return {name: titles.get(name, name).lower() for name in order if name in there.index[:2]}

    def rows(self, score: Score, *, any_rater: bool = False) -> pd.DataFrame:
        """Return the session scores of a score, of its rater or of any."""
        parts = KEYS[:2] if any_rater else KEYS
        rows, _ = choose(self.walked, *(getattr(score, part) for part in parts), settle=parts)
        return rows[rows["score"].notna()]

    def _score(self, kinds: tuple[str, ...], wanted: str | None, rater: str) -> Score:
        """Return the score wanted, else that of the kind with most scores, preferring a rater."""
        measures = [wanted] if wanted else measures_of(self.study, kinds, rater=rater)
        tables = [self.study.scores]
        if self.study.has("assessments"):
            tables.append(self.study.tables["assessments"])
        if not measures:
            found = pd.concat([table["measure"].astype(str) for table in tables]).unique()
            there = listing(found, 8) or "no scores at all"
            raise DesignError(
                f"The study has no scores of a measure whose card says '{kinds[0]}'; it has "
                f"{there}."
            )
        held = pd.concat([t.loc[t["score"].notna(), list(KEYS)] for t in tables]).astype(str)
        rows, name = choose(held, measures[0], settle=("measure",))
        rater = name.rater or _preferred(rows["rater"], rater)
        scale = name.scale or _preferred(rows.loc[rows["rater"] == rater, "scale"], "total")
        return self._described(str(name.measure), scale, rater)

    def _described(self, measure: str, scale: str, rater: str) -> Score:
        card = self.card(measure)
        if card is None or scale not in card.scales:
            direction = getattr(card, "direction", "higher_is_better")
            return Score(measure, scale, rater, measure.upper(), direction)
        ends = card.scale_range(scale)
        return Score(
            measure,
            scale,
            rater,
            measure.upper(),
            card.scales[scale].direction,
            (float(ends[0]), float(ends[1])),
        )


def _preferred(there: pd.Series, wanted: str) -> str:
    """Return what is wanted where it is there, else what is there most."""
    return wanted if (there == wanted).any() else str(there.value_counts().index[0])
