"""The command line: parse, call, print. A command imports what it needs, and no other does."""

from __future__ import annotations

import io
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from .report import Report

app = typer.Typer(
    name="alliance-stats",
    help="Validated data and multilevel statistics for studies of the therapeutic alliance.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Study = Annotated[
    str,
    typer.Argument(
        help="A study: a folder with study.yaml or datapackage.json, or the name of a shipped "
        "dataset (demo-trial).",
        show_default=False,
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]
Debug = Annotated[
    bool, typer.Option("--debug", help="Show the program's own traceback where it fails.")
]
DEMO = "demo-trial"
STOPPED = 130  # what a shell calls a program that Ctrl-C ended
ENDED = 143  # and one that SIGTERM ended


@app.callback(invoke_without_command=True)
def _start(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and leave.")
    ] = False,
) -> None:
    if version:
        from . import __version__

        typer.echo(f"alliance-stats {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


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
    from .report import write_report

    with _progress(quiet) as tell:
        written = write_report(_located(study), out, progress=tell, strict=strict, **options)
    if not quiet:
        _tell_written(written)


def _tell_written(written: Report) -> None:
    typer.echo(f"The report is in {written.page}")
    if written.account is not None:
        typer.echo(f"Its private account, which must stay with the study, is {written.account}")
    for name in written.changed:
        typer.echo(f"Note: '{name}' was changed while the report was made from it.", err=True)
    for section in written.incomplete:
        why = section.reason or "a part of it could not be computed; the report says which"
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

    opened = al.open_study(_located(study))
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
    from .app.server import serve

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

    from .workspace.printing import problems_in_words

    found = al.validate(_located(study))
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
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Make a study to fill in: study.yaml, empty tables, templated notebooks."""
    from .workspace import new_study

    written = new_study(folder)
    if not quiet:
        typer.echo(f"Made {folder} with {len(written)} files. Read {folder / 'README.md'} first.")


@app.command()
def measures(
    name: Annotated[str | None, typer.Argument(help="One measure.", show_default=False)] = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """List the instruments the package can score, or show the card of one."""
    import alliance_stats as al

    from .workspace.printing import card_in_words, measures_in_words

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

    from .core.outputs import keep_inputs
    from .errors import AllianceStatsError

    kind = out.suffix.lower()
    if kind not in (".html", ".json"):
        raise AllianceStatsError(f"A codebook is written as .html or .json, not '{out.name}'.")
    opened = al.open_study(_located(study))
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
    from .workspace import run_notebook

    with _progress(quiet) as tell:
        run_notebook(
            template,
            _located(study),
            out,
            parameters=parameter or (),
            progress=tell,
            show_persons=show_persons,
        )
    if not quiet:
        typer.echo(f"The notebook is in {out}")


Design = Annotated[
    Path, typer.Argument(help="A plan: a YAML file (see the how-to).", show_default=False)
]


@app.command()
def plan(
    design: Design,
    out: Annotated[Path, typer.Option(help="The page to write.", show_default=False)],
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Say what a planned study can find: power, precision, assumptions, on one page."""
    from .planning.plan_file import read_plan

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
    from .planning.plan_file import read_plan

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
        al.open_study(_located(study)),
        out,
        clinic=clinic,
        min_clients=min_clients,
        most_told=most_told,
        digits=digits,
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
    out: Annotated[
        Path | None, typer.Option(help="Write the result as a page (.html) or Word (.docx).")
    ] = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Fit one multilevel model to the files that clinics sent."""
    import alliance_stats as al

    from .errors import AllianceStatsError

    if out is not None and out.suffix.lower() not in (".html", ".docx"):
        raise AllianceStatsError(f"A result is written as .html or .docx, not '{out.name}'.")
    fit = al.combine_clinics(files, clinic=clinic, df=df)  # type: ignore[arg-type]
    if out is not None:
        (fit.to_word if out.suffix.lower() == ".docx" else fit.to_html)(out)
    if not quiet:
        typer.echo(fit.summary())


def _add_claims() -> None:
    """Offer `claims` once the ledger of claims ships."""
    stub = Path(__file__).with_name("__init__.pyi")
    if "check_claims" not in stub.read_text(encoding="utf-8"):
        return

    @app.command()
    def claims(quiet: Quiet = False, debug: Debug = False) -> None:
        """Give each sentence of the ledger with its verdict; exit code 1 where a number fails."""
        import alliance_stats as al

        from .workspace.printing import claims_in_words, sentences_in_words

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


_add_claims()


def _located(study: str) -> str | Path:
    """Return the path of a study, or the name of a shipped dataset's folder."""
    from .core import resources

    path = Path(study)
    if path.exists():
        return path
    shipped = resources.folder("datasets") / study
    plain = study and not any(sign in study for sign in "/\\") and study not in (".", "..")
    return shipped if plain and shipped.is_dir() else path


@contextmanager
def _progress(quiet: bool) -> Iterator[Callable[[str, int, int], None]]:
    """Show a bar on a terminal, a line a step elsewhere, nothing where `quiet`."""
    if quiet:
        yield lambda what, done, steps: _end_if_asked()
        return
    if not sys.stderr.isatty():

        def line(what: str, done: int, steps: int) -> None:
            _end_if_asked()
            typer.echo(f"[{done}/{steps}] {what}")

        yield line
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.completed}/{task.total}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("Starting", total=None)

        def move(what: str, done: int, steps: int) -> None:
            _end_if_asked()
            bar.update(task, description=what, completed=done, total=steps)

        yield move


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; whatever goes wrong is one line on stderr and an exit code."""
    words = sys.argv[1:] if arguments is None else arguments
    _Ended.asked = False
    signal.signal(signal.SIGTERM, _ended)  # scratch files go, as with Ctrl-C
    for stream in (sys.stdout, sys.stderr):  # a name that the terminal cannot show is no error
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        code = app(words, prog_name="alliance-stats", standalone_mode=False)
        _end_if_asked()
    except KeyboardInterrupt:
        _fail("Stopped; nothing was written half.", STOPPED)
    except _Ended:
        _fail("Ended; nothing was written half.", ENDED)
    except BrokenPipeError:  # the reader of our output has left, as `| head` does
        sys.stderr.close()
        sys.exit(0)
    except Exception as error:
        if "--debug" in words:
            raise
        _fail(*_in_words(error))
    if code == STOPPED:  # newer releases of typer turn Ctrl-C into this code themselves
        _fail("Stopped; nothing was written half.", STOPPED)
    sys.exit(code if isinstance(code, int) else 0)


def _ended(*_: object) -> None:
    _Ended.asked = True
    raise _Ended


def _end_if_asked() -> None:
    """Ask again: what is raised in a finalizer or a compiled callback is swallowed there."""
    if _Ended.asked:
        raise _Ended


class _Ended(BaseException):
    """The system asks the program to end; nothing but `main` catches it."""

    asked = False


def _in_words(error: Exception) -> tuple[str, int]:
    """Return an error as one line, and the exit code."""
    from .errors import AllianceStatsError

    if type(error).__name__ == "Abort":
        return "Stopped; nothing was written half.", STOPPED
    if hasattr(error, "format_message"):  # how typer says that a word was not understood
        return f"{error.format_message()} ('alliance-stats --help' shows what there is.)", 2
    if isinstance(error, AllianceStatsError):
        return str(error), 1
    if isinstance(error, OSError) and error.filename is not None:
        return f"'{error.filename}': {error.strerror or error}.", 1
    if isinstance(error, MemoryError):
        return "The memory of this machine does not suffice.", 1
    kind = type(error).__name__
    return f"{kind}: {error} (unexpected; --debug shows where it happened.)", 1


def _fail(text: str, code: int) -> None:
    plain = "".join(sign if sign.isprintable() else " " for sign in text)
    line = " ".join(plain.split())
    sys.stderr.write(f"Error: {line}\n")
    sys.exit(code)


if __name__ == "__main__":
    main()
