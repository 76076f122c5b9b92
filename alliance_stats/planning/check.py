"""Was the plan followed? A design file beside what was fitted, choice by choice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from os import PathLike
from typing import TYPE_CHECKING, Any

import pandas as pd

from ..core.arguments import share, shown
from ..core.display.labels import sentence_case
from ..core.display.sentences import what_was_done
from ..core.results import Result
from ..errors import DesignError, plural
from ..inference.rows import tidy_rows
from ..multilevel.formula.model_formula import Formula, Part, parse_formula
from ..multilevel.nested_fit import NestedFit
from ..ruptures.multiverse.result import Multiverse
from ..study import Study
from .plan_file import PlanFile, read_plan
from .planned_model import GROUPS, OWN, Columns

if TYPE_CHECKING:
    from ..core.display.page import Block


UNCOMPARED = {
    "outcome": "the outcome as it was measured",
    "exclusions": "who was excluded",
    "alpha": "the alpha that was meant",
}
"""What a fit does not know, in words."""


@dataclass(frozen=True)
class PlanCheck(Result):
    """What was done otherwise than a design file says.

    Attributes
    ----------
    table
        A row a choice: ``choice, planned, done, as_planned`` (missing where nothing was compared).
    plan, fingerprint
        The file's name and the SHA-256 of what it holds now: compare it with the registration.
    fit
        The model, if one was checked, with what this says among its ``.messages``, and departures
        in its ``.text()``.
    """

    plan: str
    fingerprint: str
    table: pd.DataFrame
    messages: tuple[str, ...] = ()
    fit: NestedFit | None = field(default=None, repr=False)

    title = "Was the plan followed?"

    @property
    def deviations(self) -> pd.DataFrame:
        """The choices that differ: ``choice, planned, done``."""
        differ = ~self.table["as_planned"].fillna(True).astype(bool)
        return self.table.loc[differ, ["choice", "planned", "done"]]

    @property
    def uncompared(self) -> list[str]:
        """The choices without a verdict."""
        return self.table.loc[self.table["as_planned"].isna(), "choice"].tolist()

    def sentence(self) -> str:
        """Say whether the plan was followed, and what its fingerprint is."""
        differ = self.deviations["choice"].tolist()
        name = f"The plan '{self.plan}' (SHA-256 {self.fingerprint[:16]}...)"
        but = f" (not compared: {', '.join(self.uncompared)})" if self.uncompared else ""
        if not differ:
            return f"{name} was followed{' in what was compared' if but else ''}{but}."
        choices = f"{plural(len(differ), 'choice')}: {', '.join(differ)}"
        return f"{name} was departed from in {choices}{but}."

    def tidy(self) -> pd.DataFrame:
        """Return a row a choice, 1 where it was made as planned, missing where not compared."""
        kept = self.table["as_planned"].astype("Float64").to_numpy(float, na_value=float("nan"))
        return tidy_rows(self.table["choice"].tolist(), kept.tolist())

    def glance(self) -> pd.DataFrame:
        """Return one row: how many choices, and how many of them as planned."""
        kept = int(self.table["as_planned"].sum())
        return pd.DataFrame([{"choices": len(self.table), "as_planned": kept}])

    def shown(self, labels: Mapping[str, str] | None = None) -> list[Block]:
        """Return the answer and the table of all choices."""
        words = self.table["as_planned"].map({True: "yes", False: "no"}).fillna("not compared")
        return [self.sentence(), self._table(self.table.assign(as_planned=words), labels)]

    def text(self, labels: Mapping[str, str] | None = None) -> str:
        """Return each choice that was made otherwise, and whether the plan was followed."""
        given = dict(labels or {})
        said = [
            f"{given.get(choice, sentence_case(choice))}: planned {planned}, done {done}."
            for choice, planned, done in self.deviations.astype(object).to_numpy()
        ]
        return "\n".join([self.heading, *said, what_was_done(*self._done())])

    def facts(self) -> dict[str, Any]:
        """Return what sentences are filled from."""
        return super().facts() | {"sentence": self.sentence()}


def check_plan(
    plan: str | PathLike[str],
    done: NestedFit | Study | Multiverse,
    *,
    outcome: str | None = None,
    exclusions: str | None = None,
    alpha: float | None = None,
) -> PlanCheck:
    """Was a study done, and its model fitted, as the registered design file says?

    Parameters
    ----------
    plan
        The design file (see the how-to on planning), of which ``alliance-stats preregister`` wrote
        the registration.
    done
        What `fit_multilevel` returned: its model, test and sizes are compared. Or a `Study`, of
        which only sizes can be; or what `rupture_multiverse` returned with the file as its
        ``plan``, of which the choices are.
    outcome, exclusions, alpha
        What you analysed, whom you left out, and the alpha you tested at, which a fit does not
        know; compared with the file's where given, words as they are written there. Of rows from
        `Study.select` the outcome is known, and compared with a file that names a score
        (``core-10/total/client``).

    Returns
    -------
    PlanCheck
        The model is compared as written in the file's ``model`` (with the columns of the data, in
        any order of terms); without it, only what it lacks of the effect asked for and the plan's
        groups with their slopes is told. With dropout or missing scores, how many sessions were
        expected and came stands there without a verdict.

    Raises
    ------
    DesignError, ReadError
        Where the file is no plan, or `done` neither a model nor a study.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import alliance_stats as al
    >>> study = al.load_dataset("demo-trial")
    >>> file = Path(tempfile.mkdtemp()) / "design.yaml"
    >>> _ = file.write_text('''
    ... n_therapists: 40
    ... clients_per_therapist: 8
    ... sessions: 12
    ... icc_client: 0.4
    ... icc_therapist: 0.05
    ... effect: 3
    ... model: score ~ condition + session + (1 | client_id) + (1 | therapist_id)
    ... ''')
    >>> rows = study.select("core-10").dropna(subset=["score"])
    >>> fit = al.fit_multilevel("score ~ condition * session + (1 | therapist_id/client_id)", rows)
    >>> check = al.check_plan(file, fit)
    >>> check.deviations["choice"].tolist()
    ['model', 'clients', 'sessions held']
    >>> check.sentence() in check.fit.text()
    True
    """
    read = read_plan(plan)
    if isinstance(done, NestedFit):
        rows = [
            *_model(read, done),
            *_arms(read, read.columns, done.design.frame),
            *_sizes(read, read.columns, done.n_groups, done.nobs),
        ]
    elif isinstance(done, Multiverse):
        rows = _choices(read, done)
    elif isinstance(done, Study):
        held = done.table("sessions")
        counted = {
            f"{who}_id": held[f"{who}_id"].nunique() for who in GROUPS if f"{who}_id" in held
        }
        if "/" in (score := read.words.get("outcome", "")):
            held = done.select(score).dropna(subset=["score"])
        rows = [
            *_arms(read, OWN, done.tables.get("clients", held)),
            *_sizes(read, OWN, counted, len(held)),
        ]
    else:
        raise DesignError(
            "check_plan compares what fit_multilevel or rupture_multiverse returned, or a study, "
            f"not {shown(done)}."
        )
    asked = {"outcome": outcome or _score_of(read, done), "exclusions": exclusions, "alpha": alpha}
    told = {name: value for name, value in asked.items() if value is not None}
    rows += [_said(read, name, value) for name, value in told.items()]
    left = [f"{words} ({name}=)" for name, words in UNCOMPARED.items() if name not in told]
    notes = [f"Not compared, until you say it: {', '.join(left)}."] if left else []
    table = pd.DataFrame(rows, columns=["choice", "planned", "done", "as_planned"])
    table = table.astype({"as_planned": "boolean"})
    check = PlanCheck(read.path.name, read.fingerprint, table, tuple(notes))
    if not isinstance(done, NestedFit):
        return check
    design = replace(done.design, notes=(*done.design.notes, check.sentence(), *notes))
    if done.rows_dropped:
        notes.append(f"The model left out {plural(done.rows_dropped, 'row')} with a missing value.")
    return replace(check, messages=tuple(notes), fit=done.of_alike(design))


Row = tuple[str, str, str, bool | None]


def _said(read: PlanFile, name: str, value: object) -> Row:
    """Compare what the file and the caller say, whatever their capitals and spaces."""
    planned = f"{read.power.alpha:g}" if name == "alpha" else read.words.get(name, "not planned")
    done = f"{share(value, name):g}" if name == "alpha" else str(value)
    return name, planned, done, planned.lower().split() == done.lower().split()


def _score_of(read: PlanFile, done: object) -> str | None:
    """Return the score a model is of, where the plan names one in the same way."""
    if not isinstance(done, NestedFit) or "/" not in read.words.get("outcome", ""):
        return None
    return done.design.frame.attrs.get("score")


def _choices(read: PlanFile, done: Multiverse) -> list[Row]:
    """Compare the choices of a multiverse with those under ``multiverse`` in the file."""
    planned = read.multiverse
    if planned is None or done.plan != planned:
        raise DesignError(
            f"The multiverse was not made with plan='{read.path.name}'"
            f"{'' if planned else ', which has no multiverse:'}; make it so, and departures are "
            "known."
        )
    asked = planned.as_dict() | planned.specification.as_row()
    names = ("alliance", "outcome", "effect", "response", "grid", *planned.specification.as_row())
    differ = done.differences.set_index("choice")["done"].to_dict()
    return [
        (name, str(asked[name]), str(differ.get(name, asked[name])), name not in differ)
        for name in dict.fromkeys((*names, *differ))
        if name in asked
    ]


def _model(read: PlanFile, done: NestedFit) -> list[Row]:
    """Compare the model, and how its coefficient is tested."""
    fitted, of = done.design.formula, read.asked["of"]
    if "model" in read.words:
        same = _meaning(parse_formula(read.model)) == _meaning(fitted)
        rows: list[Row] = [("model", read.model, done.formula, same)]
    else:
        lacking, none = read.lacking(fitted), "not compared: the file names no model"
        planned = f"one with {lacking}" if lacking else none
        rows = [("model", planned, done.formula, False if lacking else None)]
    if of == "dropout":
        rows.append(
            (
                "family",
                "binomial",
                family := getattr(done, "family", "gaussian"),
                family == "binomial",
            )
        )
    else:
        way = "REML" if getattr(done, "reml", False) else "ML"
        rows.append(("estimation", "REML", way, way == "REML"))
    if of == "therapists":
        return rows  # a variance has no df
    return [*rows, ("degrees of freedom", read.df, done.df_method, read.df == done.df_method)]


def _meaning(formula: Formula) -> tuple[Any, ...]:
    """Return what a formula says, however its terms are written and ordered."""

    def terms(part: Part | None) -> tuple[bool, frozenset[frozenset[str]]]:
        if part is None:
            return True, frozenset()
        products = (frozenset(node.code for node in term) for term in part.expansion.terms)
        return part.expansion.intercept, frozenset(products)

    random = {(one.group[0], terms(one.part), one.correlated) for one in formula.random}
    return formula.response.text, terms(formula.fixed), frozenset(random)


def _arms(read: PlanFile, columns: Columns, rows: pd.DataFrame) -> list[Row]:
    """Compare how many arms there were, where a column tells."""
    named = next((name for name in columns["arm"] if name in rows), None)
    if named is None or read.design.arms < 2:
        return []
    planned, came = read.design.arms, rows[named].nunique()
    return [("arms", f"{planned}", f"{came}", planned == came)]


def _sizes(read: PlanFile, columns: Columns, groups: Mapping[str, int], sessions: int) -> list[Row]:
    """Compare how many there were of each."""
    layout = read.design.layout
    planned = {"therapist": read.design.n_therapists, "client": layout.n_clients}
    rows = [
        (word, planned[who], count)
        for label, count in groups.items()
        for who, word in GROUPS.items()
        if label.split(":")[0] in columns[who]
    ]
    sizes: list[Row] = [
        (word, f"{wanted:,}", f"{count:,}", wanted == count) for word, wanted, count in rows
    ]
    wanted, chance = round(read.design.scores.sum()), read.design.gone[-1] > 0
    if chance or read.design.missed.any():  # nobody plans how many exactly
        return [*sizes, ("sessions held", f"{wanted:,} expected", f"{sessions:,}", None)]
    return [*sizes, ("sessions held", f"{wanted:,}", f"{sessions:,}", wanted == sessions)]
