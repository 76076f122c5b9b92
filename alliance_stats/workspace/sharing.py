"""What a notebook printed, as it may stand on a page: as in a report, as far as output tells.

A page cannot know which people stand behind a number of a table that somebody displayed, as the
ledger of a report does. So it is stricter: a table with a row a person is left out; where one cell
of a column that counts people is from one to four, the whole column goes, and the shares with it;
messages end before the first number; figures with a mark a person are left out; ids are replaced.
What a notebook computes and prints in words of its own is masked, but not understood: the page
says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ..disclosure import SMALLEST_SHOWN
from ..report.naming import Names, without_data

NOTE = (
    "This page leaves out rows and figures of single persons, counts of one to four people with "
    "their columns, and ids. It does not know what else its numbers give away beside each other: "
    "to share results, write a report (alliance-stats report)."
)
LEFT_OUT = "Left out here: it shows single persons (--show-persons keeps it)."
OF_PERSONS = {"client_id", "therapist_id", "client", "therapist", "cell", "value", "message"}
COUNTS = re.compile(
    r"n|n_(?!coders$).*|count|clients|dyads|therapists|events?|in_therapy|attended|missed|not_recorded|both|"
    r"only_first|only_second|neither|cases|freq"
)
FOLLOWS = re.compile(
    r"share.*|rate|conf_.*|proportion|incidence|one_minus_km|std_error|kappa|agreement"
)
OF_THE_COUNT = re.compile(r"agreement|proportion|rate")
"""Shares whose denominator stands beside them."""

DRAWN = re.compile(
    r"plot_clients?\(|plot_bland_altman|plot_gap_by_therapist|therapists\.plot|page\.plot|"
    r"surface\.plot"
)
FEW = re.compile(
    rf"(?<![\d.,\w-])[1-{SMALLEST_SHOWN - 1}]"
    r"(?=(?: of [\d,]+)? (?:clients?|dyads?|therapists?|dropouts?))"
)
A_SENTENCE = 40
"""Characters of a cell from which it is text that somebody reads, not a value."""

_DATE = re.compile(r"\b\d{4}-\d{2}-\d{2}\b")
_IN_BRACKETS = re.compile(rf"\([1-{SMALLEST_SHOWN - 1}]\)")
_ITEM = re.compile(r"^- .*(?:\n  .*)*\n?", re.MULTILINE)
_PROBLEM = re.compile(r"^\[(?:error|warning|info)\] .*\n?", re.MULTILINE)
_ALIGNED = re.compile(r"^(?P<name>\S.*?)(?P<gap> {2,})(?P<n>\d+)$", re.MULTILINE)


def share(notebook: Any, names: Names) -> None:
    """Change the outputs of an executed notebook into what may stand on a page."""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            of_persons = bool(DRAWN.search(cell.source))
            cell.outputs = list(_shared(cell.outputs, names, of_persons))


def _shared(outputs: Any, names: Names, of_persons: bool) -> Iterator[Any]:
    for output in outputs:
        if output.output_type == "stream":
            output.text = _text(output.text, names)
        data = output.get("data", {})
        if of_persons and any(kind.startswith("image/") for kind in data):
            for kind in [kind for kind in data if kind.startswith(("image/", "text/html"))]:
                del data[kind]
            data["text/plain"] = LEFT_OUT
        if "text/html" in data:
            data["text/html"] = names.mask(_tables(data["text/html"]))
            data["text/plain"] = ""  # the same again, for consoles
        elif "text/plain" in data:
            data["text/plain"] = _text(data["text/plain"], names)
        if "image/svg+xml" in data:
            data["image/svg+xml"] = names.mask(data["image/svg+xml"])
        yield output


def _text(text: str, names: Names) -> str:
    """Return printed text with messages cut, small counts gone and ids masked."""

    def item(match: re.Match[str]) -> str:
        whole = " ".join(match.group().removeprefix("- ").split())
        said = "" if names.names(whole) else without_data(whole)
        return match.group() if said == whole else f"- {said}\n" if said else ""

    text = _PROBLEM.sub("", _ITEM.sub(item, text))
    if any(0 < int(found["n"]) < SMALLEST_SHOWN for found in _ALIGNED.finditer(text)):
        text = _ALIGNED.sub(r"\g<name>\g<gap>withheld", text)
    return names.mask(FEW.sub(f"fewer than {SMALLEST_SHOWN}", text))


def _tables(markup: str) -> str:
    """Return HTML whose tables hold no row a person and no small count of people."""
    from bs4 import BeautifulSoup

    page = BeautifulSoup(markup, "html.parser")
    for table in page.find_all("table"):
        rows = [row.find_all(["th", "td"]) for row in table.find_all("tr")]
        heads = [cell.get_text(strip=True) for cell in rows[0]] if rows else []
        if OF_PERSONS & set(heads):
            table.replace_with(LEFT_OUT)
            continue
        body = [row for row in rows[1:] if len(row) == len(heads)]
        small = [
            place
            for place, head in enumerate(heads)
            if COUNTS.fullmatch(head) and any(_is_few(row[place].get_text()) for row in body)
        ]
        shares = [place for place, head in enumerate(heads) if FOLLOWS.fullmatch(head)]
        counted = [place for place, head in enumerate(heads) if COUNTS.fullmatch(head)]
        of_them = [place for place in shares if OF_THE_COUNT.fullmatch(heads[place])]
        few = any(_tells_of_few(row, counted, of_them) for row in body)
        for row in body if small or few else []:
            for place in small + shares:
                row[place].string = "withheld"
        for cell in (cell for row in body for cell in row if len(cell.get_text()) > A_SENTENCE):
            text = _DATE.sub("...", FEW.sub(f"fewer than {SMALLEST_SHOWN}", cell.get_text()))
            cell.string = _IN_BRACKETS.sub("(withheld)", text)
    return str(page)


def _tells_of_few(row: list[Any], counted: list[int], shares: list[int]) -> bool:
    """Say whether a share of a row's people, or what is left of it, comes to one to four."""
    for count in (row[place].get_text().replace(",", "").strip() for place in counted):
        for share in (row[place].get_text().strip() for place in shares):
            part = re.fullmatch(r"([\d.]+)( ?%)?", share)
            if not re.fullmatch(r"\d+(\.0)?", count) or part is None:
                continue
            people = float(count) * float(part[1]) / (100 if part[2] else 1)
            if any(0.5 < one < SMALLEST_SHOWN - 0.5 for one in (people, float(count) - people)):
                return True
    return False


def _is_few(text: str) -> bool:
    return bool(re.fullmatch(rf"[1-{SMALLEST_SHOWN - 1}](?:\.0+)?", text.strip()))
