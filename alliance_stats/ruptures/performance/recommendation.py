"""Which rule would find ruptures in a study like this one, and how often wrongly?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ...core.arguments import finite, is_number, shown, whole
from ...core.display import columns as col
from ...core.display.labels import sentence_case
from ...core.display.table import Table
from ...core.drawing import new_axes
from ...core.results import Result
from ...errors import AllianceStatsError, DesignError
from ...inference.rows import coefficient_rows, glance_row
from ...study.times import SESSION, along
from ..chance import ar1
from ..chance.expected import stack
from ..parameters import check_seed, complete
from ..reading import read_scores
from ..reference_and_unit import retest_reliability
from ..rules import find_rule, short_of
from .planting import CANDIDATES, error_rates, plant

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ...core.display.page import Block
    from ...study import Study

CLIENTS = 2000
"""Simulated clients at least, in whole copies of the study."""
SHARES = {"sensitivity": "n_planted", "ppv": "n_episodes", "false_alarms": "n_clear"}
"""Shares of the table, and how many cases each is of."""
COLUMNS = (
    col.text("short", "Rule"),
    col.number("sensitivity", "Sensitivity", bounded=True),
    col.number("ppv", "PPV", bounded=True),
    col.number("f1", "F1", bounded=True),
    col.number("false_alarms", "False alarms", bounded=True),
    col.number("flagged_outside", "Flagged outside", 3, bounded=True),
    col.number("delay", "Delay (sessions)", 1),
    col.number("judged", "Clients judged", bounded=True),
    col.text("rule", "Name to type"),
)
DESIGN = (
    "Courses of {n_clients} clients with a median of {median_sessions:g} sessions, SD about own "
    "trends {sd:.2f} points, lag-1 autocorrelation {autocorrelation:.2f}. Planted in "
    "{base_rate:.0%} of clients: a rupture {depth:g} SDs ({depth_points:.2f} points) deep that "
    "lasts {duration} sessions ({replicates} sets, seed {seed})."
)
Candidate = tuple[str, str, Mapping[str, Any]]


@dataclass(frozen=True)
class RuleAdvice(Result):
    """Error rates of rules in courses like those of a study, with ruptures planted.

    Attributes
    ----------
    table
        One row a rule, best first by ``f1``: ``label, rule, parameters, sensitivity`` (planted
        ruptures with a flagged session), ``ppv`` (positive predictive value: episodes that begin
        within a planted rupture), ``f1`` (their harmonic mean), ``false_alarms`` (clients
        without a rupture who get an episode), ``flagged_outside`` (judged sessions outside
        ruptures that are flagged), ``delay`` (sessions from the beginning of a rupture to its
        first flagged one), ``judged`` (clients the rule can judge), ``n_planted, n_episodes,
        n_clear`` (what the shares are of).
    design
        What the courses were like: ``n_clients, median_sessions, autocorrelation,
        reliability`` (correlation of scores one session apart), ``sd`` (about the clients'
        trends), ``depth`` (in these SDs), ``depth_points, duration, base_rate, replicates,
        seed``.
    """

    table: pd.DataFrame
    design: Mapping[str, Any]
    messages: tuple[str, ...] = ()
    _shares = "."
    title: str = field(default="Rupture rules in courses like these, with planted ruptures")
    score: str = ""

    def tidy(self) -> pd.DataFrame:
        """Return one row a rule and rate, with its Monte Carlo standard error."""
        rows = [
            (f"{row['label']}: {name}", row[name], max(row[n], 1))
            for row in self.table.to_dict("records")
            for name, n in SHARES.items()
        ]
        term, share, n = map(np.array, zip(*rows, strict=True))
        table = coefficient_rows(term, share, np.sqrt(share * (1 - share) / n))
        table[["statistic", "p_value"]] = np.nan  # that a share is zero is nobody's question
        limits = ["conf_low", "conf_high"]
        return table.assign(**{name: table[name].clip(0, 1) for name in limits})

    def glance(self) -> pd.DataFrame:
        """Return one row: the design, and the rule that comes first."""
        return glance_row(self, first=self.table["label"].iloc[0], **self.design)

    def shown(self, labels: Mapping[str, str] | None = None) -> list[Block]:
        """Return the design, and the table of rules."""
        rows = self.table.assign(short=self.table["label"].map(short_of))
        return [DESIGN.format_map(self.design), Table("rules", "", rows, COLUMNS, "")]

    def term_labels(self) -> dict[str, str]:
        """Return what the rules are called."""
        return {str(label): sentence_case(short_of(str(label))) for label in self.table["label"]}

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw sensitivity against positive predictive value, a point a rule."""
        ax = new_axes() if ax is None else ax
        ax.scatter(self.table["ppv"], self.table["sensitivity"], color="#0072B2")
        for row in self.table.dropna(subset=["ppv", "sensitivity"]).to_dict("records"):
            ax.annotate(str(row["label"]), (row["ppv"], row["sensitivity"]), fontsize=7)
        ax.set_xlabel("Positive predictive value (episodes that are planted ruptures)")
        ax.set_ylabel("Sensitivity (planted ruptures found)")
        ax.set_xlim(0, 1)
        ax.set_ylim(0, 1)
        return ax


def recommend_rule(
    scores: Study | pd.DataFrame,
    *,
    depth: float = 2.0,
    duration: int = 2,
    base_rate: float = 0.3,
    rules: Sequence[str | Candidate] | None = None,
    replicates: int | None = None,
    seed: int = 0,
    column: str = "score",
    measure: str | None = None,
    subscale: str | None = None,
    rater: str | None = None,
    time: str = SESSION,
    **parameters: Any,
) -> RuleAdvice:
    """Which rule finds ruptures in a study with so many, so noisy and so tied sessions?

    Courses are drawn that are like the study's: the same clients with the same sessions, trends
    and residual spread, the autocorrelation common to all (`ruptures.ar1`), on the steps of the
    scale and within its range. Into a share of them ruptures are planted, and every rule is asked
    to find these.

    Parameters
    ----------
    scores, column, measure, subscale, rater
        As in `detect_ruptures`.
    depth
        How deep the planted ruptures are, in SDs of a client's sessions about the client's trend.
    duration
        How many sessions they last.
    base_rate
        Share of clients who have one.
    rules
        Names of rules, or triples (label, rule, parameters); without it those of
        docs/rupture-rules.md, most at two cut-offs. ``state_model``, which is slower, and
        ``drop_points``, whose size depends on the scale, are asked for by name.
    replicates
        Copies of the study that are simulated; so many that there are 2000 clients without it.
    seed
        The same seed gives the same numbers.
    **parameters
        Parameters every rule has (``min_sessions``, ``max_gap``, ``direction``, ``range`` ...).
    time
        The column that counts along time in place of ``session``: ``"occasion"``, by its order, or
        one of numbers, such as ``"week"``.

    Returns
    -------
    RuleAdvice
        ``.table`` (a row a rule, best first), ``.design``, ``.plot()``, ``.messages``.

    Raises
    ------
    DesignError
        For a depth, duration or base rate that cannot be, an unknown rule, or courses too short to
        plant anything into.

    Notes
    -----
    There is no agreed rule for ruptures; this is advice about error rates under the depth,
    duration and base rate that are stated, not a finding. It reads the courses of the alliance
    only, never an outcome, so it may be run before the analysis; choosing a rule by the effects
    it gives may not. The spread of the courses includes that of ruptures already there, so the
    rates are those of courses as noisy as these.

    Examples
    --------
    >>> import alliance_stats as al
    >>> study = al.simulate_study(n_therapists=8, n_clients=60, seed=2)
    >>> advice = al.recommend_rule(
    ...     study, measure="wai-sr/total/client",
    ...     rules=["drop_within_sd", "control_chart"], replicates=20,
    ... )
    >>> advice.table[["label", "sensitivity", "ppv"]].shape
    (2, 3)
    """
    scores = along(scores, time, whole=True)
    finite(depth, "depth", 0)
    whole(duration, "duration", 1)
    if not is_number(base_rate) or not 0 < base_rate <= 1:
        raise DesignError(
            f"base_rate must be a share above 0 and at most 1, not {shown(base_rate)}."
        )
    copies = None if replicates is None else whole(replicates, "replicates", 1)
    check_seed(seed)
    named = {"rater": rater, **parameters}
    series, shared = read_scores(scores, named, column=column, measure=measure, subscale=subscale)
    del shared["rater"]
    courses = series.courses(shared.get("direction", "higher_is_better"))
    phi = ar1.estimate_phi(courses)
    drift = ar1.fit_drift(courses, phi if np.isfinite(phi) else 0.0)
    freedom = np.maximum(courses.length - 2, 0).sum()
    if not freedom or not drift.squares.any():
        raise DesignError(
            "Error rates need courses of three observed sessions or more whose scores move; there "
            "are none."
        )
    sd = float(np.sqrt(drift.squares.sum() / freedom))
    copies = copies or -(-CLIENTS // courses.start.size)
    rng = np.random.default_rng(seed)
    drawn = ar1.simulate(stack(courses, copies), drift, rng)
    planted = plant(drawn, depth=depth * sd, duration=duration, base_rate=base_rate, rng=rng)
    if not planted.begins.size:
        raise DesignError(
            "No rupture could be planted: that needs clients with four observed sessions or more, "
            "and a base_rate that gives at least one of them a rupture."
        )
    grid = ar1.grid_of(courses, shared.get("range"))
    planted = replace(planted, courses=grid.place(planted.courses))
    table, refused = _rows(planted, _candidates(rules), shared)
    design = {
        "n_clients": courses.start.size,
        "median_sessions": float(np.median(courses.length)),
        "autocorrelation": phi,
        "reliability": float(retest_reliability(courses)[0]),
        "sd": sd,
        "depth": depth,
        "depth_points": depth * sd,
        "duration": duration,
        "base_rate": base_rate,
        "replicates": copies,
        "seed": seed,
    }
    said = _messages(design, table)
    return RuleAdvice(table, design, (*said, *refused), score=series.score_name)


def _candidates(rules: Sequence[str | Candidate] | None) -> list[Candidate]:
    if isinstance(rules, str):
        rules = [rules]
    wanted = (() if rules is None else list(rules)) or CANDIDATES
    chosen = [(rule, rule, {}) if isinstance(rule, str) else rule for rule in wanted]
    for one in chosen:
        if not isinstance(one, tuple) or len(one) != 3 or not isinstance(one[2], Mapping):
            raise DesignError(
                "rules must hold names of rules, or (label, name, parameters) such as "
                f"('k=1', 'drop_within_sd', {{'k': 1.0}}), not {shown(one)}."
            )
        name = one[1]
        rule = find_rule(name)
        if rule.needs != "scores" or not rule.dates_sessions:
            raise DesignError(
                f"The rule '{name}' finds no ruptures in a series of scores, so nothing can be "
                "planted for it; choose rules that read scores and date sessions."
            )
    return chosen


def _rows(
    planted: Any, chosen: Sequence[Candidate], shared: Mapping[str, Any]
) -> tuple[pd.DataFrame, list[str]]:
    rows, refused = [], []
    for label, name, given in chosen:
        rule = find_rule(name)
        rates: dict[str, float] = {}
        try:
            rates = error_rates(planted, rule, complete(rule, {**shared, **given}))
        except AllianceStatsError as error:
            refused.append(f"{label} could not be applied: {error}")
        rows.append({"label": label, "rule": name, "parameters": dict(given), **rates})
    names = ["sensitivity", "ppv", *("false_alarms", "flagged_outside", "delay", "judged")]
    columns = ["label", "rule", "parameters", *names, *SHARES.values()]
    table = pd.DataFrame(rows).reindex(columns=columns)
    table = table.fillna(dict.fromkeys(SHARES.values(), 0))
    both = table["sensitivity"] + table["ppv"]
    f1 = 2 * table["sensitivity"] * table["ppv"] / both.where(both > 0)
    table.insert(5, "f1", f1.where(f1.notna() | table["sensitivity"].isna(), 0.0))
    return table.sort_values("f1", ascending=False, kind="stable", ignore_index=True), refused


def _messages(design: Mapping[str, Any], table: pd.DataFrame) -> list[str]:
    found = table["sensitivity"].dropna()
    planted = table["n_planted"].max()
    error = 100 * float(np.sqrt((found * (1 - found)).max() / planted)) if len(found) else np.nan
    said = [
        "There is no agreed rule for ruptures. These are error rates for ruptures of "
        f"{design['depth']:g} SDs ({design['depth_points']:.2f} points) that last "
        f"{design['duration']} sessions in {100 * design['base_rate']:g} % of clients; others give "
        "another order. State the rule before the analysis, and never choose it by its effects.",
        "The order is that of f1, the harmonic mean of sensitivity and positive predictive value; "
        "where a false alarm costs more than a rupture missed, or less, another order is right. "
        f"Shares of ruptures found have standard errors of up to {error:.1f} points: rules that "
        "lie nearer than two of them are not told apart, and another seed may turn them round.",
    ]
    if not table["rule"].eq("state_model").any():
        said.append(
            "state_model, which takes longer, was not tried: rules=['state_model', ...] does."
        )
    if not np.isfinite(design["autocorrelation"]):
        said.append("No client has four sessions: the autocorrelation is taken to be zero.")
    return said
