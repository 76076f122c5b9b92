"""Internal consistency of the scales in a study: the one door to pingouin's alpha."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..core.display.shown import shown
from .select import ScoreName, choose, measures_named, scale_of
from .splitting import each_group

if TYPE_CHECKING:
    from .study import Study

SMALLEST_N = 10  # an alpha of fewer forms has an interval as wide as the scale itself


def cronbach_alpha(answers: pd.DataFrame, *, confidence: float = 0.95) -> dict[str, float]:
    """Return Cronbach's alpha of complete answers, with Feldt's interval.

    Parameters
    ----------
    answers
        One row a form, one column an item, reversed items already turned; no missing value.

    Returns
    -------
    dict
        ``alpha, conf_low, conf_high``.
    """
    import pingouin

    plain = pd.DataFrame(answers.to_numpy(dtype=float))
    value = float(pingouin.cronbach_alpha(data=plain)[0])
    # pingouin's own interval comes rounded to three digits; rounded again it can be off by one.
    low, high = feldt_interval(value, *plain.shape, confidence)
    return {"alpha": value, "conf_low": low, "conf_high": high}


def feldt_interval(
    alpha: float, n: int, n_items: int, confidence: float = 0.95
) -> tuple[float, float]:
    """Return Feldt's interval of an alpha: (1 - alpha) over its true value follows an F."""
    from scipy.stats import f

    tail, df = (1 - confidence) / 2, (n - 1, (n - 1) * (n_items - 1))
    low, high = (1 - (1 - alpha) * f.ppf(p, *df) for p in (1 - tail, tail))
    return float(low), float(high)


def scale_reliability(
    study: Study, *, measure: str | None = None, by: str | None = None
) -> pd.DataFrame:
    """How consistently do the items of each scale measure one thing, in these data?

    Parameters
    ----------
    study
        A `Study` with ``ratings`` (items). Scores that came as totals have no alpha.
    measure
        One measure, scale or rater (``"wai-sr"``, ``"wai-sr/task"``, ``"wai-sr//therapist"``); by
        default all of the study's.
    by
        A column of the clients (``condition``, ``site_id``) for the numbers of each group; it
        stands first in the table.

    Returns
    -------
    DataFrame
        ``measure, rater, scale, n_items, n, alpha, conf_low, conf_high, reason``; NaN with a
        `reason` where it cannot be computed.

    Notes
    -----
    Cronbach's alpha from pingouin, with Feldt's interval (doi 10.1177/014662168701100107), on
    each client's first form with every item of the scale answered: one row a client, so that
    rows are independent and the value speaks of differences between clients. It says nothing
    about how well changes from session to session are measured.
    """
    if by is not None:
        return each_group(partial(scale_reliability, measure=measure), study, by)
    rows: list[dict[str, Any]] = []
    ratings = study.tables.get("ratings")
    if ratings is None or ratings.empty:
        return pd.DataFrame(columns=_COLUMNS)
    wanted = ScoreName(measure).measure if measure is not None else None
    if wanted in set(measures_named(study)) - set(map(str, ratings["measure"].unique())):
        return pd.DataFrame(columns=_COLUMNS)  # it came as totals
    ratings, asked = choose(ratings, measure, settle=())
    for (name, rater), part in ratings.groupby(["measure", "rater"], observed=True, sort=False):
        card = study.measures.get(str(name))
        if card is None:
            continue
        wide = _first_forms(part, card, _is_reversed(study, str(name), str(rater)))
        scales = card.scales if asked.scale is None else {scale_of(card, asked.scale).name}
        rows += [_row(str(name), str(rater), card.scales[scale], wide) for scale in scales]
    found = pd.DataFrame(rows, columns=_COLUMNS)
    return shown(found, "Cronbach's alpha, first complete forms", alpha="α", n_items="Items")


def alpha_forms(study: Study, measure: str, rater: str, scale: str) -> pd.DataFrame:
    """Return the forms that an alpha of `scale_reliability` is of: one row a client, by id.

    Columns are the scale's items, reversed ones turned; empty where an item is not in the data.
    """
    ratings, card = study.tables.get("ratings"), study.measures[measure]
    items = list(card.scales[scale].items)
    if ratings is None:
        return pd.DataFrame(columns=items)
    part = ratings[(ratings["measure"] == measure) & (ratings["rater"] == rater)]
    wide = _first_forms(part, card, _is_reversed(study, measure, rater))
    return _complete(wide, items) if set(items) <= set(wide.columns) else wide[:0]


_COLUMNS = ["measure", "rater", "scale", "n_items", "n", "alpha", "conf_low", "conf_high", "reason"]


def _is_reversed(study: Study, measure: str, rater: str) -> bool:
    return (measure, rater) in getattr(study, "already_reversed", ())


def _first_forms(part: pd.DataFrame, card: Any, already_reversed: bool) -> pd.DataFrame:
    """Return forms in order of session, items as columns, reversed ones turned, impossible NaN."""
    forms = part.set_index(["client_id", "session", "item"])["value"]
    wide = forms.unstack("item").sort_index()  # noqa: PD010 - keys are unique, nothing to aggregate
    for item in wide.columns:
        low, high = card.item_range(int(item))
        values = wide[item].to_numpy(dtype=float)
        values = np.where((values >= low) & (values <= high), values, np.nan)
        turned = int(item) in card.reversed_items and not already_reversed
        wide[item] = low + high - values if turned else values
    return wide


def _row(measure: str, rater: str, scale: Any, forms: pd.DataFrame) -> dict[str, Any]:
    items = list(scale.items)
    row = {"measure": measure, "rater": rater, "scale": scale.name, "n_items": len(items)}
    missing = [item for item in items if item not in forms.columns]
    if len(items) < 2 or missing:
        reason = "single item" if len(items) < 2 else f"{len(missing)} items are not in the data"
        return {**row, "n": 0, **_NOTHING, "reason": reason}
    first = _complete(forms, items)
    if len(first) < SMALLEST_N:
        return {**row, "n": len(first), **_NOTHING, "reason": f"fewer than {SMALLEST_N} clients"}
    if float(first.sum(axis=1).var()) == 0:
        return {**row, "n": len(first), **_NOTHING, "reason": "all forms have the same total"}
    return {**row, "n": len(first), **cronbach_alpha(first), "reason": ""}


def _complete(forms: pd.DataFrame, items: list[int]) -> pd.DataFrame:
    """Return each client's first form with every item answered."""
    complete = forms[items].dropna().droplevel("session")
    return complete[~complete.index.duplicated()]


_NOTHING = {"alpha": np.nan, "conf_low": np.nan, "conf_high": np.nan}
