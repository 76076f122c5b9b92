"""What the numbers of a truth-and-bias model may be said to show; see `wording.yaml`."""

from __future__ import annotations

import pandas as pd

from ..wording import wording


def claims_of(
    table: pd.DataFrame,
    terms: dict[str, str],
    standardise: str | None,
    within: bool,
    moderators: list[str],
) -> pd.DataFrame:
    """Return a row a term: ``term, supports, does_not_show``; random effects come last."""
    words, claims = wording("truth_and_bias_words"), wording("truth_and_bias_claims")
    values = {**words["within" if within else "overall"], "moderators": ", ".join(moderators)}
    values |= {name: text.format(**values) for name, text in words[standardise or "raw"].items()}
    for name in ("at", "held"):
        values[name] = f" {words[name].format(**values)}" if moderators else ""
    rows = []
    for term in terms.values():
        head, colon, moderator = term.partition(":")
        rows.append((term, claims[head + colon], {"moderator": moderator}))
    random = table[(table["effect"] == "random") & (table["group"] != "Residual")]
    for group, term in zip(random["group"], random["term"], strict=True):
        kind, _, what = term.partition(" ")
        names = what.split(" ")
        own = {"group": group, "what": what, "first": names[0], "last": names[-1]}
        rows.append((f"{term} [{group}]", claims[kind], own))
    return pd.DataFrame(
        [
            {"term": term, **{name: text.format(**values, **own) for name, text in claim.items()}}
            for term, claim, own in rows
        ],
        columns=["term", "supports", "does_not_show"],
    )
