"""Commands on one study: read it, judge it, show it, fill it in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .common import Debug, Quiet, Study, app, located, progress

if TYPE_CHECKING:
    from ..report import Report

DEMO = "demo-trial"


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder for the report.")] = Path("alliance-report"),
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Make the report of the synthetic study that ships with the package, with nothing withheld."""
    _report(DEMO, out, quiet=quiet, strict=debug, individual_courses=True)


@app.command()
def report(
    study: Study,
    out: Annotated[Path, typer.Option(help="Folder for the report.", show_default=False)],
    alliance: Annotated[
        str | None, typer.Option(help="Alliance measure; else the one with most scores.")
    ] = None,
    outcome: Annotated[
        str | None, typer.Option(help="Outcome measure; else the one with most scores.")
    ] = None,
    cutoff: Annotated[
        float | None, typer.Option(help="Outcome score that parts clinical from functional.")
    ] = None,
    criterion: Annotated[
        str, typer.Option(help="What makes a change reliable: card, alpha or published.")
    ] = "card",
    rule: Annotated[
        str | None, typer.Option(help="Rupture rule (al.rupture_rules() lists them).")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
    courses: Annotated[
        bool,
        typer.Option(
            "--show-persons/--no-show-persons",
            "--courses/--no-courses",
            help="Draw single persons, without ids, and withhold nothing: for the owner of the "
            "data; such a report must not leave the clinic.",
        ),
    ] = False,
    account: Annotated[
        Path | None,
        typer.Option(help="Where the private account goes; else .alliance-stats/ in the study."),
    ] = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Validate a study and write its first complete report into a folder."""
    options: dict[str, Any] = {
        "alliance": alliance,
        "outcome": outcome,
        "cutoff": cutoff,
        "criterion": criterion,
        "seed": seed,
        "individual_courses": courses,
        "account": account,
    }
    if rule is not None:
        options["rupture_rule"] = rule
    _report(study, out, quiet=quiet, strict=debug, **options)


def _report(study: str, out: Path, *, quiet: bool, strict: bool, **options: Any) -> None:
    from ..report import write_report

    with progress(quiet) as tell:
        written = write_report(located(study), out, progress=tell, strict=strict, **options)
    if not quiet:
        _tell_written(written)


def _tell_written(written: Report) -> None:
    typer.echo(f"The report is in {written.page}")
    if written.account is not None:
        typer.echo(f"Its private account, which must stay with the study, is {written.account}")
    for name in written.changed:
        typer.echo(f"Note: '{name}' was changed while the report was made from it.", err=True)
    for section in written.incomplete:
        part = "is withheld" if section.withheld else "could not be computed"
        why = section.reason or f"a part of it {part}; the report says which"
        typer.echo(f"Note: section '{section.title}': {why}", err=True)


@app.command()
def explore(
    study: Study,
    out: Annotated[Path, typer.Option(help="The page to write.", show_default=False)],
    show_persons: Annotated[
        bool,
        typer.Option(
            "--show-persons",
            help="Show single clients, without ids: for the owner of the data; such a page must "
            "not leave the clinic.",
        ),
    ] = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Write a page to look through a study: courses, ruptures by any rule, endings, rating gap."""
    import alliance_stats as al

    opened = al.open_study(located(study))
    written = opened.explore(show_persons=show_persons).save(out)
    if not quiet:
        typer.echo(f"The page is in {written}")
        if not show_persons:
            typer.echo("It shows means only; --show-persons makes the page of single clients.")


@app.command("app")
def app_(
    folder: Annotated[
        Path | None,
        typer.Argument(help="A folder with files of a study; else they are dropped on the page."),
    ] = None,
    browser: Annotated[bool, typer.Option(help="Open it in the browser.")] = True,
    debug: Debug = False,
) -> None:
    """Open a page on this machine: drop files, correct what was understood, get the report."""
    from ..app.server import serve

    serve(folder, open_browser=browser, tell=typer.echo)


@app.command()
def validate(
    study: Study,
    html: Annotated[
        Path | None, typer.Option(help="Write the problems as a page.", show_default=False)
    ] = None,
    xlsx: Annotated[
        Path | None, typer.Option(help="Write the files marked up, as a workbook.")
    ] = None,
    limit: Annotated[int, typer.Option(help="How many problems to print.", min=0)] = 20,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Say everything that is wrong in a study's files; exit code 1 where an error is found."""
    import alliance_stats as al

    from ..workspace.printing import problems_in_words

    found = al.validate(located(study))
    for path, write in ((html, found.to_html), (xlsx, found.to_xlsx)):
        if path is not None:
            write(path)
    if not quiet:
        for line in problems_in_words(found, limit):
            typer.echo(line)
    if not found.ok:
        raise typer.Exit(1)


@app.command()
def new(
    folder: Annotated[Path, typer.Argument(help="A folder that does not exist or is empty.")],
    messy: Annotated[
        bool, typer.Option("--messy", help="With two made-up files with mistakes, to try it on.")
    ] = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Make a study to fill in: study.yaml, empty tables, templated notebooks."""
    from ..workspace import new_study

    written = new_study(folder, messy=messy)
    if not quiet:
        typer.echo(f"Made {folder} with {len(written)} files. Read {folder / 'README.md'} first.")
    if messy and not quiet:
        typer.echo(
            "study.yaml there is the example and does not fit the two made-up files yet: "
            "'alliance-stats validate' says so. The tutorial writes one for them, from what "
            "alliance_stats.suggest_mapping drafts."
        )


@app.command()
def measures(
    name: Annotated[str | None, typer.Argument(help="One measure.", show_default=False)] = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """List the instruments the package can score, or show the card of one."""
    import alliance_stats as al

    from ..workspace.printing import card_in_words, measures_in_words

    lines = (
        measures_in_words(al.list_measures()) if name is None else card_in_words(al.measure(name))
    )
    if not quiet:
        for line in lines:
            typer.echo(line)


@app.command()
def codebook(
    study: Study,
    out: Annotated[Path, typer.Option(help="Where to write it: .html or .json.")] = Path(
        "codebook.html"
    ),
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Write the codebook of a study: every table, column and instrument."""
    import alliance_stats as al

    from ..core.outputs import keep_inputs
    from ..errors import AllianceStatsError

    kind = out.suffix.lower()
    if kind not in (".html", ".json"):
        raise AllianceStatsError(f"A codebook is written as .html or .json, not '{out.name}'.")
    opened = al.open_study(located(study))
    keep_inputs(out, opened.folder)
    book = opened.codebook()
    write = book.to_html if kind == ".html" else book.to_json
    write(out)
    if not quiet:
        typer.echo(f"The codebook is in {out}")


@app.command()
def run(
    template: Annotated[
        str, typer.Argument(help="Name of a templated notebook, or the path of one.")
    ],
    study: Study,
    out: Annotated[Path, typer.Option(help="The page to write.", show_default=False)],
    parameter: Annotated[
        list[str] | None, typer.Option("--parameter", "-p", help="name=value, repeatable.")
    ] = None,
    show_persons: Annotated[
        bool,
        typer.Option(
            "--show-persons", help="Keep rows and figures of single persons, small counts, ids."
        ),
    ] = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Run a templated notebook on a study and write it as a page."""
    from ..workspace import run_notebook

    with progress(quiet) as tell:
        run_notebook(
            template,
            located(study),
            out,
            parameters=parameter or (),
            progress=tell,
            show_persons=show_persons,
        )
    if not quiet:
        typer.echo(f"The notebook is in {out}")
