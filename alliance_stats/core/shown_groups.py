"""The groups of people that were shown, and whether one more would give fewer than ten away.

Which sums of shown groups come down to few people is looked for in three ways:

- a whole less parts of it that share nobody: a column's total less any of its levels, a step of a
  curve, nested tables; parts less the whole that they fill and reach out of (those left over in
  all arms less those who dropped out); and what two parts that fill a whole have in common.
  Whatever the size of the ledger, with groups among them that follow from others (`_few_left`);
- any sum, each group added or subtracted any number of times, that comes down to people whom all
  groups treat in four ways or fewer (in ledgers of more than `MOST_PATTERNS` ways: two);
- any sum at all, as far as `MOST_SUMS` of them reach, which is all of them in small studies, where
  few people lie in many ways (`_spans_few`).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field

import numpy as np

SMALLEST_SHOWN = 10
MOST_PATTERNS = 300
MOST_SUMS = 5000
MOST_STEPS = 2000
ZERO = 1e-8
"""Sums of random weights of the size of one; rounding leaves 1e-12, chance reaches 1e-8 never."""
NEAR = 1e-6  # how far entries of reduced rows are from whole numbers by rounding, at most


@dataclass
class Ledger:
    """The groups of one kind of unit that were shown.

    The rows shown span a space of vectors over people. A group is told by them where its vector
    of ones lies in that space, that is where every vector at right angles to the space sums to
    zero over the group. Two random such vectors tell it with certainty. People whom all groups
    shown so far treat alike have one `pattern`; vectors of the space hold a number a pattern, so
    that the work grows with the tables of a report and hardly with its people.

    `shown` holds every group as an integer, whose bits are its people: also those that follow from
    others, since a whole less its parts is looked for among the groups that stand there.
    """

    least: int = SMALLEST_SHOWN
    """No sum of the groups shown comes down to fewer."""
    places: dict[Hashable, int] = field(default_factory=dict)
    patterns: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    sizes: np.ndarray = field(default_factory=lambda: np.zeros(0))
    basis: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)))
    shown: dict[int, None] = field(default_factory=dict)
    weights: np.ndarray = field(default_factory=lambda: np.zeros((2, 0)))
    random: np.random.Generator = field(default_factory=lambda: np.random.default_rng(20))

    def admit(self, groups: Iterable[frozenset[Hashable]]) -> bool:
        """Add all of the groups, or none where one of them would give somebody away."""
        groups = [group for group in groups if group]
        if any(len(group) < self.least for group in groups):
            return False
        held = [self._placed(group) for group in groups]
        self._grow()
        patterns, sizes, basis, shown = self.patterns, self.sizes, self.basis, dict(self.shown)
        for people in held:
            bits = _bits(people, len(patterns))
            if bits in shown:
                continue
            if _few_left(shown, bits, self.least):
                return False
            shown[bits] = None
            patterns, sizes, parent = _parted(patterns, sizes, people)
            basis = basis[:, parent]
            new = np.zeros(len(sizes))
            new[patterns[people]] = 1.0
            for _ in range(2):  # once leaves rounding errors that grow with the ledger
                new = new - basis.T @ (basis @ (sizes * new))
            length = float(np.sqrt(sizes @ new**2))
            if length >= ZERO * np.sqrt(len(patterns)):  # else it follows from what is shown
                basis = np.vstack([basis, new / length])
        if len(basis) > len(self.basis):
            sums = np.stack([np.bincount(patterns, w, len(sizes)) for w in self.weights])
            sums -= (sums @ basis.T @ basis) * sizes
            if _tells_of_few(sums, sizes, self.least) or _spans_few(basis, sizes, self.least):
                return False
        self.patterns, self.sizes, self.basis, self.shown = patterns, sizes, basis, shown
        return True

    def _placed(self, group: Iterable[Hashable]) -> np.ndarray:
        places = self.places
        return np.array([places.setdefault(one, len(places)) for one in group], dtype=np.int64)

    def _grow(self) -> None:
        """Let whoever is new be alike: in no group so far."""
        more = len(self.places) - len(self.patterns)
        if not more:
            return
        in_none = np.flatnonzero(~(np.abs(self.basis) > ZERO).any(axis=0))  # one pattern at most
        if not len(in_none):
            in_none = np.array([len(self.sizes)])
            self.sizes = np.append(self.sizes, 0.0)
            self.basis = np.pad(self.basis, ((0, 0), (0, 1)))
        self.sizes[in_none] += more
        self.patterns = np.append(self.patterns, np.repeat(in_none, more))
        self.weights = np.hstack([self.weights, self.random.normal(size=(2, more))])


def _bits(people: np.ndarray, of: int) -> int:
    inside = np.zeros(of, dtype=bool)
    inside[people] = True
    return int.from_bytes(np.packbits(inside, bitorder="little").tobytes(), "little")


def _parted(
    patterns: np.ndarray, sizes: np.ndarray, people: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Part the patterns of which a group holds some people only.

    Returns each person's pattern, the patterns' sizes, and which pattern each was part of.
    """
    inside = np.bincount(patterns[people], minlength=len(sizes)).astype(float)
    torn = np.flatnonzero((inside > 0) & (inside < sizes))
    parent = np.append(np.arange(len(sizes)), torn)
    renamed = np.arange(len(sizes))
    renamed[torn] = len(sizes) + np.arange(len(torn))
    patterns = patterns.copy()
    patterns[people] = renamed[patterns[people]]
    sizes = np.append(sizes, inside[torn])
    sizes[torn] -= inside[torn]
    return patterns, sizes, parent


def _few_left(shown: Iterable[int], new: int, least: int) -> bool:
    """Return whether a group leaves few of a whole, alone or beside parts that were shown."""
    if _packs(new, [part for part in shown if not part & ~new], least):
        return True
    if _reach_out(new, 0, shown, least):
        return True
    for whole in shown:
        rest, out = whole & ~new, new & ~whole
        if out.bit_count() < least and rest and _reach_out(whole, new, shown, least):
            return True
        if out:
            continue
        if 0 < rest.bit_count() < least:
            return True
        within = [part for part in shown if not part & ~whole and part != whole]
        common = ((part & new).bit_count() for part in within if not rest & ~part)
        if any(0 < few < least for few in common):
            return True
        if _packs(rest, [part for part in within if not part & ~rest], least):
            return True
    return False


def _packs(whole: int, parts: list[int], least: int) -> bool:
    """Return whether parts that share nobody fill a whole but for few people.

    Whoever is in no part that is still whole is left over; of somebody else it is tried to leave
    him, and to take each of his parts. Where that takes too long they are held to fill it.
    """
    waiting, seen = [(whole, 0, parts)], set()
    while waiting:
        rest, left, parts = waiting.pop()
        fit, reached = [part for part in parts if not part & ~rest], 0
        for part in fit:
            reached |= part
        left, rest = left + (rest & ~reached).bit_count(), rest & reached
        if left >= least or (rest, left) in seen:
            continue
        if 0 < left + rest.bit_count() < least or (left and not rest):
            return True
        seen.add((rest, left))
        if len(seen) > MOST_STEPS:
            return True
        one = rest & -rest
        if one:
            waiting.append((rest & ~one, left + 1, fit))
            waiting += [(rest & ~part, left, fit) for part in fit if part & one]
    return False


def _reach_out(whole: int, first: int, shown: Iterable[int], least: int) -> bool:
    """Return whether parts that share nobody, `first` among them, fill a whole and a few beside it.

    Where that takes too long they are held to.
    """
    near = [
        part
        for part in shown
        if part & whole and not part & first and (part & ~whole).bit_count() < least
    ]
    waiting, seen = [(whole & ~first, first & ~whole, near)], set()
    while waiting:
        rest, out, near = waiting.pop()
        reached = 0
        for part in near:
            reached |= part
        if not rest and out:
            return True
        if not rest or rest & ~reached or (rest, out) in seen:
            continue
        seen.add((rest, out))
        if len(seen) > MOST_STEPS:
            return True
        one = rest & -rest
        for part in near:
            beside = out | (part & ~whole)
            if part & one and beside.bit_count() < least:
                left = [other for other in near if not other & part]
                waiting.append((rest & ~part, beside, left))
    return False


def _tells_of_few(sums: np.ndarray, sizes: np.ndarray, least: int) -> bool:
    """Return whether some few people are told; those treated alike only together.

    `sums` are those of the random vectors over the people of each pattern.
    """
    small = sizes < least
    sizes, sums = sizes[small], sums[:, small]
    if len(sizes) <= MOST_PATTERNS:  # up to two patterns on either side: four people
        first, second = np.triu_indices(len(sizes), 1)
        sizes = np.concatenate([[0], sizes, sizes[first] + sizes[second]])
        sums = np.hstack([np.zeros((2, 1)), sums, sums[:, first] + sums[:, second]])
    else:
        sizes, sums = np.append(sizes, 0), np.hstack([sums, np.zeros((2, 1))])
    sums, sizes = sums[:, sizes < least], sizes[sizes < least]
    order = np.argsort(sums[0])
    sums, sizes = sums[:, order], sizes[order]
    start = np.searchsorted(sums[0], -sums[0] - ZERO)
    stop = np.searchsorted(sums[0], -sums[0] + ZERO)
    for place in np.flatnonzero(stop > start):
        partners = np.arange(start[place], stop[place])
        together = sizes[partners] + sizes[place]
        zero = np.abs(sums[1, partners] + sums[1, place]) < ZERO
        if (zero & (together > 0) & (together < least)).any():
            return True
    return False


def _spans_few(basis: np.ndarray, sizes: np.ndarray, least: int) -> bool:
    """Return whether the space holds a vector of ones over few people, in however many patterns.

    Of the space only what is zero over all large patterns matters. In its reduced rows a vector of
    ones is a sum of rows, each once: those whose own pattern it holds, which together are few.
    """
    small = sizes < least
    outside = basis[:, ~small]
    turned, lengths, _ = np.linalg.svd(outside)
    rank = int((lengths > ZERO).sum())
    order = np.argsort(-sizes[small], kind="stable")
    rows, own = _reduced(turned[:, rank:].T @ basis[:, small][:, order])
    sizes = sizes[small][order]
    sums, last, held = np.zeros((1, len(sizes))), np.array([-1]), np.zeros(1)
    tried = 0
    while len(sums):
        later = np.arange(len(rows)) > last[:, None]
        first, second = np.nonzero(later & (held[:, None] + sizes[own] < least))
        tried += len(first)
        if tried > MOST_SUMS:
            return False
        sums, last, held = sums[first] + rows[second], second, held[first] + sizes[own][second]
        people = sums @ sizes  # a vector of ones sums to whole people; hardly another does
        few = sums[(people < least - 0.5) & (np.abs(people - np.rint(people)) < NEAR * sizes.sum())]
        if (np.minimum(np.abs(few), np.abs(few - 1.0)) < NEAR).all(axis=1).any():
            return True
    return False


def _reduced(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the reduced row echelon form, and the column of each row's leading one."""
    rows = rows.copy()
    own: list[int] = []
    for column in range(rows.shape[1]):
        done = len(own)
        if done == len(rows):
            break
        at = done + int(np.abs(rows[done:, column]).argmax())
        if abs(rows[at, column]) < NEAR:
            continue
        rows[[done, at]] = rows[[at, done]]
        rows[done] /= rows[done, column]
        factors = rows[:, column].copy()
        factors[done] = 0.0
        rows -= factors[:, None] * rows[done]
        own.append(column)
    return rows[: len(own)], np.array(own, dtype=np.int64)
