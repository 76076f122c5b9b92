"""A plan in a file: the page for a proposal, and the form for a registration."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields
from functools import cached_property
from html import escape
from os import PathLike
from pathlib import Path
from typing import Any

from ..core.display.figures import picture_of
from ..core.display.page import Block, whole
from ..core.display.word import result_document
from ..core.outputs import write_whole
from ..core.yaml_reading import read_yaml
from ..errors import DesignError, did_you_mean, listing
from ..multilevel.formula.model_formula import parse_formula
from .design import StudyDesign
from .result import QUESTIONS, StudyPower
from .simulated import analysis

ASKED = ("effect", "of", "alpha")
WORDS = ("title", "hypotheses", "outcome", "exclusions", "model")
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
    path, fingerprint
        The file, and its SHA-256, which shows later that it is the one registered.
    """

    path: Path
    design: StudyDesign
    asked: dict[str, Any]
    wanted: float
    words: dict[str, str]
    fingerprint: str

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
        if isinstance(design.caseloads, tuple) or self.asked["of"] == "therapists":
            return None
        each, least = design.arms, 2 * design.arms
        sizes = sorted(
            {max(least, each * round(n * part / each)) for part in (0.5, 0.75, 1, 1.5, 2)}
        )
        alike = sorted({0.0, design.icc_therapist, 2 * design.icc_therapist})
        shares = [one for one in alike if one + design.icc_client < 1]
        return design.power(**self.asked, over={"n_therapists": sizes, "icc_therapist": shares})

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
        """How many therapists the power wanted takes, in a sentence."""
        try:
            found = self.design.required("n_therapists", power=self.wanted, **self.asked).design
        except DesignError as error:
            return str(error)
        return f"A power of {self.wanted:g} needs {found.n_therapists} therapists like these."

    def write_page(self, path: str | PathLike[str]) -> None:
        """Write the page: the sentences for the proposal, the tables, pictures and assumptions."""
        heading = self.words.get("title", "Plan of a study")
        precision = self.design.precision(of=self.asked["of"])
        said = f"<p>{escape(self.power.sentence())} {escape(self.needed)}</p>"
        said += f"<p>{escape(self.power.methods())}</p>"
        parts = [one.to_html() for one in (self.design, self.power, precision)]
        if self.curves is not None:
            told = "Power with more or fewer therapists, less or more alike"
            parts.append(f"<h2>{told}</h2>{picture_of(self.curves, 'plot')}")
        notes = "".join(f"<li>{escape(note)}</li>" for note in self.power.messages)
        markup = f"<h1>{escape(heading)}</h1>{said}{''.join(parts)}<h2>Assumptions</h2>"
        self._write(path, whole(heading, f"{markup}<ul>{notes}</ul>").encode(), "the page")

    def write_registration(self, path: str | PathLike[str]) -> None:
        """Write the form as a Word document, in the sections registrations usually have."""
        design, of = self.design, self.asked["of"]
        who = {"therapist": "Therapists", "client": "Clients"}.get(design.randomised)
        how = f"{who} are randomised to {design.arms} arms." if who else "Nobody is randomised."
        way = "family='binomial'" if of == "dropout" else "REML"
        model = f"{self.model} (fit_multilevel, {way}, df='{self.df}')"
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
                "Test": f"{QUESTIONS[of].capitalize()}: two-sided, alpha {self.power.alpha:g}.",
                "Exclusions": self.words.get("exclusions", MISSING),
                "Missing data": "Sessions that were not held are left out (missing at random).",
            },
            "Other": {"Fingerprint of the design file (SHA-256)": self.fingerprint},
        }
        blocks: list[Block] = []
        for section, answers in sections.items():
            blocks.append(section.upper())
            blocks += [f"{question}: {answer}" for question, answer in answers.items()]
        blocks += [*design.shown(), "ASSUMPTIONS"]
        heading = f"Registration: {self.words.get('title', 'a planned study')}"
        document = result_document(heading, blocks, self.power.messages)
        self._write(path, document, "the Word document")

    def _write(self, path: str | PathLike[str], content: bytes, what: str) -> None:
        if Path(path).exists() and self.path.samefile(path):
            raise DesignError(f"'{path}' is the plan itself; write {what} to another file.")
        write_whole(path, content, what=what)


def read_plan(path: str | PathLike[str]) -> PlanFile:
    """Return the plan in a YAML file.

    Parameters
    ----------
    path
        A file with the arguments of `StudyDesign` by name, ``effect``, and, where it is not a
        difference of arms, ``of``; further ``alpha``, ``power`` (wanted; .8), ``title``,
        ``hypotheses``, ``outcome``, ``exclusions``, and ``model``, the formula that will be fitted,
        with the columns of the data.

    Raises
    ------
    ReadError, DesignError
        Where it is no YAML, a key is unknown or missing, or the design is impossible.
    """
    path = Path(path)
    given = read_yaml(path).value
    if not isinstance(given, dict):
        raise DesignError(f"'{path.name}' must hold names and values, such as 'n_therapists: 40'.")
    arguments = [one.name for one in fields(StudyDesign) if one.name != "pilot_draws"]
    known = [*arguments, *ASKED, "power", *WORDS]
    for name in given:
        if name not in known:
            raise DesignError(
                f"'{path.name}' holds '{name}', which no plan has.{did_you_mean(name, known)}"
            )
    needed = ["n_therapists", "clients_per_therapist", "sessions", "icc_client", "icc_therapist"]
    missing = [name for name in (*needed, "effect") if name not in given]
    if missing:
        raise DesignError(f"'{path.name}' must also say {listing(missing, 9)}.")
    if "model" in given:
        parse_formula(str(given["model"]))
    return PlanFile(
        path,
        StudyDesign(**{name: given[name] for name in arguments if name in given}),
        {"of": "arm"} | {name: given[name] for name in ASKED if name in given},
        given.get("power", 0.8),
        {name: str(given[name]) for name in WORDS if name in given},
        hashlib.sha256(path.read_bytes()).hexdigest(),
    )
