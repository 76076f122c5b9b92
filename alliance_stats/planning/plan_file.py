"""A plan in a file: the page for a proposal, and the form for a registration."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, fields
from functools import cached_property
from html import escape
from os import PathLike
from pathlib import Path
from typing import Any

from ..core.arguments import share, within
from ..core.display.figures import picture_of
from ..core.display.page import Block, whole
from ..core.display.word import result_document
from ..core.outputs import write_whole
from ..core.yaml_reading import read_yaml
from ..errors import DesignError, did_you_mean, listing
from ..multilevel.formula.model_formula import Formula, parse_formula
from ..ruptures.multiverse.plan import AnalysisPlan, read_analysis_plan
from .answers import of_effect
from .chances import check_question
from .design import StudyDesign
from .result import QUESTIONS, StudyPower
from .simulated import analysis

DESIGN = "design.yaml"
"""The name of a registered design in a study's folder."""
ASKED = ("effect", "of", "alpha", "method", "replicates", "seed")
GROUPS = {"client_id": "clients", "therapist_id": "therapists"}
WORDS = ("title", "hypotheses", "outcome", "exclusions", "model")
MULTIVERSE = "multiverse"
"""The key of the grid of specifications, if one is planned."""
TIMES = ("session", "time", "occasion", "week", "day")
"""Columns whose effect nobody plans for."""
ARM = re.compile(
    r"(?<![a-z])(arm|condition|group|gruppe|groe?p|grupo|treat|trt|tx|alloc|random|interven|"
    r"therap(?:y|ie)(?![a-z])|bedingung|behandlung|behandeling|conditie|traitement|bras|tratamiento|"
    r"brazo|condici|condizion)",
    re.I,
)
"""What the column of the arms is called, in part: English, German, Dutch, French, Spanish."""
TIME = re.compile(rf"(?<![a-z])({'|'.join(TIMES)})s?(?![a-z])", re.I)
MISSING = "[to be written]"


@dataclass(frozen=True)
class PlanFile:
    """A design file: the arguments of `StudyDesign`, the question, and words for a registration.

    Attributes
    ----------
    design, asked
        The design, and the arguments of its `power`.
    wanted
        The power that is to be reached.
    words
        ``title, hypotheses, outcome, exclusions, model``, as far as the file has them.
    multiverse
        The `AnalysisPlan` of the file, where it has one.
    path, fingerprint
        The file, and its SHA-256, which shows later that it is the one registered.
    """

    path: Path
    design: StudyDesign
    asked: dict[str, Any]
    wanted: float
    words: dict[str, str]
    fingerprint: str
    multiverse: AnalysisPlan | None = None

    @cached_property
    def power(self) -> StudyPower:
        """The power of the design."""
        return self.design.power(**self.asked)

    @cached_property
    def curves(self) -> StudyPower | None:
        """Power over more and fewer therapists, whose clients are less and more alike.

        None where each therapist's caseload is listed, and where the therapists' share is asked
        for itself.
        """
        design, n = self.design, self.design.n_therapists
        if not self.varies or self.asked["of"] == "therapists":
            return None
        each, least = design.arms, 2 * design.arms
        sizes = sorted(
            {max(least, each * round(n * part / each)) for part in (0.5, 0.75, 1, 1.5, 2)}
        )
        alike = sorted({0.0, design.icc_therapist, 2 * design.icc_therapist})
        shares = [one for one in alike if one + design.icc_client < 1]
        return design.power(**self.asked, over={"n_therapists": sizes, "icc_therapist": shares})

    @property
    def varies(self) -> bool:
        """Whether there are formulas for more and fewer therapists."""
        return not isinstance(self.design.caseloads, tuple) and not self.power.replicates

    @property
    def planned(self) -> StudyDesign:
        """The design, with the therapists' share that is asked about."""
        return of_effect(self.design, self.asked["of"], self.asked["effect"])

    @property
    def model(self) -> str:
        """The formula that will be fitted: the file's, or that of the plan's own columns."""
        return self.words.get("model") or analysis(self.design, self.asked["of"])

    @property
    def df(self) -> str:
        """How its coefficient will be tested."""
        return "between-within" if self.asked["of"] == "dropout" else "satterthwaite"

    @property
    def needed(self) -> str:
        """How many therapists the power wanted takes, in a sentence; empty where none is found."""
        if not self.varies:
            return ""
        try:
            found = self.design.required("n_therapists", power=self.wanted, **self.asked).design
        except DesignError as error:  # no number is enough, which is an answer
            return str(error)
        return f"A power of {self.wanted:g} needs {found.n_therapists} therapists like these."

    def write_page(self, path: str | PathLike[str]) -> None:
        """Write the page: sentences for the proposal, tables, pictures and assumptions."""
        heading = self.words.get("title", "Plan of a study")
        said = f"<p>{escape(self.power.sentence())} {escape(self.needed)}</p>"
        said += f"<p>{escape(self.power.methods())}</p>"
        parts = [one.to_html() for one in (self.planned, self.power)]
        if not self.power.replicates:
            parts.append(self.planned.precision(of=self.asked["of"]).to_html())
        if self.curves is not None:
            told = "Power with more or fewer therapists, less or more alike"
            parts.append(f"<h2>{told}</h2>{picture_of(self.curves, 'plot')}")
        notes = "".join(f"<li>{escape(note)}</li>" for note in self.power.messages)
        markup = f"<h1>{escape(heading)}</h1>{said}{''.join(parts)}<h2>Assumptions</h2>"
        self._write(path, whole(heading, f"{markup}<ul>{notes}</ul>").encode(), "the page", ".html")

    def write_registration(self, path: str | PathLike[str]) -> None:
        """Write the form as a Word document, in the sections registrations usually have."""
        design, of = self.planned, self.asked["of"]
        who = {"therapist": "Therapists", "client": "Clients"}.get(design.randomised)
        how = f"{who} are randomised to {design.arms} arms." if who else "Nobody is randomised."
        if design.nested == "one_arm":
            how = "Clients are randomised to an arm with therapists or to one without."
        way = "family='binomial'" if of == "dropout" else "REML"
        model = f"{self.model} (fit_multilevel, {way}, df='{self.df}')"
        test = "two-sided"
        if of == "therapists":
            test = "one-sided, likelihood ratio to the model without therapists"
            if design.layout.length.max() < 2:
                test = "one-sided, F of the therapists over their clients"
            model = f"{self.model} (fit_multilevel, {way})"
        if design.arms > 2 and of in ("arm", "arm_by_time", "dropout"):
            test += ", the last arm minus the first (alpha is not shared among comparisons)"
        sections: dict[str, dict[str, str]] = {
            "Study information": {
                "Title": self.words.get("title", MISSING),
                "Hypotheses": self.words.get("hypotheses", MISSING),
            },
            "Design plan": {"Design": how, "Blinding": MISSING},
            "Sampling plan": {
                "Sample size": self.power.sentence(),
                "Rationale": f"{self.needed} {self.power.methods()}",
                "Stopping rule": MISSING,
            },
            "Variables": {"Outcome": self.words.get("outcome", MISSING), "Manipulated": how},
            "Analysis plan": {
                "Model": model,
                "Test": f"{QUESTIONS[of].capitalize()}: {test}, alpha {self.power.alpha:g}.",
                "Exclusions": self.words.get("exclusions", MISSING),
                "Missing data": "Sessions that were not held are left out (missing at random).",
            },
            "Other": {"Fingerprint of the design file (SHA-256)": self.fingerprint},
        }
        if self.multiverse is not None:
            sections["Analysis plan"]["Multiverse"] = self.multiverse.sentence()
        blocks: list[Block] = []
        for section, answers in sections.items():
            blocks.append(section.upper())
            blocks += [f"{question}: {answer}" for question, answer in answers.items()]
        blocks += [*design.shown(), "ASSUMPTIONS"]
        heading = f"Registration: {self.words.get('title', 'a planned study')}"
        document = result_document(heading, blocks, self.power.messages)
        self._write(path, document, "the Word document", ".docx")

    def _write(self, path: str | PathLike[str], content: bytes, what: str, kind: str) -> None:
        if Path(path).exists() and self.path.samefile(path):
            raise DesignError(f"'{path}' is the plan itself; write {what} to another file.")
        if Path(path).suffix.lower() != kind:
            raise DesignError(f"'{Path(path).name}' would hold {what}: let its name end in {kind}.")
        write_whole(path, content, what=what)


def read_plan(path: str | PathLike[str]) -> PlanFile:
    """Return the plan in a YAML file.

    Parameters
    ----------
    path
        A file with the arguments of `StudyDesign` by name, ``effect``, and, where it is not a
        difference of arms, ``of``; further ``alpha``, ``power`` (wanted; .8), ``title``,
        ``hypotheses``, ``outcome``, ``exclusions``, and ``model``, the formula that will be fitted,
        with the columns of the data; ``method: simulation`` (``replicates``, ``seed``) where no
        formula is right; ``multiverse`` with what an `AnalysisPlan` has. Or a folder that holds
        such a file as ``design.yaml``.

    Raises
    ------
    ReadError, DesignError
        Where it is no YAML, a key is unknown or missing, or the design is impossible.
    """
    path = Path(path)
    if path.is_dir():
        folder, path = path, path / DESIGN
        if not path.is_file():
            raise DesignError(
                f"The folder '{folder}' holds no '{DESIGN}', in which a study's plan stands; name "
                "the plan's own file, or write one (see the how-to)."
            )
    tree = read_yaml(path)
    given = tree.value
    if not isinstance(given, dict):
        raise DesignError(f"'{path.name}' must hold names and values, such as 'n_therapists: 40'.")
    arguments = [one.name for one in fields(StudyDesign) if one.name != "pilot_draws"]
    for place, line in tree.repeated:
        raise DesignError(f"'{path.name}' says '{place[-1]}' twice (line {line}); keep one.")
    known = [*arguments, *ASKED, "power", *WORDS, MULTIVERSE]
    for name in given:
        if name not in known:
            raise DesignError(
                f"'{path.name}' holds '{name}', which no plan has.{did_you_mean(name, known)}"
            )
    needed = ["n_therapists", "clients_per_therapist", "sessions", "icc_client", "icc_therapist"]
    missing = [name for name in (*needed, "effect") if name not in given]
    if missing:
        raise DesignError(f"'{path.name}' must also say {listing(missing, 9)}.")
    alpha = share(given.get("alpha", 0.05), "alpha")
    words = {name: str(given[name]) for name in WORDS if given.get(name) is not None}
    plan = PlanFile(
        path,
        StudyDesign(**{name: given[name] for name in arguments if name in given}),
        {"of": "arm"} | {name: given[name] for name in ASKED if name in given},
        within(given.get("power", 0.8), "power", alpha, why=" (above alpha)"),
        {name: said for name, said in words.items() if said.strip()},
        hashlib.sha256(path.read_bytes()).hexdigest(),
        read_analysis_plan(path) if given.get(MULTIVERSE) is not None else None,
    )
    check_question(plan.design, plan.asked["of"])
    if "model" in plan.words and (lacking := lacks(plan, parse_formula(plan.model))):
        raise DesignError(f"The model in '{path.name}' lacks {lacking}, which the power is for.")
    return plan


def lacks(plan: PlanFile, model: Formula) -> str:
    """Return what a plan's question and its variances need and a model has not; mostly nothing."""
    of, fixed = plan.asked["of"], () if model.fixed is None else model.fixed.expansion.terms
    written = [" ".join(node.code for node in term) for term in fixed]
    if of == "arm_by_time" and not any(ARM.search(one) and TIME.search(one) for one in written):
        return "the arms' interaction with time (such as condition:session)"
    alone = [one for one, term in zip(written, fixed, strict=True) if len(term) == 1]
    if of in ("arm", "dropout") and not any(map(ARM.search, alone)):
        return "the arms (a column called condition, arm, group or treatment)"
    predictors = [term for term in fixed if not all(node.code in TIMES for node in term)]
    if of not in ("gap", "therapists") and not predictors:
        return "the predictor whose effect is asked for"
    try:
        planned = groups_of(parse_formula(analysis(plan.design, of)))
    except DesignError:  # nothing is nested, or no such model
        return ""
    missing = [
        f"{'random slopes' if n > 1 else 'a random intercept'} of {GROUPS[group]}"
        for group, n in planned.items()
        if groups_of(model).get(group, 0) < n
    ]
    return " and ".join(missing)


def groups_of(formula: Formula) -> dict[str, int]:
    """Return how many effects vary over each grouping, named by the people in it."""
    found: dict[str, int] = {}
    for one in formula.random:
        effects = len(one.part.expansion.terms) + one.part.expansion.intercept
        name = next((name for name in GROUPS if name in one.group[0]), one.group[0])
        found[name] = found.get(name, 0) + effects
    return found
