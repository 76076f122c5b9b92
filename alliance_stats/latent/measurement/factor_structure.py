"""Factor models as structures: one group, several groups, or the same items more than once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ..engine.structure import Cell, Model, Structure

KINDS = {"loadings": "loading", "intercepts": "intercept", "residuals": "residual"}
"""What may be held equal, and what it is called for one item."""


@dataclass(frozen=True, eq=False)
class Factors:
    """Which items measure which factors, under which conditions, and what is equal over them.

    Attributes
    ----------
    factors
        Factor → its items.
    conditions
        Groups of people; or, where `repeated`, raters or sessions of the same people.
    mean, sd
        Of each item (column) under each condition (row), to start from.
    equal
        What is held equal over conditions: of ``loadings, intercepts, residuals, means``.
    freed
        ``("intercept", item)`` and the like that are not, though their kind is.
    marker
        Whether the first item's loading is 1, rather than the factor's variance.
    known
        Estimates of an earlier model, to start from.
    sign
        -1 for an item that runs against the first of its factor.
    """

    factors: Mapping[str, Sequence[str]]
    conditions: Sequence[str]
    mean: np.ndarray
    sd: np.ndarray
    repeated: bool = False
    equal: frozenset[str] = frozenset()
    freed: frozenset[tuple[str, str]] = frozenset()
    marker: bool = False
    known: Mapping[str, float] = field(default_factory=dict)
    sign: Mapping[str, float] = field(default_factory=dict)

    @property
    def items(self) -> list[str]:
        """All items, each once."""
        return list(dict.fromkeys(item for items in self.factors.values() for item in items))

    def named(self, name: str, k: int) -> str:
        """Return the name of a variable under a condition; the conditions of one person differ."""
        return f"{name} ({self.conditions[k]})" if self.repeated else name

    def label(self, kind: str, name: str, k: int, of: str = "") -> str:
        """Return the label of a parameter, one for all conditions where it is held equal."""
        same = kind in self.equal and (KINDS.get(kind, ""), of) not in self.freed
        return name if same or len(self.conditions) == 1 else f"{name}@{k}"

    def labels(self, kind: str, item: str) -> list[list[str]]:
        """Return the labels of an item's intercept, or of each of its loadings, by condition."""
        held = next(name for name, of_one in KINDS.items() if of_one == kind)
        own = [f"{f}=~{item}" for f, items in self.factors.items() if item in items]
        own = [f"{item}~1"] if kind == "intercept" else own
        conditions = range(len(self.conditions))
        return [[self.label(held, name, k, item) for k in conditions] for name in own]

    def model(self) -> Model:
        """Return the model, started at what is known of an earlier one."""
        cells = [list(self._cells(k)) for k in range(len(self.conditions))]
        if self.repeated:
            everything = [cell for own in cells for cell in own] + list(self._across())
            names = [self.named(i, k) for k in range(len(cells)) for i in self.items]
            latent = [self.named(f, k) for k in range(len(cells)) for f in self.factors]
            words = {n: said for k in range(len(cells)) for n, said in self._words(k).items()}
            model = Model.of(Structure(names, latent, everything, words=words))
        else:
            factors = list(self.factors)
            model = Model.of(
                *(
                    Structure(self.items, factors, own, words=self._words(k))
                    for k, own in enumerate(cells)
                )
            )
        start = [
            self._known(name, first) for name, first in zip(model.names, model.start, strict=True)
        ]
        return replace(model, start=np.array(start))

    def _words(self, k: int) -> dict[str, str]:
        """Return what items and factors of a condition are called where there are several."""
        if len(self.conditions) < 2:
            return {}
        return {
            self.named(one, k): f"{one} of {self.conditions[k]}"
            for one in (*self.items, *self.factors)
        }

    def _known(self, name: str, first: float) -> float:
        plain, _, k = name.partition("@")
        return self.known.get(
            name, self.known.get(plain, self.known.get(f"{plain}@{k or 0}", first))
        )

    def _cells(self, k: int) -> Iterator[Cell]:
        """Yield the cells of one condition."""
        place = {item: i for i, item in enumerate(self.items)}
        for factor, items in self.factors.items():
            f = self.named(factor, k)
            for i, item in enumerate(items):
                label = self.label("loadings", f"{factor}=~{item}", k, item)
                fixed = self.marker and i == 0
                value = 1.0 if self.marker else 0.7 * self.sd[k, place[item]]
                value *= 1.0 if fixed else self.sign.get(item, 1.0)
                yield Cell("loading", self.named(item, k), f, "" if fixed else label, value)
            free = self.marker or (k > 0 and "loadings" in self.equal)
            first = 0.5 * self.sd[k, place[items[0]]] ** 2 if self.marker else 1.0
            yield Cell("covariance", f, f, f"{factor}~~{factor}@{k}" if free else "", first)
            if k > 0 and "intercepts" in self.equal and "means" not in self.equal:
                yield Cell("mean", f, "", f"{factor}~1@{k}", 0.0)
        for item, i in place.items():
            name = self.named(item, k)
            label = self.label("intercepts", f"{item}~1", k, item)
            yield Cell("intercept", name, "", label, self.mean[k, i])
            label = self.label("residuals", f"{item}~~{item}", k, item)
            yield Cell("residual", name, name, label, 0.5 * self.sd[k, i] ** 2)
        names = list(self.factors)
        for i, one in enumerate(names):
            for other in names[:i]:
                label, value = f"{other}~~{one}@{k}", self._together(one, other, k, 0.3)
                yield Cell("covariance", self.named(one, k), self.named(other, k), label, value)

    def _together(self, one: str, other: str, k: int, r: float) -> float:
        if not self.marker:
            return r
        first = [self.items.index(self.factors[name][0]) for name in (one, other)]
        return 0.5 * r * float(self.sd[k, first].prod())

    def _across(self) -> Iterator[Cell]:
        """Yield what goes together over one person's conditions: factors, and parallel items."""
        for k in range(len(self.conditions)):
            for j in range(k):
                for item in self.items:
                    own, other = self.named(item, k), self.named(item, j)
                    yield Cell("residual", own, other, f"{item}~~{item}@{j},{k}", 0.0)
                for one in self.factors:
                    for two in self.factors:
                        own, other = self.named(one, k), self.named(two, j)
                        yield Cell("covariance", own, other, f"{two}@{j}~~{one}@{k}", 0.2)
