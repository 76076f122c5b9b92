"""alliance_stats: validated data and multilevel statistics for studies of the alliance.

``import alliance_stats as al`` is fast: each public name loads its part of the package when it
is first used. The names are listed in ``__init__.pyi``, which editors and type checkers read.
"""

import lazy_loader as _lazy

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)
