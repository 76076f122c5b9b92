"""How far do the percentages depend on method, reliability and criterion?"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import product
from typing import Any

import pandas as pd

from ..core.arguments import checked_choice
from ..errors import DesignError
from ..instruments.change_formulas import METHODS
from ..instruments.criteria import check_sd
from ..instruments.scale_card import direction_of
from .significant import BETTER, CLASSES, CRITERIA, HA_CUTOFF, clinically_significant_change


def change_sensitivity(
    data: pd.DataFrame,
    *,
    pre: str,
    post: str,
    reliability: Sequence[float],
    methods: Sequence[str] = tuple(METHODS),
    criteria: Sequence[str] = ("a", "b", "c"),
    clinical: tuple[float, float] | None = None,
    functional: tuple[float, float] | None = None,
    sd: float | None = None,
    direction: str | None = None,
) -> pd.DataFrame:
    """What would the shares be under another formula, another reliability, another cut-off?

    Parameters
    ----------
    data, pre, post, clinical, functional, sd, direction
        As in `clinically_significant_change`.
    reliability
        Values to try, such as alpha and test-retest reliability.
    methods
        Reliable-change formulas to try; all six by default.
    criteria
        Of ``a``, ``b``, ``c``; those whose populations are not given are told in ``why_not``.

    Returns
    -------
    DataFrame
        A row a specification and denominator (``all`` with both scores, ``clinical_at_intake``,
        ``with_intake``; see `clinically_significant_change`): ``method, reliability, criterion,
        denominator, n_of, cutoff``, the shares ``recovered, improved, unchanged, deteriorated``
        and ``not_improved`` (neither recovered nor improved; under ``with_intake`` that includes
        who has no last score), and ``why_not`` where a specification
        cannot be computed (its shares are missing). ``.attrs["messages"]``: what holds for all.

    Examples
    --------
    >>> import pandas as pd, alliance_stats as al
    >>> scores = pd.DataFrame({"pre": [30.0, 25, 28, 22], "post": [12.0, 24, 18, 27]})
    >>> table = al.change_sensitivity(
    ...     scores, pre="pre", post="post", reliability=[0.7, 0.9], methods=["JT"],
    ...     criteria=["c"], clinical=(25.0, 7.0), functional=(8.0, 4.0), sd=7.0,
    ... )
    >>> table.query("denominator == 'all'")["not_improved"].tolist()
    [0.75, 0.5]
    """
    _check_list("reliability", reliability, "[0.8, 0.9]")
    _check_list("methods", methods, '["JT", "HA"]')
    _check_list("criteria", criteria, '["a", "c"]')
    for method in methods:
        checked_choice("method", method, METHODS)
    for criterion in criteria:
        checked_choice("criterion", criterion, CRITERIA)
    direction, told = direction_of(direction, None, data)
    check_sd(sd)  # what is wrong for every specification is said at once
    rows = []
    for method, value, criterion in product(methods, reliability, criteria):
        specification = {"method": method, "reliability": value, "criterion": criterion}
        try:
            found = clinically_significant_change(
                data, pre=pre, post=post, reliability=value, clinical=clinical,
                functional=functional, criterion=criterion, sd=sd, method=method,
                direction=direction,
            )  # fmt: skip
        except DesignError as error:
            rows.append({**specification, "why_not": str(error)})
            continue
        for name, part in found.table.groupby("denominator", sort=False):
            shares = dict(zip(part["category"], part["share"], strict=True))
            rows.append(
                {
                    **specification, "denominator": name, "n_of": int(part["n_of"].iloc[0]),
                    "cutoff": found.cutoff, **shares,
                    "why_not": "",
                    "not_improved": sum(s for c, s in shares.items() if c not in BETTER),
                }
            )  # fmt: skip
    columns = ["method", "reliability", "criterion", "denominator", "n_of", "cutoff", *CLASSES,
               "not_improved", "why_not"]  # fmt: skip
    table = pd.DataFrame(rows).reindex(columns=columns)
    table.attrs["messages"] = (*told, *([HA_CUTOFF] if "HA" in methods else []))
    return table


def _check_list(name: str, values: Any, example: str) -> None:
    if isinstance(values, str) or not isinstance(values, Collection) or not len(values):
        raise DesignError(f"{name} must be a list of the values to try, such as {example}.")
