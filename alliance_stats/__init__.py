"""alliance_stats: validated data and multilevel statistics for studies of the alliance.

``import alliance_stats as al`` is fast: each public name loads its part of the package when it
is first used. The names are listed in ``__init__.pyi``, which editors and type checkers read.
A function is handed out behind its door (`alliance_stats.core.door`), which asks for the kinds of
its arguments.
"""

from types import FunctionType as _Function

import lazy_loader as _lazy

__version__ = "0.1.0"

_load, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)


def __getattr__(name):
    """Load a public name when it is first used."""
    found = _load(name)
    if name in __all__ and isinstance(found, _Function):
        from .core.door import asking

        found = globals()[name] = asking(found)
    return found
