"""The ledger of claims: each in words, the rows it rests on, the number, the verdict.

A claim holds where its number, recomputed from the published tables, is the expected one, and the
rows it rests on are those the ledger was written for. So a changed row makes exactly the claims
that rest on it fail, also where the number moves too little to be seen.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from .. import resources
from ..errors import AllianceStatsError, DesignError, did_you_mean, listing
from .analyses import ANALYSES

VERDICTS = (
    "supported",
    "supported with a range",
    "depends on definition",
    "contested",
    "not supported",
)
NUMBERS = ("estimate", "se", "ci_low", "ci_high", "k", "n", "events")
CHECK_COLUMNS = (
    "claim", "topic", "tables", "expected", "tolerance", "recomputed", "holds", "verdict", "why",
)  # fmt: skip


@dataclass(frozen=True)
class Claim:
    """One line of the ledger, as the file has it."""

    claim: str
    topic: str
    words: str
    number: str
    rows: dict[str, dict[str, list[str]]]
    analysis: str
    expected: float
    tolerance: float
    digest: str
    verdict: str
    because: str
    would_change: str
    tables: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        if self.verdict not in VERDICTS:
            raise AllianceStatsError(
                f"Claim '{self.claim}': the verdict must be one of {', '.join(VERDICTS)}, not "
                f"{self.verdict!r}."
            )
        if self.analysis not in ANALYSES:
            raise AllianceStatsError(
                f"Claim '{self.claim}': there is no analysis {self.analysis!r}."
                f"{did_you_mean(self.analysis, ANALYSES)}"
            )


def published_folder(folder: str | Path | None = None) -> Path:
    """Return the folder with the ledger and its tables."""
    return resources.folder("datasets") / "published" if folder is None else Path(folder)


def read_ledger(folder: str | Path | None = None) -> list[Claim]:
    """Return the claims of ``claims.yaml``, checked."""
    import yaml

    path = published_folder(folder) / "claims.yaml"
    if not path.is_file():
        raise AllianceStatsError(f"There is no ledger 'claims.yaml' in {path.parent}.")
    entries = yaml.safe_load(path.read_text(encoding="utf-8"))["claims"]
    claims = [_claim(entry) for entry in entries]
    names = pd.Series([one.claim for one in claims])
    if names.duplicated().any():
        raise AllianceStatsError(
            f"The ledger names {listing(names[names.duplicated()])} more than once."
        )
    return claims


def _claim(entry: dict[str, Any]) -> Claim:
    wanted = {name for name in Claim.__dataclass_fields__ if name != "tables"}
    missing, extra = sorted(wanted - set(entry)), sorted(set(entry) - wanted)
    if missing or extra:
        raise AllianceStatsError(
            f"Claim {entry.get('claim', '?')!r} of the ledger lacks {listing(missing) or 'nothing'}"
            f" and has unknown entries {listing(extra) or 'none'}."
        )
    return Claim(**entry, tables=tuple(entry["rows"]))


def read_published(name: str, folder: str | Path | None = None) -> pd.DataFrame:
    """Return one table of published numbers, with numbers as numbers."""
    path = published_folder(folder) / f"{name}.csv"
    if not path.is_file():
        raise AllianceStatsError(f"There is no table of published numbers '{name}' ({path}).")
    table = pd.read_csv(path, dtype={"study_id": str, "doi": str}, keep_default_na=True)
    for column in NUMBERS:
        table[column] = pd.to_numeric(table[column], errors="coerce").astype(float)
    return table


def claim_rows(claim: Claim, folder: str | Path | None = None) -> pd.DataFrame:
    """Return the rows a claim rests on, in the order it names them."""
    parts = []
    for name, wanted in claim.rows.items():
        table = read_published(name, folder)
        for column, allowed in (wanted or {}).items():
            table = table[table[column].isin(allowed)]
            if column == "study_id":
                table = table.set_index("study_id", drop=False).reindex(allowed)
                _refuse_absent(claim, name, table)
        if table.empty:
            raise DesignError(f"Claim '{claim.claim}' finds no row in table '{name}'.")
        parts.append(table.assign(table=name))
    return pd.concat(parts, ignore_index=True)


def _refuse_absent(claim: Claim, name: str, table: pd.DataFrame) -> None:
    absent = list(table.index[table["claim"].isna()])
    if absent:
        raise DesignError(
            f"Claim '{claim.claim}' rests on {listing(absent)}, which table '{name}' does not have."
        )


def rows_digest(rows: pd.DataFrame) -> str:
    """Return a short fingerprint of the numbers of the rows (words may be mended freely)."""
    lines = [
        "|".join([str(row["study_id"]), *(f"{row[column]:.10g}" for column in NUMBERS)])
        for _, row in rows.iterrows()
    ]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:12]


def claims(folder: str | Path | None = None) -> pd.DataFrame:
    """Return the ledger: the empirical claims of the field, their sources and our verdicts.

    Parameters
    ----------
    folder
        A folder with a ledger and tables of your own; by default those that ship.

    Returns
    -------
    DataFrame
        One row a claim: ``claim`` (its key), ``topic``, ``words``, ``number`` (what is computed,
        in words), ``tables``, ``analysis``, ``expected``, ``tolerance``, ``verdict`` (one of
        supported, supported with a range, depends on definition, contested, not supported),
        ``because``, ``would_change``, ``sources`` (DOI or address of every row), ``n_rows``,
        ``n_verified`` (rows whose number somebody read in the source).

    Examples
    --------
    >>> import alliance_stats as al
    >>> ledger = al.claims().set_index("claim")
    >>> ledger.loc["training-effect", "verdict"]
    'not supported'
    """
    entries = []
    for one in read_ledger(folder):
        rows = claim_rows(one, folder)
        entries.append(
            {
                "claim": one.claim, "topic": one.topic, "words": one.words, "number": one.number,
                "tables": ", ".join(one.tables), "analysis": one.analysis,
                "expected": one.expected, "tolerance": one.tolerance, "verdict": one.verdict,
                "because": one.because, "would_change": one.would_change,
                "sources": "; ".join(dict.fromkeys(rows["doi"].astype(str))),
                "n_rows": len(rows), "n_verified": int((rows["verified"] == True).sum()),  # noqa: E712
            }
        )  # fmt: skip
    return pd.DataFrame(entries)


def check_claims(folder: str | Path | None = None, *, topic: str | None = None) -> pd.DataFrame:
    """Recompute every claim from the published tables: which still hold?

    Parameters
    ----------
    folder
        A folder with a ledger and tables of your own; by default those that ship.
    topic
        Only the claims of one topic (``dropout``, ``training``, ...).

    Returns
    -------
    DataFrame
        One row a claim: ``claim, topic, tables, expected, tolerance, recomputed, holds, verdict,
        why``. ``holds`` is false where the number is off by more than the tolerance, or where a
        number in a row the claim rests on has changed; ``why`` says which. That a claim holds
        means that its number is reproduced; whether the claim is true is what ``verdict`` says.

    Examples
    --------
    >>> import alliance_stats as al
    >>> bool(al.check_claims(topic="training")["holds"].all())
    True
    """
    ledger = read_ledger(folder)
    topics = sorted({one.topic for one in ledger})
    if topic is not None and topic not in topics:
        raise DesignError(
            f"topic must be one of {', '.join(topics)}, not {topic!r}.{did_you_mean(topic, topics)}"
        )
    rows = [_check(one, folder) for one in ledger if topic in (None, one.topic)]
    return pd.DataFrame(rows, columns=list(CHECK_COLUMNS))


def _check(claim: Claim, folder: str | Path | None) -> dict[str, Any]:
    recomputed, why = np.nan, ""
    try:
        rows = claim_rows(claim, folder)
        recomputed = ANALYSES[claim.analysis](rows)
        why = _complaint(claim, recomputed, rows_digest(rows))
    except AllianceStatsError as error:
        why = str(error)
    return {
        "claim": claim.claim, "topic": claim.topic, "tables": ", ".join(claim.tables),
        "expected": claim.expected, "tolerance": claim.tolerance, "recomputed": recomputed,
        "holds": not why, "verdict": claim.verdict, "why": why,
    }  # fmt: skip


def _complaint(claim: Claim, recomputed: float, digest: str) -> str:
    """Return in words what does not agree, or nothing."""
    if not abs(recomputed - claim.expected) <= claim.tolerance:
        return f"The number is {recomputed:.6g}, not {claim.expected:.6g}."
    if digest != claim.digest:
        return (
            f"A row it rests on has changed (its digest is now '{digest}', the ledger has "
            f"'{claim.digest}')."
        )
    return ""
