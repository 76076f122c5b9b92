"""Which rule should I use? Error rates of every rule, as a page of documentation.

Run: python tests/benchmarks/rule_characteristics.py > docs/rupture-rules.md

Courses are drawn from a known truth: x_t = client level + w_t - deficit_t, where the levels have SD
1, w is a stationary AR(1) with SD 1, and a share of the clients has a rupture: a deficit of `depth`
for `duration` sessions from a random session on. Nothing is rounded, so there is no ceiling.
A further rule is a further line of `COMPARED`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np

import alliance_stats as al
from alliance_stats.ruptures.courses import Courses
from alliance_stats.ruptures.detection import apply
from alliance_stats.ruptures.episodes import FOLLOWED
from alliance_stats.ruptures.parameters import complete
from alliance_stats.ruptures.performance.planting import (
    CANDIDATES,
    Planted,
    error_rates,
    plant,
    repairs_dated,
)
from alliance_stats.ruptures.rules import find_rule

CLIENTS = 4000
LEVEL = 20.0
"""Mean of all scores; ``sudden_loss`` asks for a share of it, here 1 % or .2 SD."""
COMPARED: tuple[tuple[str, str, Mapping[str, Any]], ...] = (
    *CANDIDATES,
    ("state_model", "state_model", {}),
)
FEWER = {"state_model": 1000}
"""Clients a cell for rules that take their time."""
REPAIRED = (
    "drop_within_sd",
    "drop_stricter_sd",
    "drop_reliable_change",
    "drop_running_mean",
    "drop_trend",
    "control_chart",
    "ewma",
    "cusum",
    "change_point",
    "sudden_loss",
)
MORE_SENSITIVE: dict[str, dict[str, Any]] = {
    "drop_trend": {"k": 1.5},
    "control_chart": {"k": 2.0},
    "ewma": {"k": 2.0},
    "cusum": {"k": 3.0},
    "sudden_loss": {"percent": 1.0},
}
FOLLOWING = REPAIRED[:6]
"""Rules whose unrepaired ruptures are looked at."""
ASKED = (1, 2, 3, 4)
"""Sessions without a repair before a rupture is called unrepaired."""
MISSING = 0.15
"""Share of sessions missing where ruptures are followed."""
LEVELS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, "threshold")


@dataclass(frozen=True)
class Cell:
    """One design: sessions, autocorrelation, and the ruptures planted."""

    length: int = 16
    phi: float = 0.3
    depth: float = 2.0
    duration: int = 3
    base_rate: float = 0.3


TYPICAL = Cell()
DEPTHS = tuple(replace(TYPICAL, depth=depth) for depth in (1.0, 2.0, 3.0))
DURATIONS = tuple(replace(TYPICAL, duration=lasts) for lasts in (1, 2, 3, 5))
RATES = tuple(replace(TYPICAL, base_rate=rate) for rate in (0.1, 0.3, 0.6, 1.0))
SESSIONS = tuple(replace(TYPICAL, length=length) for length in (8, 16, 30))
TIES = tuple(replace(TYPICAL, phi=phi) for phi in (0.0, 0.3, 0.6))


def draw(cell: Cell, clients: int, rng: np.random.Generator) -> Courses:
    """Return courses without ruptures."""
    z = rng.normal(size=(clients, cell.length))
    for t in range(1, cell.length):
        z[:, t] = cell.phi * z[:, t - 1] + np.sqrt(1 - cell.phi**2) * z[:, t]
    x = LEVEL + z + rng.normal(size=(clients, 1))
    session = np.tile(np.arange(1, cell.length + 1), clients)
    return Courses(session, x.ravel(), np.arange(clients) * cell.length)


@cache
def planted(cell: Cell, clients: int = CLIENTS, repaired: float = 1.0) -> Planted:
    """Return courses with ruptures in a share of the clients."""
    rng = np.random.default_rng(1)
    return plant(
        draw(cell, clients, rng),
        depth=cell.depth,
        duration=cell.duration,
        base_rate=cell.base_rate,
        rng=rng,
        repaired=repaired,
    )


def assess(
    name: str, given: Mapping[str, Any], cell: Cell, clients: int | None = None
) -> dict[str, float]:
    """Return a rule's error rates in one design."""
    rule = find_rule(name)
    short = {"min_sessions": min(rule.parameters["min_sessions"], 6)} if cell.length <= 8 else {}
    courses = planted(cell, clients or FEWER.get(name, CLIENTS))
    return error_rates(courses, rule, complete(rule, {**short, **given}))


def percent(value: float) -> str:
    """Return a share in whole per cent."""
    return f"{100 * value:.0f}"


def table(head: list[str], rows: list[list[str]]) -> Iterator[str]:
    """Yield a markdown table, numbers to the right."""
    yield "| " + " | ".join(head) + " |"
    yield "|---|" + "---:|" * (len(head) - 1)
    for row in rows:
        yield "| " + " | ".join(row) + " |"


def definitions() -> Iterator[str]:
    """Yield the rules with their defaults, from the registry."""
    for rule in al.rupture_rules().itertuples():
        given = ", ".join(f"{name} = {value!r}" for name, value in rule.parameters.items())
        yield f"### `{rule.name}`"
        yield f"{rule.title}. Flag: `{rule.definition}`; `distance` in: {rule.unit}."
        yield ""
        yield f"- Parameters: {given}."
        fixed = f" Fixed: {', '.join(rule.fixed)}." if rule.fixed else ""
        yield f"- Exists from {rule.least_sessions} session(s) on; reads {rule.needs}.{fixed}"
        verified = "formula read there" if rule.verified else "formula not read there"
        yield f"- Source: {rule.source} ({verified})."
        if rule.note:
            yield f"- {rule.note}"
        yield ""


def rates(cells: Sequence[Cell], heads: Sequence[str], names: Sequence[str]) -> Iterator[str]:
    """Yield a table: a row a rule, a column a design, several rates in each cell."""
    rows = []
    for label, name, given in COMPARED:
        found = [assess(name, given, cell) for cell in cells]
        rows.append([label, *(" / ".join(_shown(one, key) for key in names) for one in found)])
    yield from table(["rule", *heads], rows)


def _shown(found: Mapping[str, float], key: str) -> str:
    value = found[key]
    if np.isnan(value):
        return "-"
    return f"{value:.1f}" if key == "delay" else percent(value)


BOTH = ("sensitivity", "ppv")


def error_tables() -> Iterator[str]:
    """Yield the tables of sensitivity, predictive value, alarms and delay."""
    full = ("sensitivity", "ppv", "false_alarms", "flagged_outside", "delay", "judged")
    words = (
        "found",
        "episode-PPV",
        "clients alarmed",
        "sessions flagged outside",
        "delay",
        "judged",
    )
    yield from ("### The typical design", "")
    rows = [
        [label, *(_shown(assess(name, given, TYPICAL), key) for key in full)]
        for label, name, given in COMPARED
    ]
    yield from table(["rule", *words], rows)
    for title, cells, heads in (
        ("By how long a rupture lasts", DURATIONS, [f"{c.duration} session(s)" for c in DURATIONS]),
        ("By depth", DEPTHS, [f"{c.depth:g} SD" for c in DEPTHS]),
        ("By how many clients have one", RATES, [f"{100 * c.base_rate:g} %" for c in RATES]),
        ("By number of sessions", SESSIONS, [f"{c.length} sessions" for c in SESSIONS]),
        ("By autocorrelation", TIES, [f"r = {c.phi:g}" for c in TIES]),
    ):
        yield from ("", f"### {title}", "", "Each cell: found / episode-PPV.", "")
        yield from rates(cells, heads, BOTH)
    yield from ("", "### Sessions until it is seen", "")
    yield "From the first session of a rupture to the first that is flagged, by how long it lasts."
    yield ""
    yield from rates(DURATIONS, [f"{c.duration} session(s)" for c in DURATIONS], ("delay",))


def repair_cells() -> Iterator[Cell]:
    """Yield the designs over which levels of repair are judged."""
    for depth in (2.0, 3.0, 4.0):
        for duration in (1, 2, 4):
            for phi in (0.0, 0.3, 0.6):
                yield Cell(phi=phi, depth=depth, duration=duration, base_rate=1.0)


def repairs(name: str, level: Any, cells: Sequence[Cell], clients: int = 1000) -> list[float]:
    """Return the shares dated right and falsely called repaired, over designs."""
    rule = find_rule(name)
    p = complete(rule, {**MORE_SENSITIVE.get(name, {}), "repair_level": level})
    found = [repairs_dated(planted(cell, clients, 0.5), rule, p) for cell in cells]
    return [float(np.nanmean([one[key] for one in found])) for key in ("right", "called_repaired")]


def repair_table() -> Iterator[str]:
    """Yield the table of levels of repair; the default of each rule is in bold."""
    cells, rows = tuple(repair_cells()), []
    for name in REPAIRED:
        default = find_rule(name).parameters["repair_level"]
        row = [name]
        for level in LEVELS:
            both = " / ".join(map(percent, repairs(name, level, cells)))
            row.append(f"**{both}**" if level == default else both)
        rows.append(row)
    yield from table(["rule", *(f"{level}" for level in LEVELS)], rows)


def thinned(truth: Planted, rng: np.random.Generator) -> Planted:
    """Return the courses with 15 % of the sessions missing, ended by any of the last eleven."""
    courses, clients = truth.courses, truth.courses.client
    lasts = rng.integers(6, TYPICAL.length + 1, courses.start.size)[clients]
    kept = np.flatnonzero((courses.session <= lasts) & (rng.random(clients.size) > MISSING))
    start = np.unique(clients[kept], return_index=True)[1]
    seen = Courses(courses.session[kept], courses.value[kept], start)
    return replace(truth, courses=seen, inside=truth.inside[kept])


def left_open(name: str, cells: Sequence[Cell], clients: int = 1000) -> dict[int, list[float]]:
    """Return what becomes of ruptures found, by the sessions that `unrepaired` asks for.

    Shares called unrepaired: of those never repaired, of those repaired some time; then the share
    of those called unrepaired that are never repaired.
    """
    rule = find_rule(name)
    short = {"min_sessions": min(rule.parameters["min_sessions"], 6)}
    p, parts = complete(rule, {**MORE_SENSITIVE.get(name, {}), **short}), []
    for cell in cells:
        seen = thinned(planted(cell, clients, 0.5), np.random.default_rng(7))
        _, episodes = apply(seen.courses, rule, p)
        which = seen.inside[episodes.rupture]
        inside = np.flatnonzero(which >= 0)
        number, first = np.unique(which[inside], return_index=True)
        found = inside[first]
        followed = episodes.last[found] - episodes.rupture[found]
        back = episodes.repair[found] >= 0
        parts.append(np.column_stack([seen.repair[number] < 0, back, followed]))
    never, back, followed = np.concatenate(parts).T
    called = {n: (back == 0) & (followed >= n) for n in ASKED}
    return {
        n: [float(one[never == truth].mean()) for truth in (1, 0)] + [float(never[one].mean())]
        for n, one in called.items()
    }


def unrepaired_table() -> Iterator[str]:
    """Yield the table of how long a rupture is followed before it is called unrepaired."""
    cells, rows = tuple(repair_cells()), []
    for name in FOLLOWING:
        found = left_open(name, cells)
        shown = {n: " / ".join(map(percent, numbers)) for n, numbers in found.items()}
        rows.append([name, *(f"**{s}**" if n == FOLLOWED else s for n, s in shown.items())])
    yield from table(["rule", *(f"{n}" for n in ASKED)], rows)


def conclusions() -> Iterator[str]:
    """Yield what the numbers say, with the numbers."""

    def of(label: str, cell: Cell = TYPICAL) -> dict[str, float]:
        name, given = next((n, g) for other, n, g in COMPARED if other == label)
        return assess(name, given, cell)

    one, rci = of("drop_within_sd, k=1"), of("drop_reliable_change")
    brief = replace(TYPICAL, duration=1)
    trend, chart = ((of(x), of(x, brief)) for x in ("drop_trend, k=1.5", "control_chart, k=2"))
    yield (
        f"- A fall of 1 SD from the session before finds {percent(one['sensitivity'])} % of "
        f"ruptures, but {percent(one['ppv'])} % of what it calls a rupture is one, and it has an "
        f"episode in {percent(one['false_alarms'])} % of clients without any. A fall of the size "
        f"of a reliable change finds {percent(rci['sensitivity'])} %, and {percent(rci['ppv'])} % "
        "of its episodes are ruptures."
    )
    yield (
        "- Rules on levels need a rupture that lasts: `drop_trend, k=1.5` and `control_chart, "
        f"k=2` find {percent(trend[0]['sensitivity'])} and {percent(chart[0]['sensitivity'])} % of "
        f"those of three sessions, {percent(trend[1]['sensitivity'])} and "
        f"{percent(chart[1]['sensitivity'])} % of those of one."
    )
    first, second = of("drop_stricter_sd, k=1"), of("drop_stricter_sd, k=2")
    yield (
        "- `drop_stricter_sd` is what models and the report take unless told, at "
        f"k={find_rule('drop_stricter_sd').parameters['k']:g}: it finds "
        f"{percent(second['sensitivity'])} % (k=1: {percent(first['sensitivity'])} %), "
        f"{percent(second['ppv'])} % of its episodes are ruptures ({percent(first['ppv'])} %), and "
        f"it alarms {percent(second['false_alarms'])} % of clients without one "
        f"({percent(first['false_alarms'])} %). [How the cut-off was "
        "chosen](rupture-models.md#why-falls-of-2-sd)."
    )
    states = of("state_model")
    yield (
        f"- `state_model`, which reads whole courses of all clients at once, finds "
        f"{percent(states['sensitivity'])} %, {percent(states['ppv'])} % of its episodes are "
        f"ruptures, and it alarms {percent(states['false_alarms'])} % of clients without one. See "
        "[its page](methods/state-model.md)."
    )
    yield (
        "- The predictive value is that of a base rate: where one client in ten has a rupture, "
        "most episodes of every rule are false. Ruptures of 1 SD no rule finds dependably."
    )
    yield (
        "- Limits, trends and SDs taken from the whole course are widened by the rupture they "
        "should show. Set a `baseline` where sessions before the period of interest exist."
    )
    yield (
        "- No rule here is *the* rule. `al.recommend_rule` makes these tables for a study's own "
        "sessions, spread and autocorrelation. Choose before looking, say why, run the others, and "
        "hold counts against `al.expected_by_chance`."
    )


def page() -> Iterator[str]:
    """Yield the page."""
    t = TYPICAL
    yield from (
        "# Rules for ruptures: what they say and what they find",
        "",
        "Made by `python tests/benchmarks/rule_characteristics.py > docs/rupture-rules.md`.",
        "",
        "There is no agreed rule for ruptures in a series of scores. This page says what each "
        "rule of `alliance_stats.detect_ruptures` flags, and how it does where the truth is known.",
        "",
        "## Sensitivity, predictive value, false alarms, delay",
        "",
        f"Simulated courses: {CLIENTS} clients a cell ({FEWER['state_model']} for `state_model`, "
        "whose standard errors are twice those said below); client means with SD 1; session scores "
        "around them with SD 1 and lag-1 autocorrelation r. The typical design, from which each "
        f"table varies one thing: {t.length} sessions, r = {t.phi:g}, in {100 * t.base_rate:g} % "
        f"of clients one rupture of {t.depth:g} SD that lasts {t.duration} sessions and begins in "
        "a random session from the fourth on. Numbers are per cent. Monte Carlo standard errors: "
        "of what is found at most 1.4 (2.5 where one client in ten has a rupture); of predictive "
        "values 1 to 4, the more the fewer episodes a rule has; of the others at most 1. No "
        "ceiling, no missing sessions. With 8 sessions `min_sessions` is at most 6.",
        "",
        "*Found* (sensitivity): ruptures of which a session is flagged. *Episode-PPV* (positive "
        "predictive value): episodes that begin within a rupture; a session-PPV, the share of "
        "flagged sessions that are in one, is another number and stands on [the page of the state "
        "model](methods/state-model.md). *Clients alarmed*: clients without a rupture who get an "
        "episode. *Sessions flagged outside*: of judged sessions outside ruptures. *Delay*: "
        "sessions from the first of a rupture to the first flagged. *Judged*: the share of clients "
        "of whom any session could be judged. `state_model` is at its default threshold of .5.",
        "",
    )
    yield from error_tables()
    yield from ("", "### What to make of it", "")
    yield from conclusions()
    yield from (
        "",
        "## When is a rupture repaired?",
        "",
        "A repair is the first session that regains `repair_level` of the fall. Reaching the "
        "level before asks for a second score as high as one that was high by chance: most rules "
        "then date a true repair late or never. Each cell: true repairs dated at their session / "
        "ruptures that were never repaired and are called so; bold: the rule's default. Per cent "
        "of ruptures found, mean over depths of 2, 3, 4 SD, durations of 1, 2, 4 sessions and r of "
        "0, .3, .6 (16 sessions, 1000 clients a design, half of the ruptures never repaired; Monte "
        "Carlo standard error at most 2, as designs share their noise). Charts and "
        "`drop_stricter_sd` with k = 2, `cusum` with k = 3, `drop_trend` with k = 1.5.",
        "",
    )
    yield from repair_table()
    yield from (
        "",
        "Each default is the level that dates most true repairs right, or a higher one within two "
        "points of it, which calls fewer lasting falls repaired; `sudden_loss` and `change_point` "
        "keep half of the fall, as reversals of sudden gains have it. Where the question is who "
        "was *not* repaired, a level of .7 to .8 errs least over both kinds.",
        "",
        "## When is a rupture unrepaired?",
        "",
        "A rupture without a repair is *unrepaired* where it was followed for so many sessions, "
        "and *censored* (neither) where the ratings ended or a session was missed before. Each "
        "cell: ruptures never repaired that are called unrepaired / ruptures repaired some time "
        "that are called so / of those called unrepaired, those never repaired; per cent, bold: "
        "the default without `repair_window`. The courses of the last table, with "
        f"{percent(MISSING)} % of sessions missing and ratings that end after 6 to 16 sessions.",
        "",
    )
    yield from unrepaired_table()
    yield from (
        "",
        "After one session a fifth of the ruptures that will be repaired are called unrepaired; "
        "after three few are, and of those called so nine in ten are. The price is that most of "
        "those never repaired stay open. Repairs count from the first session on, so that repaired "
        "among repaired and unrepaired is too high a share: read `.repair_times()`.",
        "",
        "## The rules",
        "",
    )
    yield from definitions()


if __name__ == "__main__":
    print("\n".join(page()).rstrip())
