"""A number as it stands in print: its value, its decimals, and the signs around it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

MINUS = "-−–‐‑"
"""Hyphen, minus, en dash and two hyphens: all of them stand for a minus in print."""
NOTHING = {"", "-", "–", "—", "−", "na", "n.a.", "n/a", "n.r.", "nr"}
"""Cells in which nothing is printed."""
RELATIONS = {"<": "<", ">": ">", "≤": "≤", "≥": "≥", "<=": "≤", ">=": "≥", "=": "", "": ""}
SPACES = "\u00a0\u2009\u202f"
"""Spaces that part thousands; a plain one could as well part two numbers."""

_MARKS = r"[*†‡§¶]+|[ᵃ-ᶻ]+"
_TOKEN = re.compile(
    rf"""(?P<relation><=|>=|[<>≤≥=])?\s*
    (?P<sign>[{MINUS}+])?
    (?P<digits>\d{{1,3}}(?:[{SPACES}']\d{{3}})+(?:\.\d+)?(?!\d)|\d+(?:\.\d+)?|\.\d+)
    (?P<power>[eE][-+]?\d+)?
    \s*(?P<percent>%)?
    \s*(?P<marks>(?:{_MARKS})*)""",
    re.VERBOSE,
)
_BETWEEN = re.compile(rf"[\s()\[\],;±]*(?:\bto\b|[{MINUS}])?[\s()\[\],;±]*")


@dataclass(frozen=True)
class Printed:
    """One printed number.

    Attributes
    ----------
    text
        The whole cell it stands in.
    value
        The number, with the decimals that are printed.
    relation
        Empty, or ``<``, ``>``, ``≤``, ``≥`` where only a bound is printed.
    percent
        Whether a percent sign follows.
    marks
        Stars and other signs behind it, which are kept and not compared.
    """

    text: str
    value: Decimal
    relation: str = ""
    percent: bool = False
    marks: str = ""

    @property
    def unit(self) -> Decimal:
        """One unit of the last printed digit: 0.01 for ``.31``, 1 for ``12``."""
        exponent = self.value.as_tuple().exponent
        return Decimal(1).scaleb(int(exponent))


def parse_printed(text: str, *, decimal: str = "point") -> tuple[Printed, ...]:
    """Return the numbers of a printed cell, in order; none where nothing is printed.

    Parameters
    ----------
    text
        ``.05``, ``−.31**``, ``< .001``, ``1,892``, ``12 (34.5)``, ``3.92 ± 0.81``,
        ``[0.12, 0.30]``, ``34.5%``.
    decimal
        ``point``, where a comma parts thousands, or ``comma``, where it parts decimals.

    Raises
    ------
    ValueError
        Where the cell cannot be read for certain; the message says why.

    Examples
    --------
    >>> [str(one.value) for one in parse_printed("12 (34.50)")]
    ['12', '34.50']
    >>> parse_printed("< .001")[0].relation
    '<'
    """
    plain = text.strip()
    if plain.casefold() in NOTHING:
        return ()
    plain = re.sub(r"^p\s*(?=[<>=≤≥])", "", plain)
    plain = _point_decimals(plain, decimal)
    found: list[Printed] = []
    end = 0
    for token in _TOKEN.finditer(plain):
        before = plain[end : token.start()]
        after_number = end > 0 and not before.strip()
        sign = token["sign"] or ""
        # "0.12 -0.30" may be two numbers or a range; taking either would lose a sign or a number.
        apart = bool(sign) and plain[token.start("sign") - 1 : token.start("sign")].isspace()
        if after_number and (not sign or apart):
            raise ValueError(
                "two numbers stand side by side with nothing between them; put a comma or 'to' "
                "between them"
            )
        _check_between(before)
        # A dash right behind a number is the word "to": 0.12–0.30. Elsewhere it is a minus.
        minus = "-" if sign and sign in MINUS and not after_number else ""
        digits = re.sub(rf"[{SPACES}']", "", token["digits"])
        value = Decimal(minus + digits + (token["power"] or ""))
        relation = RELATIONS[token["relation"] or ""]
        found.append(Printed(text, value, relation, bool(token["percent"]), token["marks"]))
        end = token.end()
    _check_between(plain[end:])
    if not found:
        raise ValueError("it holds no number")
    return tuple(found)


def _check_between(text: str) -> None:
    if not _BETWEEN.fullmatch(text):
        raise ValueError(f"'{text.strip()}' is neither a number nor a sign between numbers")


def _point_decimals(text: str, decimal: str) -> str:
    """Return a cell with decimal points and without thousands, or say what is not certain."""
    thousands, other = (",", ".") if decimal == "point" else (".", ",")
    grouped = rf"(?<![\d{thousands}{other}])[1-9]\d{{0,2}}(?:{re.escape(thousands)}\d{{3}})+(?!\d)"
    text = re.sub(grouped, lambda found: found[0].replace(thousands, ""), text)
    if re.search(rf"\d{re.escape(thousands)}\d|(?<!\d){re.escape(thousands)}\d", text):
        wanted, sign = ("comma", "comma") if decimal == "point" else ("point", "point")
        raise ValueError(
            f"a {'comma' if thousands == ',' else 'point'} that parts no thousands: where it is "
            f"the decimal {sign}, write 'decimal: {wanted}' into the file; behind a comma between "
            "two numbers put a space"
        )
    return text.replace(",", ".") if decimal == "comma" else text
