"""The command line: parse, call, print. A command imports what it needs, and no other does."""

from __future__ import annotations

import io
import signal
import sys

from . import one_study, plans  # noqa: F401  # each adds its commands, in the order of the help
from .common import Ended, app, end_if_asked, ended

STOPPED = 130  # what a shell calls a program that Ctrl-C ended
ENDED = 143  # and one that SIGTERM ended


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; whatever goes wrong is one line on stderr and an exit code."""
    words = sys.argv[1:] if arguments is None else arguments
    Ended.asked = False
    signal.signal(signal.SIGTERM, ended)  # scratch files go, as with Ctrl-C
    for stream in (sys.stdout, sys.stderr):  # a name that the terminal cannot show is no error
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        code = app(words, prog_name="alliance-stats", standalone_mode=False)
        end_if_asked()
    except KeyboardInterrupt:
        _fail("Stopped; nothing was written half.", STOPPED)
    except Ended:
        _fail("Ended; nothing was written half.", ENDED)
    except BrokenPipeError:  # the reader of our output has left, as `| head` does
        sys.stderr.close()
        sys.exit(0)
    except Exception as error:
        if "--debug" in words:
            raise
        _fail(*_in_words(error))
    if code == STOPPED:  # newer releases of typer turn Ctrl-C into this code themselves
        _fail("Stopped; nothing was written half.", STOPPED)
    sys.exit(code if isinstance(code, int) else 0)


def _in_words(error: Exception) -> tuple[str, int]:
    """Return an error as one line, and the exit code."""
    from ..errors import AllianceStatsError

    if type(error).__name__ == "Abort":
        return "Stopped; nothing was written half.", STOPPED
    if hasattr(error, "format_message"):  # how typer says that a word was not understood
        return f"{error.format_message()} ('alliance-stats --help' shows what there is.)", 2
    if isinstance(error, AllianceStatsError):
        return str(error), 1
    if isinstance(error, OSError) and error.filename is not None:
        return f"'{error.filename}': {error.strerror or error}.", 1
    if isinstance(error, MemoryError):
        return "The memory of this machine does not suffice.", 1
    kind = type(error).__name__
    return f"{kind}: {error} (unexpected; --debug shows where it happened.)", 1


def _fail(text: str, code: int) -> None:
    plain = "".join(sign if sign.isprintable() else " " for sign in text)
    line = " ".join(plain.split())
    sys.stderr.write(f"Error: {line}\n")
    sys.exit(code)
