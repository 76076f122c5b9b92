"""Rupture rules, the ledger of claims and the datasets that ship."""

from __future__ import annotations

import alliance_stats as al

from .markdown import plain, table


def rules_page() -> str:
    """Return the registry of rupture rules; what they find is on a page of its own."""
    parts = [
        "# Rupture rules",
        "",
        "The registry behind `al.detect_ruptures`, as `al.rupture_rules` gives it. What each rule "
        "finds, and how often wrongly, is told in [Which rupture rule?](../rupture-rules.md).",
        "",
    ]
    for row in al.rupture_rules().itertuples(index=False):
        given = ", ".join(f"{name} = {value!r}" for name, value in row.parameters.items())
        facts = [
            ["a session is flagged where", f"`{plain(row.definition)}`"],
            ["distance is in", row.unit],
            ["parameters", f"`{plain(given)}`"],
            ["fixed", ", ".join(f"`{name}`" for name in row.fixed) or "nothing"],
            ["reads", f"`{row.needs}`"],
            ["needs", f"{row.least_sessions} session(s) to exist, {row.minimum_sessions} to be "
             "judged"],
            ["source", f"{row.source} "
             f"({'formula read there' if row.verified else 'not verified'})"],
            ["note", row.note],
        ]  # fmt: skip
        parts += [f"## `{row.name}`", "", f"{row.title}.", "", *table(["", ""], facts), ""]
    return "\n".join(parts)


def claims_page() -> str:
    """Return the ledger: each claim with its number, recomputed now, and the verdict."""
    ledger = al.claims().merge(al.check_claims()[["claim", "recomputed", "holds"]], on="claim")
    parts = [
        "# The ledger of claims",
        "",
        "What the field repeats, checked. Each number was recomputed from the published tables "
        "when this site was built; `alliance-stats claims` does so on your machine. *Reproduced* "
        "says that the number comes out again; whether the claim is true is the verdict. How it is "
        "done: [published evidence](../evidence.md).",
        "",
        *table(
            ["sentence", "verdict", "rows", "read in the source"],
            [
                [row.words, row.verdict, str(row.k), str(row.n_read)]
                for row in al.claims(by="sentence").itertuples(index=False)
            ],
        ),
        "",
    ]
    for topic, rows in ledger.groupby("topic", sort=False):
        parts += [f"## {topic.replace('-', ' ').capitalize()}", ""]
        parts += [f"Notebook: [{topic}](../notebooks/claims/{topic}.ipynb)", ""]
        for row in rows.itertuples(index=False):
            facts = [
                ["claim", row.words],
                ["number", f"{row.number}: **{row.recomputed:.4g}** (ledger {row.expected:.4g}; "
                 f"{'reproduced' if row.holds else 'NOT reproduced'})"],
                ["verdict", f"**{row.verdict}**. {row.because}"],
                ["what would change it", row.would_change],
                ["rests on", f"{row.n_rows} row(s) of `{row.tables}`, {row.n_verified} read in the "
                 "source"],
                ["sources", "; ".join(_linked(source) for source in row.sources.split("; "))],
            ]  # fmt: skip
            parts += [f"### `{row.claim}`", "", *table(["", ""], facts), ""]
    return "\n".join(parts)


def _linked(source: str) -> str:
    return f"[{source}](https://doi.org/{source})" if source.startswith("10.") else source


def datasets_page() -> str:
    """Return what ships with the package."""
    rows = [
        [f"`{row.name}`", row.title, row.kind, "yes" if row.synthetic else "no",
         row.licence or "CC0-1.0"]
        for row in al.list_datasets().itertuples(index=False)
    ]  # fmt: skip
    return "\n".join(
        [
            "# Datasets that ship",
            "",
            "`al.load_dataset` gives one of them by name; a study can be opened by its name with "
            "`al.open_study` too.",
            "",
            *table(["name", "title", "kind", "synthetic", "licence"], rows),
            "",
        ]
    )
