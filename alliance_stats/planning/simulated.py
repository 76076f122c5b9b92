"""Studies drawn from a plan, and fitted as they will be."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..core.arguments import finite, whole
from ..core.parallel import in_pieces, shown_while, workers
from ..errors import DesignError
from ..study import Study
from ..study.truth import Truth
from . import dropout
from .leaving import planned_rows, scored, still_there
from .record import Record
from .replicates import HOW, WORK, Asked, Piece, coefficient_tests, draw
from .units import SHARES, Unit, unit_of

if TYPE_CHECKING:
    from .design import StudyDesign

BATCH = 50
"""Studies that are drawn, kept and counted together."""
LEAST = 4
"""Batches before a simulation may end early: an error of so few studies is itself a guess."""


def simulate(design: StudyDesign, seed: int = 0, *, effect: float = 0.0) -> Study:
    """Make one study as it is planned: does my analysis run, and what would its tables look like?

    Parameters
    ----------
    seed
        A whole number; the same design and seed give the same study.
    effect
        A difference between the last arm and the first, the same in every session; as in `power`
        in points, or in SDs where the design is ``standardised``. Scores are in points.

    Returns
    -------
    Study
        Therapists, clients with their condition, sessions, and scores of the measure ``outcome``.

    Examples
    --------
    >>> import alliance_stats as al
    >>> design = al.StudyDesign(8, 3, 5, icc_client=0.4, icc_therapist=0.05)
    >>> len(design.simulate(seed=1).tables["clients"])
    24
    """
    rng = np.random.default_rng(whole(seed, "seed", 0))
    rows = planned_rows(design)
    finite(effect, "effect")
    points = effect * unit_of(design, "arm", None).points
    score = draw(design, rows, rng) + points * (rows["arm"] == design.arms - 1).to_numpy()
    there = still_there(design, rows, score, rng)
    rows, score = rows[there].reset_index(drop=True), score[there]
    number = pd.Series(design.layout.therapist)  # also of who leaves before a first session
    clients = pd.DataFrame(
        {
            "client_id": "C" + (number.index.to_series() + 1).astype(str).str.zfill(5),
            "therapist_id": ("T" + (number + 1).astype(str).str.zfill(4)).where(number >= 0),
            "condition": np.array(design.arm_names)[design.layout.arm],
        }
    )
    own = clients.iloc[rows["client_id"]].reset_index(drop=True)
    keys = own[["client_id"]].assign(session=rows["session"])
    form = {"rater": "client", "measure": "outcome", "scale": "total"}
    tables = {
        "therapists": clients[["therapist_id"]].dropna().drop_duplicates().reset_index(drop=True),
        "clients": clients if design.arms > 1 else clients.drop(columns="condition"),
        "sessions": keys.assign(therapist_id=own["therapist_id"]),
        "scores": keys.assign(**form, score=score, n_answered=1, n_items=1)[
            scored(design, rows, rng)
        ].reset_index(drop=True),
    }
    truth = Truth(parameters={"seed": seed, "effect": effect, **design.parameters()})
    return Study(f"planned-{seed}", tables, truth=truth, synthetic=True)


def analysis(design: StudyDesign, of: str) -> str:
    """Return the formula of the analysis that is planned for."""
    if of == "dropout":
        return dropout.formula_of(design)
    layout = design.layout.measured
    both = np.bincount(layout.therapist[layout.therapist >= 0]).max() > 1 or (
        design.nested == "one_arm"
    )
    several = layout.length.max() > 1
    fixed = {"arm": "arm", "arm_by_time": "arm + time + arm_time", "gap": "1"}.get(of, "predictor")
    if of == "therapists":
        fixed = "arm" if design.arms > 1 else "1"
    if of == "gap" and design.has_slopes and several:  # the gap in the middle of the sessions
        fixed += " + centred"
    elif of not in ("arm_by_time", "gap") and several:
        fixed += " + time"
    parts = [fixed]
    if several and both:
        parts.append(f"(1{' + time ||' if design.slope_sd_client else ' |'} client_id)")
    slope = design.slope_sd_therapist > 0
    if design.nested == "one_arm":
        parts.append(f"(0 + treated{' + treated_time ||' if slope else ' |'} therapist_id)")
    elif both or several:
        parts.append(f"(1{' + time ||' if slope else ' |'} therapist_id)")
    if len(parts) == 1:
        raise DesignError(
            "With one client a therapist and one session nothing is nested; the formula's answer "
            "is that of a t test, and there is nothing to simulate."
        )
    return f"score ~ {' + '.join(parts)}"


def simulated_power(
    design: StudyDesign,
    effect: float,
    of: str,
    *,
    formula: str | None,
    unit: Unit,
    without: bool,
    replicates: int,
    seed: int,
    n_jobs: int | None,
    alpha: float,
    enough: float | None = None,
    resume: str | PathLike[str] | None = None,
    progress: bool = False,
) -> tuple[dict[str, Any], list[str]]:
    """Return power, type S and type M of simulated studies, and what is to be told of them."""
    if of == "therapists" and formula is not None:
        raise DesignError("of='therapists' tests the plan's own model; leave out formula=.")
    if of == "therapists" and design.layout.length.max() < 2:
        raise DesignError(
            "of='therapists' is simulated with several sessions; of one, method='analytic' is the "
            "F test itself."
        )
    text = analysis(design, of) if formula is None else formula
    work = partial(WORK.get(of, coefficient_tests), Asked(design, effect, of, text, without))
    record = None
    if resume is not None:
        asked = {"effect": effect, "of": of, "formula": text, "seed": seed}
        record = Record(resume, asked | design.parameters())

    def suffice(found: np.ndarray) -> bool:
        return enough is not None and _mc_error(found, alpha) <= enough

    words = "Simulating" if progress else ""
    found = _drawn(work, replicates, seed, n_jobs, record, suffice, words)
    good = found[np.isfinite(found[:, 1])]
    if not len(good):
        raise DesignError("No simulated study could be fitted; look at the formula and the design.")
    estimate, p_value, singular, p_without, df = good.T
    hit = p_value < alpha
    power = float(hit.mean())
    wrong = float((np.sign(estimate[hit]) != np.sign(effect)).mean()) if hit.any() else np.nan
    if of == "therapists":
        wrong = np.nan  # a variance has no sign
    size = float(np.abs(estimate[hit]).mean() / abs(effect)) if hit.any() else np.nan
    answer: dict[str, Any] = {
        "power": power,
        "type_s": wrong,
        "type_m": size,
        "replicates": len(good),
    }
    answer["formula"] = text
    answer["mc_error"] = _mc_error(good, alpha)
    told = [f"Each simulated study was fitted with {text}{HOW.get(of, '')}."]
    if singular.any():
        told.append(
            f"A variance was estimated as zero in {singular.mean():.0%} of the simulated studies."
        )
    answer["df"] = float(np.median(df))
    answer["std_error"] = float(estimate.std(ddof=1)) if len(good) > 1 else np.nan
    if np.isfinite(answer["std_error"]) and of != "therapists":
        told.append(
            f"The estimates of these studies have an SD of {answer['std_error'] / unit.points:.3g}"
            f"{'' if of in SHARES else f' {unit.short}'}, and their tests {answer['df']:.4g} df "
            "(median)."
        )
    if len(good) < len(found):
        told.append(f"{len(found) - len(good)} of {len(found)} studies could not be fitted.")
    if len(found) < replicates:
        told.append(f"It ended after {len(found)} studies, with a Monte Carlo error of {enough:g}.")
    if without:
        answer["false_positives"] = float((p_without < alpha).mean())
        told.append(
            f"With this model {answer['false_positives']:.1%} of studies without any effect are "
            f"significant, where {alpha:.1%} should be."
        )
    return answer, told


def _drawn(
    work: Callable[[Piece], np.ndarray],
    replicates: int,
    seed: int,
    n_jobs: int | None,
    record: Record | None,
    suffice: Callable[[np.ndarray], bool],
    words: str,
) -> np.ndarray:
    """Return what studies found, a row each: all of them, or as many as suffice."""
    sizes = np.full(-(-replicates // BATCH), BATCH)
    sizes[-1] -= sizes.sum() - replicates
    seeds = np.random.SeedSequence(seed).spawn(len(sizes))
    pieces = list(zip(sizes.tolist(), seeds, strict=True))
    done: list[np.ndarray] = []
    for piece in shown_while(_studies(work, pieces, n_jobs, record), len(pieces), words):
        done.append(piece)
        if len(done) >= LEAST and suffice(np.concatenate(done)):
            break
    return np.concatenate(done)


def _mc_error(found: np.ndarray, alpha: float) -> float:
    """Return the standard error of the power; above zero also where all or none are significant."""
    p_value = found[np.isfinite(found[:, 1]), 1]
    if not len(p_value):
        return np.inf
    power = float((p_value < alpha).mean())
    return float(np.sqrt(max(power * (1 - power), 0.25 / len(p_value)) / len(p_value)))


def _studies(
    work: Callable[[Piece], np.ndarray],
    pieces: Sequence[Piece],
    n_jobs: int | None,
    record: Record | None,
) -> Iterator[np.ndarray]:
    """Yield the studies of each piece, in their order, a round at a time so that one may stop."""
    kept = {} if record is None else record.kept
    step = 4 * workers(n_jobs)
    for first in range(0, len(pieces), step):
        places = range(first, min(first + step, len(pieces)))
        new = [at for at in places if len(kept.get(at, ())) != pieces[at][0]]
        for at, found in zip(
            new, in_pieces(work, [pieces[at] for at in new], n_jobs=n_jobs), strict=True
        ):
            kept[at] = found
            if record is not None:
                record.keep(at, found)
        yield from (kept[at] for at in places)
