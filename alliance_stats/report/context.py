"""What every section of a report gets: the study, the choices made for it, and the options."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

import pandas as pd

from ..disclosure import Disclosure
from ..errors import DesignError


@dataclass(frozen=True)
class Options:
    """What a user may choose for a report; whatever is None is chosen from the data, and said.

    Attributes
    ----------
    alliance, outcome
        The measures the report is about.
    cutoff
        The outcome score from which a client counts as in the upper range; else the card's.
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
    rater: str = "client"
    rupture_rule: str = "drop_stricter_sd"
    rupture_parameters: dict[str, Any] = field(default_factory=dict)
    replicates: int = 1000
    seed: int = 1
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

    study: Any
    options: Options

    @cached_property
    def disclosure(self) -> Disclosure:
        """Which groups of people the report may speak of; one ledger for all sections."""
        return Disclosure.of(self.study, everything=self.options.individual_courses)

    def card(self, measure: str) -> Any:
        """Return the card of a measure, or None for one without a card."""
        return self.study.measures.get(measure)

    @property
    def alliance(self) -> Score:
        """The alliance score the report is about; raises where the study has none."""
        return self._score("alliance", self.options.alliance, self.options.rater)

    @property
    def outcome(self) -> Score:
        """The outcome score the report is about; raises where the study has none."""
        return self._score("outcome", self.options.outcome, "client")

    def rows(self, score: Score, *, any_rater: bool = False) -> pd.DataFrame:
        """Return the session scores of a score, of its rater or of any."""
        scores = self.study.scores
        keep = (scores["measure"] == score.measure) & (scores["scale"] == score.scale)
        if not any_rater:
            keep &= scores["rater"] == score.rater
        return scores[keep & scores["score"].notna()]

    def _score(self, construct: str, wanted: str | None, rater: str) -> Score:
        found = self._candidates(construct, wanted)
        if found.empty:
            name = f"of {wanted}" if wanted else f"of a measure whose card says '{construct}'"
            raise DesignError(
                f"The study has no scores {name}; it has "
                f"{self._measures_in_words() or 'no scores at all'}."
            )
        preferred = found[found["rater"] == rater]
        measure = (preferred if len(preferred) else found)["measure"].iloc[0]
        part = found[found["measure"] == measure]
        part = part[part["rater"] == rater] if (part["rater"] == rater).any() else part
        scales = list(part["scale"])
        scale = "total" if "total" in scales else str(scales[0])
        return self._described(str(measure), scale, str(part["rater"].iloc[0]))

    def _candidates(self, construct: str, named: str | None) -> pd.DataFrame:
        """Return measure, rater and scale of what there is, the most frequent first.

        A measure that the user names is taken whatever its card says it measures.
        """
        tables = [self.study.scores]
        if "assessments" in self.study.tables and construct == "outcome":
            tables.append(self.study.tables["assessments"])
        columns = ["measure", "rater", "scale"]
        counts = pd.concat([t.loc[t["score"].notna(), columns] for t in tables]).astype(str)
        found = counts.value_counts(sort=True).reset_index()
        if named is not None:
            return found[found["measure"] == named]
        kinds = {
            name: getattr(self.card(name), "construct", None) for name in found["measure"].unique()
        }
        wanted = {"alliance"} if construct == "alliance" else {"outcome", "function"}
        return found[found["measure"].map(kinds).isin(wanted)]

    def _measures_in_words(self) -> str:
        return ", ".join(sorted(map(str, self.study.scores["measure"].unique())))

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
