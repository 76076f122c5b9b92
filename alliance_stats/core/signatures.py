"""What a call says whose arguments do not fit at all: one is missing, unknown or too many.

Public functions ask behind their door (`core.door`). Methods of results and studies, and what
people make by hand, answer here: only where Python refuses a call is it looked at.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from types import FunctionType
from typing import Any, TypeVar

from ..errors import ArgumentError, did_you_mean, listing

Class = TypeVar("Class", bound=type)
NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


def misfit(
    name: str,
    signature: inspect.Signature,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    error: TypeError,
) -> str:
    """Return what is wrong with the arguments as a whole: all that are missing, or one too many."""
    known = list(signature.parameters)
    for argument in kwargs:
        if argument not in known:
            return (
                f"{name} has no argument '{argument}'; it has {', '.join(known)}."
                f"{did_you_mean(argument, known)}"
            )
    try:
        given = signature.bind_partial(*args, **kwargs).arguments
    except TypeError:
        return f"{name}: {error}; " + (
            f"its arguments are {', '.join(known)}." if known else "it has no arguments."
        )
    needed = [
        f"'{one.name}'"
        for one in signature.parameters.values()
        if one.kind in NAMED and one.default is one.empty and one.name not in given
    ]
    return f"{name} needs {listing(needed, 9)} too; its arguments are {', '.join(known)}."


def answering(method: Callable[..., Any], name: str = "") -> Callable[..., Any]:
    """Return a method that says in a sentence which argument is missing or unknown."""

    @functools.wraps(method)
    def answers(*args: Any, **kwargs: Any) -> Any:
        try:
            return method(*args, **kwargs)
        except TypeError:
            signature = inspect.signature(method)
            own = list(signature.parameters.values())[1:]
            signature = signature.replace(parameters=own)
            try:
                signature.bind(*args[1:], **kwargs)
            except TypeError as error:
                told = misfit(name or method.__name__, signature, args[1:], kwargs, error)
                raise ArgumentError(told) from None
            raise

    return answers


def answer_for_methods(kind: Class) -> Class:
    """Let the public methods that a class defines answer so."""
    for name, method in list(vars(kind).items()):
        if name.startswith("_"):
            continue
        if isinstance(method, FunctionType):
            setattr(kind, name, answering(method))
        elif isinstance(method, classmethod):
            setattr(kind, name, classmethod(answering(method.__func__)))
    return kind


def answers_when_made(kind: Class) -> Class:
    """Let a class answer so where it is called; for classes that people call themselves."""
    made = answering(kind.__init__, kind.__name__)  # type: ignore[misc]  # of the class, not of one
    setattr(kind, "__init__", made)  # noqa: B010
    return kind
