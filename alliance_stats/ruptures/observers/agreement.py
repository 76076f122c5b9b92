"""Do two rules find the same ruptures?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ...core.arguments import shown, whole
from ...core.display.labels import sentence_case
from ...core.results import Result
from ...errors import DesignError
from ...inference.rows import glance_row, tidy_rows
from ...study.times import SESSION, along
from ..detection import detect_ruptures
from ..plots import plot_agreement
from ..result import Ruptures
from ..result_tables import NOT_JUDGED
from ..rules import COMMON, find_rule, short_of
from .kappa import four_cells, kappa

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ...study import Study

Spec = str | Mapping[str, Any] | Ruptures
DEFAULT_RULES = (
    "drop_within_sd",
    "drop_pooled_sd",
    "drop_stricter_sd",
    "drop_reliable_change",
    "drop_running_mean",
    "drop_trend",
)


@dataclass(frozen=True)
class RuleAgreement(Result):
    """How far rules agree, pair by pair.

    Attributes
    ----------
    pairs
        One row a pair of rules: ``rule_a``, ``rule_b``, ``n_sessions`` and ``n_clients`` (judged
        by both), ``both``, ``only_a``, ``only_b``, ``neither`` (flagged sessions), ``kappa``
        with ``std_error``, ``conf_low``, ``conf_high`` (clients left out one at a time),
        ``episodes_a``, ``episodes_b``, ``shared_a``, ``shared_b`` (episodes with one of the
        other rule that begins within `within` sessions), ``n_classified`` and ``n_change``
        (clients both rules could judge, and those of them whose class differs),
        ``n_judged_once`` (clients with too few sessions for one of the two only).
    classes
        One row a client, one column a rule: the client's class.
    results
        The `Ruptures` of each rule, by its label.
    within
        Session numbers by which the beginnings of shared episodes may differ.
    """

    pairs: pd.DataFrame
    classes: pd.DataFrame
    results: Mapping[str, Ruptures] = field(repr=False)
    within: int = 1
    messages: tuple[str, ...] = ()
    _quantities = True
    title: str = "Agreement of rupture rules"

    def matrix(self, column: str = "kappa") -> pd.DataFrame:
        """Return one number of `pairs` as a symmetric table, rules by rules."""
        labels = list(self.results)
        table = pd.DataFrame(np.nan, index=labels, columns=labels)
        for row in self.pairs.itertuples():
            value = float(getattr(row, column))
            table.loc[row.rule_a, row.rule_b] = table.loc[row.rule_b, row.rule_a] = value
        if column == "kappa":
            table = table.mask(np.eye(len(labels), dtype=bool), 1.0)
        return table

    def class_changes(self, rule_a: str, rule_b: str) -> pd.DataFrame:
        """Return the table of clients by their class under two rules."""
        return pd.crosstab(self.classes[rule_a], self.classes[rule_b])

    def tidy(self) -> pd.DataFrame:
        """Return one row a pair: its kappa."""
        pairs = self.pairs
        return tidy_rows(
            "kappa: " + pairs["rule_a"] + " ~ " + pairs["rule_b"],
            pairs["kappa"],
            pairs["std_error"],
            df=pairs["n_clients"] - 1.0,
            conf_low=pairs["conf_low"],
            conf_high=pairs["conf_high"],
        )

    def term_labels(self) -> dict[str, str]:
        """Return what the rules of each pair are called."""
        pairs = self.pairs[["rule_a", "rule_b"]].itertuples(index=False)
        return {
            f"{one} ~ {other}": sentence_case(f"{short_of(one)}; with {short_of(other)}")
            for one, other in pairs
        }

    def glance(self) -> pd.DataFrame:
        """Return one row: rules, clients, and how many judged clients change class."""
        given = self.classes.drop(columns="client_id")
        judged = given.mask(given.isin(NOT_JUDGED))
        changing = judged.apply(lambda row: len(set(row.dropna())) > 1, axis=1)
        return glance_row(
            self,
            n_rules=len(self.results),
            n_clients=len(self.classes),
            n_change_class=int(changing.sum()),
            lowest_kappa=self.pairs["kappa"].min(),
            highest_kappa=self.pairs["kappa"].max(),
        )

    def plot(self, ax: Axes | None = None, *, column: str = "kappa") -> Axes:
        """Draw the matrix of agreement."""
        return plot_agreement(self, ax=ax, column=column)


def compare_rules(
    scores: Study | pd.DataFrame,
    rules: Sequence[Spec] | Mapping[str, Spec] = DEFAULT_RULES,
    *,
    within: int = 1,
    column: str = "score",
    measure: str | None = None,
    subscale: str | None = None,
    events: pd.DataFrame | None = None,
    codes: pd.DataFrame | None = None,
    time: str = SESSION,
    **common: Any,
) -> RuleAgreement:
    """Do different rules find the same ruptures, and the same clients?

    Parameters
    ----------
    scores, column, measure, subscale, events, codes
        As in `detect_ruptures`.
    rules
        Names of rules; or dicts ``{"rule": name, **parameters}``; or `Ruptures` already found;
        or a mapping from your own labels to any of these. ``direct_report`` and
        ``observer_codes`` compare with what people said and coders saw.
    within
        Episodes of two rules are shared where they begin at most so many session numbers apart.
    **common
        Parameters for every rule that has them (``direction``, ``max_gap``, ...).
    time
        The column that counts along time in place of ``session``: ``"occasion"``, by its order, or
        one of numbers, such as ``"week"``.

    Returns
    -------
    RuleAgreement
        ``.pairs``, ``.classes``, ``.class_changes(a, b)``, ``.matrix()``, ``.tidy()``,
        ``.glance()``, ``.plot()``. Kappa is over sessions that both rules could judge; its
        interval leaves out one client at a time.

    Examples
    --------
    >>> import alliance_stats as al
    >>> import numpy as np, pandas as pd
    >>> rng = np.random.default_rng(1)
    >>> scores = pd.DataFrame(
    ...     {
    ...         "client_id": np.repeat(range(30), 12),
    ...         "session": np.tile(range(1, 13), 30),
    ...         "score": rng.normal(5, 1, 360),
    ...     }
    ... )
    >>> agreement = al.compare_rules(scores, ["drop_within_sd", "drop_trend"])
    >>> int(agreement.pairs.loc[0, "n_sessions"])
    330
    """
    scores, events, codes = (along(one, time, whole=True) for one in (scores, events, codes))
    whole(within, "within", 0)
    specs = _labelled(rules)
    if len(specs) < 2:
        raise DesignError(f"Agreement needs two rules or more; {len(specs)} was given.")
    known = set().union(*(find_rule(_parts(spec)[0]).parameters for spec in specs.values()))
    unknown = [name for name in common if name not in known]
    if unknown:
        raise DesignError(f"None of the rules has a parameter '{unknown[0]}'.")
    source: dict[str, Any] = {"column": column, "measure": measure, "subscale": subscale}
    source |= {"events": events, "codes": codes}
    results = {label: _run(scores, spec, source, common) for label, spec in specs.items()}
    rows = [_pair(a, b, results[a], results[b], within) for a, b in combinations(results, 2)]
    pairs = pd.DataFrame(rows)
    columns = [r.clients.set_index("client_id")["class"].rename(k) for k, r in results.items()]
    classes = pd.concat(columns, axis=1).rename_axis("client_id").reset_index()
    return RuleAgreement(pairs, classes, results, within, _messages(pairs, results))


def _labelled(rules: Sequence[Spec] | Mapping[str, Spec]) -> dict[str, Spec]:
    if isinstance(rules, Mapping) and "rule" not in rules:
        return {str(label): spec for label, spec in rules.items()}
    if isinstance(rules, (str, Mapping, Ruptures)):
        rules = [rules]
    if not isinstance(rules, Iterable):
        raise DesignError(f"rules must be a list of rules, not {shown(rules)}.")
    labelled: dict[str, Spec] = {}
    for spec in rules:
        label = _label(spec)
        number = 2
        while label in labelled:
            label, number = f"{_label(spec)} #{number}", number + 1
        labelled[label] = spec
    return labelled


def _label(spec: Spec) -> str:
    if isinstance(spec, Ruptures):
        return spec.rule
    name, own = _parts(spec)
    given = ", ".join(f"{key}={value!r}" for key, value in own.items())
    return f"{name}({given})" if given else name


def _parts(spec: Spec) -> tuple[str, dict[str, Any]]:
    if isinstance(spec, Ruptures):
        return spec.rule, dict(spec.parameters)
    if isinstance(spec, str):
        return spec, {}
    if not isinstance(spec, Mapping) or "rule" not in spec:
        raise DesignError(
            "A rule is given by its name, as a dict with 'rule' and its parameters, or as a "
            f"result of detect_ruptures; {spec!r} is none of these."
        )
    return str(spec["rule"]), {key: value for key, value in spec.items() if key != "rule"}


def _run(
    scores: Study | pd.DataFrame, spec: Spec, source: Mapping[str, Any], common: Mapping[str, Any]
) -> Ruptures:
    if isinstance(spec, Ruptures):
        return spec
    name, own = _parts(spec)
    rule = find_rule(name)
    shared = {key: value for key, value in common.items() if key in rule.parameters}
    if rule.needs != "scores":
        shared = {key: value for key, value in shared.items() if key not in COMMON}
    return detect_ruptures(scores, rule=name, **source, **{**shared, **own})


def _pair(a: str, b: str, one: Ruptures, other: Ruptures, within: int) -> dict[str, Any]:
    columns = ["client_id", "session", "flag"]
    judged = [found.sessions.loc[found.sessions["judged"], columns] for found in (one, other)]
    both = judged[0].merge(judged[1], on=columns[:2], suffixes=("_a", "_b"))
    code, ids = pd.factorize(both["client_id"])
    cells = four_cells(code, both["flag_a"].to_numpy(), both["flag_b"].to_numpy(), len(ids))
    total = cells.sum(axis=0).astype(int)
    names = ("both", "only_a", "only_b", "neither")
    classified, changed, once = _class_changes(one, other)
    return {
        "rule_a": a,
        "rule_b": b,
        "n_sessions": len(both),
        **kappa(cells),
        **dict(zip(names, total.tolist(), strict=True)),
        "episodes_a": len(one.episodes),
        "episodes_b": len(other.episodes),
        "shared_a": _shared(one.episodes, other.episodes, within),
        "shared_b": _shared(other.episodes, one.episodes, within),
        "n_classified": classified,
        "n_change": changed,
        "n_judged_once": once,
    }


def _shared(these: pd.DataFrame, those: pd.DataFrame, within: int) -> int:
    """Return how many of these episodes have one of those beginning within so many sessions."""
    columns = ["client_id", "rupture_session"]
    left = these[columns].assign(row=np.arange(len(these)))
    near = left.merge(those[columns], on="client_id", suffixes=("", "_other"))
    apart = (near["rupture_session"] - near["rupture_session_other"]).abs()
    return int(near.loc[apart <= within, "row"].nunique())


def _class_changes(one: Ruptures, other: Ruptures) -> tuple[int, int, int]:
    """Return clients judged by both rules, those of another class, those judged by one only."""
    columns = ["client_id", "class"]
    both = one.clients[columns].merge(other.clients[columns], on="client_id").dropna()
    able_x, able_y = (~both[f"class_{one}"].isin(NOT_JUDGED) for one in "xy")
    judged = both[able_x & able_y]
    changed = int((judged["class_x"] != judged["class_y"]).sum())
    return len(judged), changed, int((able_x != able_y).sum())


def _messages(pairs: pd.DataFrame, results: Mapping[str, Ruptures]) -> tuple[str, ...]:
    found = [f"{label}: {said}" for label, result in results.items() for said in result.messages]
    unknown = int(pairs["conf_low"].isna().sum())
    if unknown:
        found.append(
            f"{unknown} of {len(pairs)} kappas have no interval: a rule flagged no session both "
            "could judge, or fewer than three clients carry it."
        )
    return tuple(found)
