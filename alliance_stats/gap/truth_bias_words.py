"""What the numbers of a truth-and-bias model may be said to show, and what not."""

from __future__ import annotations

import pandas as pd

_UNIT = {
    None: "points of the scale",
    "pooled": "SDs of the judgement (pooled within dyads)",
    "dyad": "SDs of the dyad's own judgement",
}


def claims_of(terms: dict[str, str], standardise: str | None, within: bool) -> pd.DataFrame:
    """Return a row a term: ``term, supports, does_not_show``."""
    rows = [_claim(term, standardise, within) for term in terms.values()]
    return pd.DataFrame(rows, columns=["term", "supports", "does_not_show"])


def _claim(term: str, standardise: str | None, within: bool) -> tuple[str, str, str]:
    head, _, moderator = term.partition(":")
    if moderator:
        what = "mean difference" if head == "directional_bias" else "truth force"
        return (
            term,
            f"How much the {what} differs where {moderator} is one unit higher.",
            f"That {moderator} changes it: clients and sessions with other values of it differ "
            "in other ways too.",
        )
    if head == "directional_bias":
        return (
            term,
            f"By how much the judgement lies above (+) or below (-) the truth on average, in "
            f"{_UNIT[standardise]}.",
            "That the therapist is wrong: it presumes that both forms measure the same thing on "
            "the same scale.",
        )
    if head == "bias_force":
        return (
            term,
            "How strongly the judgement goes with the bias variable where the truth is the same.",
            "That it is not accuracy: a bias variable may itself carry truth that the client's "
            "single rating misses.",
        )
    return (term, _force(standardise, within), _not_force(standardise))


def _force(standardise: str | None, within: bool) -> str:
    where = "its dyad's own mean" if within else "the mean of all dyads"
    if standardise == "dyad":
        return "The mean correlation of both ratings over the sessions of a dyad."
    if standardise == "pooled":
        return (
            "By how many of its SDs the judgement moves for one SD of the truth "
            f"{'within dyads' if within else 'between dyads'}."
        )
    return f"By how many points the judgement moves for one point of the truth around {where}."


def _not_force(standardise: str | None) -> str:
    if standardise is None:
        return (
            "A correlation: it also depends on how much each rater uses the scale. Error in the "
            "client's rating pulls it towards zero; a value below 1 is not by itself inaccuracy."
        )
    return (
        "Agreement in level or in spread, which standardising takes out. Error in either rating "
        "pulls it towards zero."
    )
