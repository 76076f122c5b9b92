"""One joint model from the files that clinics sent."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from os import PathLike

import numpy as np

from ..core.arguments import checked_choice, flag
from ..errors import ArgumentError, DesignError, listing
from ..multilevel.after_fit.inference import METHODS, Method
from ..multilevel.engine.deviance import covariances
from ..multilevel.fit import warn_of
from .agreement import far_apart, names_unit
from .closed_design import CLINIC, Between, check_ratios, closed_design, start_in
from .combined_fit import CombinedFit
from .combined_outcome import CombinedOutcome
from .reading import read_file
from .search import point_of
from .shared_file import SharedFile


def combine_clinics(
    paths: Sequence[str | PathLike[str]],
    *,
    clinic: Between = "shared",
    reml: bool = True,
    df: Method = "satterthwaite",
) -> CombinedFit | CombinedOutcome:
    """Fit one multilevel model to the files that clinics sent, as if their rows lay together.

    Each clinic writes its file by `clinic_file`. Estimates, standard errors, degrees of freedom,
    deviance and tests are those of `fit_multilevel` on the pooled rows: exactly where the files
    hold sums, to the digits of the files where they hold curves.

    Parameters
    ----------
    paths
        The files, one a clinic.
    clinic
        What may differ between clinics besides what the predictors say: ``"shared"``, nothing (as
        when the rows lay together without a column for the clinic); ``"fixed"``, each clinic has
        an intercept of its own (few clinics: the usual choice); ``"random"``, their intercepts
        are a sample, one more level (ten clinics or more).
    reml
        Restricted maximum likelihood (the default), or maximum likelihood.
    df
        ``"satterthwaite"``, ``"kenward-roger"`` or ``"normal"``, as in `fit_multilevel`.

    Returns
    -------
    CombinedFit
        With ``.clinics``, a row a file. What would need rows says so.

    Raises
    ------
    ReadError
        Where a file is none, was cut or changed, or is of another edition; it is named.
    DesignError
        Where files do not hold the same model (formula, categories, units), one came twice, the
        estimates lie beyond what the files know, or noise leaves nothing to estimate from.

    Warns
    -----
    SingularFitWarning, FewClustersWarning, ConvergenceWarning
        As `fit_multilevel` does.

    Notes
    -----
    The likelihood is a sum over groups of the highest level, and a file holds one clinic's part of
    it for every value of the variance ratios; see the page "Data that may not leave".

    Files with noise (differential privacy): the noise's variance, carried over to the coefficients
    to first order, is in their covariance, as far as it moves none of them by more than half a
    standard error; beyond that standard errors, df, p values and intervals are left empty.

    Examples
    --------
    >>> import alliance_stats as al, numpy as np, pandas as pd, tempfile, pathlib
    >>> folder, rng = pathlib.Path(tempfile.mkdtemp()), np.random.default_rng(1)
    >>> for clinic in ("North", "South"):
    ...     client = np.repeat(np.arange(40), 8)
    ...     data = pd.DataFrame({"client_id": client, "session": np.tile(np.arange(8.0), 40)})
    ...     data["distress"] = 20 - data.session + rng.normal(0, 3, 40)[client]
    ...     data["distress"] += rng.normal(0, 2, 320)
    ...     _ = al.clinic_file("distress ~ session + (1 | client_id)", data,
    ...                        folder / f"{clinic}.json", clinic=clinic)
    >>> fit = al.combine_clinics(sorted(folder.glob("*.json")), clinic="fixed")
    >>> fit.params.index.tolist()
    ['Intercept', 'session', 'clinic[T.South]']
    """
    checked_choice("clinic", clinic, ("shared", "fixed", "random"))
    checked_choice("df", df, METHODS)
    if df == "kenward-roger" and not flag(reml, "reml"):
        raise DesignError("Kenward-Roger needs a REML fit: use reml=True, or df='satterthwaite'.")
    if isinstance(paths, str | PathLike):
        paths = [paths]
    paths = list(paths)
    if not all(isinstance(path, str | PathLike) for path in paths):
        raise ArgumentError("paths must be a list of the paths of files, such as ['a.json'].")
    files = [read_file(path) for path in paths]
    check_same(files)
    if clinic != "shared" and len(files) < 2:
        raise DesignError(f"clinic='{clinic}' needs the files of two clinics or more.")
    if clinic != "shared" and CLINIC in (*files[0].model["terms"], *files[0].model["groups"]):
        raise DesignError(f"The model has a column '{CLINIC}' of its own; use clinic='shared'.")
    rounds = any(file.kind == "round" for file in files)
    if rounds and point_of(files).between not in ("", clinic):
        raise DesignError(
            f"The search began with clinic='{point_of(files).between}': it is one model all along."
        )
    if files[0].model["family"] != "gaussian":
        outcome = CombinedOutcome.of_files(files, clinic)
        warn_of(outcome)
        return outcome
    design = closed_design(files, clinic)
    theta = None if rounds else start_in(design)
    fit = CombinedFit.of_design(design, reml=reml, df=df, theta=theta)
    if not rounds:
        D = covariances(design.levels, fit.optimum.theta)
        check_ratios(design, [float(d) for of in D for d in np.diag(of)])
    warn_of(fit)
    assert isinstance(fit, CombinedFit)
    return fit


def check_same(files: Sequence[SharedFile]) -> None:
    """Refuse files that are not of one model.

    Raises
    ------
    DesignError
        Naming the two files and what differs.
    """
    if not files:
        raise DesignError("combine_clinics needs the path of at least one file.")
    names = [file.clinic for file in files]
    twice = [file for at, file in enumerate(files) if file.clinic in names[:at]]
    if twice:
        raise DesignError(
            f"Two files are of a clinic called '{twice[0].clinic}' (the second is "
            f"'{twice[0].path}'): one file a clinic, each with a name of its own."
        )
    for one, other in pairwise(files):
        _check_pair(one, other)
    bodies = [json.dumps(file.content()[file.kind]) for file in files]
    same = [at for at, body in enumerate(bodies) if body in bodies[:at]]
    if same:
        one = files[bodies.index(bodies[same[0]])]
        raise DesignError(
            f"'{one.path}' and '{files[same[0]].path}' hold the same numbers: one file under two "
            "names."
        )


def _check_pair(one: SharedFile, other: SharedFile) -> None:
    both = f"'{one.path}' and '{other.path}'"
    a, b = one.model, other.model
    texts = ["".join(m["formula"].split()) for m in (a, b)]
    if texts[0] != texts[1]:
        raise DesignError(
            f"{both} hold different models: {a['formula']} and {b['formula']}. Send each clinic "
            "the same formula."
        )
    for name in sorted({*a["categories"], *b["categories"]}):
        mine, others = a["categories"].get(name), b["categories"].get(name)
        if mine != others:
            raise DesignError(
                f"{both} do not code '{name}' alike: {listing(mine or ['numbers'])} and "
                f"{listing(others or ['numbers'])}, the reference first. Let every clinic write "
                f"its file with the same categories={{'{name}': [...]}}, those it has nobody in "
                "included."
            )
    for what in ("outcome", "family", "link", "terms", "groups", "effects", "blocks"):
        if a[what] != b[what]:
            raise DesignError(f"{both} differ in their {what}: {a[what]} and {b[what]}.")
    for name in sorted({*a["units"], *b["units"]}):
        if a["units"].get(name) != b["units"].get(name):
            raise DesignError(
                f"{both} name different units of '{name}': {a['units'].get(name, 'none')} and "
                f"{b['units'].get(name, 'none')}."
            )
    _check_places(one, other)


def _check_places(one: SharedFile, other: SharedFile) -> None:
    """Refuse a column that lies far from itself in another clinic and whose unit nobody named."""
    for name, said in far_apart(one, other):
        if not names_unit(one, name):
            raise DesignError(
                f"{said}: is it in the same unit? If so, let every clinic say "
                f"units={{'{name}': '...'}}."
            )
