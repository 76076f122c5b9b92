"""Two scores of every client side by side at each wave, from a study, a long or a wide table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ...core.arguments import checked_table, numbers
from ...core.people import SESSION, refuse_repeats
from ...errors import DesignError, listing, plural, require_columns
from ...study.select import is_study
from ...study.times import along

PER_VARIABLE = 2
"""A wave counts unless said where this many clients a variable (of those up to it) reached it."""


@dataclass(frozen=True, eq=False)
class Waves:
    """Values of x and y, a row a client and a column a wave (NaN where missing).

    Attributes
    ----------
    time
        The time of each wave, as in the data.
    covariates
        What is known of a client once.
    cluster
        The number of each client's cluster; None where nobody asked.
    """

    x: np.ndarray
    y: np.ndarray
    time: np.ndarray
    clients: pd.Index
    covariates: pd.DataFrame
    cluster: np.ndarray | None
    names: tuple[str, str]
    messages: tuple[str, ...]

    @property
    def values(self) -> np.ndarray:
        """All columns: x by wave, y by wave, covariates."""
        return np.hstack([self.x, self.y, self.covariates.to_numpy(dtype=float)])


def waves_of(
    data: Any,
    x: str | Sequence[str],
    y: str | Sequence[str],
    *,
    by: str,
    time: str,
    waves: Sequence[float] | None,
    covariates: Sequence[str],
    cluster: str | None,
) -> Waves:
    """Return the waves of a study or table, and what was left out of them."""
    if isinstance(x, str) != isinstance(y, str):
        raise DesignError(
            "x and y must both be one name (long data, a row a client and wave) or both a list of "
            "columns (wide data, a column a wave)."
        )
    said: list[str] = []
    chosen = waves is not None or not isinstance(x, str)
    if not isinstance(x, str):
        columns, people, names = _wide(data, list(x), list(y), by, covariates, cluster, waves)
    else:
        long, names = _long(data, x, str(y), by, time, covariates, cluster)
        columns, people = _spread(long, waves, said)
    return _checked(columns, people, names, covariates, cluster, chosen, said)


def _wide(
    data: Any,
    x: list[str],
    y: list[str],
    by: str,
    covariates: Sequence[str],
    cluster: str | None,
    waves: Sequence[float] | None,
) -> tuple[dict[str, pd.DataFrame], pd.DataFrame, tuple[str, str]]:
    table = checked_table(data, "the wide table")
    more = [*covariates, *([cluster] if cluster else [])]
    require_columns(table.columns, [*x, *y, *more], what="the wide table")
    if not x or len(x) != len(y):
        raise DesignError(
            f"x has {len(x)} columns and y {len(y)}; a wave has one of each, in the same order."
        )
    times = list(range(1, len(x) + 1)) if waves is None else list(waves)
    if len(times) != len(x):
        raise DesignError(f"waves must name the time of each of the {len(x)} columns of x.")
    if by in table.columns:
        refuse_repeats(table, [by], "The wide table")
        table = table.set_index(by, drop=False)
    columns = {
        name: pd.DataFrame(
            {at: numbers(table, one, "the wide table") for at, one in zip(times, of, strict=True)},
            index=table.index,
        )
        for name, of in (("x", x), ("y", y))
    }
    return columns, table[more], (x[0].rstrip("0123456789_."), y[0].rstrip("0123456789_."))


def _long(
    data: Any,
    x: str,
    y: str,
    by: str,
    time: str,
    covariates: Sequence[str],
    cluster: str | None,
) -> tuple[pd.DataFrame, tuple[str, str]]:
    """Return long rows with the columns x, y, client, time, covariates and cluster."""
    names = (x, y)
    data, time = along(data, time), SESSION
    if is_study(data):
        parts = {"x": data.select(x), "y": data.select(y)}
        names = (parts["x"].attrs["score"], parts["y"].attrs["score"])
        for one in parts.values():
            require_columns(one.columns, [by, time], what="the scores of the study")
        keep = [one for one in ("therapist_id", "site_id", "condition") if one in parts["x"]]
        people = pd.concat([part[[by, *keep]] for part in parts.values()])
        people = people.groupby(by, observed=True, sort=False).first().reset_index()
        both = [
            part[[by, time, "score"]].rename(columns={"score": name})
            for name, part in parts.items()
        ]
        table = both[0].merge(both[1], on=[by, time], how="outer").merge(people, on=by, how="left")
        x, y = "x", "y"
        if data.has("clients"):
            own = data.tables["clients"]
            more = [one for one in covariates if one in own and one not in table]
            table = table.merge(own[["client_id", *more]], on="client_id", how="left")
    else:
        table = checked_table(data, "the data")
    more = [*covariates, *([cluster] if cluster else [])]
    require_columns(table.columns, [by, time, x, y, *more], what="the data")
    if x == y:
        raise DesignError(f"x and y are both '{x}'; name two different columns.")
    keyed = table[table[by].notna() & table[time].notna()]
    refuse_repeats(keyed, [by, time], "The data")
    out = pd.DataFrame({"client": keyed[by], "time": numbers(keyed, time, "the data")})
    out = out.assign(x=numbers(keyed, x, "the data"), y=numbers(keyed, y, "the data"))
    return pd.concat([out, keyed[more]], axis=1), names


def _spread(
    long: pd.DataFrame, waves: Sequence[float] | None, said: list[str]
) -> tuple[dict[str, pd.DataFrame], pd.DataFrame]:
    """Return a column a wave, and one row a client of what is known once."""
    there = np.sort(long.loc[long[["x", "y"]].notna().any(axis=1), "time"].unique())
    times = there if waves is None else np.asarray([float(one) for one in waves])
    if waves is None and len(there) > 1 and bool((there == np.round(there)).all()):
        times = np.arange(there[0], there[-1] + 1)
    keyed = long.set_index(["client", "time"])
    columns = {}
    for name in ("x", "y"):
        columns[name] = keyed[name].unstack("time").reindex(columns=times)  # noqa: PD010
    rest = long.drop(columns=["x", "y", "time"])
    counts = rest.groupby("client").nunique()
    several = counts.columns[(counts > 1).any()]
    if len(several):
        said.append(
            f"Some clients have several values of {listing(several)}; the first of each counts."
        )
    return columns, rest.groupby("client", sort=True).first()


def _checked(
    columns: dict[str, pd.DataFrame],
    people: pd.DataFrame,
    names: tuple[str, str],
    covariates: Sequence[str],
    cluster: str | None,
    chosen: bool,
    said: list[str],
) -> Waves:
    """Return the waves that can be used, or one sentence on the first that cannot."""
    x, y = columns["x"], columns["y"]
    time = x.columns.to_numpy(dtype=float)
    if not chosen:
        kept = _reached(x, y, len(covariates))
        if kept < len(time):
            said.append(
                f"Waves {time[kept]:g} to {time[-1]:g} are left out: fewer than {PER_VARIABLE} "
                "clients a variable reached them, which cannot carry their covariances; name them "
                "in waves= to keep them."
            )
        x, y, time = x.iloc[:, :kept], y.iloc[:, :kept], time[:kept]
    for name, frame in zip(names, (x, y), strict=True):
        _refuse_unusable(name, frame)
    empty = x.isna().all(axis=1) & y.isna().all(axis=1)
    if empty.any():
        said.append(
            f"{plural(int(empty.sum()), 'client')} without any value of {names[0]} and {names[1]} "
            f"left out: {listing(x.index[empty])}."
        )
    keep = ~empty
    known = people.reindex(x.index)[keep]
    Z = pd.DataFrame(
        {one: numbers(known, one, "the data") for one in covariates}, index=known.index
    )
    for one in covariates:
        if not np.nanstd(Z[one]) > 0:
            raise DesignError(f"The covariate '{one}' does not vary over clients; leave it out.")
    if len(time) > 1 and np.ptp(np.diff(time)) > 1e-9 * np.ptp(time):
        said.append(
            f"The waves are not equally far apart ({listing(f'{one:g}' for one in time)}); each "
            "step counts as one."
        )
    return Waves(
        x=x[keep].to_numpy(),
        y=y[keep].to_numpy(),
        time=time,
        clients=x.index[keep],
        covariates=Z,
        cluster=None if cluster is None else _clusters(known[cluster], cluster),
        names=names,
        messages=tuple(said),
    )


def _reached(x: pd.DataFrame, y: pd.DataFrame, others: int) -> int:
    """Return how many waves in a row enough clients reached to carry their covariances."""
    for k in range(1, x.shape[1] + 1):
        n = min(int(frame.iloc[:, k - 1].notna().sum()) for frame in (x, y))
        if 0 < n < PER_VARIABLE * (2 * k + others):
            return k - 1
    return x.shape[1]


def _refuse_unusable(name: str, frame: pd.DataFrame) -> None:
    for at, column in zip(frame.columns, frame.to_numpy().T, strict=True):
        held = column[np.isfinite(column)]
        where = f"{at:g}" if isinstance(at, int | float) else str(at)
        if not len(held):
            raise DesignError(
                f"Wave {where} has no value of {name}: a wave needs both scores. Name the waves "
                "that have both in waves=[...]."
            )
        if not held.std() > 1e-9 * max(float(np.abs(held).max()), 1e-300):
            raise DesignError(
                f"{name} does not vary at wave {where} ({plural(len(held), 'client')}, all "
                f"{held[0]:g}), so nothing goes with it there. Leave that wave out with "
                "waves=[...]."
            )


def _clusters(column: pd.Series, name: str) -> np.ndarray:
    if column.isna().any():
        raise DesignError(
            f"{plural(int(column.isna().sum()), 'client')} have no value of '{name}' "
            f"({listing(column.index[column.isna()])}); each client belongs to one cluster."
        )
    return pd.factorize(column)[0]
