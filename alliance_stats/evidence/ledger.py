"""The ledger of claims: each a sentence with one verdict, resting on numbers anybody recomputes.

A number holds where it comes out of the published tables as expected and the rows it rests on are
those the ledger was written for. So a changed row makes exactly the numbers that rest on it fail,
also where it moves them too little to be seen.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..core.arguments import checked_choice
from ..core.yaml_reading import read_yaml
from ..errors import AllianceStatsError, DesignError, ReadError, did_you_mean, listing
from .analyses import ANALYSES, BESIDE
from .published import READ, UNREAD, pick_rows, published_folder, rows_digest

CHECK_COLUMNS = (
    "claim", "topic", "tables", "expected", "tolerance", "recomputed", "holds", "verdict", "why",
    "statement", "words", "because", "number", "sources", "n_rows", "n_verified", "read_in",
    "analysis",
)  # fmt: skip
_STATEMENT = ("statement", "topic", "words", "verdict", "because", "would_change", "seal")
_NUMBER = ("claim", "number", "rows", "analysis", "expected", "tolerance", "digest")


@dataclass(frozen=True)
class Statement:
    """One sentence of the field, with the one verdict on it."""

    statement: str
    topic: str
    words: str
    verdict: str
    because: str
    would_change: str
    seal: str

    def sealed(self) -> str:
        """Return the fingerprint of sentence and verdict, so that neither changes unnoticed."""
        return hashlib.sha256(f"{self.words}|{self.verdict}".encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Claim:
    """One number a statement rests on, as the file has it."""

    claim: str
    about: Statement
    number: str
    rows: dict[str, dict[str, list[str]]]
    analysis: str
    expected: float
    tolerance: float
    digest: str

    @property
    def tables(self) -> list[str]:
        """The tables it rests on, in an order that does not depend on the file."""
        return sorted(self.rows)


def read_ledger(folder: str | Path | None = None) -> list[Claim]:
    """Return the numbers of ``claims.yaml`` with the statement each belongs to, checked."""
    entries, verdicts = _content(folder)["claims"], read_verdicts(folder)
    claims = [one for entry in entries for one in _claims_of(entry, verdicts)]
    for column, values in (
        ("claim", [one.claim for one in claims]),
        ("statement", [entry["statement"] for entry in entries]),
        ("sentence", [entry["words"] for entry in entries]),
    ):
        names = pd.Series(values, dtype=str)
        if names.duplicated().any():
            raise AllianceStatsError(
                f"The ledger has the {column} {listing(names[names.duplicated()])} more than once; "
                "a sentence has one verdict, a number one line."
            )
    return claims


def read_verdicts(folder: str | Path | None = None) -> dict[str, str]:
    """Return the words of a verdict with their meaning; a ledger without has those that ship."""
    verdicts = _content(folder).get("verdicts")
    if verdicts is None and folder is not None:
        return read_verdicts()
    if not isinstance(verdicts, dict) or not verdicts:
        raise AllianceStatsError(
            "'verdicts' of the ledger must give each word of a verdict with what it means, not "
            f"{verdicts!r}."
        )
    return {str(word): str(meaning) for word, meaning in verdicts.items()}


def _content(folder: str | Path | None) -> dict[str, Any]:
    path = published_folder(folder) / "claims.yaml"
    if not path.is_file():
        raise AllianceStatsError(f"There is no ledger 'claims.yaml' in {path.parent}.")
    return _parsed(path, path.read_bytes())


@lru_cache(maxsize=8)
def _parsed(path: Path, ledger: bytes) -> dict[str, Any]:
    """Parse the ledger, once for all who read the same bytes."""
    try:
        content = read_yaml(path).value
    except ReadError as error:
        raise AllianceStatsError(f"The ledger {error}") from None
    entries = content.get("claims") if isinstance(content, dict) else None
    if not isinstance(entries, list) or not entries:
        raise AllianceStatsError(
            f"The ledger {path} must hold a list 'claims', each with 'statement' and 'numbers'."
        )
    return content


def _claims_of(entry: Any, verdicts: Collection[str]) -> list[Claim]:
    _require(entry, (*_STATEMENT, "numbers"), "statement")
    numbers = entry["numbers"]
    if not isinstance(numbers, list) or not numbers:
        raise AllianceStatsError(
            f"Statement '{entry['statement']}' of the ledger needs a list of numbers."
        )
    about = Statement(**{name: str(entry[name]) for name in _STATEMENT})
    if about.verdict not in verdicts:
        raise AllianceStatsError(
            f"Statement '{about.statement}': the verdict must be one of {', '.join(verdicts)}, not "
            f"{about.verdict!r}."
        )
    return [_claim(number, about) for number in numbers]


def _claim(entry: Any, about: Statement) -> Claim:
    _require(entry, _NUMBER, "claim")
    name, analysis, rows = entry["claim"], entry["analysis"], entry["rows"]
    if not isinstance(analysis, str) or analysis not in ANALYSES:
        near = did_you_mean(analysis, ANALYSES) if isinstance(analysis, str) else ""
        raise AllianceStatsError(f"Claim '{name}': there is no analysis {analysis!r}.{near}")
    if not _are_rows(rows):
        raise AllianceStatsError(
            f"Claim '{name}': rows must name its tables, each with columns and the values wanted "
            f"(or {{}} for the whole table), not {rows!r}."
        )
    values = {}
    for column in ("expected", "tolerance"):
        value = entry[column]
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not np.isfinite(value) or (column == "tolerance" and value < 0):
            raise AllianceStatsError(
                f"Claim '{name}': {column} must be a number"
                f"{' of at least 0' if column == 'tolerance' else ''}, not {value!r}."
            )
        values[column] = float(value)
    return Claim(
        claim=str(name), about=about, number=str(entry["number"]), rows=rows, analysis=analysis,
        digest=str(entry["digest"]), **values,
    )  # fmt: skip


def _are_rows(rows: Any) -> bool:
    return (
        isinstance(rows, dict)
        and bool(rows)
        and all(isinstance(wanted, dict) for wanted in rows.values())
        and all(isinstance(values, list) for wanted in rows.values() for values in wanted.values())
    )


def _require(entry: Any, wanted: tuple[str, ...], key: str) -> None:
    if not isinstance(entry, dict):
        raise AllianceStatsError(f"The ledger has {entry!r} where a {key} with its parts belongs.")
    missing, extra = sorted(set(wanted) - set(entry)), sorted(set(map(str, entry)) - set(wanted))
    if missing or extra:
        raise AllianceStatsError(
            f"The {key} {entry.get(key, '?')!r} of the ledger lacks {listing(missing) or 'nothing'}"
            f" and has unknown entries {listing(extra) or 'none'}."
        )


def claim_rows(claim: Claim, folder: str | Path | None = None) -> pd.DataFrame:
    """Return the rows a number rests on, sorted by table and study."""
    try:
        parts = [pick_rows(name, claim.rows[name], folder) for name in claim.tables]
    except AllianceStatsError as error:
        raise DesignError(f"Claim '{claim.claim}' cannot be recomputed. {error}") from None
    return pd.concat(parts, ignore_index=True)


def claims(folder: str | Path | None = None, *, by: str = "number") -> pd.DataFrame:
    """Return the ledger: the empirical claims of the field, their sources and our verdicts.

    Parameters
    ----------
    folder
        A folder with a ledger and tables of your own; by default those that ship.
    by
        ``number`` for a row a number that is recomputed, ``sentence`` for a row a sentence.

    Returns
    -------
    DataFrame
        By number: ``claim`` (its key), ``topic``, ``statement`` and ``words`` (the sentence it
        belongs to; a sentence has one verdict and one or several numbers), ``number`` (what is
        computed, in words), ``tables``, ``analysis``, ``expected``, ``tolerance``, ``verdict``,
        ``because``, ``would_change``, ``sources`` (DOI or address of every row), ``n_rows``,
        ``n_verified`` (rows that somebody read in the source), ``read_in`` (how many of them in
        the full text, in the abstract alone, in a data set, second hand).

        By sentence: ``statement, topic, words, verdict, meaning`` (of the verdict), ``k`` (rows
        its numbers rest on, each counted once; what stands beside the sentence, a search without
        result and an arm without therapy are none), ``n_read`` (of them, read in the source; the
        columns ``full text``, ``abstract`` and ``data set`` say where), ``n_numbers, because,
        would_change, sources``.

    Examples
    --------
    >>> import alliance_stats as al
    >>> ledger = al.claims().set_index("claim")
    >>> ledger.loc["training-effect", "verdict"]
    'contested'
    >>> sentences = al.claims(by="sentence").set_index("statement")
    >>> sentences.loc["alliance-precondition", "verdict"]
    'not tested as worded'
    """
    checked_choice("by", by, ("number", "sentence"))
    found = [(one, claim_rows(one, folder)) for one in read_ledger(folder)]
    if by == "sentence":
        return _sentences(found, read_verdicts(folder))
    return pd.DataFrame(
        [
            {
                "claim": one.claim, "topic": one.about.topic, "statement": one.about.statement,
                "words": one.about.words, "number": one.number, "tables": ", ".join(one.tables),
                "analysis": one.analysis, "expected": one.expected, "tolerance": one.tolerance,
                "verdict": one.about.verdict, "because": one.about.because,
                "would_change": one.about.would_change, "sources": _sources(rows),
                **_reading(rows),
            }
            for one, rows in found
        ]
    )  # fmt: skip


def _sentences(found: list[tuple[Claim, pd.DataFrame]], verdicts: dict[str, str]) -> pd.DataFrame:
    """Return one row a sentence, with the rows of all its numbers, each counted once."""
    resting: dict[Statement, list[pd.DataFrame]] = {}
    for one, rows in found:
        resting.setdefault(one.about, []).append(rows)
    entries = []
    for about, parts in resting.items():
        rows = pd.concat(parts).drop_duplicates(["table", "study_id"])
        # An arm without therapy is compared in another sentence; this one is about therapy.
        rows = rows[~rows["kind"].isin((*BESIDE, "control"))]
        entries.append(
            {
                "statement": about.statement, "topic": about.topic, "words": about.words,
                "verdict": about.verdict, "meaning": verdicts[about.verdict], "k": len(rows),
                "n_read": int(rows["verified"].sum()),
                **{way: int(rows["read_in"].eq(way).sum()) for way in READ.values()},
                "n_numbers": len(parts),
                "because": about.because, "would_change": about.would_change,
                "sources": _sources(rows),
            }
        )  # fmt: skip
    return pd.DataFrame(entries)


def _reading(rows: pd.DataFrame) -> dict[str, Any]:
    """Return how many rows there are, how many were read in their source, and how each was."""
    ways = rows["read_in"].value_counts()
    ordered = [way for way in (*READ.values(), *UNREAD.values(), "elsewhere") if way in ways]
    return {
        "n_rows": len(rows), "n_verified": int(rows["verified"].sum()),
        "read_in": ", ".join(f"{ways[way]} {way}" for way in ordered),
    }  # fmt: skip


def _sources(rows: pd.DataFrame) -> str:
    return "; ".join(dict.fromkeys(rows["doi"].astype(str)))


def check_claims(folder: str | Path | None = None, *, topic: str | None = None) -> pd.DataFrame:
    """Recompute every number of the ledger from the published tables: which still hold?

    Parameters
    ----------
    folder
        A folder with a ledger and tables of your own; by default those that ship.
    topic
        Only the claims of one topic (``dropout``, ``training``, ...).

    Returns
    -------
    DataFrame
        One row a number: ``claim, topic, tables, expected, tolerance, recomputed, holds, verdict,
        why, statement, words, because, number, sources`` (short names), ``n_rows, n_verified,
        read_in, analysis``.
        ``holds`` is false where the number is off by more than the tolerance, where a row it
        rests on has changed, come or gone, or where sentence or verdict are not those it was
        sealed with; ``why`` says which. That a number holds means that it is reproduced; whether
        the sentence is true is what ``verdict`` says.

    Examples
    --------
    >>> import alliance_stats as al
    >>> bool(al.check_claims(topic="training")["holds"].all())
    True
    """
    ledger = read_ledger(folder)
    topics = sorted({one.about.topic for one in ledger})
    checked_choice("topic", topic, (None, *topics))
    rows = [_check(one, folder) for one in ledger if topic in (None, one.about.topic)]
    return pd.DataFrame(rows, columns=list(CHECK_COLUMNS))


def _check(claim: Claim, folder: str | Path | None) -> dict[str, Any]:
    recomputed, sources = np.nan, ""
    reading: dict[str, Any] = {"n_rows": 0, "n_verified": 0, "read_in": ""}
    try:
        rows = claim_rows(claim, folder)
        reading = _reading(rows)
        names = rows["label"].fillna(rows["study_id"]).astype(str)
        if reading["n_verified"]:
            names += np.where(rows["verified"].astype(bool), "", " (not read)")
        sources = "; ".join(dict.fromkeys(names))
        with np.errstate(all="ignore"):
            recomputed = float(ANALYSES[claim.analysis](rows))
        why = _complaint(claim, recomputed, rows_digest(rows))
    except (AllianceStatsError, ArithmeticError, ValueError) as error:
        # A published number that makes no sense must not hide the verdict on the others.
        why = str(error) or type(error).__name__
    return {
        "claim": claim.claim, "topic": claim.about.topic, "tables": ", ".join(claim.tables),
        "expected": claim.expected, "tolerance": claim.tolerance, "recomputed": recomputed,
        "holds": not why, "verdict": claim.about.verdict, "why": why,
        "statement": claim.about.statement, "words": claim.about.words,
        "because": claim.about.because, "number": claim.number, "sources": sources,
        **reading, "analysis": claim.analysis,
    }  # fmt: skip


def _complaint(claim: Claim, recomputed: float, digest: str) -> str:
    """Return in words what does not agree, or nothing."""
    if not np.isfinite(recomputed):
        return f"The number cannot be computed (it would be {recomputed})."
    if not abs(recomputed - claim.expected) <= claim.tolerance:
        return f"The number is {recomputed:.6g}, not {claim.expected:.6g}."
    if digest != claim.digest:
        return (
            f"A row it rests on has changed, come or gone (the digest is now '{digest}', the "
            f"ledger has '{claim.digest}')."
        )
    if claim.about.seal != claim.about.sealed():
        return (
            "Sentence or verdict are not those it was sealed with (the seal is now "
            f"'{claim.about.sealed()}', the ledger has '{claim.about.seal}')."
        )
    return ""
