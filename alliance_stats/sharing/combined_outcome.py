"""The joint model of clinics whose outcome is no measurement: found by mail, round by round."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, reduce
from operator import add
from typing import cast

import numpy as np
import pandas as pd

from ..errors import DesignError, listing
from ..multilevel import advice
from ..multilevel.engine.batches import Array
from ..multilevel.outcomes.families import Family, Outcome
from ..multilevel.outcomes.integral import Evaluation, Shape
from ..multilevel.outcomes.maximise import CLOSE, Ladder, Problem, climb
from ..multilevel.outcomes.nodes import Points
from ..multilevel.outcomes.reading import Model
from ..multilevel.outcomes.result import OutcomeFit
from .answers import Answers
from .closed_design import Between, outline
from .combined_fit import BLURRED, TELLING
from .expansion import Expansion
from .joint_result import JointResult, asks
from .rounds import CLINIC, begin, coefficients_of, parameters, shape_of, to_file
from .search import about_rounds, point_of
from .shared_file import SharedFile

NONE = 1e-10  # curvature, over the largest, of a coefficient that no clinic tells of


class MailedProblem(Problem):
    """The log-likelihood of all clinics near a point."""

    def __init__(
        self, family: Family, shape: Shape, parts: Sequence[tuple[Expansion, Array]], at: Array
    ) -> None:
        super().__init__(family, shape, [])
        self.parts, self.at = parts, at

    def evaluate(self, at: Array, points: Points, close: float = 0.0) -> Evaluation:
        """Return log-likelihood and derivatives, by the expansions."""
        return reduce(add, [body.evaluation(turn, at - self.at) for body, turn in self.parts])

    @cached_property
    def rounding(self) -> float:
        """How far rounding moves estimates, in standard errors, the one that is moved most."""
        hessian = self.evaluate(self.at, Points(1, 1)).hessian
        inverse = np.linalg.pinv(-hessian)
        found = np.zeros_like(hessian)
        for body, turn in self.parts:
            slopes = turn.T / body.steps * (10.0 ** -body.digits[0] / np.sqrt(12.0))
            found += slopes @ slopes.T
        moved = np.diag(inverse @ found @ inverse) / np.maximum(np.diag(inverse), 1e-300)
        return float(np.sqrt(np.maximum(moved, 0.0)).max())


@dataclass(frozen=True, eq=False, repr=False)
class CombinedOutcome(JointResult, OutcomeFit):
    """The joint model of several clinics whose outcome is no measurement.

    Estimates, standard errors, z tests, intervals, variances and likelihood are those of
    `OutcomeFit` on the rows of all clinics together. What would need rows says so.

    Attributes
    ----------
    files
        What the clinics sent.
    step
        Where the next round looks, by name.
    distance
        How far the maximum was from the point of the round, in standard errors.
    """

    files: tuple[SharedFile, ...] = ()
    between: Between = "shared"
    step: Mapping[str, float] = field(default_factory=dict)
    distance: float = 0.0

    @classmethod
    def of_files(cls, files: Sequence[SharedFile], between: Between) -> CombinedOutcome:
        """Take one step from the point of a round.

        Raises
        ------
        DesignError
            Where clinics are asked to be a level, or no clinic tells of a coefficient.
        """
        if between == "random":
            raise DesignError(
                "Clinics as a level of an outcome that is no measurement would need an integral "
                "over all of them at once, which no sum over clinics holds: use clinic='fixed'."
            )
        model, point = files[0].model, point_of(files)
        answers = Answers.of(
            model["family"], model["link"], model["categories"].get(model["outcome"])
        )
        assert answers is not None
        own = answers.family.own_names
        clinics = [f"{CLINIC}[T.{f.clinic}]" for f in files[1:]] if between == "fixed" else []
        joint = parameters(model, own, clinics)
        known = {**begin(model, answers), **dict.fromkeys(clinics, 0.0), **point.at}
        at = np.array([known[name] for name in joint])
        parts = [
            (cast(Expansion, f.body), to_file(model, own, f.shift, f.unit, joint, f.clinic))
            for f in files
        ]
        shape = shape_of(model, len(own), len(clinics))
        problem = MailedProblem(answers.family, shape, parts, at)
        bends = np.abs(np.diag(problem.evaluate(at, Points(1, 1)).hessian))
        flat = [n for n, b in zip(joint, bends, strict=True) if b < NONE * bends.max()]
        if flat:
            raise DesignError(f"No clinic tells of {listing(flat)}: leave it out of the model.")
        deviance = -2.0 * problem.evaluate(at, Points(1, 1)).value
        close = max(CLOSE, BLURRED * problem.rounding)
        best = climb(problem, at, Points(1, 1), most=1, close=close)
        distance, still = best.distances[-1], best.distances[-1] < close
        step = dict(zip(joint, map(float, best.point), strict=True))
        if not still:  # what is shown is known at the point itself
            best = replace(best, point=at, value=-deviance / 2.0)
        nodes = max(body.nodes for body, _ in parts)
        row = {"nodes": nodes, "nodes_top": nodes * shape.top, "deviance": -2.0 * best.value,
               "change": np.nan, "moved_se": distance}  # fmt: skip
        ladder = Ladder(best, Points(nodes, nodes), pd.DataFrame([row]), still)
        names = (*coefficients_of(model), *clinics)
        none = np.zeros((0, len(names)))
        empty = Outcome(none[:, 0], none[:, 0])
        ones = np.ones(len(names)), np.ones(shape.size)
        held = Model(
            answers.asked, outline(files, between, names), answers.family, empty, none[:, 0],
            none, none, *ones, names, problem,
        )  # fmt: skip
        return cls(held, ladder, "normal", files=tuple(files), between=between, step=step,
                   distance=distance)  # fmt: skip

    @property
    def _deviance(self) -> float:  # type: ignore[override]
        return -2.0 * self.llf

    @property
    def converged(self) -> bool:
        """Whether the search has ended: nearer than rounding can tell."""
        return self.ladder.still

    @cached_property
    def messages(self) -> tuple[str, ...]:  # type: ignore[override]
        """What a reader should know: which clinics, how far the search is, boundary."""
        said = [n for n in advice.about_search(self) if n != self.convergence_note]
        off = cast(MailedProblem, self.model.problem).rounding
        rounded = (
            f"The files were rounded: coefficients are known to about {off:.2g} of their standard "
            "errors."
        )
        told = [rounded] if off > TELLING else []
        return (*about_rounds(self.files, self.distance, self.converged), *said, *told)

    @property
    def convergence_note(self) -> str:  # type: ignore[override]
        """How far the search is."""
        return about_rounds(self.files, self.distance, self.converged)[0]

    @property
    def estimator(self) -> str:  # type: ignore[override]
        """How the integrals were taken."""
        return "Maximum likelihood (adaptive quadrature in each clinic, a search by mail)"

    @property
    def title(self) -> str:  # type: ignore[override]
        """What the model is called."""
        return f"{super().title} of several clinics"

    laplace = property(asks("Laplace's approximation"))  # type: ignore[assignment]
    residuals = asks("Residuals")
    average_effects = asks("Effects averaged over rows")
    icc = asks("A share of the variance (that in a row depends on predictors)")
    profile_ci = asks("A profile (a search by mail for each of its points)")
