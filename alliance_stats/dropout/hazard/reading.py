"""What a hazard is fitted to: its formula, the complete rows, outcome and predictors."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ...core.arguments import checked_table, truth_in
from ...core.model_disclosure import fewest_of_model
from ...core.people import CLIENT, refuse_repeats, trimmed
from ...errors import ColumnError, DesignError, FormulaError, listing, require_columns
from ...multilevel.formula.model_formula import Formula, RandomTerm, parse_formula
from ...multilevel.formula.terms import Columns, Table, build, response
from .fit_checks import refuse_a_row_a_client


def parsed_hazard(formula: str, data: pd.DataFrame) -> tuple[Formula, str, bool]:
    """Return the formula, the group of its random intercept ("" without), and clients' own."""
    if not isinstance(formula, str):
        raise FormulaError(f"formula must be a text such as 'event ~ session', not {formula!r}.")
    checked_table(data, "data")
    parsed = parse_formula(formula).over(data.columns)
    held = [t.group[0] for t in parsed.random if len(t.group) == 1 and _of_those_with(t, data)]
    own, groups = CLIENT in held, [name for name in held if name != CLIENT]
    if len(groups) > 1 or len(groups) + own < len(parsed.random):
        raise FormulaError(
            "A hazard formula may hold one random intercept of a group, such as (1 | "
            f"therapist_id), and one of clients, (1 | {CLIENT}); rows without a therapist stay, "
            "and (0 + x | therapist_id) is the same where x is 1 in those with one and 0 in the "
            f"others. Got\n  {formula}"
        )
    return parsed, groups[0] if groups else "", own


def _of_those_with(term: RandomTerm, data: pd.DataFrame) -> bool:
    """Return whether a random term is an intercept, or one of those alone who have the group."""
    if term.part.is_intercept:
        return True
    name = term.part.columns[0] if len(term.part.columns) == 1 else ""
    if term.part.text.replace(" ", "") != f"0+{name}" or term.group[0] not in data.columns:
        return False
    known = trimmed(data[term.group[0]]).notna()
    return bool((pd.to_numeric(data[name], errors="coerce") == known).all())


def complete_rows(
    parsed: Formula, data: pd.DataFrame, cluster: str | None, *more: str, repeats: bool = False
) -> tuple[pd.DataFrame, list[str]]:
    """Return the rows without missing values in any variable used, and what was left out.

    `more` are further columns that are used; with `repeats` rows are no sessions, and a client may
    have several.
    """
    if not repeats:
        refuse_a_row_a_client(data)
        refuse_repeats(data, ["client_id", "session"], "Person-period rows")
    if cluster is not None:
        require_columns(data.columns, [cluster], what="the data")
    columns = list(dict.fromkeys([*parsed.columns, *([cluster] if cluster else []), *more]))
    gaps = data[columns].isna()
    keep = ~gaps.any(axis=1)
    messages = []
    if not keep.all():
        counts = ", ".join(f"{name} {n}" for name, n in gaps.sum().items() if n)
        messages.append(f"{int((~keep).sum())} of {len(data)} rows lack a value ({counts}).")
    return with_event_as_number(data.loc[keep], parsed), messages


def with_event_as_number(rows: pd.DataFrame, parsed: Formula) -> pd.DataFrame:
    """Return rows whose event, a column of True and False, is 1 and 0; refuse words."""
    name = parsed.response.columns[0]
    values = pd.unique(rows[name])
    if parsed.response.text != name or rows[name].dtype.kind in "iuf" or not len(values):
        return rows
    if truth_in(rows[name]).all():
        return rows.assign(**{name: rows[name].astype(float)})
    if all(isinstance(value, str) for value in values):
        raise ColumnError(
            f"The left-hand side '{name}' of the formula must hold 0 and 1, and holds words "
            f"({listing(values)}). Write data['{name}'] = (data['{name}'] == {values[-1]!r})"
            ".astype(int), with the word that says it happened."
        )
    return rows


def outcome_and_predictors(
    parsed: Formula, used: pd.DataFrame, *, all_may_end: bool = False
) -> tuple[np.ndarray, pd.DataFrame, Columns]:
    """Return the outcome of 0 and 1, the columns of the predictors, and how they were made.

    With `all_may_end` each row may hold the event: how long it took differs.
    """
    if used.empty:
        raise DesignError("No row has a value of every variable in the formula.")
    table = Table(used)
    name, y = response(parsed, table)
    if not np.isin(y, (0.0, 1.0)).all():
        raise ColumnError(f"The left-hand side '{name}' of the formula must hold 0 and 1 only.")
    if y.max() == 0:
        raise DesignError(f"There is no event among {len(y)} rows, so no hazard to model.")
    if y.min() == 1 and not all_may_end:
        raise DesignError(
            f"There is nothing but event among {len(y)} rows, so no hazard to model. If a row is a "
            "client who left, name the column of how long it took with duration=."
        )
    terms = build(parsed.fixed, table)
    return y, pd.DataFrame(dict(terms.named_arrays())), terms


def fewest_clients(x: pd.DataFrame, y: np.ndarray, used: pd.DataFrame) -> int | None:
    """Return how few clients a coefficient is about, and how few left; None where not known."""
    if "client_id" not in used.columns:
        return None
    return fewest_of_model(x.to_numpy(dtype=float).T, used["client_id"], y)
