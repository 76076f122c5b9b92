"""Sharing work over processes or machines: one loop for all that can be done in pieces.

The pieces run where joblib is told to run them: ``n_jobs`` processes of this machine, or what
``joblib.parallel_config`` names (``with joblib.parallel_config("dask"): ...`` sends them to a
Dask cluster). What comes back is in the order of the pieces, so a result does not depend on where
they ran.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from .arguments import whole

Piece = TypeVar("Piece")
Found = TypeVar("Found")


def workers(n_jobs: int | None) -> int:
    """Return how many pieces are worked on at once.

    None is what ``joblib.parallel_config`` says, and one where it says nothing.
    """
    from joblib import effective_n_jobs
    from joblib.parallel import get_active_backend

    if n_jobs is None:
        return int(effective_n_jobs(get_active_backend()[1]))
    if n_jobs != -1:
        whole(n_jobs, "n_jobs", 1)
    return int(effective_n_jobs(n_jobs))


def in_pieces(
    work: Callable[[Piece], Found],
    pieces: Sequence[Piece],
    *,
    n_jobs: int | None = None,
    progress: str = "",
) -> Iterator[Found]:
    """Yield what `work` makes of each piece, in their order.

    Parameters
    ----------
    n_jobs
        Processes; -1 for one a processor; None for what ``joblib.parallel_config`` says.
    progress
        The words beside a bar; without them none is shown.
    """
    if len(pieces) < 2 or workers(n_jobs) == 1:
        found: Iterator[Found] = map(work, pieces)
    else:
        from joblib import Parallel, delayed

        parallel = Parallel(n_jobs=n_jobs, return_as="generator", batch_size=1)
        found = parallel(delayed(work)(piece) for piece in pieces)
    return iter(shown_while(found, len(pieces), progress))


def shown_while(found: Iterable[Found], total: int, progress: str) -> Iterable[Found]:
    """Show a bar while something is gone through."""
    if not progress:
        return found
    from rich.progress import track

    return track(found, description=progress, total=total)
