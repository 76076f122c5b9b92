"""One thread for small matrices: several only wait for one another, up to ten times as long."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, wraps
from typing import ParamSpec, TypeVar

from threadpoolctl import ThreadpoolController

P = ParamSpec("P")
R = TypeVar("R")


@cache
def _controller() -> ThreadpoolController:
    """Return what speaks with the libraries of linear algebra; finding them takes a moment."""
    return ThreadpoolController()


def one_thread(function: Callable[P, R]) -> Callable[P, R]:
    """Return a function whose linear algebra keeps to one thread."""

    @wraps(function)
    def alone(*args: P.args, **named: P.kwargs) -> R:
        with _controller().limit(limits=1, user_api="blas"):
            return function(*args, **named)

    return alone
