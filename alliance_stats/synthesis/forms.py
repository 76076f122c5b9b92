"""What is rated in a study, by whom, and on which steps."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from ..core.disclosure import SMALLEST_SHOWN
from ..core.model_disclosure import fewest_behind, with_several
from ..errors import MeasureError
from ..simulation.answers import Instrument, instrument
from ..study import Study

MOST_FORMS = 8
FEWEST_SCORES = 50  # fewer scores of a form carry no model of its course
WIDEST = 3.5  # SDs from the mean that a score without a known range is cut at


@dataclass(frozen=True)
class Form:
    """One score: of a measure, a scale and a rater.

    Attributes
    ----------
    answers
        How items are answered; None where a study holds totals only.
    low, high, step
        Range and steps of the score.
    item_means, item_sd, answer_sd
        How answers to single items lie around the form's item mean.
    item_missing, unscored, too_many
        How often an answer is missing in a form that is scored, the share of forms that are not,
        and the fewest missing answers of these.
    """

    measure: str
    scale: str
    rater: str
    answers: Instrument | None
    low: float
    high: float
    step: float
    item_means: tuple[float, ...] = ()
    item_sd: float = 0.0
    answer_sd: float = 0.0
    item_missing: float = 0.0
    unscored: float = 0.0
    too_many: int = 1

    @property
    def name(self) -> str:
        """The score as `Study.select` takes it."""
        return f"{self.measure}/{self.scale}/{self.rater}"

    def rounded(self, score: np.ndarray) -> np.ndarray:
        """Return scores on the form's steps and in its range."""
        if self.answers is not None:
            return np.asarray(self.answers.score(self.answers.item_mean(score)))
        return np.clip(np.round(score / self.step) * self.step, self.low, self.high)


def forms_of(study: Study) -> tuple[list[Form], list[str]]:
    """Return the forms filled in at sessions, the most frequent first, and what is left out."""
    scores = study.scores.dropna(subset=["score"])
    if not len(scores):
        return [], []
    sizes: dict[tuple[str, str], dict[str, int]] = {}
    for measure, rater, scale in zip(
        scores["measure"], scores["rater"], scores["scale"], strict=True
    ):
        own = sizes.setdefault((str(measure), str(rater)), {})
        own[str(scale)] = own.get(str(scale), 0) + 1
    ratings = study.tables.get("ratings", pd.DataFrame(columns=["measure", "rater"]))
    answered = set(zip(ratings["measure"], ratings["rater"], strict=True))
    found, left = [], []
    for (measure, rater), names in sorted(sizes.items()):
        try:
            answers = instrument(study.measures[measure], raters=[rater])
        except (MeasureError, KeyError):
            answers = None
        whole = answers is not None and answers.scale in names
        for scale, n in names.items():
            if whole and answers is not None and scale != answers.scale:
                continue  # what a total holds already
            values = scores.query("measure == @measure and rater == @rater and scale == @scale")
            people, score = values["client_id"], values["score"].to_numpy(float)
            few = f"fewer than {FEWEST_SCORES} scores" if n < FEWEST_SCORES else ""
            if not few and with_several(people) < SMALLEST_SHOWN:
                few = f"at several sessions for fewer than {SMALLEST_SHOWN} clients"
            if not few and (np.ptp(score) == 0 or fewest_behind([score], people) < SMALLEST_SHOWN):
                few = f"one value for all but fewer than {SMALLEST_SHOWN} clients"
            if few:
                left.append(f"{measure}/{scale}/{rater} ({few})")
                continue
            form = _form((measure, str(scale), rater), answers, score)
            if answers is not None and (measure, rater) in answered:
                form = _with_items(form, answers, ratings, values)
            found.append((n, form))
    found.sort(key=lambda pair: -pair[0])
    left += [form.name for _, form in found[MOST_FORMS:]]
    return [form for _, form in found[:MOST_FORMS]], left


def _form(name: tuple[str, str, str], answers: Instrument | None, values: np.ndarray) -> Form:
    whole = bool((values == np.round(values)).all())
    if answers is not None and name[1] == answers.scale:
        low, high = (float(answers.score(end)) for end in (answers.low, answers.high))
    else:
        mean, sd = values.mean(), values.std()
        low, high = (float(np.round(mean + side * WIDEST * sd, 2)) for side in (-1, 1))
        if values.min() >= 0:
            low = max(low, 0.0)
    return Form(*name, None, low, high, 1.0 if whole else 0.01)


def _with_items(form: Form, card: Instrument, ratings: pd.DataFrame, scored: pd.DataFrame) -> Form:
    """Return the form with how its items are answered."""
    rows = ratings[(ratings["measure"] == form.measure) & (ratings["rater"] == form.rater)]
    wide = rows.pivot_table(index=["client_id", "session"], columns="item", values="value")
    wide = wide.reindex(columns=list(card.items))
    known = wide.index.isin(pd.MultiIndex.from_frame(scored[["client_id", "session"]]))
    lacking = wide.isna().sum(axis=1)
    unscored = float((~known).mean()) if (~known).sum() >= SMALLEST_SHOWN else 0.0
    turned = [item for item in card.items if item in card.reversed_items]
    wide[turned] = card.low + card.high - wide[turned]
    apart = wide.sub(wide.mean(axis=1), axis=0)
    means = apart.mean().fillna(0.0)
    apart = apart - means
    groups = apart.groupby(level="client_id")
    n = groups.count().to_numpy()
    inside = float(np.nanmean(groups.var(ddof=1).to_numpy()))
    between = float(np.nanvar(groups.mean().to_numpy())) - inside / max(float(n.mean()), 1.0)
    sds = [float(np.sqrt(max(value, 0.0))) for value in (between, inside)]
    return replace(
        form,
        answers=card,
        item_means=tuple(float(value) for value in means),
        item_sd=sds[0],
        answer_sd=sds[1],
        item_missing=float(lacking[known].mean()) / len(card.items),
        unscored=unscored,
        too_many=max(int(lacking[~known].min()), 1) if unscored else len(card.items),
    )
