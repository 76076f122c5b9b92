"""A section in the making: parts that fail say why in words, the others stand."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from ...core.disclosure import WithheldError
from ...errors import AllianceStatsError
from ..content import Block, Caution, Paragraph, Section
from ..naming import without_data

PRIVATE = "Why is told to the owner of the data (--show-persons, or the private account)."


class Draft:
    """Collects the blocks, messages and choices of one section.

    Parameters
    ----------
    strict
        Raise errors of the program instead of writing them into the section.
    whole
        The report is for the owner of the data: why something failed is told with its numbers.
    """

    def __init__(self, key: str, title: str, *, strict: bool = False, whole: bool = False) -> None:
        self.key, self.title, self.strict = key, title, strict
        self._told = in_private if whole else in_public
        self.headline = ""
        self.used: dict[str, Any] = {}
        self._blocks: list[Block] = []
        self._messages: list[str] = []
        self._status = "complete"
        self._done = 0
        self._reason = self._why = ""
        self._withheld = True  # whatever is missing, so far

    def add(self, *blocks: Block | None) -> None:
        """Add blocks; None is left out."""
        self._blocks += [block for block in blocks if block is not None]

    def say(self, messages: Iterable[str]) -> None:
        """Keep what a procedure reported, once each."""
        self._messages += [m for m in messages if m not in self._messages]

    def attempt(self, what: str, make: Callable[[], Iterable[Block | None]]) -> bool:
        """Add the blocks that `make` gives, or say why `what` could not be computed."""
        try:
            blocks = [block for block in make() if block is not None]
            self.add(*blocks)
        except AllianceStatsError as error:
            self._note(what, error, "partial")
            return False
        except Exception as error:  # a report must not be lost to one faulty part
            if self.strict:
                raise
            self._note(what, error, "failed")
            return False
        self._done += bool(blocks)
        return True

    def refuse(self, error: Exception) -> None:
        """Say that the whole section cannot be computed, and why."""
        self._reason, self._status = self._told(error), "not possible"
        self._messages.append(in_private(error))

    def _note(self, what: str, error: Exception, status: str) -> None:
        why = self._told(error)
        self._status = "failed" if "failed" in (status, self._status) else status
        self._why = self._why or why
        self._withheld &= isinstance(error, WithheldError)
        missing = "is withheld" if isinstance(error, WithheldError) else "could not be computed"
        self.add(Caution(f"{what} {missing}. {why}"))
        self._messages.append(f"{what}: {in_private(error)}")

    def finish(self) -> Section:
        """Return the section."""
        status = self._status
        if status == "partial" and not self._done:
            status = "not possible"
        return Section(
            self.key,
            self.title,
            self._answer_first(),
            headline=self.headline or self._nothing(status),
            reason=self._reason,
            status=status,
            messages=tuple(self._messages),
            used=self.used,
            withheld=bool(self._why) and self._withheld,
        )

    def _answer_first(self) -> tuple[Block, ...]:
        """Return the blocks behind the sentence that answers the section's question."""
        if not self.headline:
            return tuple(self._blocks)
        answers = (
            block
            for block in self._blocks
            if isinstance(block, Paragraph) and block.text.startswith(self.headline)
        )
        answer = next(answers, Paragraph(self.headline))
        return (answer, *(block for block in self._blocks if block is not answer))

    def _nothing(self, status: str) -> str:
        """Return a headline for a section of which nothing could be computed."""
        how = "Withheld" if self._withheld else "Not computed"
        return f"{how}. {self._why}" if self._why and status != "complete" else ""


def in_public(error: Exception) -> str:
    """Return an error as a report may tell it: without numbers and values of the data."""
    if isinstance(error, WithheldError):
        return str(error)
    if isinstance(error, AllianceStatsError):
        return without_data(str(error)) or PRIVATE
    return f"The program met an error it did not expect ({type(error).__name__}). {PRIVATE}"


def in_private(error: Exception) -> str:
    """Return an error in one line, without its traceback."""
    if isinstance(error, AllianceStatsError):
        return str(error)
    text = " ".join(str(error).split())[:300]
    return f"The program met an error it did not expect ({type(error).__name__}: {text})."
