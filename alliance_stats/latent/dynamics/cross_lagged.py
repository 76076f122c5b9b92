"""Who leads, within a client? Cross-lagged panel models that part lasting levels from movement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from ...core.arguments import checked_choice, share, within
from ...core.arguments import names as list_of_names
from ...errors import DesignError, plural
from ...inference.cluster_bootstrap import FEW_CLUSTERS
from ..engine.fit import estimate
from ..engine.patterns import Sample, copies
from ..engine.saturated import saturated
from ..engine.structure import Model
from .panel_models import MODELS, Panel
from .result import CrossLagged, terms_table
from .waves import Waves, waves_of

if TYPE_CHECKING:
    from ...study import Study

Words = Literal["ri-clpm", "clpm", "lcm-sr", "dynamic-panel"]


def fit_cross_lagged(
    data: Study | pd.DataFrame,
    *,
    x: str | Sequence[str],
    y: str | Sequence[str],
    by: str = "client_id",
    time: str = "session",
    waves: Sequence[float] | None = None,
    model: Words = "ri-clpm",
    lags: Literal["equal", "free"] = "equal",
    residuals: Literal["free", "equal"] = "free",
    covariates: Sequence[str] | None = None,
    cluster: str | None = None,
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
    by, time
        The columns of client and wave in a long table; a study may be walked along
        ``"occasion"``, whose labels count in their order.
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
    along with both is not held constant. Compared with lavaan in ``tests/reference/latent``.

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
    make, least, title = MODELS[checked_choice("model", model, MODELS)]
    checked_choice("lags", lags, ("equal", "free"))
    checked_choice("residuals", residuals, ("free", "equal"))
    checked_choice("errors", errors, ("normal", "robust"))
    confidence = share(confidence)
    held = waves_of(
        data,
        x,
        y,
        by=by,
        time=time,
        waves=waves,
        covariates=list_of_names(covariates or [], "covariates"),
        cluster=cluster,
    )
    _refuse_too_few(held, model, least)
    values = held.values
    free = saturated(Sample.of(values))
    panel = _panel(held, free, lags, residuals, reliability, model)
    structure = make(panel)
    keep = [f"{v}{t}" for v in "xy" for t in panel.waves] + list(panel.covariates)
    columns = [keep.index(name) for name in structure.observed]
    sample = Sample.of(values[:, columns][np.isfinite(values[:, columns]).any(axis=1)])
    fitted = estimate(
        Model.of(structure),
        [sample],
        errors=errors,
        clusters=None if held.cluster is None else [held.cluster],
        without_structure=(free,) if len(columns) == len(keep) else None,
    )
    return CrossLagged(
        table=terms_table(fitted, held.time, confidence),
        model=model,
        lags=lags,
        x=held.names[0],
        y=held.names[1],
        waves=tuple(float(one) for one in held.time),
        n_clients=len(held.clients),
        estimates=fitted,
        data=held,
        confidence=confidence,
        messages=(*held.messages, *fitted.messages, *_told(fitted.clusters)),
        title=title,
    )


def _refuse_too_few(held: Waves, model: str, least: int) -> None:
    n, waves = len(held.clients), len(held.time)
    variables = 2 * waves + held.covariates.shape[1]
    if waves < least:
        cut = f" {held.messages[0]}" if held.messages else ""
        raise DesignError(
            f"{model} needs {least} waves or more; there {'is' if waves == 1 else 'are'} {waves} "
            f"that can be used.{cut}"
        )
    if n <= variables:
        raise DesignError(
            f"{waves} waves of two scores are {variables} variables, but only "
            f"{plural(n, 'client')} have any: there must be more clients than variables. Name "
            "fewer waves in waves=[...]."
        )
    twins = copies(held.values)
    if twins is not None:
        columns = [f"{of} at wave {t:g}" for of in held.names for t in held.time]
        one, other = ([*columns, *held.covariates][i] for i in twins)
        raise DesignError(f"{one} and {other} move exactly together; is one a copy of the other?")


def _panel(
    held: Waves, free: Any, lags: str, residuals: str, reliability: Any, model: str
) -> Panel:
    """Return what the model needs to know of the data; moments as all clients' would be."""
    k = len(held.time)
    if free.converged:
        mean, variance = free.mu, np.diag(free.sigma)
    else:
        mean, variance = np.nanmean(held.values, axis=0), np.nanvar(held.values, axis=0)
    by_score = variance[: 2 * k].reshape(2, k)
    error = None
    if reliability is not None:
        if model == "dynamic-panel":
            raise DesignError("reliability= is not built for dynamic-panel; use ri-clpm.")
        if not isinstance(reliability, Mapping) or not {*reliability} <= {"x", "y"}:
            raise DesignError("reliability must be such as {'x': 0.9, 'y': 0.85}.")
        known = [within(reliability.get(v, 0.999999999), f"reliability['{v}']") for v in "xy"]
        error = (1.0 - np.round(np.array(known), 8))[:, None] * by_score
    return Panel(
        time=held.time,
        mean=mean[: 2 * k].reshape(2, k),
        variance=by_score,
        equal=lags == "equal",
        same_residuals=residuals == "equal",
        covariates={
            str(name): (float(mean[2 * k + i]), float(variance[2 * k + i]))
            for i, name in enumerate(held.covariates)
        },
        error=error,
    )


def _told(clusters: int | None) -> list[str]:
    if clusters is None or clusters >= FEW_CLUSTERS:
        return []
    return [
        f"Standard errors rest on {clusters} clusters; with fewer than {FEW_CLUSTERS} they are too "
        "small."
    ]
