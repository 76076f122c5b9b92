"""Commands before a study, between studies, and on what is published."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .common import Debug, Quiet, Study, app, located

Design = Annotated[
    Path,
    typer.Argument(
        help="A plan: a YAML file (see the how-to), or a study's folder with a design.yaml.",
        show_default=False,
    ),
]


@app.command()
def plan(
    design: Design,
    out: Annotated[Path, typer.Option(help="The page to write.", show_default=False)],
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Say what a planned study can find: power, precision, assumptions, on one page."""
    from ..planning.plan_file import read_plan

    read = read_plan(design)
    read.write_page(out)
    if not quiet:
        typer.echo(f"{read.power.sentence()} {read.needed}\nThe page is in {out}")


@app.command()
def preregister(
    design: Design,
    out: Annotated[Path, typer.Option(help="The Word document to write.", show_default=False)],
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Write a plan in the sections of a registration, as a Word document to complete."""
    from ..planning.plan_file import read_plan

    read_plan(design).write_registration(out)
    if not quiet:
        typer.echo(f"The form is in {out}")


@app.command()
def share(
    model: Annotated[
        str,
        typer.Argument(
            help="A formula, or a YAML file that holds one and what all clinics agreed on.",
            metavar="FORMULA-OR-PLAN",
            show_default=False,
        ),
    ],
    study: Study,
    out: Annotated[
        Path | None,
        typer.Option(help="The file to send; without it only the audit is shown."),
    ] = None,
    clinic: Annotated[
        str | None, typer.Option(help="The clinic's name; else that of the file.")
    ] = None,
    min_clients: Annotated[
        int | None, typer.Option(help="The fewest clients a number may be about; 5.", min=1)
    ] = None,
    most_told: Annotated[
        float | None,
        typer.Option(help="Share of one person's mean that may be told; 1 / min-clients."),
    ] = None,
    digits: Annotated[
        int | None, typer.Option(help="Decimals of a curve; as many as may be told.")
    ] = None,
    at: Annotated[
        Path | None,
        typer.Option(help="From the second round of a search by mail: the coordinator's file."),
    ] = None,
    reviewed: Annotated[
        bool,
        typer.Option("--reviewed", help="Whoever answers for the data lets a looser file go."),
    ] = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Write what a clinic may send for a joint model: sums, no rows; or say why not."""
    import alliance_stats as al

    found = al.clinic_file(
        model,
        al.open_study(located(study)),
        out,
        clinic=clinic,
        min_clients=min_clients,
        most_told=most_told,
        digits=digits,
        at=at,
        reviewed=reviewed,
    )
    if not quiet:
        typer.echo(found.summary())


@app.command()
def combine(
    files: Annotated[
        list[Path], typer.Argument(help="The files of the clinics.", show_default=False)
    ],
    clinic: Annotated[
        str, typer.Option(help="What differs between clinics: shared, fixed or random.")
    ] = "shared",
    df: Annotated[
        str, typer.Option(help="satterthwaite, kenward-roger or normal.")
    ] = "satterthwaite",
    following: Annotated[
        Path | None,
        typer.Option(
            "--next",
            help="In a search by mail: write where the next round looks (.yaml), for the clinics.",
        ),
    ] = None,
    ml: Annotated[
        bool, typer.Option("--ml", help="Maximum likelihood, not the restricted one.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="Write the result as a page (.html) or Word (.docx).")
    ] = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Fit one multilevel model to the files that clinics sent."""
    import alliance_stats as al

    from ..errors import AllianceStatsError

    if out is not None and out.suffix.lower() not in (".html", ".docx"):
        raise AllianceStatsError(f"A result is written as .html or .docx, not '{out.name}'.")
    fit = al.combine_clinics(files, clinic=clinic, df=df, reml=not ml)  # type: ignore[arg-type]
    if following is not None and not fit.converged:
        fit.next_round(following)
    if out is not None:
        (fit.to_word if out.suffix.lower() == ".docx" else fit.to_html)(out)
    if not quiet:
        typer.echo(fit.summary())
        if following is not None and not fit.converged:
            typer.echo(f"The point of round {fit.rounds + 1} is in {following}")


@app.command()
def claims(quiet: Quiet = False, debug: Debug = False) -> None:
    """Give each sentence of the ledger with its verdict; exit code 1 where a number fails."""
    import alliance_stats as al

    from ..workspace.printing import claims_in_words, sentences_in_words

    table = al.check_claims()  # type: ignore[attr-defined, unused-ignore]
    holds = table["holds"].fillna(True).all()
    if not quiet:
        if holds:
            for line in sentences_in_words(al.claims(by="sentence")):
                typer.echo(line)
        for line in claims_in_words(table):
            typer.echo(line)
    if not holds:
        raise typer.Exit(1)
