"""The scores of a study: computed by the cards, joined with those the file gave."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from .study import Study

KEY = ["client_id", "session", "rater", "measure", "scale"]
COLUMNS = [*KEY, "score", "n_answered", "n_items"]


def study_scores(study: Study) -> pd.DataFrame:
    """Return all scores of a study; a computed score goes before one that was given."""
    import pandas as pd

    parts: list[pd.DataFrame] = []
    messages: list[str] = []
    if study.has("ratings"):
        computed = _computed(study, messages)
        parts.append(computed)
    if study.has("scores"):
        parts.append(study.tables["scores"].reindex(columns=COLUMNS))
    if not parts:
        return _empty()
    scores = parts[0]
    if len(parts) == 2:
        both = pd.concat([one.astype(_plain(one)) for one in parts], ignore_index=True)
        scores = both[~both.duplicated(KEY)].reset_index(drop=True)
    attrs = {name: value for part in parts for name, value in part.attrs.items()}
    scores.attrs = {**attrs, "messages": tuple(messages)}
    return scores


def _computed(study: Study, messages: list[str]) -> pd.DataFrame:
    """Score what has a card; name what has none instead of failing."""
    from ..instruments import score

    ratings = study.tables["ratings"]
    registry = study.measures
    names = ratings["measure"].dropna().unique()
    unknown = [str(name) for name in names if name not in registry]
    without = [str(name) for name in names if name in registry and not registry[name].scales]
    messages += [
        f"The measure '{name}' has no card, so its answers are not scored." for name in unknown
    ]
    messages += [f"'{name}' is not scored: {registry[name].why_not_scored()}." for name in without]
    left_out = [*unknown, *without]
    if left_out:
        ratings = ratings[~ratings["measure"].isin(left_out)]
    if not len(ratings):
        return _empty()
    return score(ratings, already_reversed=set(study.already_reversed), registry=registry)


def _plain(frame: pd.DataFrame) -> dict[str, str]:
    """Return the types under which computed and given scores can stand in one table."""
    text = dict.fromkeys(("client_id", "rater", "measure", "scale"), "object")
    return {**text, "score": "float64", "n_answered": "float64", "n_items": "float64"}


def _empty() -> pd.DataFrame:
    import pandas as pd

    empty = pd.DataFrame({name: pd.Series(dtype="object") for name in COLUMNS})
    return empty.astype({"session": "int64", "score": "float64"})
