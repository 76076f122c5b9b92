"""What the numbers of a truth-and-bias model may be said to show, and what not."""

from __future__ import annotations

import pandas as pd


def _unit(standardise: str | None, within: bool) -> str:
    if standardise == "pooled":
        return f"SDs of the judgement ({'pooled within dyads' if within else 'over all dyads'})"
    return "SDs of the dyad's own judgement" if standardise else "points of the scale"


def claims_of(
    table: pd.DataFrame,
    terms: dict[str, str],
    standardise: str | None,
    within: bool,
    moderators: list[str],
) -> pd.DataFrame:
    """Return a row a term: ``term, supports, does_not_show``; random effects come last."""
    rows = [_claim(term, standardise, within, moderators) for term in terms.values()]
    random = table[(table["effect"] == "random") & (table["group"] != "Residual")]
    rows += [
        _random(g, t, standardise) for g, t in zip(random["group"], random["term"], strict=True)
    ]
    return pd.DataFrame(rows, columns=["term", "supports", "does_not_show"])


def _claim(
    term: str, standardise: str | None, within: bool, moderators: list[str]
) -> tuple[str, str, str]:
    head, _, moderator = term.partition(":")
    at = f" Stated for an average {', '.join(moderators)}." if moderators else ""
    if moderator and head == "directional_bias":
        return (
            term,
            "How much further above (+) or below (-) the truth the judgement lies where "
            f"{moderator} is one unit higher, in sessions in which the client is at "
            f"{'the own' if within else 'the grand'} mean.",
            "That the mean gap changes by it: where the client's own rating moves with "
            f"{moderator}, the gap moves with that too. Nor that it changes the bias: "
            f"rows with other values of {moderator} differ in other ways.",
        )
    if moderator:
        return (
            term,
            f"How much the truth force differs where {moderator} is one unit higher.",
            f"That {moderator} changes it: rows with other values of it differ in other ways too.",
        )
    if head == "directional_bias":
        return (
            term,
            f"By how much the judgement lies above (+) or below (-) the truth on average, in "
            f"{_unit(standardise, within)}.{at}",
            "That the therapist is wrong: it presumes that both forms measure the same thing on "
            "the same scale.",
        )
    if head == "bias_force":
        return (
            term,
            "How strongly the judgement goes with the bias variable where the truth is the "
            f"same.{at}",
            "That it is not accuracy: a bias variable may itself carry truth that the client's "
            "single rating misses.",
        )
    supports = _force(standardise, within)
    if moderators:
        supports += (
            f"{at} It is the force that is left with {', '.join(moderators)} held equal, and so "
            "differs from the force of a model without: what both ratings share with "
            f"{', '.join(moderators)} (a common rise, say) is taken out."
        )
    return (term, supports, _not_force(standardise))


def _random(group: str, term: str, standardise: str | None) -> tuple[str, str, str]:
    kind, _, what = term.partition(" ")
    label = f"{term} [{group}]"
    if kind == "sd":
        return (
            label,
            f"How far units of {group} differ in {what} (SD of the true values, error of sampling "
            "taken out).",
            "Why they differ; near zero the interval is rough, and zero is 'not found', not "
            "'none'.",
        )
    if kind == "cor":
        return (
            label,
            f"Whether units of {group} with a higher {what.split(' ')[0]} have a higher or lower "
            f"{what.split(' ')[-1]}.",
            "That one makes the other. A bounded scale ties both together (ceiling), and with few "
            "units the interval is wide.",
        )
    return (
        label,
        f"The same relation between units of {group} as a covariance, in the model's units.",
        "Its strength, which is the correlation's; nor a cause.",
    )


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
