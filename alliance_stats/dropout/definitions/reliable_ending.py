"""Whether a client had improved reliably by the last score."""

from __future__ import annotations

from typing import Any

import pandas as pd

from ...core.people import same_ids
from ...errors import DesignError
from ...instruments.criteria import Criterion
from ...study import Study
from ...study.judged import judged_pairs
from ...study.prepost import first_and_last
from ...study.select import ScoreName, is_study, outcome_of
from ..checks import number_of


def improved_by_the_end(
    study: Study | pd.DataFrame,
    clients: pd.Series,
    *,
    measure: str | None = None,
    scale: str = "total",
    rater: str = "client",
    **options: Any,
) -> tuple[pd.Series, Criterion, str]:
    """Return 1, 0 or missing for each client, the criterion, and the rule in words.

    Scores and criterion are those of `first_and_last` and `reliable_change`. Where the study has
    occasions and a client lacks the last one, the last session's score stands in for it, judged
    by the same criterion: who left early has no last occasion, and is whom this asks about.
    """
    if not is_study(study) or study.scores.empty:
        raise DesignError("The study has no scores, so nobody's change is known.")
    scores = study.scores
    name = measure or outcome_of(study)
    pairs = first_and_last(study, measure=name, scale=scale, rater=rater)
    criterion, category = judged_pairs(study, pairs, **options)
    name, scale, rater = ScoreName(pairs.attrs["score"]).chosen
    keep = (scores["measure"] == name) & (scores["scale"] == scale) & (scores["rater"] == rater)
    rows = scores[keep & scores["score"].notna()].sort_values(["client_id", "session"])
    ends = rows.groupby("client_id", observed=True)["score"].agg(["first", "last", "size"])
    ends = ends.reindex(pairs["client_id"]).reset_index()
    last = ends["last"].where(pairs["pre"].notna() | (ends["size"] > 1))
    by_session = criterion.judge(
        pairs["pre"].fillna(ends["first"]).to_numpy(dtype=float), last.to_numpy(dtype=float)
    )[1]
    found = pd.Series(category, dtype=object)
    stand_in = found.isna() & pd.notna(by_session) & (pairs.attrs["source"] == "assessments")
    found = found.where(~stand_in, by_session)
    improved = (found == "improved").astype(float).where(found.notna())
    words = f"Reliable change of {name} {scale}, first to last score: {criterion}."
    if stand_in.any():
        words += (
            f" {number_of(int(stand_in.sum()), 'client', 'has')} no score at the last occasion: "
            "the last session's stands in."
        )
    by_client = same_ids(pairs.assign(improved=improved), clients).set_index("client_id")
    return clients.map(by_client["improved"]).astype(float), criterion, words
