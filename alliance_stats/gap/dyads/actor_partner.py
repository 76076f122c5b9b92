"""Actor and partner: does my outcome go with my own view of the alliance, or with yours?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from ...core.arguments import checked_choice
from ...core.results import TIDY_COLUMNS, Result
from ...errors import DesignError
from .. import model_rows
from ..linear import METHODS, Linear, least_squares, renamed
from ..model_rows import require_variance
from ..random_effects import fit_with_slopes, possible_slopes
from ..wording import caveats


@dataclass(frozen=True, eq=False)
class ActorPartner(Result):
    """An actor-partner model; made by `fit_actor_partner`.

    Attributes
    ----------
    table
        ``tidy()``: for each role ``<role>:actor`` and ``<role>:partner``, with the ending
        ``_within`` (from session to session) and ``_between`` (between dyads) where `by` was
        given; ``<role>:Intercept``; covariates as ``<role>:<name>``.
    fits
        The model of each role's outcome.
    residual_correlation
        Correlation of what both models leave unexplained in the same row.
    """

    table: pd.DataFrame
    fits: dict[str, Linear]
    residual_correlation: float
    n_rows: int
    messages: tuple[str, ...] = ()
    title: str = "Actor-partner model"

    def tidy(self) -> pd.DataFrame:
        """Return one row a term."""
        return self.table

    def glance(self) -> pd.DataFrame:
        """Return rows and residual correlation in one row."""
        row = {"nobs": self.n_rows, "residual_correlation": self.residual_correlation}
        return pd.DataFrame([row])


def fit_actor_partner(
    data: pd.DataFrame,
    *,
    predictors: tuple[str, str],
    outcomes: tuple[str, str],
    roles: tuple[str, str] = ("client", "therapist"),
    by: str | Sequence[str] | None = "client_id",
    covariates: str | Sequence[str] | None = (),
    slopes: Literal["all", "none"] = "all",
    df: Literal["satterthwaite", "kenward-roger", "normal"] = "satterthwaite",
    random: Literal["slopes", "intercepts"] | None = None,
    confidence: float = 0.95,
) -> ActorPartner:
    """Does each person's outcome go with the own rating (actor) or with the other's (partner)?

    Parameters
    ----------
    data
        One row a session (or a dyad), both persons side by side.
    predictors, outcomes
        Columns of the first and the second person. For the next session's outcome, lag the
        predictors first (`alliance_stats.lag`).
    roles
        What the two persons are called.
    by
        ``"client_id"``, or with the therapist: multilevel, each predictor split into deviations
        from the dyad's mean (``_within``) and that mean (``_between``). ``None``: one row a dyad,
        least squares.
    covariates
        Further numeric columns.
    slopes
        ``"all"``: every effect varies between dyads, and between therapists, where it can be
        told; where they do vary and are fitted as one, the intervals are too narrow. What is found
        not to vary goes, and ``messages`` say so. ``"none"``: only levels vary.
    df
        How degrees of freedom are found.
    random
        Old name of `slopes`: ``"slopes"`` or ``"intercepts"``.
    confidence
        Level of the intervals.

    Returns
    -------
    ActorPartner

    Notes
    -----
    Kenny, Kashy & Cook (2006); over sessions in psychotherapy: Zilcha-Mano et al. (2016). Each
    outcome has its own residual variance. Observed means of few sessions hold error, which pulls
    ``_between`` effects towards the ``_within`` ones.

    Examples
    --------
    >>> import alliance_stats as al, numpy as np, pandas as pd
    >>> rng = np.random.default_rng(1)
    >>> data = pd.DataFrame(rng.normal(0, 1, (200, 4)), columns=["c", "t", "c_out", "t_out"])
    >>> data["c_out"] += 0.6 * data["c"] + 0.2 * data["t"]
    >>> found = al.fit_actor_partner(
    ...     data, predictors=("c", "t"), outcomes=("c_out", "t_out"), by=None
    ... )
    >>> bool(found.tidy().set_index("term").loc["client:actor", "conf_low"] > 0.3)
    True
    """
    for name, pair in (("predictors", predictors), ("outcomes", outcomes), ("roles", roles)):
        if isinstance(pair, str) or len(pair) != 2 or pair[0] == pair[1]:
            raise DesignError(f"{name} must name two, one a person, not {pair!r}.")
    kind = model_rows.random_part(slopes, random, ("slopes", "intercepts"))
    checked_choice("df", df, METHODS)
    further = model_rows.names_of(covariates, "covariates")
    wanted = {"x0": predictors[0], "x1": predictors[1], "z0": outcomes[0], "z1": outcomes[1]}
    wanted |= {f"covariate{i}": name for i, name in enumerate(further)}
    rows, levels, messages = model_rows.model_rows(data, wanted, by)
    model_rows.refuse_pairwise(rows, "x0", "x1", levels, (predictors[0], predictors[1]))
    levels = model_rows.levels_in(rows, levels, messages)
    model_rows.note_clusters(data, levels, messages)
    for name in ("x0", "x1", "z0", "z1"):
        require_variance(rows[name], wanted[name], "there is no effect to estimate.")
    frame = _split(rows, levels)
    fits, tables, residuals = {}, [], []
    for person, role in enumerate(roles):
        told: list[str] = []
        names = {c: _named(c, person, further) for c in map(str, frame)}
        found = _fit(frame, rows, person, levels, kind, df, names, told, confidence)
        if found.fit is not None:
            told += [renamed(m, levels) for m in found.fit.messages]
        for inner, outer in names.items():
            told = [message.replace(f"'{inner}'", f"'{outer}'") for message in told]
        messages += [f"{role}: {message}" for message in told]
        fits[role] = found
        columns = list(found.params.index)
        terms = [f"{role}:{names.get(name, name)}" for name in columns]
        tables.append(found.rows(np.eye(len(columns)), terms))
        residuals.append(_residual(found, frame, rows[f"z{person}"], columns))
    return ActorPartner(
        table=pd.concat(tables, ignore_index=True)[list(TIDY_COLUMNS)],
        fits=fits,
        residual_correlation=float(np.corrcoef(residuals[0], residuals[1])[0, 1]),
        n_rows=len(rows),
        messages=(*messages, *caveats("actor_partner")),
    )


def _split(rows: pd.DataFrame, levels: list[str]) -> pd.DataFrame:
    covariates = [c for c in rows if str(c).startswith("covariate")]
    frame = rows[covariates].copy()
    for name in ("x0", "x1"):
        if not levels:
            frame[name] = rows[name]
            continue
        mean = rows.groupby("level1")[name].transform("mean")
        within = rows[name] - mean
        if not float(np.abs(within).max()) > 1e-12:
            raise DesignError(
                "No dyad's rating varies over its sessions, so there is nothing within dyads; "
                "use one row a dyad and by=None."
            )
        frame[f"{name}_within"], frame[f"{name}_between"] = within, mean
    return frame


def _fit(
    frame: pd.DataFrame,
    rows: pd.DataFrame,
    person: int,
    levels: list[str],
    random: str,
    df: str,
    names: dict[str, str],
    messages: list[str],
    confidence: float,
) -> Linear:
    fixed = list(map(str, frame.columns))
    if not levels:
        return least_squares(rows[f"z{person}"].to_numpy(), frame, confidence)
    data = frame.assign(z=rows[f"z{person}"])
    data = data.join(rows[[f"level{i + 1}" for i in range(len(levels))]])
    ratings = [c for c in fixed if not c.startswith("covariate")]
    slopes = possible_slopes(data, ratings, len(levels)) if random == "slopes" else []
    return fit_with_slopes(
        f"z ~ {' + '.join(fixed)}", "1", slopes, data, df=df, levels=levels, names=names,
        messages=messages, confidence=confidence,
    )  # fmt: skip


def _named(name: str, person: int, covariates: list[str]) -> str:
    if name.startswith("covariate"):
        return covariates[int(name.removeprefix("covariate"))]
    if name.startswith(("x0", "x1")):
        return ("actor" if name[1] == str(person) else "partner") + name[2:]
    return name


def _residual(
    found: Linear, frame: pd.DataFrame, outcome: pd.Series, names: list[str]
) -> np.ndarray:
    if found.fit is not None:
        return found.fit.resid.to_numpy()
    X = frame.assign(Intercept=1.0)[names].to_numpy()
    return outcome.to_numpy() - X @ found.params.to_numpy()
