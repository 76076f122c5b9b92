"""Tables as values: copies that share their data, columns in order, equality cell by cell."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping
from functools import wraps
from typing import TYPE_CHECKING, Any

from .tables import table_schema

if TYPE_CHECKING:
    import pandas as pd

    from .study import Study


def in_order(table: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Return a copy with the schema's columns first, in its order, then all others."""
    rank = {field.name: place for place, field in enumerate(table_schema(table).fields)}
    ranks = [rank.get(str(name), len(rank)) for name in frame.columns]
    places = sorted(range(len(ranks)), key=ranks.__getitem__)
    return shared_copy(frame if ranks == sorted(ranks) else frame.iloc[:, places])


def shared_copy(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a copy that costs nothing where pandas copies on write (3 and later)."""
    import pandas as pd

    return frame.copy(deep=int(pd.__version__.split(".")[0]) < 3)


def counted_anew(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with rows counted from 0; itself where they are: each column costs."""
    import pandas as pd

    fresh = isinstance(frame.index, pd.RangeIndex) and frame.index.equals(pd.RangeIndex(len(frame)))
    return frame if fresh and frame.index.name is None else frame.reset_index(drop=True)


def once_a_study(compute: Callable[..., pd.DataFrame]) -> Callable[..., pd.DataFrame]:
    """Let a study keep the table a function makes of it, so that it is made once.

    A study never changes, so what was made of it stays right; it goes when the study goes.
    Callers get copies. What is no study (a DataFrame) is worked on each time.
    """
    signature = inspect.signature(compute)

    @wraps(compute)
    def kept(study: Study | pd.DataFrame, *choices: Any) -> pd.DataFrame:
        made = getattr(study, "_made", None)
        if made is None:
            return compute(study, *choices)
        asked = signature.bind(study, *choices)
        asked.apply_defaults()
        key = (compute.__qualname__, *asked.args[1:])
        if key not in made:
            made[key] = compute(study, *choices)
        return shared_copy(made[key])

    return kept


def stacked_texts(
    frame: pd.DataFrame, leave_out: Collection[str] = ()
) -> tuple[list[str], pd.Series]:
    """Return the names of the text columns, and these columns one below the other.

    What is asked of a stack is asked once of each different text, however many columns there are.
    """
    import pandas as pd

    places = [
        place
        for place, (name, kind) in enumerate(frame.dtypes.items())
        if isinstance(kind, pd.StringDtype) and name not in leave_out
    ]
    if not places:
        return [], pd.Series([], dtype=object)
    # arrays, not Series: of many columns and few rows pandas' bookkeeping is most of the work
    # (frame.iloc[:, place].array gives the same in a hundred times the time)
    inner: Any = frame
    arrays = [inner._get_column_array(place) for place in places]
    stack = pd.Series(type(arrays[0])._concat_same_type(arrays))
    return [str(frame.columns[place]) for place in places], stack


def are_plain_words(values: list[Any]) -> bool:
    """Return whether all values are texts, none empty, without a blank anywhere; asked at once."""
    try:
        joined = "\0".join(values)
    except TypeError:  # not texts alone
        return False
    return joined.split() == [joined] and "" not in values


def is_plain_number(kind: Any) -> bool:
    """Return whether a column of this dtype holds numbers as numpy does (NaN: missing)."""
    import numpy as np

    return isinstance(kind, np.dtype) and kind.kind in "iuf"


def same_frames(one: Mapping[str, pd.DataFrame], other: Mapping[str, pd.DataFrame]) -> bool:
    """Return whether both hold the same tables with the same columns, rows and values."""
    return set(one) == set(other) and all(same_frame(one[name], other[name]) for name in one)


def same_frame(one: pd.DataFrame, other: pd.DataFrame) -> bool:
    """Return whether two tables agree in columns and in every cell (missing equals missing)."""
    if list(one.columns) != list(other.columns) or len(one) != len(other):
        return False
    return all(_same_column(one[name], other[name]) for name in one.columns)


def _same_column(one: pd.Series, other: pd.Series) -> bool:
    import numpy as np

    missing = one.isna().to_numpy()
    if not np.array_equal(missing, other.isna().to_numpy()):
        return False
    kinds = {_kind(one), _kind(other)}
    if missing.all():
        return True
    if len(kinds) > 1:
        return False
    left, right = (series.astype(object).to_numpy()[~missing] for series in (one, other))
    return bool(np.array_equal(left, right))


def _kind(series: pd.Series) -> str:
    """Return number, yes/no, date or text: the kinds a table tells apart."""
    from pandas.api import types

    if types.is_bool_dtype(series.dtype):
        return "boolean"
    if types.is_numeric_dtype(series.dtype):
        return "number"
    return "date" if types.is_datetime64_any_dtype(series.dtype) else "text"
