"""Clients' courses as flat arrays: the form in which every rule works.

All sessions of all clients stand in one array, client after client and session after session;
``start`` says where each client begins. Whatever is asked of a client is then one pass over the
array (``numpy.add.reduceat``), and no rule needs a loop over clients. Scores are turned so that
higher is better; direction is dealt with once, where the data are read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Booleans = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Courses:
    """The observed sessions of all clients, sorted by client and session.

    Attributes
    ----------
    session
        Session numbers, rising within each client.
    value
        Scores, turned so that higher is better; no missing values.
    start
        Position of each client's first session.
    sign
        1 where a higher score is better, -1 where lower is; ``sign * value`` is the score.
    replicates
        The clients are this many equally laid out samples, one after the other; what is pooled
        over a sample is pooled within each.
    marks
        Further columns, parallel to the sessions, for rules that read reports or codes.
    """

    session: Integers
    value: Floats
    start: Integers
    sign: float = 1.0
    replicates: int = 1
    marks: Mapping[str, Floats] = field(default_factory=dict)

    @cached_property
    def length(self) -> Integers:
        """Number of observed sessions of each client."""
        return np.diff(self.start, append=self.session.size)

    @cached_property
    def client(self) -> Integers:
        """Client's number, for each session."""
        return np.repeat(np.arange(self.start.size), self.length)

    @cached_property
    def position(self) -> Integers:
        """0 for a client's first observed session, 1 for the second, and so on."""
        return np.arange(self.session.size) - self.spread(self.start)

    @cached_property
    def mean(self) -> Floats:
        """Mean of each client's values."""
        return self.sums(self.value) / self.length

    @cached_property
    def centred(self) -> Floats:
        """Values less the client's mean."""
        return self.value - self.spread(self.mean)

    @cached_property
    def squares(self) -> Floats:
        """Sum of squares of each client about the client's own mean."""
        return self.sums(np.square(self.centred))

    @cached_property
    def noise(self) -> float:
        """A difference this small is rounding, not a difference."""
        largest = max(abs(float(self.value.max())), abs(float(self.value.min())))
        return 1e-10 * max(largest, 1e-300)

    def sums(self, values: npt.NDArray) -> npt.NDArray:
        """Return the sum of `values` over each client's sessions."""
        return np.add.reduceat(values, self.start)

    def spread(self, per_client: npt.NDArray) -> npt.NDArray:
        """Return one value a session from one value a client (or one for everybody)."""
        if per_client.size == 1 and self.start.size != 1:
            return per_client.astype(float)
        return np.repeat(per_client, self.length)

    def pooled(self, per_client: npt.NDArray) -> Floats:
        """Return the sum over each sample's clients: one value a replicate."""
        return per_client.reshape(self.replicates, -1).sum(axis=1)

    def by_sample(self, per_replicate: npt.NDArray) -> npt.NDArray:
        """Return one value a client from one value a replicate."""
        if self.replicates == 1:
            return per_replicate
        return np.repeat(per_replicate, self.start.size // self.replicates)

    def linked(self, max_gap: int | None) -> Booleans:
        """Return where the session before is observed and at most `max_gap` numbers away."""
        if max_gap is None:
            linked = np.ones(self.session.size, dtype=bool)
        else:
            linked = np.empty(self.session.size, dtype=bool)
            np.less_equal(self.session[1:] - self.session[:-1], max_gap, out=linked[1:])
        linked[self.start] = False
        return linked

    def steps(self) -> Iterator[tuple[int, Integers, Integers]]:
        """Walk all clients at once, one session a step: (step, clients, their positions).

        Clients come longest first, so that those who still have a session are always the first
        of the list and a recursion over sessions is a loop of as many steps as the longest
        course has.
        """
        order = np.argsort(-self.length, kind="stable")
        starts = self.start[order]
        longest = int(self.length.max())
        still = np.searchsorted(-self.length[order], -np.arange(longest), side="left")
        for step in range(longest):
            yield step, order[: still[step]], starts[: still[step]] + step


def by_length(courses: Courses) -> Iterator[tuple[int, Integers]]:
    """Group clients by their number of sessions: (number of sessions, clients)."""
    order = np.argsort(courses.length, kind="stable")
    lengths, first = np.unique(courses.length[order], return_index=True)
    for length, clients in zip(lengths, np.split(order, first[1:]), strict=True):
        yield int(length), clients


def matrix(values: npt.NDArray, courses: Courses, clients: Integers, length: int) -> npt.NDArray:
    """Return the values of clients of one length, a row a session and a column a client."""
    return values[courses.start[clients][None, :] + np.arange(length)[:, None]]
