"""Who leads, within a client? Cross-lagged panel models that part lasting levels from movement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from ...core.arguments import checked_choice, finite, share
from ...core.arguments import names as list_of_names
from ...errors import DesignError, listing
from ..engine.fit import Estimates
from ..engine.patterns import coarse
from ..result import few_clusters, few_people, with_warning
from .fitting import Specification, fitted, refuse_too_few
from .panel_models import EQUAL, MODELS
from .result import CrossLagged, terms_table
from .waves import Asked, Waves, waves_of

if TYPE_CHECKING:
    from ...study import Study

Words = Literal["ri-clpm", "clpm", "lcm-sr", "dynamic-panel"]


def fit_cross_lagged(
    data: Study | pd.DataFrame,
    *,
    x: str | Sequence[str],
    y: str | Sequence[str],
    z: str | Sequence[str] | None = None,
    by: str = "client_id",
    time: str = "session",
    waves: Sequence[float] | None = None,
    model: Words = "ri-clpm",
    lags: Literal["equal", "free"] = "equal",
    residuals: Literal["free", "equal"] = "free",
    covariates: Sequence[str] | None = None,
    cluster: str | None = None,
    group: str | None = None,
    equal: Sequence[str] = (),
    step: float | None = None,
    errors: Literal["normal", "robust"] = "normal",
    reliability: Mapping[str, float] | None = None,
    confidence: float = 0.95,
) -> CrossLagged:
    """Does x lead y, or y lead x, from session to session within clients?

    Full information maximum likelihood: every client counts with the waves that there are, and
    whoever left is not left out (missing at random, given what was seen before).

    Parameters
    ----------
    data
        A `Study`, a long table (a row a client and wave) or a wide one (a row a client).
    x, y
        Of a study, scores (``"wai-sr"``, ``"core-10"``); of a long table, columns; of a wide one,
        lists of columns, a column a wave. In ``dynamic-panel`` y is what is explained.
    z
        A third score; terms are then ``x_on_z`` and so on.
    by, time
        The columns of client and wave in a long table; a study may be walked along
        ``"occasion"``, whose labels count in their order, or ``"days"`` since the client's first
        session, by the dates of sessions (with `step`).
    waves
        Which waves count; unless said, all from the first on that enough clients reached.
    model
        ``"ri-clpm"``: random intercepts part what is lasting in a client from movement around it;
        ``"clpm"``: without them, so that differences between clients pass for movement;
        ``"lcm-sr"``: own straight trends, too; ``"dynamic-panel"``: y on x and y before, the level
        may go with x in any way, and x may answer to earlier y.
    lags
        Whether lagged effects are the same from every wave to the next.
    residuals
        Whether what is new at a wave has the same (co)variances at every wave from the second.
    covariates
        Numeric columns known once a client: they explain the lasting levels (``x_between_on_z``;
        in ``lcm-sr`` levels and slopes, in ``clpm`` and ``dynamic-panel`` the scores).
    cluster
        A column such as ``therapist_id``: standard errors then hold where clients of one go
        together, with t of clusters - 1 degrees of freedom.
    group
        A column known once a client, such as ``condition``: each group has parameters of its own
        (``subgroup`` in the result).
    equal
        What is the same in all groups: of ``lags``, ``residuals`` (variances and covariances
        within), ``levels`` (those between, and effects of covariates), ``means``. Whether it is,
        ``.compare`` tells with the fit in which it is not.
    step
        Where sessions are not equally far apart: the length of a step in the unit of `time`, such
        as 7 with ``time="days"``. Lagged effects are then of one step to the next, over longer
        distances they take effect as often as steps lie between, and scores count at the nearest
        step. (Co)variances of what is new at a step are equal.
    errors
        ``"robust"``: standard errors and a scaled chi-square that do not need normal scores.
    reliability
        ``{"x": 0.9, "y": 0.85}``: the known reliabilities of the scores; what they lack is error
        of its own at each wave.
    confidence
        Level of the intervals.

    Returns
    -------
    CrossLagged

    Raises
    ------
    DesignError
        Where there are too few waves or clients, a wave has no data, or a score never varies.

    Notes
    -----
    Hamaker, Kuiper & Grasman (2015, doi 10.1037/a0038889); Curran et al. (2014, doi
    10.1037/a0035297); Allison, Williams & Moral-Benito (2017, doi 10.1177/2378023117710578). That
    x comes first and goes with y afterwards does not make it a cause: what changes within a client
    along with both is not held constant. Steps at which nobody was measured are latent, as phantom
    variables of the model. Compared with lavaan in ``tests/reference/latent``.

    Examples
    --------
    >>> import alliance_stats as al
    >>> study = al.simulate_study(n_therapists=20, n_clients=160, seed=1)
    >>> fit = al.fit_cross_lagged(study, x="wai-sr", y="core-10", waves=[1, 2, 3, 4, 5])
    >>> fit.tidy()["term"].tolist()[:4]
    ['x_on_x', 'x_on_y', 'y_on_x', 'y_on_y']
    >>> fit.chi2_df
    33
    """
    checked_choice("model", model, MODELS)
    checked_choice("lags", lags, ("equal", "free"))
    checked_choice("residuals", residuals, ("free", "equal"))
    checked_choice("errors", errors, ("normal", "robust"))
    same = frozenset(checked_choice("equal", one, EQUAL) for one in list_of_names(equal, "equal"))
    if same and group is None:
        raise DesignError("equal= says what is the same in all groups; name them in group=.")
    confidence = share(confidence)
    if waves is not None:
        waves = _in_order(waves)
    scores = {"x": x, "y": y} | ({} if z is None else {"z": z})
    asked = Asked(
        by=by,
        time=time,
        waves=waves,
        covariates=list_of_names(covariates or [], "covariates"),
        cluster=cluster,
        group=group,
        step=None if step is None else _step(step, lags, model),
    )
    _refuse_unfitting(asked.covariates, scores, model)
    held = waves_of(data, scores, asked)
    refuse_too_few(held, model)
    residuals = "equal" if step is not None else residuals
    specification = Specification(
        model, lags, residuals, same, reliability, errors, cluster or "", step, time
    )
    found = fitted(held, specification)
    result = CrossLagged(
        table=terms_table(found, held, confidence),
        model=model,
        lags=lags,
        x=held.names["x"],
        y=held.names["y"],
        z=held.names.get("z", ""),
        waves=tuple(float(one) for one in held.waves),
        subgroups=tuple(held.groups),
        n_clients=len(held.clients),
        estimates=found,
        data=held,
        specification=specification,
        confidence=confidence,
        messages=(
            *held.messages,
            *found.messages,
            *_too_unreliable(found, reliability),
            *_told(found, held),
        ),
        title=MODELS[model][2],
    )
    return with_warning(result)


def _in_order(waves: Any) -> list[float]:
    """Return waves as numbers that rise: of others a later score would come before an earlier."""
    if isinstance(waves, str):
        raise DesignError(f"waves must be numbers of waves, such as [1, 2, 3]; it is '{waves}'.")
    times = [finite(one, "waves") for one in waves]
    if any(later <= one for one, later in pairwise(times)):
        raise DesignError(
            f"waves must rise, as time does, each named once; they are "
            f"{listing((f'{one:g}' for one in times), 8)}. Sort them (and columns of scores with "
            "them)."
        )
    return times


def _step(step: Any, lags: str, model: str) -> float:
    """Return the time of a step, where the model can have one."""
    if lags == "free":
        raise DesignError("With step= lagged effects are the same at every step: lags='equal'.")
    if model == "dynamic-panel":
        raise DesignError("step= is not built for dynamic-panel; use ri-clpm.")
    if finite(step, "step") <= 0:
        raise DesignError(f"step must be a time above zero, such as 7 (days); it is {step}.")
    return float(step)


def _refuse_unfitting(covariates: Sequence[str], scores: Mapping[str, Any], model: str) -> None:
    if "z" in scores and model == "dynamic-panel":
        raise DesignError("dynamic-panel explains y by x alone; three scores go into ri-clpm.")
    columns = {one for of in scores.values() for one in list_of_names(of, "x, y and z")}
    both = [one for one in covariates if one in columns]
    if both:
        raise DesignError(
            f"'{both[0]}' is a score and a covariate; a covariate explains scores, so it must "
            "be another column."
        )
    taken = [one for one in covariates if one in scores] if len(scores) > 2 else []
    if taken:
        raise DesignError(
            f"A covariate is called '{taken[0]}', as one of three scores is in the result's terms; "
            "rename that column."
        )


def _too_unreliable(found: Estimates, reliability: Mapping[str, float] | None) -> list[str]:
    """Return that reliabilities leave less than nothing within clients, where they do."""
    within = found.params.filter(regex="^var_._within")
    if not reliability or not (within < 0).any():
        return []
    given = ", ".join(f"{v} {value:g}" for v, value in reliability.items())
    return [
        f"With these reliabilities ({given}) scores' errors are more than all that varies within "
        "clients: they are too low for these data, or of another scale or sample."
    ]


def _told(found: Estimates, held: Waves) -> list[str]:
    """Return what stands behind errors and chi-square that is too little for them."""
    said = [*few_clusters(found), *few_people(found, "clients")]
    stacked = np.column_stack([own.ravel() for own in held.scores.values()])
    two = [[*held.names.values()][i] for i in coarse(stacked, 2)]
    if two:
        said.append(
            f"{listing(two)} has two values only, and scores are taken as continuous: read effects "
            "as differences of shares, with errors='robust'."
        )
    return said
