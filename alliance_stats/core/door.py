"""The door of the package: what public functions say where an argument is of a wrong kind.

`alliance_stats.__getattr__` hands out every public function through `asking`. What an argument
must be stands once, in the annotation: ``str``, ``float``, ``Study | pd.DataFrame``, the words of
a ``Literal``. A function's own sentences go first, since it knows more. Where it breaks off with
an error that is not ours, the door finds the argument that is not of its kind and says so; the
bare error stays as the cause, and alone where no argument explains it.
"""

from __future__ import annotations

import functools
import inspect
import os
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import FunctionType
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_list_like

from ..errors import AllianceStatsError, ArgumentError, ColumnError, did_you_mean, listing
from .arguments import checked_table, is_number, share, shown
from .people import one_spelling
from .signatures import misfit

ANSWERS = "ratings"
"""The table whose cells are judged one by one: what is no answer is set aside there."""
FIRST = ("confidence",)
"""What is asked before the call: a wrong value of it can give a number."""
LITERAL = (str, bytes, int, float, complex, list, tuple, dict, set, np.generic, np.ndarray)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_whole(value: Any) -> bool:
    return is_number(value) and float(value).is_integer()


def _each(test: Callable[[Any], bool], n: int | None = None) -> Callable[[Any], bool]:
    """Return a test of a list (of `n`) whose members pass `test`; one text is no list."""

    def passes(value: Any) -> bool:
        if isinstance(value, str | bytes | Mapping | pd.DataFrame):
            return False
        if not isinstance(value, Iterable) or getattr(value, "ndim", 1) != 1:
            return False
        return (n is None or len(list(value)) == n) and all(test(one) for one in value)

    return passes


_PATHS = ("a path", lambda value: isinstance(value, os.PathLike))
_NAMES = ("a list of names", _each(_is_text))
_NUMBERS = ("a list of numbers", _each(is_number))
_DICT = ("a dict", lambda value: isinstance(value, Mapping))
_CALLABLE = ("a function", callable)

KINDS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "str": ("a text", _is_text),
    "bytes": ("bytes", lambda value: isinstance(value, bytes)),
    "float": ("a finite number", is_number),
    "int": ("a whole number", _is_whole),
    "bool": ("True or False", lambda value: isinstance(value, bool | np.bool_)),
    "None": ("None", lambda value: value is None),
    "os.PathLike[str]": _PATHS,
    "PathLike[str]": _PATHS,
    "Path": _PATHS,
    "Sequence[str]": _NAMES,
    "Iterable[str]": _NAMES,
    "list[str]": _NAMES,
    "Sequence[float]": _NUMBERS,
    "tuple[str, str]": ("two names", _each(_is_text, 2)),
    "tuple[float, float]": ("two numbers", _each(is_number, 2)),
    "Callable[..., Any]": _CALLABLE,
    "Progress": _CALLABLE,
}
HINTS = {
    "DataFrame": " Read a file with al.read_table(path) first.",
    "Study": " Open a folder or file with al.open_study(path) first.",
}


def asking(function: FunctionType) -> Callable[..., Any]:
    """Return the function behind its door, with the same name, signature and documentation."""
    signature = inspect.signature(function)
    asked = {
        name: _kinds_of(parameter.annotation, function.__globals__)
        for name, parameter in signature.parameters.items()
    }

    @functools.wraps(function)
    def door(*args: Any, **kwargs: Any) -> Any:
        try:
            bound = signature.bind(*args, **kwargs)
        except TypeError as error:
            if hasattr(function, "__signature__"):  # it takes anything, and answers for itself
                return function(*args, **kwargs)
            raise ArgumentError(misfit(function.__name__, signature, args, kwargs, error)) from None
        given = bound.arguments
        for name, value in given.items():
            if isinstance(value, pd.DataFrame):
                given[name] = table(value, name)
            elif isinstance(value, Iterator):
                given[name] = list(value)
        given.update(one_spelling(given))
        pairs = list(_pairs(given, signature))
        for name, value in pairs:
            if name in FIRST or _is_flag(asked[name]) or not _has_literal(value):
                _ask(name, value, asked[name], given)
            if isinstance(value, float) and _is_whole(value) and _takes_whole(asked[name]):
                given[name] = int(value)  # 3.0 where 3 is meant
        try:
            return function(*bound.args, **bound.kwargs)
        except AllianceStatsError:
            raise
        except Exception as error:
            for name, value in pairs:
                _ask(name, value, asked[name], given, error)
            raise

    door.__module__ = "alliance_stats"  # where it is found again when it is pickled
    return door


def _pairs(given: dict[str, Any], signature: inspect.Signature) -> Iterator[tuple[str, Any]]:
    """Yield each argument that is not left at its default, the several of ``*fits`` one by one."""
    for name, value in given.items():
        parameter = signature.parameters[name]
        if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
            yield from ((name, one) for one in value)
        elif parameter.kind is not inspect.Parameter.VAR_KEYWORD and value is not parameter.default:
            yield name, value


def _has_literal(value: Any) -> bool:
    """Tell whether a value is of the kinds functions answer for themselves."""
    return isinstance(value, LITERAL) or not (
        isinstance(value, type) or callable(value) or type(value).__repr__ is object.__repr__
    )


def _is_flag(asked: _Kinds) -> bool:
    """A yes or no is asked before the call: Python takes every text for a yes, "no" too."""
    return asked is not None and asked[0] == ["bool"]


def _takes_whole(asked: _Kinds) -> bool:
    return asked is not None and "int" in asked[0] and "float" not in asked[0]


def _called(name: str) -> str:
    return f"the table `{name}`"


def table(data: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return a table with plain columns of their own names, and an index that names none of them.

    An index that is named like a column makes that name mean two things to pandas. The column
    counts; the index keeps its values.
    """
    what = _called(name)
    if data.columns.nlevels > 1:
        raise ColumnError(
            f"The columns of {what} have {data.columns.nlevels} levels; one is needed. Join the "
            "names first: data.columns = ['_'.join(map(str, name)) for name in data.columns]."
        )
    kinds = [column for column, kind in data.dtypes.items() if getattr(kind, "kind", "") == "c"]
    if kinds and name != ANSWERS:
        raise ColumnError(f"Column {listing(map(repr, kinds))} of {what} holds complex numbers.")
    names = list(data.index.names)
    if any(one is not None and one in data.columns for one in names):
        return data.set_axis(
            data.index.set_names([None if one in data.columns else one for one in names]), axis=0
        )
    return data


def _plain_cells(data: pd.DataFrame, name: str) -> None:
    """Raise `ColumnError` where cells hold lists and the like, which no table of people holds."""
    for column, kind in data.dtypes.items():
        if not pd.api.types.is_object_dtype(kind):
            continue
        nested = [isinstance(cell, list | dict | set | np.ndarray) for cell in data[column]]
        if any(nested):
            raise ColumnError(
                f"Column {column!r} of {_called(name)} holds lists in {sum(nested)} rows (index "
                f"{listing(data.index[nested])}); a cell holds one value."
            )


_Kinds = tuple[list[str], list[tuple[str, Callable[[Any], bool]]], tuple[Any, ...]] | None


def _kinds_of(annotation: Any, known: dict[str, Any]) -> _Kinds:
    """Return names, kinds and words that an annotation allows, or None where it says nothing."""
    parts = _parts(annotation) if isinstance(annotation, str) else []
    kinds, words = [], []
    for part in parts:
        meant = known.get(part)
        if part.startswith("Literal["):
            words += list(eval(part, {"Literal": typing.Literal}).__args__)
        elif typing.get_origin(meant) is typing.Literal:
            words += list(typing.get_args(meant))
        elif part in KINDS:
            kinds.append(KINDS[part])
        elif part.startswith("Mapping["):
            kinds.append(_DICT)
        elif part == "Iterable[Any]":
            kinds.append(("a list of single values", _each(lambda one: not is_list_like(one))))
        elif part.startswith(("Sequence[", "Iterable[", "Collection[")):
            kinds.append(("a list", _each(lambda one: True)))
        elif part == "pd.DataFrame" or (part.isidentifier() and _is_class(part, meant)):
            kinds.append(_of_class(part.removeprefix("pd.")))
        else:
            return None
    return (parts, kinds, tuple(words)) if parts else None


def _parts(annotation: str) -> list[str]:
    """Split ``'str | tuple[int | None] | None'`` at the bars outside brackets."""
    parts, depth = [""], 0
    for sign in annotation:
        depth += (sign == "[") - (sign == "]")
        if sign == "|" and depth == 0:
            parts.append("")
        else:
            parts[-1] += sign
    return [part.strip() for part in parts]


def _is_class(name: str, meant: Any) -> bool:
    """Tell classes, which may be known to type checkers only, from aliases of other kinds."""
    return name != "Any" and (meant is None or isinstance(meant, type))


def _of_class(name: str) -> tuple[str, Callable[[Any], bool]]:
    """Return a kind by the name of its class: the door loads nothing that a call does not need."""

    def passes(value: Any) -> bool:
        named = name in [kind.__name__ for kind in type(value).__mro__]
        return named or (name == "Study" and hasattr(value, "tables"))

    return f"{'an' if name[0] in 'AEIOU' else 'a'} {name}", passes


def _ask(
    name: str, value: Any, asked: _Kinds, given: dict[str, Any], cause: Exception | None = None
) -> None:
    """Say what an argument must be, where it is none of the kinds its signature names."""
    if name == "confidence":
        share(value)
    if isinstance(value, pd.DataFrame) and cause is not None:
        _plain_cells(checked_table(value, _called(name)), name)
    if asked is None or any(test(value) for _, test in asked[1]):
        return
    parts, kinds, words = asked
    tables = [one for one in given.values() if isinstance(one, pd.DataFrame)]
    if isinstance(value, str) and (value in words or _or_list(parts)):
        return
    if "str" in parts and _is_column(value, tables):
        return
    if _or_list(parts) and _are_columns(value, tables):
        return
    near = did_you_mean(value, [w for w in words if isinstance(w, str)]) if words else ""
    must = [*(repr(word) for word in words), *(what for what, _ in kinds)]
    hint = next((told for kind, told in HINTS.items() if f"a {kind}" in must), "")
    hint = hint if isinstance(value, str | os.PathLike) else ""
    *most, last = must
    allowed = f"{', '.join(most)} or {last}" if most else last
    raise ArgumentError(f"{name} must be {allowed}, not {shown(value)}.{near}{hint}") from cause


def _or_list(parts: list[str]) -> bool:
    """One name alone is a list of one."""
    return any(part in KINDS and KINDS[part] is _NAMES for part in parts)


def _is_column(value: Any, tables: list[pd.DataFrame]) -> bool:
    """Tell whether a name that is no text (a number, a tuple) is a column of what was given."""
    try:
        return any(value in one.columns for one in tables)
    except (TypeError, ValueError):
        return False


def _are_columns(value: Any, tables: list[pd.DataFrame]) -> bool:
    return _each(lambda one: _is_text(one) or _is_column(one, tables))(value)
