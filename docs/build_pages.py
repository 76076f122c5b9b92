"""Make the pages of the site that can be read off the package, so that they cannot go stale.

The reference (functions by topic, command line, tables, measures, rules, claims) and the copies of
the notebooks are written when the site is built, and git ignores them. Each page is made by one
function below and is plain text; `pages()` has them all by file name.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import alliance_stats as al
from alliance_stats import resources

STUB = Path(al.__file__).with_suffix(".pyi")
TOPICS = {
    "study": "Studies and files",
    "measures": "Measures and scoring",
    "description": "Description",
    "preparation": "Preparation",
    "multilevel": "Multilevel models",
    "ruptures": "Ruptures and repairs",
    "dropout": "Dropout",
    "gap": "The rating gap",
    "change": "Change",
    "evidence": "Evidence and claims",
    "simulation": "Simulation",
    "datasets": "Datasets",
    "report": "Report and tables",
    "workspace": "Workspace and notebooks",
    "errors": "Errors and warnings",
}
"""The subpackages in the order in which data flow through them."""

CLAIM_NOTEBOOKS = "claims"
TEMPLATE_NOTEBOOKS = "templates"


def write(docs: Path) -> None:
    """Write every page below `docs`, touching only files that change."""
    made = pages()
    for name, text in made.items():
        path = docs / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
    for folder in ("reference", "notebooks"):
        for path in (docs / folder).rglob("*"):
            stale = path.relative_to(docs).as_posix() not in made and "api" not in path.parts
            if path.is_file() and stale:
                path.unlink()


def pages() -> dict[str, str]:
    """Return the text of every page that is made, by its path below `docs`."""
    return {
        "reference/index.md": reference_index(),
        **{
            f"reference/functions/{topic}.rst": topic_page(topic, names)
            for topic, names in topics().items()
        },
        "reference/commands.md": commands_page(),
        "reference/tables.md": tables_page(),
        "reference/measures.md": measures_page(),
        "reference/principles.md": principles_page(),
        "reference/rules.md": rules_page(),
        "reference/claims.md": claims_page(),
        "reference/datasets.md": datasets_page(),
        "notebooks/index.md": notebooks_index(),
        **notebooks(),
    }


# ---- the functions, by topic --------------------------------------------------------------------


def topics() -> dict[str, list[str]]:
    """Return the public names by the subpackage they come from, as the stub lists them."""
    lines = re.findall(
        r"^from \.(\w+) import (\w+) as \2$", STUB.read_text(encoding="utf-8"), re.MULTILINE
    )
    found: dict[str, list[str]] = {}
    for package, name in lines:
        found.setdefault(package, []).append(name)
    order = [*TOPICS, *sorted(set(found) - set(TOPICS))]
    return {package: found[package] for package in order if package in found}


def topic_page(topic: str, names: Sequence[str]) -> str:
    """Return the page of one topic: what it is about, functions, results."""
    module = inspect.getdoc(__import__(f"alliance_stats.{topic}", fromlist=["x"])) or ""
    title = _title(topic)
    functions = [name for name in names if not inspect.isclass(getattr(al, name))]
    classes = [name for name in names if inspect.isclass(getattr(al, name))]
    heading = "What goes wrong, by name" if topic == "errors" else "What comes back"
    return "\n".join(
        [
            title,
            "=" * len(title),
            "",
            module.split("\n\n")[0],
            "",
            ".. currentmodule:: alliance_stats",
            "",
            *_summary("Functions", functions),
            *_summary(heading, classes),
        ]
    )


def _title(topic: str) -> str:
    return TOPICS.get(topic, topic.replace("_", " ").capitalize())


def _summary(heading: str, names: Sequence[str]) -> list[str]:
    if not names:
        return []
    return [
        heading,
        "-" * len(heading),
        "",
        ".. autosummary::",
        "   :toctree: ../api",
        "   :nosignatures:",
        "",
        *(f"   {name}" for name in names),
        "",
    ]


def reference_index() -> str:
    """Return the first page of the reference."""
    functions = [
        f"- [{_title(topic)}](functions/{topic}.rst): "
        + ", ".join(f"`al.{name}`" for name in _first(names))
        for topic, names in topics().items()
    ]
    return "\n".join(
        [
            "# Reference",
            "",
            "Everything here is read off the package when the site is built: docstrings, command "
            "line, table schemas, cards of instruments, rules and the ledger of claims.",
            "",
            "## Functions by topic",
            "",
            "All names are reached as `al.NAME` after `import alliance_stats as al`.",
            "",
            *functions,
            "",
            "## Facts",
            "",
            "- [Command line](commands.md)",
            "- [Tables of a study](tables.md)",
            "- [Measures](measures.md)",
            "- [Principles of alliance-focused treatment](principles.md)",
            "- [Rupture rules](rules.md)",
            "- [The ledger of claims](claims.md)",
            "- [Datasets that ship](datasets.md)",
            "",
            *_toctree("Functions by topic", [f"functions/{topic}" for topic in topics()]),
            *_toctree(
                "Facts",
                ["commands", "tables", "measures", "principles", "rules", "claims",
                 "datasets"],
            ),
        ]
    )  # fmt: skip


def _first(names: Sequence[str], count: int = 4) -> list[str]:
    return [name for name in names if not inspect.isclass(getattr(al, name))][:count] or list(
        names[:count]
    )


def _toctree(caption: str, entries: Iterable[str]) -> list[str]:
    return ["```{toctree}", ":hidden:", f":caption: {caption}", "", *entries, "```", ""]


# ---- the command line ---------------------------------------------------------------------------


def commands_page() -> str:
    """Return the commands with their arguments and options, from the program itself."""
    import typer

    from alliance_stats.cli import app

    program: Any = typer.main.get_command(app)
    parts = [
        "# Command line",
        "",
        program.help.strip(),
        "",
        "A command that finds an error in a study, or a claim that does not hold, ends with exit "
        "code 1; a word it does not understand, with 2. `--quiet` prints nothing but errors.",
        "",
    ]
    for name, command in program.commands.items():
        arguments = [p for p in command.params if p.param_type_name == "argument"]
        options = [p for p in command.params if p.param_type_name == "option"]
        usage = " ".join(_argument(p) if p.required else f"[{_argument(p)}]" for p in arguments)
        parts += [f"## `{name}`", "", (command.help or "").strip(), ""]
        parts += ["```sh", f"alliance-stats {name} {usage}".rstrip() + " [OPTIONS]", "```", ""]
        rows = [
            *([f"`{_argument(p)}`", p.help or "", ""] for p in arguments),
            *(["`" + "`, `".join(_flags(p)) + "`", p.help or "", _default(p)] for p in options),
        ]
        parts += [*_table(["", "what it says", "otherwise"], rows), ""]
    return "\n".join(parts)


def _argument(parameter: Any) -> str:
    return str(parameter.name).upper()


def _flags(parameter: Any) -> list[str]:
    return [*parameter.opts, *parameter.secondary_opts]


def _default(parameter: Any) -> str:
    if parameter.required:
        return "must be given"
    if parameter.default in (None, False, True, ()) or callable(parameter.default):
        return ""
    return f"`{parameter.default}`"


# ---- tables, measures, principles, rules, claims, datasets --------------------------------------


def tables_page() -> str:
    """Return the columns of every table of a study, from the schemas."""
    parts = [
        "# Tables of a study",
        "",
        "The tables a study is mapped to, as [Table Schemas](https://specs.frictionlessdata.io/) "
        "in `schemas/tables/`. A column marked * is part of the key, one marked ? may be absent. "
        "Further columns are kept and carried along.",
        "",
    ]
    for path in sorted((resources.folder("schemas") / "tables").glob("*.json")):
        schema = json.loads(path.read_text(encoding="utf-8"))
        key = schema.get("primaryKey", [])
        rows = [
            [
                f"`{field['name']}`"
                + (" *" if field["name"] in key else " ?" if field.get("optional") else ""),
                field["type"],
                field.get("description", ""),
                _allowed(field.get("constraints", {})),
            ]
            for field in schema["fields"]
        ]
        parts += [f"## {schema['name']}", "", schema.get("description", ""), ""]
        parts += [*_table(["column", "type", "what it holds", "allowed"], rows), ""]
        for foreign in schema.get("foreignKeys", []):
            target = foreign["reference"]
            parts += [
                f"`{', '.join(foreign['fields'])}` must be in `{target['resource'] or 'itself'}`.",
                "",
            ]
    return "\n".join(parts)


def _allowed(constraints: dict[str, Any]) -> str:
    said = []
    if "enum" in constraints:
        said.append(", ".join(f"`{value}`" for value in constraints["enum"]))
    if "minimum" in constraints or "maximum" in constraints:
        low, high = constraints.get("minimum"), constraints.get("maximum")
        said.append(
            f"{low} to {high}" if None not in (low, high)
            else f"{low} or more" if high is None else f"{high} or less"
        )  # fmt: skip
    if "pattern" in constraints:
        said.append(f"`{constraints['pattern']}`")
    return "; ".join(said)


def measures_page() -> str:
    """Return the cards of the instruments: numbers, keys, rules and sources, no wording."""
    table = al.list_measures()
    parts = [
        "# Measures",
        "",
        f"The {len(table)} instruments the package knows. A card holds item numbers, keys, ranges, "
        "rules and sources, never the wording of an item: you need the right to use an instrument. "
        "A fact marked ✓ was read in the source that is named; one marked ✗ was not.",
        "",
        "One of your own is a file in the study's folder `measures`; "
        "`alliance-stats measures NAME` prints a card.",
        "",
        *_table(
            ["measure", "title", "construct", "items", "range"],
            [
                [f"[{row.name}](#{row.name})", row.title, row.construct, row.n_items or "none",
                 f"{row.low:g} to {row.high:g}"]
                for row in table.itertuples(index=False)
            ],
        ),
        "",
    ]  # fmt: skip
    for name in table["name"]:
        parts += _card(al.measure(name))
    return "\n".join(parts)


def _card(card: Any) -> list[str]:
    scales = [
        [f"`{name}`", scale.title or "", _numbers(scale.items), scale.method]
        for name, scale in card.scales.items()
    ]
    facts = [
        ["form", card.form, ""],
        ["rated by", "; ".join(f"{rater}: {form}" for rater, form in card.raters.items()), ""],
        ["items", len(card.items) or "none", _marks(card, "n_items")],
        ["answers", f"{card.range[0]:g} to {card.range[1]:g}", _marks(card, "range")],
        ["reversed items", _numbers(card.reversed_items) or "none", _marks(card, "reversed_items")],
        ["scales", f"{len(card.scales)}", _marks(card, "scales")],
        ["scoring", card.scoring_note, _marks(card, "scoring")],
        ["missing items", card.missing_rule, _marks(card, "missing_rule")],
        ["direction", card.direction.replace("_", " "), ""],
        *(
            [f"cut-off ({cut.scale})", f"{cut.value:g}: {cut.meaning}", _mark(card, cut)]
            for cut in card.cutoffs
        ),
        *(
            [f"reliable change ({change.scale})", f"{change.value:g} points, {change.method}",
             _mark(card, change)]
            for change in card.reliable_change
        ),
        *(
            [f"reliability ({found.scale})", f"{found.kind} {found.value:g} {found.population}",
             _mark(card, found)]
            for found in card.reliabilities
        ),
        ["licence", str(card.licence), ""],
        *(["not known", text, ""] for text in card.unknown),
    ]  # fmt: skip
    return [
        f"({card.name})=",
        f"## {card.name}",
        "",
        f"**{card.title}**",
        "",
        *(_table(["scale", "title", "items", "made by"], scales) if scales else []),
        "",
        *_table(["", "what the card says", "read there"], facts),
        "",
        "Sources:",
        "",
        *(f"- **{key}**: {_cited(source)}" for key, source in card.sources.items()),
        "",
    ]


def _numbers(items: Iterable[int]) -> str:
    """Return item numbers with runs drawn together: 1-3, 5."""
    runs: list[list[int]] = []
    for item in items:
        if runs and item == runs[-1][-1] + 1:
            runs[-1].append(item)
        else:
            runs.append([item])
    return ", ".join(f"{run[0]}-{run[-1]}" if len(run) > 2 else ", ".join(map(str, run))
                     for run in runs)  # fmt: skip


def _marks(card: Any, fact: str) -> str:
    return _mark(card, card.verified[fact], "status") if fact in card.verified else ""


def _mark(card: Any, fact: Any, status: str = "verified") -> str:
    return f"{'✓' if getattr(fact, status) else '✗'} {fact.source or ''}".strip()


def _cited(source: Any) -> str:
    where = f"https://doi.org/{source.doi}" if source.doi else source.url
    return f"{source.citation} {f'<{where}>' if where else ''}".strip()


def principles_page() -> str:
    """Return the thirteen principles with what each extent means."""
    table = al.list_principles()
    parts = [
        "# Principles of alliance-focused treatment",
        "",
        f"The {len(table)} principles by which sessions can be coded (table `principle_codes`), "
        "with the meaning of each extent from 0 to 4.",
        "",
    ]
    for row in table.itertuples(index=False):
        parts += [
            f"## {row.number}. {row.title}",
            "",
            f"`{row.principle}`; serves {row.serves}. "
            + ("Read in the source." if row.verified else "Not every fact was read in a source."),
            "",
            *(f"{extent}. {getattr(row, f'extent_{extent}')}" for extent in range(5)),
            "",
            f"Seen in data by: {row.evidence_in_data}",
            "",
            f"Sources: {row.sources}",
            "",
        ]
    return "\n".join(parts)


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
            ["a session is flagged where", f"`{_plain(row.definition)}`"],
            ["distance is in", row.unit],
            ["parameters", f"`{_plain(given)}`"],
            ["fixed", ", ".join(f"`{name}`" for name in row.fixed) or "nothing"],
            ["reads", f"`{row.needs}`"],
            ["needs", f"{row.least_sessions} session(s) to exist, {row.minimum_sessions} to be "
             "judged"],
            ["source", f"{row.source} "
             f"({'formula read there' if row.verified else 'not verified'})"],
            ["note", row.note],
        ]  # fmt: skip
        parts += [f"## `{row.name}`", "", f"{row.title}.", "", *_table(["", ""], facts), ""]
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
            parts += [f"### `{row.claim}`", "", *_table(["", ""], facts), ""]
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
            *_table(["name", "title", "kind", "synthetic", "licence"], rows),
            "",
        ]
    )


# ---- notebooks ----------------------------------------------------------------------------------


def notebooks() -> dict[str, str]:
    """Return copies of the notebooks: claims with outputs, templates with a note on top."""
    made = {}
    for kind in (CLAIM_NOTEBOOKS, TEMPLATE_NOTEBOOKS):
        for path in sorted((resources.folder("notebooks") / kind).glob("*.ipynb")):
            book = json.loads(path.read_text(encoding="utf-8"))
            if kind == TEMPLATE_NOTEBOOKS:
                _note_on_top(book, path.stem)
            made[f"notebooks/{kind}/{path.name}"] = json.dumps(book, ensure_ascii=False, indent=1)
    return made


def _note_on_top(book: dict[str, Any], name: str) -> None:
    """Say below the title that a template has no results yet, and how to get them."""
    note = (
        "\n\n:::{note}\nA template to fill in, shown without results. See them on the synthetic "
        f"demo study with\n`alliance-stats run {name} demo-trial --out {name}.html`; for your own "
        "study, write its folder instead of\n`demo-trial`.\n:::\n"
    )
    source = "".join(book["cells"][0]["source"])
    title, _, rest = source.partition("\n")
    book["cells"][0]["source"] = f"{title}{note}{rest}"


def notebooks_index() -> str:
    """Return the page that lists the notebooks."""
    entries: dict[str, list[tuple[str, str]]] = {CLAIM_NOTEBOOKS: [], TEMPLATE_NOTEBOOKS: []}
    for name, text in notebooks().items():
        _, kind, file = name.split("/")
        title = "".join(json.loads(text)["cells"][0]["source"]).split("\n")[0].lstrip("# ")
        entries[kind].append((file.removesuffix(".ipynb"), title))
    return "\n".join(
        [
            "# Notebooks",
            "",
            "## What the field says of itself",
            "",
            "One notebook for each claim: where it comes from, the published numbers, their "
            "synthesis, a simulated clinic in which the definition moves the number, the verdict, "
            "and what it does not show. They are saved with their results, and the test suite runs "
            "them.",
            "",
            *(f"- [{title}](claims/{name}.ipynb)" for name, title in entries[CLAIM_NOTEBOOKS]),
            "",
            "## Templates to fill in",
            "",
            "They come with a new study (`alliance-stats new FOLDER`) and run as they are "
            "(`alliance-stats run NAME STUDY --out PAGE.html`).",
            "",
            *(
                f"- [{title}](templates/{name}.ipynb)"
                for name, title in entries[TEMPLATE_NOTEBOOKS]
            ),
            "",
            *_toctree("Claims", [f"claims/{name}" for name, _ in entries[CLAIM_NOTEBOOKS]]),
            *_toctree("Templates", [f"templates/{n}" for n, _ in entries[TEMPLATE_NOTEBOOKS]]),
        ]
    )


# ---- Markdown -----------------------------------------------------------------------------------


def _table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """Return a Markdown table; whatever would break a cell is escaped."""
    return [
        "| " + " | ".join(header) + " |",
        "|" + "---|" * len(header),
        *("| " + " | ".join(_cell(value) for value in row) + " |" for row in rows),
    ]


def _cell(value: object) -> str:
    text = " ".join(str(value if value is not None else "").split()).replace("|", "\\|")
    return re.sub(r"(?<!<)\bhttps?://[^\s<>|)\]]+[^\s<>|)\].,;]", r"<\g<0>>", text) if (
        "](" not in text
    ) else text  # fmt: skip


def _plain(text: str) -> str:
    return " ".join(str(text).split()).replace("`", "'")
