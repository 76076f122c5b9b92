"""Does the answer depend on rule and model? A stated grid of both, and the plan where there is one.

The grid is modest, so that a report is made in less than a minute; `al.rupture_multiverse` takes
any.
"""

from __future__ import annotations

from typing import Any

import alliance_stats as al

from ...core.disclosure import SMALLEST_SHOWN, WithheldError
from ...core.display import columns as col
from ...core.display.formatting import count, number, p_sentence
from ...core.display.table import Table
from ...core.drawing import house_style
from ...core.precision import rounded
from ...errors import DesignError, plural
from ...ruptures.multiverse.grid import expand, single
from ...ruptures.multiverse.plan import AnalysisPlan
from ..content import Block, Figure, Paragraph
from ..context import Context, Score
from ..plan import plan_of
from ..wording import figure, labels, table
from .draft import Draft
from .rupture_models import able_levels, outcome_of, series
from .rupture_plan import departure_blocks

GRID: dict[str, list[Any]] = {
    "rule": ["drop_within_sd", "drop_stricter_sd"],
    "k": [1.0, 2.0],
    "levels": [2, 3],
    "detrending": ["covariate", "predictor"],
    "lagged_outcome": [False, True],
}
MOST = 200
"""Specifications a report fits; a plan may state more, which take the user's own time."""
OF_PERSONS = ["n_clients", "n_behind", "n_ruptures", "n_repaired", "nobs", "df", "std_error",
              "statistic", "p_value", "message"]  # fmt: skip


def multiverse_blocks(
    context: Context, score: Score, rule: dict[str, Any], draft: Draft
) -> list[Block]:
    """Return the specification curve, shares, the joint test, and departures from a plan."""
    outcome = outcome_of(context, score)
    levels = able_levels(context.study)
    own = {**rule, "levels": levels}
    plan = plan_of(context.study)
    options = context.options
    asked = _asked(plan, own)
    many = al.rupture_multiverse(
        context.study,
        **series(score, outcome),
        **asked,
        permutations=options.replicates,
        seed=options.seed,
    )
    fitted = many.specifications.dropna(subset=["estimate"])
    least = 1 if context.disclosure.everything else SMALLEST_SHOWN
    if not len(fitted) or fitted["n_behind"].min() < least:
        raise WithheldError(
            "Few clients can be modelled, or have what one of the specifications is about: numbers "
            "about so few people are not shown."
        )
    draft.say(many.messages)
    how = _how(many, plan)
    draft.used["multiverse"] = _used(many, asked)
    return [
        Paragraph(_in_words(many, outcome)),
        _curve(many, outcome, how),
        _shares(many),
        _joint(many),
        *departure_blocks(plan, single(own), score, outcome),
    ]


def _asked(plan: AnalysisPlan | None, own: dict[str, Any]) -> dict[str, Any]:
    """Return the plan's grid, or the report's own with the section's model as the primary one."""
    if plan is None:
        levels = [n for n in GRID["levels"] if n <= own["levels"]]
        return {"grid": {**GRID, "levels": levels}, "primary": own}
    n = len(expand(plan.grid))
    if n > MOST:
        raise DesignError(
            f"The analysis plan's grid has {count(n)} specifications; a report fits {MOST} at "
            "most. al.rupture_multiverse(study, plan=...) fits them all."
        )
    return {"plan": plan}


def _used(many: Any, asked: dict[str, Any]) -> dict[str, Any]:
    """Return what makes the multiverse again, for ``run.json``."""
    plan = asked.get("plan")
    return {
        "grid": dict(plan.grid if plan else asked["grid"]),
        "specifications": len(many.specifications),
        "effect": many.effect,
        "response": many.response,
        "permutations": many.permutations,
        "seed": many.seed,
        "plan": None if plan is None else {"name": plan.name, "fingerprint": plan.fingerprint},
    }


def _how(many: Any, plan: AnalysisPlan | None) -> str:
    table = many.specifications
    varied = "; ".join(
        f"{name.replace('_', ' ')}: {', '.join(map(_plain, table[name].unique()))}"
        for name in many.choices
    )
    source = (
        "the report's own grid, the same for every study"
        if plan is None
        else f"the grid of the study's analysis plan ({plan.created}, {plan.fingerprint})"
    )
    return f"{plural(len(table), 'specification')} of {source} ({varied})"


def _plain(value: Any) -> str:
    if str(value) in ("True", "False"):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _in_words(many: Any, outcome: Score) -> str:
    table = many.specifications
    shares = many.shares().set_index(["what", "where"])["n"]
    fitted = int(table["estimate"].notna().sum())
    median = table["estimate"].median()
    joint = many.joint.set_index("statistic").loc["median"]
    return (
        f"Of {plural(fitted, 'specification')} fitted, {shares['estimate', 'above zero']} give an "
        f"estimate above zero (a higher {outcome.title} after a {_effect(many)}), "
        f"{shares['interval', 'above zero']} with the whole 95% interval above zero and "
        f"{shares['interval', 'below zero']} with the whole interval below it. Estimates run from "
        f"{number(table['estimate'].min())} to {number(table['estimate'].max())} points, median "
        f"{number(median)}. The joint test asks of least-squares slopes within clients, whose "
        f"median is {number(joint['observed'])}: were {_effect(many)}s and the {outcome.title} "
        f"unrelated in time, so large a one would be had with {p_sentence(joint['p_value'])}. "
        "Specifications are no sample of anything: a share of them is no probability."
    )


def _effect(many: Any) -> str:
    return str(many.effect).replace("_", " ")


def _curve(many: Any, outcome: Score, how: str) -> Figure:
    from ...ruptures.multiverse.plot import curve_data

    with house_style():
        ax = many.plot()
        ax.get_legend().set_title("Specification curve")  # its own counts people
    marked = many.specifications["primary"].any()
    whose = "the analysis plan's primary one" if many.plan else "the model of the table above"
    mark = f"Diamond: {whose}." if marked else ""
    return figure(
        "rupture-multiverse",
        ax,
        data=rounded(curve_data(many).drop(columns=OF_PERSONS, errors="ignore"), 3),
        effect=_effect(many),
        outcome=outcome.title,
        how=how,
        mark=mark,
    )


def _shares(many: Any) -> Table:
    columns = (
        col.text("what", "What", words=labels("curve_parts")),
        col.text("where", "Where"),
        col.count("n", "Specifications"),
        col.percent("share", "Share"),
    )
    n = plural(len(many.specifications), "specification")
    return table("rupture-multiverse-shares", many.shares(), columns, specifications=n)


def _joint(many: Any) -> Table:
    digits = [1 if name == "n_significant" else 2 for name in many.joint["statistic"]]
    return table(
        "rupture-multiverse-joint",
        many.joint.assign(digits=digits),
        (
            col.text("statistic", "Statistic of the curve", words=labels("curve_statistics")),
            col.number("observed", "Found", "digits"),
            col.number("expected", "Expected", "digits"),
            col.p_value(),
        ),
        effect=_effect(many),
        permutations=count(many.permutations),
        seed=many.seed,
    )
