"""What the cells of the templates share: opening a study, trying, telling, showing."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from textwrap import fill
from typing import TYPE_CHECKING, Any, TypeVar

from ..core.results import Result
from ..errors import AllianceStatsError, StudyLacksError
from ..study.select import choose
from ..study.times import along
from .needing import needs
from .shown import TERMS, WIDTH, Course, Terms, Words, as_html, to_read

if TYPE_CHECKING:
    import pandas as pd

    from ..study import Study

Made = TypeVar("Made")
SYNTHETIC = "SYNTHETIC DATA: nobody in this study exists, and no finding in it is evidence."


def start(study_path: str | os.PathLike[str]) -> Study:
    """Open the study of a notebook, say where its data are synthetic, and set how numbers look."""
    import pandas as pd

    from ..study import open_study

    pd.set_option("display.max_rows", 100, "display.max_colwidth", 120)
    pd.set_option("display.float_format", readable)
    study = open_study(study_path)
    if study.synthetic:
        display(Words((SYNTHETIC,)))
    return study


def readable(value: float) -> str:
    """Write a number to be read: whole, with three decimals, or as small as it is."""
    if value != value:
        return ""
    if float(value).is_integer():
        return f"{value:.0f}"
    return f"{value:.3f}" if abs(value) >= 0.001 else f"{value:.1g}"


def attempt(question: str, make: Callable[..., Made], *given: Any, **options: Any) -> Made | None:
    """Return what a function gives; where the data cannot carry the question, say why."""
    try:
        return make(*given, **options)
    except StudyLacksError as lack:
        display(_left_out(question, lack))
    except AllianceStatsError as error:
        display(Words((f"{question}: not to be had from these data. {error}",)))
    return None


def has_or_says(study: Study, part: str, **needed: Any) -> bool:
    """Return whether a study has what `needs` is asked for; where not, say what is left out."""
    try:
        needs(study, **needed)
    except StudyLacksError as lack:
        display(_left_out(part, lack))
        return False
    return True


def _left_out(part: str, lack: StudyLacksError) -> Words:
    return Words((f"{part}: left out. {lack}",))


def one_score(
    study: Study, measure: str, name: str, *, rater: str = "client", scale: str | None = None
) -> pd.DataFrame:
    """Return one score at sessions, a row a client and session, in a column called `name`."""
    needs(study, scores=[(measure, rater)])
    scores, _ = choose(along(study), measure, scale, rater)
    kept = scores[scores["score"].notna()]
    return kept[["client_id", "session", "score"]].rename(columns={"score": name})


def tell(messages: Iterable[str]) -> None:
    """Print what a result says about itself."""
    if said := tuple(messages):
        display(Words(said, "- "))


def say(sentences: Iterable[str]) -> None:
    """Print sentences that the notebook itself makes of its results, to start a text from."""
    print("\n\n".join(fill(sentence, WIDTH) for sentence in sentences))


def show(result: Any, columns: Iterable[str] = (), where: str = "", **options: Any) -> None:
    """Show a table, or what a result says about itself and its terms; None shows nothing.

    `options` go to the result's ``tidy``.
    """
    if result is None:
        return
    tell(getattr(result, "messages", ()))
    if isinstance(result, Result):
        display(Terms(result, tuple(columns), where, options=options))
        return
    table = result.query(where) if where else result
    display(to_read(table[list(columns)] if columns else table.dropna(axis="columns", how="all")))


def show_terms(
    result: Result | pd.DataFrame, meaning: Mapping[str, str] | None = None, where: str = ""
) -> None:
    """Show the terms of a result with their intervals, and what each means where it is said."""
    if isinstance(result, Result):
        display(Terms(result, TERMS, where, meaning))
        return
    shown = result[[name for name in (*TERMS, "p_value") if name in result.columns]]
    if meaning is not None:
        shown = shown.assign(meaning=[meaning.get(str(term), "") for term in shown["term"]])
    display(to_read(shown.dropna(axis="columns", how="all")))


def show_course(course: pd.DataFrame, label: str) -> None:
    """Draw a mean course (`al.mean_course`)."""
    display(Course(course, label))


def against_truth(
    table: pd.DataFrame, planted: Mapping[str, float], reasons: Mapping[str, str] | None = None
) -> None:
    """Hold what was found in a simulated study against what it was made from."""
    rows = table.drop_duplicates("term").set_index("term")
    for term, value in planted.items():
        at, low, high = (float(rows[name][term]) for name in ("estimate", "conf_low", "conf_high"))
        found = f"{at:.3f} [{low:.3f}, {high:.3f}]"
        inside = low <= value <= high
        why = "" if inside else (reasons or {}).get(term, "")
        said = f"{term}: planted {value:g}, found {found}; {'inside' if inside else 'outside'}."
        print(fill(f"{said} {why}".strip(), WIDTH))


def display(thing: Any) -> None:
    """Show a table or picture in the notebook; outside of one, print it."""
    from importlib.util import find_spec

    if find_spec("IPython") is None:
        print(thing)
        return
    import pandas as pd
    from IPython.display import HTML
    from IPython.display import display as ipython_display

    if isinstance(thing, pd.DataFrame):
        thing = HTML(as_html(thing))
    ipython_display(thing)
