"""Where partitions are, and how something is done with each of them.

A folder of Parquet files is gone through row group by row group, in this process or wherever
joblib is told to work; the partitions of a Dask DataFrame are worked on by Dask, which computes
those of a lost worker again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Protocol, TypeVar

import pandas as pd

from ..errors import ColumnError, ReadError, listing
from .parallel import in_pieces, shown_while

Found = TypeVar("Found")
Work = Callable[[pd.DataFrame], Found]


class Source(Protocol):
    """Data in partitions."""

    @property
    def where(self) -> str:
        """What a reader calls them."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of each."""

    def __len__(self) -> int:
        """Return the number of partitions."""

    def without(self, columns: Sequence[str]) -> list[str]:
        """Return in sentences which parts have no such columns, though others do."""

    def begin(self, number: int, columns: Sequence[str], rows: int) -> pd.DataFrame:
        """Return the first rows of one partition."""

    def each(self, work: Work[Found], columns: Sequence[str], progress: str) -> Iterator[Found]:
        """Yield what `work` makes of each partition's columns, in their order."""


def source_of(data: Any) -> Source:
    """Return where partitions are.

    Raises
    ------
    ColumnError
        Where it is neither a path nor a Dask DataFrame.
    ReadError
        Where a folder holds no Parquet file, or one that cannot be read.
    """
    if isinstance(data, str | PathLike):
        return ParquetFolder.at(Path(data))
    if type(data).__module__.partition(".")[0] == "dask" and hasattr(data, "to_delayed"):
        return DaskFrame(data)
    raise ColumnError(
        "The data must be a pandas DataFrame, a Dask DataFrame or the path of a folder of Parquet "
        f"files, not {type(data).__name__}."
    )


@dataclass(frozen=True)
class ParquetFolder:
    """The row groups of Parquet files."""

    where: str
    columns: tuple[str, ...]
    groups: tuple[Any, ...]
    schema: Any
    clashes: Mapping[str, str]
    """By column why it is not one thing in all files; asked only of columns that are used."""
    lacking: Mapping[str, Sequence[str]]
    """By column the files that do not have it, though others do."""

    @classmethod
    def at(cls, path: Path) -> ParquetFolder:
        """Find the row groups of a folder's files (in name order), or of one file."""
        import pyarrow as pa
        from pyarrow import dataset

        files = sorted(path.rglob("*.parquet")) if path.is_dir() else [path]
        if not files or not path.exists():
            what = "holds no file that ends in .parquet" if path.is_dir() else "does not exist"
            raise ReadError(
                f"'{path}' {what}.", hint="Data for a fit are a table, or a folder of such files."
            )
        base = str(path if path.is_dir() else path.parent)
        try:
            found = dataset.dataset(
                [str(file) for file in files],
                format="parquet",
                partitioning="hive",
                partition_base_dir=base,
            )
            parts = [*found.get_fragments()]
            groups = [g for part in parts for g in part.split_by_row_group()]
            schema, clashes, lacking = _joint(found.schema, parts)
            rows = found.count_rows()
        except (pa.ArrowException, OSError) as error:
            raise ReadError(
                f"The Parquet files of '{path}' cannot be read: {error}.",
                hint="Write the one that is named again.",
            ) from None
        if not rows:
            raise ReadError(
                f"The Parquet files of '{path}' hold no row.", hint="Name the folder that does."
            )
        where = f"'{path.resolve().name}'"
        return cls(where, tuple(schema.names), tuple(groups), schema, clashes, lacking)

    def __len__(self) -> int:
        return len(self.groups)

    def without(self, columns: Sequence[str]) -> list[str]:
        """Return in sentences which files have no such columns, though others do."""
        return [
            f"'{name}' is no column of {listing([repr(file) for file in self.lacking[name]])}, and "
            "counts as missing in every row there."
            for name in columns
            if name in self.lacking
        ]

    def begin(self, number: int, columns: Sequence[str], rows: int) -> pd.DataFrame:
        """Return the first rows of one row group."""
        return self._loader(columns, rows)(self.groups[number])

    def each(self, work: Work[Found], columns: Sequence[str], progress: str) -> Iterator[Found]:
        """Yield what `work` makes of each row group, in their order."""
        loader = self._loader(columns)
        yield from in_pieces(_Chained(loader, work), self.groups, progress=progress)

    def _loader(self, columns: Sequence[str], rows: int | None = None) -> _Loader:
        for name in columns:
            if name in self.clashes:
                raise ColumnError(self.clashes[name])
        return _Loader(tuple(columns), self.schema, rows)


def _joint(schema: Any, files: Sequence[Any]) -> tuple[Any, dict[str, str], dict[str, list[str]]]:
    """Return the columns of all files with types that hold each file's; clashes; who lacks one.

    What is cast to the first file's type is another thing where that holds numbers and a later one
    words: '001' and '1' would be one client.
    """
    import pyarrow as pa

    fields, clashes, lacking = [], {}, {}
    everywhere = {field.name: field for part in files for field in part.physical_schema}
    everywhere |= {field.name: field for field in schema}
    for field in everywhere.values():
        types: dict[Any, str] = {}
        without: list[str] = []
        for part in files:
            place, name = part.physical_schema.get_field_index(field.name), Path(part.path).name
            if place >= 0:
                types.setdefault(part.physical_schema.types[place], name)
            else:
                without.append(name)
        if types and without:  # else it is a folder's name that gives the values
            lacking[field.name] = without
        types = {one: file for one, file in types.items() if not pa.types.is_null(one)}
        kinds: dict[str, str] = {}
        for one, file in types.items():
            kinds.setdefault(_kind(one), file)
        if len(kinds) > 1:
            (one, here), (other, there), *_ = kinds.items()
            clashes[field.name] = (
                f"'{field.name}' holds {one} in '{here}' and {other} in '{there}'. Write the files "
                "again with one kind: numbers read as words, or words as numbers, may be others."
            )
        elif len(types) > 1 or (types and pa.types.is_null(field.type)):
            field = field.with_type(_wide([*types]))
        fields.append(field)
    return pa.schema(fields), clashes, lacking


def _kind(of: Any) -> str:
    """Return what a type of Arrow holds, in words."""
    from pyarrow import types

    if types.is_dictionary(of):
        return _kind(of.value_type)
    if types.is_string(of) or types.is_large_string(of):
        return "words"
    numbers = types.is_integer, types.is_floating, types.is_decimal, types.is_boolean
    if any(is_one(of) for is_one in numbers):
        return "numbers"
    return "times" if types.is_temporal(of) else str(of)


def _wide(of: Sequence[Any]) -> Any:
    """Return a type that holds several of one kind."""
    import pyarrow as pa

    kind = _kind(of[0])
    if len(of) == 1 or kind not in ("words", "numbers"):
        return of[0]
    if kind == "words":
        return pa.string()
    whole = all(pa.types.is_integer(one) or pa.types.is_boolean(one) for one in of)
    return pa.int64() if whole else pa.float64()


@dataclass(frozen=True)
class _Loader:
    """Reads columns of a row group, or of its first rows."""

    columns: tuple[str, ...]
    schema: Any
    rows: int | None = None

    def __call__(self, group: Any) -> pd.DataFrame:
        import pyarrow as pa

        try:
            how = {"schema": self.schema, "columns": list(self.columns), "use_threads": False}
            rows = group.scanner(**how)
            table = rows.to_table() if self.rows is None else rows.head(self.rows)
        except (pa.ArrowException, OSError) as error:
            raise ReadError(
                f"'{Path(group.path).name}' cannot be read: {error}.",
                hint="Write that file again; all files need the same columns of the same kinds.",
            ) from None
        return table.to_pandas(split_blocks=True, self_destruct=True, ignore_metadata=True)


@dataclass(frozen=True)
class _Chained:
    """Load, then work: one step for whoever does it."""

    load: Callable[[Any], pd.DataFrame]
    work: Callable[[pd.DataFrame], Any]

    def __call__(self, place: Any) -> Any:
        return self.work(self.load(place))


class DaskFrame:
    """A Dask DataFrame."""

    where = "a Dask DataFrame"

    def __init__(self, data: Any) -> None:
        self.data = data
        self.columns = tuple(data.columns)

    def __len__(self) -> int:
        return int(self.data.npartitions)

    def without(self, columns: Sequence[str]) -> list[str]:
        """Return nothing: all partitions have the same columns."""
        return []

    def begin(self, number: int, columns: Sequence[str], rows: int) -> pd.DataFrame:
        """Return the first rows of one partition."""
        part = self.data[list(columns)].partitions[number]
        found: pd.DataFrame = part.map_partitions(pd.DataFrame.head, rows).compute()
        return found

    def each(self, work: Work[Found], columns: Sequence[str], progress: str) -> Iterator[Found]:
        """Yield what `work` makes of each partition, in their order."""
        import dask

        parts = self.data[list(columns)].to_delayed()
        tasks = [dask.delayed(work, pure=False)(part) for part in parts]
        yield from shown_while(_computed(tasks), len(tasks), progress)


def _computed(tasks: Sequence[Any]) -> Iterator[Any]:
    """Compute Dask's tasks; on a cluster all at once, else as many as there are processors."""
    import dask

    try:
        from distributed import as_completed, default_client

        client = default_client()
    except (ImportError, ValueError):  # no cluster: Dask's own threads
        some = 2 * (dask.config.get("num_workers", None) or dask.system.CPU_COUNT)
        for first in range(0, len(tasks), some):
            yield from dask.compute(*tasks[first : first + some])
        return
    futures = client.compute(list(tasks))
    place = {future.key: number for number, future in enumerate(futures)}
    waiting: dict[int, Any] = {}
    following = 0
    for future, result in as_completed(futures, with_results=True):
        waiting[place[future.key]] = result
        while following in waiting:  # in their order, so that sums do not depend on the cluster
            yield waiting.pop(following)
            following += 1
