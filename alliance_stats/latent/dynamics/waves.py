"""Scores of every client side by side at each wave, from a study, a long or a wide table."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from ...core.arguments import checked_table, numbers, truth_in
from ...core.dates import refuse_dates
from ...core.people import SESSION, refuse_repeats
from ...errors import ColumnError, DesignError, listing, plural, require_columns
from ...study.select import ScoreName, is_study
from ...study.times import along
from ..engine.patterns import cluster_codes
from .grid import on_grid, reached, refuse_unusable, thinned, without_sparse

Given = str | Sequence[str]
FEWEST_OF_GROUP = 5
"""The fewest clients that groups have on average; a column of more values holds no groups."""
SEVERAL = "Some clients have several values of"
DAYS = "days"
"""The time of a study that is counted from the dates of its sessions."""


@dataclass(frozen=True, eq=False)
class Waves:
    """Values of each score, a row a client and a column a wave (NaN where missing).

    Attributes
    ----------
    scores
        ``x``, ``y`` (and ``z``) → values.
    time
        The time of each wave, as in the data; with a grid, of each of its points.
    covariates
        What is known of a client once.
    cluster
        The number of each client's cluster; None where nobody asked.
    group
        Each client's group; None where nobody asked.
    names
        ``x``, ``y`` (and ``z``) → what the scores are called.
    """

    scores: Mapping[str, np.ndarray]
    time: np.ndarray
    clients: pd.Index
    covariates: pd.DataFrame
    cluster: np.ndarray | None
    group: np.ndarray | None
    names: Mapping[str, str]
    messages: tuple[str, ...]

    @cached_property
    def measured(self) -> dict[str, np.ndarray]:
        """Of each score, at which waves anybody has it."""
        return {v: np.isfinite(own).any(axis=0) for v, own in self.scores.items()}

    @cached_property
    def columns(self) -> list[str]:
        """The columns of `values` by their names in the models: ``x1``, ``x2``, ..."""
        of_scores = [
            f"{v}{t}" for v, seen in self.measured.items() for t in np.flatnonzero(seen) + 1
        ]
        return [*of_scores, *map(str, self.covariates)]

    @cached_property
    def values(self) -> np.ndarray:
        """All columns: scores by wave, where anybody has them, and covariates."""
        own = [values[:, self.measured[v]] for v, values in self.scores.items()]
        return np.hstack([*own, self.covariates.to_numpy(dtype=float)])

    @property
    def waves(self) -> np.ndarray:
        """The times at which anything was measured."""
        return self.time[np.any(list(self.measured.values()), axis=0)]

    @property
    def groups(self) -> list[str]:
        """The groups; one without a name where nobody asked for any."""
        return [""] if self.group is None else sorted(set(self.group))

    def of(self, group: str) -> np.ndarray:
        """Tell which clients belong to a group."""
        if self.group is None:
            return np.ones(len(self.clients), dtype=bool)
        return np.asarray(self.group == group)


@dataclass(frozen=True)
class Asked:
    """Which columns are asked for besides the scores."""

    by: str
    time: str
    waves: Sequence[float] | None
    covariates: Sequence[str]
    cluster: str | None
    group: str | None
    step: float | None

    @property
    def more(self) -> list[str]:
        """The columns that are known once a client."""
        once = [*self.covariates, self.cluster, self.group]
        return list(dict.fromkeys(one for one in once if one is not None))


def waves_of(data: Any, scores: Mapping[str, Given], asked: Asked) -> Waves:
    """Return the waves of a study or table, and what was left out of them."""
    if len({isinstance(given, str) for given in scores.values()}) > 1:
        raise DesignError(
            f"{' and '.join(scores)} must all be one name (long data, a row a client and wave) or "
            "all a list of columns (wide data, a column a wave)."
        )
    said: list[str] = []
    if isinstance(scores["x"], str):
        long, names = _long(data, {v: str(one) for v, one in scores.items()}, asked, said)
        columns, people = _spread(long, names, asked, said)
    else:
        wide = {v: [str(one) for one in given] for v, given in scores.items()}
        columns, people, names = _wide(data, wide, asked)
        if asked.step is not None:
            columns = {v: on_grid(frame, asked.step) for v, frame in columns.items()}
    chosen = asked.waves is not None or not isinstance(scores["x"], str)
    return _checked(columns, people, names, asked, chosen, said)


def _wide(
    data: Any, scores: Mapping[str, list[str]], asked: Asked
) -> tuple[dict[str, pd.DataFrame], pd.DataFrame, dict[str, str]]:
    table = checked_table(data, "the wide table")
    everything = [one for of in scores.values() for one in of]
    require_columns(table.columns, [*everything, *asked.more], what="the wide table")
    sizes = {v: len(of) for v, of in scores.items()}
    if not scores["x"] or len(set(sizes.values())) > 1:
        told = " and ".join(f"{v} {'has ' if v == 'x' else ''}{n}{' columns' if v == 'x' else ''}"
                            for v, n in sizes.items())  # fmt: skip
        raise DesignError(f"{told}; a wave has one of each, in the same order.")
    k = len(scores["x"])
    times = list(range(1, k + 1)) if asked.waves is None else list(asked.waves)
    if len(times) != k:
        raise DesignError(f"waves must name the time of each of the {k} columns of x.")
    if asked.by in table.columns:
        refuse_repeats(table, [asked.by], "The wide table")
        table = table.set_index(asked.by, drop=False)
    columns = {
        v: pd.DataFrame(
            {at: numbers(table, one, "the wide table") for at, one in zip(times, of, strict=True)},
            index=table.index,
        )
        for v, of in scores.items()
    }
    names = {v: re.sub(r"[_.]?\d+$", "", of[0]) for v, of in scores.items()}
    return columns, table[asked.more], names


def _long(
    data: Any, scores: Mapping[str, str], asked: Asked, said: list[str]
) -> tuple[pd.DataFrame, dict[str, str]]:
    """Return long rows with the columns of the scores, client, time, and what is known once."""
    by, names = asked.by, dict(scores)
    if is_study(data) and asked.time == DAYS:
        data = _with_days(data)
    data, time = along(data, asked.time), SESSION
    if is_study(data):
        table, names = _of_study(data, scores, asked)
        scores = {v: v for v in scores}
    else:
        table = checked_table(data, "the data")
    require_columns(table.columns, [by, time, *scores.values(), *asked.more], what="the data")
    for (other, one), (v, same) in combinations(names.items(), 2):
        if one == same:
            kind = "scores" if is_study(data) else "columns"
            raise DesignError(f"{other} and {v} are both '{one}'; name two different {kind}.")
    placed = table[[by, time]].notna().all(axis=1)
    keyed = table[placed]
    lost = int((~placed & table[[*scores.values()]].notna().any(axis=1)).sum())
    if lost:
        where = f"'{by}' or '{asked.time}'"
        said.append(f"{plural(lost, 'row')} of scores without a value of {where} left out.")
    refuse_repeats(keyed, [by, time], "The data")
    out = pd.DataFrame({"client": keyed[by], "time": numbers(keyed, time, "the data")})
    out = out.assign(**{v: numbers(keyed, one, "the data") for v, one in scores.items()})
    clash = {one: f" {one}" for one in asked.more if one in out}
    return pd.concat([out, keyed[asked.more].rename(columns=clash)], axis=1), names


def _with_days(study: Any) -> Any:
    """Return a study whose sessions have the days since the client's first."""
    held = study.tables.get("sessions")
    if held is None or "date" not in held or held["date"].isna().all():
        raise DesignError(
            "time='days' counts days by the dates of sessions, and the study has none; name a "
            "column of times in time=."
        )
    date = pd.to_datetime(held["date"])
    days = (date - date.groupby(held["client_id"]).transform("min")).dt.days
    return study.with_tables(sessions=held.assign(**{DAYS: days}))


def _of_study(
    study: Any, scores: Mapping[str, str], asked: Asked
) -> tuple[pd.DataFrame, dict[str, str]]:
    """Return a study's scores side by side, a row a client and time, and what they are called."""
    by, time = asked.by, SESSION
    parts = {v: study.select(one) for v, one in scores.items()}
    sides = []
    for v, one in parts.items():
        require_columns(one.columns, [by, time], what="the scores of the study")
        sides.append(one[[by, time, "score"]].rename(columns={"score": v}))
    table = sides[0]
    for own in sides[1:]:
        table = table.merge(own, on=[by, time], how="outer")
    keep = [one for one in ("therapist_id", "site_id", "condition") if one in parts["x"]]
    people = pd.concat([part[[by, *keep]] for part in parts.values()])
    people = people.groupby(by, observed=True, sort=False).first().reset_index()
    table = table.merge(people, on=by, how="left")
    if study.has("clients"):
        own = study.tables["clients"]
        more = [one for one in asked.more if one in own and one not in table]
        table = table.merge(own[["client_id", *more]], on="client_id", how="left")
    return table, {v: ScoreName(part.attrs["score"]) for v, part in parts.items()}


def labels_of(names: Iterable[str]) -> dict[str, str]:
    """Return what scores of a study are called in tables and pictures; columns keep their names."""
    return {name: name.label for name in names if isinstance(name, ScoreName)}


def _spread(
    long: pd.DataFrame, names: Mapping[str, str], asked: Asked, said: list[str]
) -> tuple[dict[str, pd.DataFrame], pd.DataFrame]:
    """Return a column a wave, and one row a client of what is known once."""
    scores = [*names]
    rest = long.drop(columns=[*scores, "time"])
    there = np.sort(long.loc[long[scores].notna().any(axis=1), "time"].unique())
    times = there if asked.waves is None else np.asarray([float(one) for one in asked.waves])
    if asked.step is not None and len(there):
        long = thinned(long, asked.step, names, said)
        there = np.sort(long["time"].unique())
        times = there[0] + asked.step * np.arange(round((there[-1] - there[0]) / asked.step) + 1)
        if asked.waves is not None:
            times = times[times <= max(asked.waves)]
            late = int(long.loc[long["time"] > times[-1], scores].notna().sum().sum())
            if late:
                said.append(
                    f"{plural(late, 'value')} after {times[-1]:g} left out, where waves= ends."
                )
    elif asked.waves is None and len(there) > 1 and bool((there == np.round(there)).all()):
        times = np.arange(there[0], there[-1] + 1)
    keyed = long.set_index(["client", "time"])
    columns = {v: keyed[v].unstack("time").reindex(columns=times) for v in scores}  # noqa: PD010
    counts = rest.groupby("client").nunique()
    several = counts.columns[(counts > 1).any()]
    if len(several):
        said.append(f"{SEVERAL} {listing(map(str.strip, several))}; the first of each counts.")
    people = rest.groupby("client", sort=True).first()
    return columns, people.rename(columns=str.strip)


def _checked(
    columns: dict[str, pd.DataFrame],
    people: pd.DataFrame,
    names: dict[str, str],
    asked: Asked,
    chosen: bool,
    said: list[str],
) -> Waves:
    """Return the waves that can be used, or one sentence on the first that cannot."""
    people = people.reindex(columns["x"].index)
    keep = ~np.all([frame.isna().all(axis=1) for frame in columns.values()], axis=0)
    if not keep.all():
        said.append(
            f"{plural(int((~keep).sum()), 'client')} without any value of "
            f"{' and '.join(names.values())} left out: {listing(people.index[~keep])}."
        )
    if asked.group is not None:
        lacking = people[asked.group].isna().to_numpy()
        if (lacking & keep).any():
            said.append(
                f"{plural(int((lacking & keep).sum()), 'client')} without '{asked.group}' left out"
                f": {listing(people.index[lacking & keep])}."
            )
        keep &= ~lacking
        if lacking.all():
            raise DesignError(f"'{asked.group}' has no value, so there are no groups to compare.")
    columns = {v: frame[keep] for v, frame in columns.items()}
    known = people[keep]
    group = None if asked.group is None else known[asked.group].astype(str).to_numpy()
    if group is not None and len(set(group)) < 2:
        name, only = str(asked.group), listing(sorted(set(group)))
        raise DesignError(
            f"'{name}' has one value ({only}){_by_first(name, said)}; there is nothing to compare."
        )
    if group is not None and len(set(group)) * FEWEST_OF_GROUP > len(group):
        raise DesignError(
            f"'{asked.group}' has {len(set(group))} values of {plural(len(group), 'client')}: "
            f"groups need {FEWEST_OF_GROUP} clients each and more; make a few groups of it first."
        )
    if not chosen and asked.step is None:
        columns = reached(columns, group, len(asked.covariates), said)
    if asked.step is not None:
        columns = without_sparse(columns, group, said)
    for of in sorted(set(group)) if group is not None else [None]:
        for v, frame in columns.items():
            own = frame if of is None else frame[group == of]
            refuse_unusable(names[v], own, of, gaps=asked.step is not None)
    time = columns["x"].columns.to_numpy(dtype=float)
    if asked.step is None and len(time) > 1 and np.ptp(np.diff(time)) > 1e-9 * np.ptp(time):
        said.append(
            f"The waves are not equally far apart ({listing(f'{one:g}' for one in time)}); each "
            "step counts as one. step= takes their distances into account."
        )
    return Waves(
        scores={v: frame.to_numpy() for v, frame in columns.items()},
        time=time,
        clients=known.index,
        covariates=_covariates(known, asked.covariates, said),
        cluster=None
        if asked.cluster is None
        else cluster_codes(known[asked.cluster], asked.cluster),
        group=group,
        names=names,
        messages=tuple(said),
    )


def _covariates(known: pd.DataFrame, wanted: Sequence[str], said: list[str]) -> pd.DataFrame:
    Z = pd.DataFrame({one: _covariate(known[one]) for one in wanted}, index=known.index)
    for one in wanted:
        if Z[one].isna().all():
            raise DesignError(f"The covariate '{one}' has no value; leave it out.")
        if not np.nanstd(Z[one]) > 0:
            raise DesignError(
                f"The covariate '{one}' does not vary over clients{_by_first(one, said)}; leave it "
                "out."
            )
    return Z


def _covariate(known: pd.Series) -> np.ndarray:
    """Return a covariate as numbers, True as 1 and False as 0; refuse words and dates."""
    values = pd.unique(known.dropna())
    if len(values) and truth_in(pd.Series(values)).all():
        return known.astype("boolean").to_numpy(dtype=float, na_value=np.nan)
    name, data = str(known.name), f"data['{known.name}']"
    refuse_dates(
        known,
        f"The covariate '{name}'",
        dates=", and a covariate is a number; give days since one of them, such as "
        f"(pd.to_datetime({data}) - pd.to_datetime({data}).min()).dt.days.",
        spans=f"give numbers, such as days: {data}.dt.days.",
    )
    words = [value for value in values if isinstance(value, str)]
    if words and pd.to_numeric(pd.Series(words, dtype=object), errors="coerce").isna().all():
        raise ColumnError(
            f"The covariate '{name}' holds words ({listing(words)}), and a covariate is a number. "
            "Make a column of 1 and 0 of each word but one, such as "
            f"({data} == {words[-1]!r}), or name it in group= where groups are compared."
        )
    return numbers(known.to_frame(), name, "the data")


def _by_first(column: str, said: Sequence[str]) -> str:
    """Return that clients' first values are meant, where what changes within clients was given."""
    changes = any(
        one.startswith(SEVERAL) and column in one.removeprefix(SEVERAL).split(";")[0]
        for one in said
    )
    return " where each client's first counts (it must be known once a client)" if changes else ""
