"""A plan in a file: the page for a proposal, and the form for a registration."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields
from functools import cached_property
from html import escape
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from ..core.arguments import share, within
from ..core.display.figures import picture_of
from ..core.display.page import Block, as_html, typeset, whole
from ..core.display.word import result_document
from ..core.outputs import write_whole
from ..core.results import Result
from ..core.yaml_reading import read_yaml
from ..errors import DesignError, did_you_mean, listing
from ..multilevel.formula.model_formula import Formula, parse_formula
from ..ruptures.multiverse.plan import AnalysisPlan, read_analysis_plan
from .answers import of_effect
from .chances import check_question
from .design import StudyDesign
from .dropout import icc_of
from .planned_model import Columns, checked_columns, lacks
from .result import QUESTIONS, StudyPower
from .simulated import analysis

DESIGN = "design.yaml"
"""The name of a registered design in a study's folder."""
ASKED = ("effect", "of", "alpha", "method", "replicates", "seed")
WORDS = ("title", "hypotheses", "outcome", "exclusions", "model")
COLUMNS = "columns"
"""The key of what the data's columns are called."""
MULTIVERSE = "multiverse"
"""The key of the grid of specifications, if one is planned."""
MISSING = "[to be written]"
SAME = 0.005
"""Powers that differ by no more are one line on the page."""


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
    columns
        Which of the data's columns is the ``arm``, ``time``, ``predictor``, ``client``,
        ``therapist``.
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
    columns: Columns
    multiverse: AnalysisPlan | None = None

    @cached_property
    def power(self) -> StudyPower:
        """The power of the design."""
        return self.design.power(**self.asked)

    @cached_property
    def curves(self) -> StudyPower | None:
        """Power over more and fewer therapists, who are more and less alike where that counts.

        None where each therapist's caseload is listed, and where the therapists' share is asked
        for itself.
        """
        design, n, of = self.design, self.design.n_therapists, self.asked["of"]
        if not self.varies or of == "therapists":
            return None
        each, least = design.arms, 2 * design.arms
        sizes = sorted(
            {max(least, each * round(n * part / each)) for part in (0.5, 0.75, 1, 1.5, 2)}
        )
        alike = {"dropout": "icc_dropout", "arm_by_time": "slope_sd_therapist"}
        beside = alike.get(of, "icc_therapist")
        own = icc_of(design) if of == "dropout" else getattr(design, beside)
        if of == "arm_by_time":  # where none is planned: half of what clients differ by, and all
            own = own or design.slope_sd_client / 2
        most = np.inf if of == "arm_by_time" else 1 - (of != "dropout") * design.icc_client
        values = [one for one in sorted({0.0, own, 2 * own}) if one < most]
        over: dict[str, list[float]] = {"n_therapists": [float(size) for size in sizes]}
        both = design.power(**self.asked, over=over | {beside: values})
        apart = both.table.groupby("n_therapists")["power"].agg(np.ptp).max()
        return both if apart > SAME else design.power(**self.asked, over=over)

    @property
    def varies(self) -> bool:
        """Whether there are formulas for more and fewer therapists."""
        return not isinstance(self.design.caseloads, tuple) and not self.power.replicates

    @property
    def planned(self) -> StudyDesign:
        """The design, with the therapists' share that is asked about."""
        return of_effect(self.design, self.asked["of"], self.asked["effect"])

    @property
    def tables(self) -> list[Block]:
        """Who is planned, and how alike they are in the outcome where that is asked about."""
        return self.planned.shown()[: 1 if self.asked["of"] == "dropout" else None]

    @property
    def model(self) -> str:
        """The formula that will be fitted: the file's, or that of the plan's own columns."""
        return self.words.get("model") or analysis(self.design, self.asked["of"])

    @property
    def analysis(self) -> str:
        """The model and how it is fitted, in words."""
        of = self.asked["of"]
        way = "family='binomial'" if of == "dropout" else "REML"
        df = "" if of == "therapists" else f", df='{self.df}'"  # a variance has no df
        return f"{self.model} (fit_multilevel, {way}{df})"

    def lacking(self, model: Formula) -> str:
        """Return what the plan needs and a model has not; mostly nothing."""
        return lacks(self.design, self.asked["of"], self.columns, model)

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
        told = f"{self.power.sentence()} {self.needed}", self.power.methods()
        said = "".join(f"<p>{escape(typeset(one))}</p>" for one in told)
        said += f"<p>It will be analysed by {escape(self.analysis)}. The plan is "
        said += f"'{escape(self.path.name)}' (SHA-256 {self.fingerprint}).</p>"
        results: list[tuple[Result, list[Block]]] = [
            (self.planned, self.tables),
            (self.power, self.power.shown()),
        ]
        if not self.power.replicates:
            precision = self.planned.precision(of=self.asked["of"])
            results.append((precision, precision.shown()))
        # each without its notes, which stand together at the end, and what was said above
        parts = [
            as_html(
                one.heading,
                [block for block in blocks if not isinstance(block, str)],
                (),
                picture_of(one, one.picture) if one.picture else "",
            )
            for one, blocks in results
        ]
        if self.curves is not None:
            alike = ", less or more alike" if len(self.curves.varied) > 1 else ""
            curves = f"Power with more or fewer therapists{alike}"
            parts.append(f"<h2>{curves}</h2>{picture_of(self.curves, 'plot')}")
        notes = "".join(f"<li>{escape(typeset(note))}</li>" for note in self.power.messages)
        markup = f"<h1>{escape(heading)}</h1>{said}{''.join(parts)}<h2>Assumptions</h2>"
        self._write(path, whole(heading, f"{markup}<ul>{notes}</ul>").encode(), "the page", ".html")

    def write_registration(self, path: str | PathLike[str]) -> None:
        """Write the form as a Word document, in the sections registrations usually have."""
        design, of = self.planned, self.asked["of"]
        who = {"therapist": "Therapists", "client": "Clients"}.get(design.randomised)
        how = f"{who} are randomised to {design.arms} arms." if who else "Nobody is randomised."
        if design.nested == "one_arm":
            how = "Clients are randomised to an arm with therapists or to one without."
        test = "two-sided"
        if of == "therapists":
            test = "one-sided, likelihood ratio to the model without therapists"
            if design.layout.length.max() < 2:
                test = "one-sided, F of the therapists over their clients"
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
                "Model": self.analysis,
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
        blocks += [*self.tables, "ASSUMPTIONS"]
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
        with the columns of the data; ``columns``, which of them is which where they are not called
        as in a study (``{arm: training, time: week, predictor: ..., client: ..., therapist:
        ...}``); ``method: simulation`` (``replicates``, ``seed``) where no
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
    known = [*arguments, *ASKED, "power", *WORDS, COLUMNS, MULTIVERSE]
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
        checked_columns(given.get(COLUMNS), path.name),
        read_analysis_plan(path) if given.get(MULTIVERSE) is not None else None,
    )
    check_question(plan.design, plan.asked["of"])
    if "model" in plan.words and (lacking := plan.lacking(parse_formula(plan.model))):
        raise DesignError(f"The model in '{path.name}' lacks {lacking}, which the power is for.")
    return plan
