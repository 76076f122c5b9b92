"""Does the answer depend on how it was analysed? All stated specifications at once."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import pandas as pd

from ...core.arguments import checked_choice, whole
from ...core.parallel import in_pieces, workers
from ...errors import DesignError
from ...study.times import SESSION, along
from ..models.design import BEYOND_THE_SCORE, lagged, mostly_known
from ..models.session_table import read_ratings
from ..parameters import check_seed
from ..reading import table_of
from ..rules import find_rule
from .cache import Cache, data_key
from .fitting import EFFECTS, RESPONSES, Answer, Question, Task, answer, tasks
from .grid import DEFAULT_GRID, MODEL_CHOICES, Specification, expand, single
from .joint_test import joint_test
from .plan import AnalysisPlan, read_analysis_plan
from .result import Multiverse

if TYPE_CHECKING:
    from ...study import Study


CIRCULAR = (
    "The alliance is the series that rules of scores read: its estimates, shares and joint test "
    "describe the course and test nothing, for ruptures are low sessions by definition."
)
SCARCE = (
    "The outcome of the session before is not held equal: it is known for fewer than half of the "
    "outcomes, and the grid does not name lagged_outcome. What alliance and outcome share in a "
    "session and carry over then passes for an effect."
)
WORTH_SHARING = 500
"""Specifications from which starting further processes takes less time than it saves."""


def rupture_multiverse(
    data: Study | pd.DataFrame,
    *,
    alliance: str | None = None,
    outcome: str | None = None,
    grid: Mapping[str, Any] | None = None,
    effect: str | None = None,
    response: str | None = None,
    primary: Mapping[str, Any] | None = None,
    plan: AnalysisPlan | str | os.PathLike[str] | None = None,
    permutations: int = 999,
    seed: int = 0,
    n_jobs: int | None = None,
    cache: str | os.PathLike[str] | None = None,
    progress: bool = False,
    subscale: str | None = None,
    rater: str | None = None,
    outcome_subscale: str | None = None,
    outcome_rater: str | None = None,
    events: pd.DataFrame | None = None,
    codes: pd.DataFrame | None = None,
    time: str = SESSION,
) -> Multiverse:
    """Do ruptures go with the next session's outcome, whichever rule and model one takes?

    Every specification of a grid stated beforehand is fitted as `fit_rupture_repair` would fit it,
    and the whole is judged at once by a permutation test, because no single p value of many can be.

    Parameters
    ----------
    data, alliance, outcome, subscale, rater, outcome_subscale, outcome_rater, events, codes
        As in `fit_rupture_repair`.
    grid
        Choice → options. ``rule`` (names, or mappings that fix parameters of that rule alone),
        any parameter of rules (``k``, ``repair_window``, ``max_gap``, ...), and of the model
        ``lag``, ``levels``, ``centring``, ``detrending``, ``lagged_outcome``, ``slopes``,
        ``adjust_for_alliance``. A parameter applies to the rules that have it. Without it: three
        rules × k of 1, 1.5, 2 × detrending × levels × lagged outcome (72 specifications), the
        alliance score beside the rupture in all: estimates with it and without it answer two
        questions, and have no common median. Where neither grid nor primary names
        ``lagged_outcome``, the outcome before is held equal if half of them are known, and the
        result says where not.
    effect
        ``"rupture"`` (default), ``"repair"``, ``"rupture_size"``, ``"repair_size"``: at the
        session before, within clients.
    response
        ``"outcome"`` (default) or ``"alliance"``.
    primary
        The specification that was to answer the question; it is added where the grid lacks it.
    plan
        An `AnalysisPlan` or the path of one: it gives whatever is not named here; what is named
        and differs from it is listed in ``.differences`` and marked.
    permutations
        Rearrangements of the joint test; 0 leaves it out. p cannot be below
        1 / (permutations + 1).
    seed
        Of the permutations. The same seed gives the same numbers, whatever `n_jobs`.
    n_jobs
        Processes that share the work; -1: one a core; 1: none but this. Without it: what
        ``joblib.parallel_config`` says, else one a core from 500 specifications on, where starting
        them pays.
    cache
        A folder in which answers are kept: what was fitted on the same data is not fitted again.
    progress
        Show a progress bar.
    time
        The column that counts along time in place of ``session``: ``"occasion"``, by its order, or
        one of numbers, such as ``"week"``.

    Returns
    -------
    Multiverse
        ``.specifications``, ``.shares()``, ``.by_choice()``, ``.joint``, ``.differences``,
        ``.plot()``.

    Notes
    -----
    Joint test: every client's outcomes keep their level and spread, their departure from the
    common trend but for its sign, and their order up to a rotation (or its reverse), so that
    autocorrelation stays and only the timing against ruptures is broken; see
    `ruptures.multiverse_joint`. It uses the within-client least-squares slope of each
    specification (``estimate_within``), also where predictors are not centred. Steegen et al.
    2016, doi 10.1177/1745691616658637 (multiverse); Simonsohn, Simmons & Nelson 2020, doi
    10.1038/s41562-020-0912-z (specification curve). Specifications are not a sample of anything:
    a share of them is no probability.

    Examples
    --------
    >>> import alliance_stats as al
    >>> study = al.simulate_study(n_therapists=8, n_clients=60, seed=2)
    >>> many = al.rupture_multiverse(
    ...     study,
    ...     alliance="wai-sr",
    ...     outcome="core-10",
    ...     grid={"rule": ["drop_within_sd", "drop_pooled_sd"], "k": [1, 2], "levels": [2]},
    ...     permutations=99,
    ...     n_jobs=1,
    ... )
    >>> len(many.specifications)
    4
    """
    data, events, codes = (along(one, time, whole=True) for one in (data, events, codes))
    stated = plan if plan is None or isinstance(plan, AnalysisPlan) else read_analysis_plan(plan)
    named: dict[str, Any] = {"alliance": alliance, "outcome": outcome, "grid": grid}
    named |= {"effect": effect, "response": response}
    given = {name: value for name, value in named.items() if value is not None}
    asked = _asked(stated, given)
    checked_choice("effect", asked["effect"], EFFECTS)
    checked_choice("response", asked["response"], RESPONSES)
    whole(permutations, "permutations", 0)
    check_seed(seed)
    specifications, first = _specifications(asked["grid"], primary, stated)
    ratings, card, score = read_ratings(
        data,
        (asked["alliance"], subscale, rater),
        (asked["outcome"], outcome_subscale, outcome_rater),
    )
    question = Question(asked["effect"], asked["response"])
    scarce = stated is None and _past_is_scarce(ratings, question, asked["grid"], primary or {})
    if scarce:
        without = {"lagged_outcome": [False]}
        primary = {**primary, **without} if primary else None
        specifications, first = _specifications({**asked["grid"], **without}, primary, None)
    tables = _tables(data, events, codes, specifications)
    if n_jobs is None and workers(None) == 1 and len(specifications) >= WORTH_SHARING:
        n_jobs = -1
    kept = Cache(cache, data_key(ratings, card, tables), question)
    answers = _answers(
        tasks(specifications), kept, ratings, card, question, tables, n_jobs, progress
    )
    joint, _ = joint_test(answers, ratings, question.response, permutations=permutations, seed=seed)
    table = _table(specifications, answers, question, first, stated)
    differences = pd.DataFrame(columns=["choice", "planned", "done"])
    if stated is not None:
        done = single(primary).as_row() if primary else {}
        differences = stated.differences({**given, **done})
    circular = question.response == "alliance" and any(
        find_rule(one.rule).needs == "scores" for one in specifications
    )
    return Multiverse(
        table,
        joint,
        _varying(table, specifications),
        question.effect,
        question.response,
        permutations,
        seed,
        differences,
        stated,
        (
            *([SCARCE] if scarce else []),
            *_messages(table, differences, permutations, circular, question),
        ),
        score=score,
    )


def _asked(plan: AnalysisPlan | None, given: Mapping[str, Any]) -> dict[str, Any]:
    if plan is not None:
        names = ("alliance", "outcome", "effect", "response", "grid")
        return {**{name: getattr(plan, name) for name in names}, **given}
    missing = [name for name in ("alliance", "outcome") if name not in given]
    if missing:
        raise DesignError(f"Without a plan, {missing[0]}= must be given.")
    return {"effect": "rupture", "response": "outcome", "grid": DEFAULT_GRID, **given}


def _specifications(
    grid: Mapping[str, Any], primary: Mapping[str, Any] | None, plan: AnalysisPlan | None
) -> tuple[list[Specification], Specification | None]:
    found = expand(grid)
    first = single(primary) if primary is not None else plan.specification if plan else None
    if first is not None and first.key not in {one.key for one in found}:
        found.insert(0, first)
    return found, first


def _past_is_scarce(ratings: pd.DataFrame, question: Question, *choices: Mapping[str, Any]) -> bool:
    """Return whether the outcome before is rarely known, and nobody said what to do with it."""
    if question.response != "outcome" or any("lagged_outcome" in one for one in choices):
        return False
    return not mostly_known(lagged(ratings, ["alliance", "outcome"], 1), 1, "alliance")


def _tables(
    data: Any,
    events: pd.DataFrame | None,
    codes: pd.DataFrame | None,
    specifications: Iterable[Specification],
) -> dict[str, pd.DataFrame | None]:
    """Return the tables that rules of the grid read, so that workers need no study."""
    needs = {find_rule(one.rule).needs for one in specifications}
    return {
        argument: table_of(data, name, given) if name in needs else None
        for argument, name, given in (
            ("events", "events", events),
            ("codes", "observer_codes", codes),
        )
    }


def _answers(
    work: list[Task],
    kept: Cache,
    ratings: pd.DataFrame,
    card: Mapping[str, Any],
    question: Question,
    tables: Mapping[str, pd.DataFrame | None],
    n_jobs: int | None,
    progress: bool,
) -> list[Answer]:
    """Return the answers in the order of the specifications, from the cache where it has them."""
    known = {task.places: kept.get(task) for task in work}
    missing = [task for task in work if known[task.places] is None]
    fit = partial(
        answer, data=ratings, ratings=ratings, card=card, question=question, tables=tables
    )
    words = "Specifications, by rule" if progress else ""
    fresh = in_pieces(fit, missing, n_jobs=n_jobs, progress=words)
    for task, answers in zip(missing, fresh, strict=True):
        kept.put(task, answers)
        known[task.places] = answers
    placed: dict[int, Answer] = {}
    for places, answers_ in known.items():
        placed.update(zip(places, answers_ or [], strict=True))
    return [placed[place] for place in sorted(placed)]


def _table(
    specifications: list[Specification],
    answers: list[Answer],
    question: Question,
    first: Specification | None,
    plan: AnalysisPlan | None,
) -> pd.DataFrame:
    planned = None if plan is None else {one.key for one in expand(plan.grid)}
    rows = []
    for number, (one, got) in enumerate(zip(specifications, answers, strict=True), start=1):
        is_first = first is not None and one.key == first.key
        rows.append(
            {
                "specification": number,
                **one.as_row(),
                "term": one.choices(question.predictors).of_interest,
                **got.numbers,
                "primary": is_first,
                "planned": planned is None or one.key in planned or is_first,
            }
        )
    names = list(dict.fromkeys(name for row in rows for name in row))
    parameters = [n for n in names if any(n in one.parameters for one in specifications)]
    order = ["specification", "rule", *parameters, *MODEL_CHOICES]
    rest = [name for name in names if name not in order]
    return pd.DataFrame(rows)[[*order, *rest]]


def _varying(table: pd.DataFrame, specifications: list[Specification]) -> tuple[str, ...]:
    names = ["rule", *MODEL_CHOICES]
    names[1:1] = dict.fromkeys(n for one in specifications for n in one.parameters)
    return tuple(name for name in names if len(table[name].map(str).unique()) > 1)


def _messages(
    table: pd.DataFrame,
    differences: pd.DataFrame,
    permutations: int,
    circular: bool,
    question: Question,
) -> tuple[str, ...]:
    found = [CIRCULAR] if circular else []
    if question.response == "outcome":
        with_score = table["adjust_for_alliance"].astype(bool)
        found += [
            BEYOND_THE_SCORE[beside] for beside in (True, False) if (with_score == beside).any()
        ]
        if with_score.any() and not with_score.all():
            found.append(
                "Specifications with the alliance score and without it answer two questions: "
                "shares, median and joint test over both are about neither (.by_choice())."
            )
    failed = table["estimate"].isna()
    if failed.any():
        reasons = table.loc[failed, "message"].value_counts()
        found.append(
            f"{int(failed.sum())} of {len(table)} specifications could not be fitted; the most "
            f"frequent reason ({reasons.iloc[0]} times): {reasons.index[0]}"
        )
    singular = int((table["singular"] & ~failed).sum())
    if singular:
        found.append(f"{singular} fits are singular (a variance at zero, or a correlation at one).")
    if len(differences):
        found.append(f"{len(differences)} choices differ from the plan (see .differences).")
    if not table["planned"].all():
        found.append(f"{int((~table['planned']).sum())} specifications are not in the plan's grid.")
    if permutations == 0:
        found.append("No joint test was asked for (permutations=0).")
    return tuple(found)
