"""Ratings that do not fit into memory: validated and scored part by part.

A client's answers may lie in any partition, and a form's items in several. So the rows are first
dealt out by client into pieces of their own (one pass, each partition by itself), and each piece is
then validated and scored as a study of its own is.
"""

from __future__ import annotations

import tempfile
from collections.abc import Collection
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..core.arguments import whole
from ..core.parallel import in_pieces
from ..core.partitions import Source, source_of
from ..errors import ColumnError, DesignError, listing
from ..instruments import score
from ..instruments.registry import Registry, load_registry
from .origin import RawStudy
from .validating.doctor import check

COLUMNS = ("client_id", "session", "rater", "measure", "item", "value")
LEAST = ("client_id", "measure", "item", "value")
FORM = ["measure", "rater", "scale"]
ROWS = ["rows_in", "rows_kept", "rows_set_aside"]


def score_partitions(
    ratings: Any,
    folder: str | PathLike[str],
    *,
    already_reversed: bool | Collection[tuple[str, str]] = False,
    registry: Registry | None = None,
    pieces: int | None = None,
    progress: bool = False,
) -> pd.DataFrame:
    """Validate and score answers that do not fit into memory: a folder of Parquet in, one out.

    Parameters
    ----------
    ratings
        The path of a folder of Parquet files, or a Dask DataFrame: one row an answer, with the
        columns ``client_id, session, rater, measure, item, value`` (further ones are left out). A
        client's rows may lie in any of its parts.
    folder
        Where the scores go: a new or empty folder, in which ``0000.parquet`` and so on then lie,
        each with all scores of some clients, as `score` gives them.
    already_reversed, registry
        As in `score`.
    pieces
        In how many pieces clients are dealt out; by default as many as the data have partitions. A
        piece must fit into memory.
    progress
        Whether to show a bar.

    Returns
    -------
    pandas.DataFrame
        A row a measure, rater and scale: ``measure, rater, scale, forms, scored``. ``.attrs`` holds
        ``issues``, a list of what `validate` finds (``rule, level, column, problems``; an answer
        out of range is treated as missing), and ``rows``: how many came in, were kept and were set
        aside; and ``without``, sentences on files that have no such column, though others do.

    Raises
    ------
    ColumnError, ReadError, DesignError
        Where a column is missing, a file cannot be read, or the folder holds files.

    Notes
    -----
    The pieces are worked on wherever joblib is told to (``joblib.parallel_config``); between the
    two passes they lie in a scratch folder beside `folder`, which is taken away.

    Examples
    --------
    >>> import alliance_stats as al, pathlib, tempfile
    >>> place = pathlib.Path(tempfile.mkdtemp())
    >>> ratings = al.simulate_study(n_clients=30, n_therapists=6, seed=1).tables["ratings"]
    >>> (place / "ratings").mkdir()
    >>> for part in range(2):
    ...     ratings.iloc[part::2].to_parquet(place / f"ratings/{part}.parquet")
    >>> found = al.score_partitions(place / "ratings", place / "scores")
    >>> bool((found["scored"] <= found["forms"]).all()), found.attrs["issues"]
    (True, [])
    """
    source = source_of(ratings)
    lacking = [name for name in LEAST if name not in source.columns]
    if lacking:
        raise ColumnError(
            f"The ratings lack the column {listing(lacking)}; one row an answer has "
            f"{listing(COLUMNS)}."
        )
    columns = [name for name in COLUMNS if name in source.columns]
    count = max(len(source), 1) if pieces is None else whole(pieces, "pieces", 1)
    target = _new_folder(Path(folder))
    known = load_registry() if registry is None else registry
    with tempfile.TemporaryDirectory(prefix=".dealt-", dir=target.parent) as scratch:
        places = _dealt(source, columns, Path(scratch), count, progress)
        work = _Scoring(target, already_reversed, known)
        found = list(in_pieces(work, places, progress="Scoring" if progress else ""))
    together = _together(found)
    together.attrs["without"] = source.without(columns)
    return together


def _new_folder(target: Path) -> Path:
    """Make the folder for the scores; one that holds something is not written into."""
    try:
        if target.exists() and (not target.is_dir() or any(target.iterdir())):
            raise DesignError(
                f"'{target}' is there and not empty: name a new folder for the scores."
            )
        target.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        if isinstance(error, DesignError):
            raise
        raise DesignError(f"The folder {str(target)!r} cannot be made: {error}.") from None
    return target


def _dealt(
    source: Source, columns: list[str], scratch: Path, count: int, progress: bool
) -> list[tuple[int, list[Path]]]:
    """Deal rows out by client; return the number of each piece that has rows, and its files."""
    words = "Dealing out by client" if progress else ""
    each = source.each(_Dealing(scratch, count), columns, words)
    files: dict[int, list[Path]] = {}
    for wrote in each:
        for number, path in wrote.items():
            files.setdefault(number, []).append(path)
    return sorted(files.items())


@dataclass(frozen=True)
class _Dealing:
    """Writes a partition's rows to the pieces of their clients."""

    scratch: Path
    count: int

    def __call__(self, frame: pd.DataFrame) -> dict[int, Path]:
        codes, clients = pd.factorize(frame["client_id"])
        names = pd.Index(clients).astype(str).to_numpy(dtype=object)
        piece_of = (pd.util.hash_array(names) % np.uint64(self.count)).astype(np.intp)
        # rows without a client go to the first piece, where validation tells of them
        number = np.append(piece_of, 0)[codes]
        found = {}
        for one in np.unique(number):
            handle, path = tempfile.mkstemp(suffix=".parquet", dir=self.scratch)
            with open(handle, "wb") as out:
                frame[number == one].to_parquet(out, index=False)
            found[int(one)] = Path(path)
        return found


@dataclass(frozen=True)
class _Scoring:
    """Validates and scores one piece, writes its scores, and returns the counts."""

    target: Path
    already_reversed: bool | Collection[tuple[str, str]]
    registry: Registry

    def __call__(self, piece: tuple[int, list[Path]]) -> dict[str, pd.DataFrame]:
        number, paths = piece
        frame = pd.concat([pd.read_parquet(path) for path in paths], ignore_index=True)
        pairs = self.already_reversed
        options = {
            "registry": self.registry,
            "already_reversed": () if isinstance(pairs, bool) else tuple(pairs),
        }
        raw = RawStudy(name="ratings", folder=Path(), tables={"ratings": frame}, options=options)
        report, kept = check(raw)
        rows = kept["ratings"]
        names = rows["measure"].dropna().unique()
        has_card = [n for n in names if n in self.registry and self.registry[n].scales]
        rows = rows[rows["measure"].isin(has_card)]
        issues = report.issues.groupby(["rule", "level", "column"], as_index=False).size()
        told = {"issues": issues, "rows": report.rows[ROWS].sum().to_frame().T}
        if not len(rows):
            return told
        scores = score(rows, already_reversed=pairs, registry=self.registry)
        scores.attrs = {}
        scores.to_parquet(self.target / f"{number:04d}.parquet", index=False)
        return told | {
            "counts": scores.groupby(FORM, as_index=False)["score"].agg(["size", "count"])
        }


def _together(found: list[dict[str, pd.DataFrame]]) -> pd.DataFrame:
    """Add up what the pieces told."""

    def added(name: str, keys: list[str], values: list[str]) -> pd.DataFrame:
        parts = [one[name] for one in found if name in one and len(one[name])]
        if not parts:
            return pd.DataFrame(columns=[*keys, *values])
        whole_ = pd.concat(parts, ignore_index=True)
        return whole_.groupby(keys, as_index=False, dropna=False)[values].sum()

    counts = added("counts", FORM, ["size", "count"])
    counts = counts.rename(columns={"size": "forms", "count": "scored"})
    issues = added("issues", ["rule", "level", "column"], ["size"])
    issues = issues.rename(columns={"size": "problems"})
    totals = pd.concat([one["rows"] for one in found]).sum().astype(int)
    counts.attrs = {"issues": issues.to_dict("records"), "rows": totals.to_dict()}
    return counts
