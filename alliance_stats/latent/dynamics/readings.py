"""The same sessions read in other ways, beside each other: what hangs on the model, in words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ...core.display.labels import renamed
from ...errors import DesignError
from ...inference.rows import coefficient_rows, glance_row
from ..engine.fit import Estimates, difference, is_nested
from ..result import Latent, difference_in_words
from .fitting import fitted
from .waves import labels_of

if TYPE_CHECKING:
    from .result import CrossLagged

LATENT, MEANS, NOTHING = "latent levels", "observed means", "nothing lasting"


@dataclass(frozen=True, eq=False)
class Readings(Latent):
    """Lagged effects under several readings of the same sessions; made by `CrossLagged.readings`.

    Attributes
    ----------
    table
        ``tidy()`` with ``reading``: ``latent levels`` (the model itself), ``observed means`` (each
        client's mean over the sessions taken for the level), ``nothing lasting`` (no levels, the
        cross-lagged panel model), ``x at once`` and ``y at once`` (the model itself, where the one
        score acts on the other within the session; term ``y_on_x_now``, mean over sessions).
    """

    table: pd.DataFrame
    x: str
    y: str
    z: str
    n_clients: int
    confidence: float = 0.95
    messages: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()
    behind: int = 0
    title: str = "The same sessions, read in several ways"

    @property
    def fewest(self) -> int:  # type: ignore[override]
        """How few clients the model is about of which these are readings."""
        return self.behind

    def tidy(self) -> pd.DataFrame:
        """Return one row a reading and effect."""
        return self.table.copy()

    def glance(self) -> pd.DataFrame:
        """Return the size and what was read in one row."""
        return glance_row(self, "n_clients", n_readings=self.table["reading"].nunique())

    def wide(self) -> pd.DataFrame:
        """Return the estimates, a row an effect and a column a reading."""
        order = [*dict.fromkeys(self.table["reading"])]
        rows = [*dict.fromkeys(self.table["term"])]
        return self.table.pivot_table(index="term", columns="reading", values="estimate").loc[
            rows, order
        ]

    def term_labels(self) -> dict[str, str]:
        """Return the terms with the names of the scores."""
        name = {"x": self.x, "y": self.y, "z": self.z}
        lags = {f"{a}_on_{b}": f"{name[a]} on {name[b]} before" for a in name for b in name}
        return lags | {f"{a}_on_{b}_now": f"{name[a]} on {name[b]} now" for a in name for b in name}

    def name_labels(self) -> dict[str, str]:
        """Return what scores of a study are called."""
        return labels_of((self.x, self.y, self.z))


def readings(fit: CrossLagged) -> Readings:
    """Return the readings of a random intercept model (see `CrossLagged.readings`)."""
    if fit.model != "ri-clpm" or fit.lags != "equal" or fit.data.group is not None:
        raise DesignError(
            "Other readings are those of model='ri-clpm' with lags='equal', without groups."
        )
    levels = fit.table[fit.table["term"].isin(fit._lagged)].drop(columns="wave")
    parts = [levels.assign(reading=LATENT)]
    if fit.data.waves.shape == fit.data.time.shape:  # on a grid, neighbours are mostly not there
        parts.append(_by_means(fit).assign(reading=MEANS))
    without = fitted(fit.data, replace(fit.specification, model="clpm"))
    parts.append(_without_levels(fit, without).assign(reading=NOTHING))
    parts += _at_once(fit) if len(fit.data.names) == 2 else []
    table = pd.concat(parts, ignore_index=True)
    own = [one for one in without.messages if one not in fit.wrong]
    wrong = (*fit.wrong, *(f"{NOTHING.capitalize()}: {one}" for one in own))
    return Readings(
        table=table,
        x=fit.x,
        y=fit.y,
        z=fit.z,
        n_clients=fit.n_clients,
        confidence=fit.confidence,
        messages=(*_in_words(fit, table, _lasting(fit, without)), *wrong),
        wrong=wrong,
        behind=fit.fewest,
    )


def _by_means(fit: CrossLagged) -> pd.DataFrame:
    """Return the regressions on the session before, each score minus its client's mean.

    Means of the sessions are taken out first, as the model has them, too; errors by client, or by
    the cluster named.
    """
    rows = []
    scores = {v: own - np.nanmean(own, axis=0) for v, own in fit.data.scores.items()}
    with np.errstate(invalid="ignore"):
        within = {
            v: own
            - np.nansum(own, axis=1, keepdims=True) / np.isfinite(own).sum(axis=1, keepdims=True)
            for v, own in scores.items()
        }
    before = np.stack([own[:, :-1] for own in within.values()], axis=-1)
    clients = np.arange(len(before)) if fit.data.cluster is None else fit.data.cluster
    for v, own in within.items():
        y = own[:, 1:]
        there = np.isfinite(y) & np.isfinite(before).all(axis=-1)
        X, left = before[there], y[there]
        of = np.broadcast_to(clients[:, None], there.shape)[there]
        beta = np.linalg.lstsq(X, left, rcond=None)[0]
        _, code = np.unique(of, return_inverse=True)
        n = int(code.max()) + 1
        summed = np.zeros((n, X.shape[1]))
        np.add.at(summed, code, X * (left - X @ beta)[:, None])
        bread = np.linalg.inv(X.T @ X)
        error = np.sqrt(np.diag(bread @ (summed.T @ summed) @ bread) * n / max(n - 1, 1))
        terms = [f"{v}_on_{other}" for other in within]
        rows.append(coefficient_rows(terms, beta, error, n - 1, confidence=fit.confidence))
    return pd.concat(rows, ignore_index=True)


def _without_levels(fit: CrossLagged, found: Estimates) -> pd.DataFrame:
    """Return the lagged effects of the model in which nothing about a client is lasting."""
    terms = [term for term in fit.params.index if term in fit._lagged]
    return coefficient_rows(
        terms, found.params[terms], found.bse[terms], found.df, confidence=fit.confidence
    )


def _at_once(fit: CrossLagged) -> Iterator[pd.DataFrame]:
    """Yield the effects where one score acts on the other within the session.

    With ``b = cov / var`` of what is new, y on x now is b, and of y's lagged effects b times those
    of x is taken off: the same model in other words, with the same likelihood.
    """
    place = {name: i for i, name in enumerate(fit.estimates.model.names)}
    for to, by in (("y", "x"), ("x", "y")):
        cov, var = (
            [i for name, i in place.items() if name.startswith(f"{of}[") and name != f"{of}[1]"]
            for of in ("cov_within", f"var_{by}_within")
        )
        own = [place[f"{to}_on_{one}"] for one in (by, to)]
        other = [place[f"{by}_on_{one}"] for one in (by, to)]

        def moved(theta: Any, cov: Any = cov, var: Any = var, own: Any = own, other: Any = other):
            now = (theta[cov] / theta[var]).mean()
            return np.array([now, *(theta[own] - now * theta[other])])

        terms = [f"{to}_on_{by}_now", f"{to}_on_{by}", f"{to}_on_{to}"]
        yield fit._rows(terms, moved).assign(reading=f"{by} at once")


def _lasting(fit: CrossLagged, without: Estimates) -> str:
    """Return what may be said of lasting differences by a test against the model without them."""
    passes = "pass for it"
    if not is_nested(without, fit.estimates):
        return f"lasting differences, as far as there are any, {passes}."
    statistic, df, p_value = difference(without, fit.estimates)
    test = difference_in_words(statistic, df, p_value, without).replace("chi2", "χ²")
    if p_value < 0.05:
        return f"lasting differences {passes} ({test})."
    return f"lasting differences would {passes}, but that there are any is not shown ({test})."


def _in_words(fit: CrossLagged, table: pd.DataFrame, lasting: str) -> Iterator[str]:
    """Yield what sets the readings apart."""
    values = table.pivot_table(index="term", columns="reading", values="estimate")
    labels, carried = fit.name_labels(), [f"{v}_on_{v}" for v in fit.data.names]
    name = {v: renamed(one, labels) for v, one in fit.data.names.items()}
    if MEANS in values:
        there = np.isfinite(np.stack([*fit.data.scores.values()])).any(axis=0).sum(axis=1)
        off = values[MEANS] - values[LATENT]
        words = " and ".join(f"{off[term]:+.2f} ({name[term[0]]})" for term in carried)
        how = "lower" if (off[carried] < 0).all() else "otherwise"
        error = ""
        if fit.specification.reliability:
            error = ", and of its error, which the known reliabilities take out of the model"
        yield (
            f"With {np.median(there):g} sessions a client (median), a client's observed mean holds "
            f"part of each session's own deviation{error}, so that carry-over comes out {how}: by "
            f"{words} "
            "here; effects on the other score move along with it (Nickell 1981, doi "
            "10.2307/1911408)."
        )
    off = values[NOTHING] - values[LATENT]
    words = " and ".join(f"{off[term]:+.2f} ({name[term[0]]})" for term in carried)
    yield (
        f"If nothing lasting differed between clients, carry-over would be {words} off: {lasting}"
    )
    if "x at once" in values:
        yield (
            "'At once' is the same model in other words: what goes together within a session is "
            "taken for an effect. The data do not tell these readings apart; which way it goes "
            "must be known."
        )
