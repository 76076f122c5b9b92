"""End scores of an outcome: whose is known, and draws for those whose is not.

Leaving may depend on everything seen so far (missing at random). Then those who left after
session s are like those who went on, given the scores up to s; whoever went on may leave later,
so the regression of the end score on the scores up to s takes all of them, later leavers with the
end scores already drawn for them. Sessions are therefore gone through from the last to the first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ...core.people import same_ids
from ...errors import DesignError
from ...inference.cluster_bootstrap import times_drawn
from ...study import Study
from ...study.select import choose, direction_of
from ..checks import number_of, study_only
from ..endings import DROPOUT, endings

FEWEST = 20  # clients who went on, to tell from them how others would have ended
KNOWN = ("completed", "mutual")  # ends at which the last score is the end score


@dataclass(frozen=True)
class EndScores:
    """One row a client: first and end score (NaN where not known), cluster, how it ended.

    ``history`` holds ``first, last, mean`` of the scores up to each session: arrays clients by
    sessions.
    """

    first: np.ndarray
    end: np.ndarray
    dropout: np.ndarray
    last_session: np.ndarray
    cluster: np.ndarray
    history: np.ndarray
    messages: tuple[str, ...]
    score: str

    @property
    def unknown(self) -> np.ndarray:
        """Whose end score is to be drawn."""
        return np.isnan(self.end)


def end_scores(
    study: Study, measure: str, scale: str | None, rater: str | None
) -> tuple[EndScores, float]:
    """Return every client's scores, and the sign of a change for the worse."""
    study_only(study, "endings and scores are read from its tables")
    table = endings(study)
    messages = list(table.attrs["messages"])
    own, score = choose(study, measure, scale, rater)
    own = own[own["score"].notna()]
    direction = direction_of(study, score)
    if direction is None:
        raise DesignError(f"No card says which way is better on {score.words}.")
    worse = 1.0 if direction == "lower_is_better" else -1.0
    own = same_ids(own, table["client_id"])
    last = own["client_id"].map(table.set_index("client_id")["last_session"])
    late = int((own["session"] > last).sum())
    if late:
        messages.append(f"{number_of(late, 'score')} after the client's last session not used.")
    own = own[own["session"] <= last].sort_values(["client_id", "session"])
    grid = own.pivot_table(index="client_id", columns="session", values="score", aggfunc="last")
    lost = len(table) - len(grid)
    if lost:
        messages.append(
            f"{number_of(lost, 'client', 'has')} no score of {score.words} and "
            f"{'is' if lost == 1 else 'are'} left out; nothing is said of them."
        )
    if len(grid) == 0:
        raise DesignError(f"No client with an ending has a score of {score.words}.")
    table = table.set_index("client_id").loc[grid.index]
    grid = grid.reindex(columns=range(1, int(table["last_session"].max()) + 1))
    values = grid.to_numpy(dtype=float)
    dropout = (table["reason"] == DROPOUT).to_numpy()
    several = np.isfinite(values).sum(axis=1) > 1
    known = table["reason"].isin(KNOWN).to_numpy() & several
    filled = grid.ffill(axis=1).to_numpy(dtype=float)
    messages += _who_is_drawn(table["reason"], known, dropout, several)
    cluster, said = _clusters(table)
    return EndScores(
        first=grid.bfill(axis=1).to_numpy(dtype=float)[:, 0],
        end=np.where(known, filled[:, -1], np.nan),
        dropout=dropout,
        last_session=table["last_session"].to_numpy(),
        cluster=cluster,
        history=_history(values, filled),
        messages=(*messages, *said),
        score=score,
    ), worse


def _history(values: np.ndarray, filled: np.ndarray) -> np.ndarray:
    """Return first, latest and mean score up to each session, clients x sessions x 3."""
    seen = np.cumsum(np.isfinite(values), axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.cumsum(np.nan_to_num(values), axis=1) / seen
    where = np.argmax(np.isfinite(values), axis=1)
    first = np.where(seen > 0, values[np.arange(len(values)), where][:, None], np.nan)
    return np.stack([first, filled, np.where(seen > 0, mean, np.nan)], axis=2)


def _who_is_drawn(
    reason: pd.Series, known: np.ndarray, dropout: np.ndarray, several: np.ndarray
) -> list[str]:
    said = []
    early = int((dropout & ~several).sum())
    if early:
        said.append(f"{number_of(early, 'dropout', 'has')} one score only; it serves as the start.")
    others = reason[~known & ~dropout].value_counts()
    if len(others):
        words = ", ".join(f"{name} {n}" for name, n in others.items())
        said.append(
            f"The end score of {number_of(int(others.sum()), 'other client')} is not known "
            f"({words}: still in therapy, handed over, ended from outside, or one score only); it "
            "is drawn as missing at random, without delta."
        )
    return said


def _clusters(table: pd.DataFrame) -> tuple[np.ndarray, list[str]]:
    """Return codes of those whose scores are alike: therapists, or each client alone."""
    alone = np.arange(len(table))
    if "therapist_id" not in table.columns:
        return alone, ["The clients have no 'therapist_id'; they are taken as independent."]
    codes, names = pd.factorize(table["therapist_id"])
    if len(names) < 2:
        return alone, ["There are not two therapists; clients are taken as independent."]
    missing = codes < 0
    if missing.any():
        codes = np.where(missing, len(names) + np.cumsum(missing) - 1, codes)
        n = int(missing.sum())
        return codes, [
            f"{number_of(n, 'client', 'has')} no therapist and {'counts' if n == 1 else 'count'} "
            "as independent."
        ]
    return codes, []


def steps_back(scores: EndScores) -> list[tuple[int, np.ndarray, np.ndarray]]:
    """Return, from the last session to the first: the session, whose end is drawn, from whom.

    A client's scores are known to the session of the end, or, where fewer than `FEWEST` went on
    after it, to the latest session after which enough did.
    """
    enough = [
        s for s in range(1, scores.history.shape[1] + 1)
        if len(_donors(scores, s)) >= FEWEST
    ]  # fmt: skip
    unknown = np.flatnonzero(scores.unknown)
    started = np.argmax(np.isfinite(scores.history[:, :, 1]), axis=1) + 1
    at = np.array([
        max((s for s in enough if started[i] <= s <= scores.last_session[i]), default=0)
        for i in unknown
    ], dtype=int)  # fmt: skip
    if (at == 0).any():
        raise DesignError(
            f"{number_of(int((at == 0).sum()), 'client')} left (or have no end score) where fewer "
            f"than {FEWEST} others with scores went on, so nothing tells how they would have ended."
        )
    return [(int(s), unknown[at == s], _donors(scores, s)) for s in np.unique(at)[::-1]]


def _donors(scores: EndScores, session: int) -> np.ndarray:
    """Return who went on after a session with scores up to it, and gives or gets an end score."""
    rated = np.isfinite(scores.history[:, session - 1, 1])
    return np.flatnonzero(rated & (scores.last_session > session))


def draw(scores: EndScores, imputations: int, seed: int) -> np.ndarray:
    """Return end scores under missing at random, shape (imputations, clients)."""
    rng = np.random.default_rng(seed)
    steps = steps_back(scores)
    k = int(scores.cluster.max()) + 1
    out = np.empty((imputations, len(scores.end)))
    for m in range(imputations):
        # Therapists drawn again: the imputation then knows that its regression is estimated.
        often = times_drawn(k, 1, rng)[0, scores.cluster].astype(float)
        end = scores.end.copy()
        for session, gone, donors in steps:
            x = _design(scores.history[:, session - 1])
            use = donors[np.isfinite(end[donors])]
            weight = often[use] if often[use].sum() > 0 else np.ones(len(use))
            root = np.sqrt(weight)
            beta = np.linalg.lstsq(x[use] * root[:, None], end[use] * root, rcond=None)[0]
            residual = end[use] - x[use] @ beta
            chance = weight / weight.sum()
            end[gone] = x[gone] @ beta + rng.choice(residual, size=len(gone), p=chance)
        out[m] = end
    return out


def _design(history: np.ndarray) -> np.ndarray:
    return np.column_stack([np.ones(len(history)), history])
