"""What every command shares: its arguments, where a study is, progress, and the end asked for."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

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


@app.callback(invoke_without_command=True)
def _start(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and leave.")
    ] = False,
) -> None:
    if version:
        from .. import __version__

        typer.echo(f"alliance-stats {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def located(study: str) -> str | Path:
    """Return the path of a study, or the name of a shipped dataset's folder."""
    from ..core import resources

    path = Path(study)
    if path.exists():
        return path
    shipped = resources.folder("datasets") / study
    plain = study and not any(sign in study for sign in "/\\") and study not in (".", "..")
    return shipped if plain and shipped.is_dir() else path


@contextmanager
def progress(quiet: bool) -> Iterator[Callable[[str, int, int], None]]:
    """Show a bar on a terminal, a line a step elsewhere, nothing where `quiet`."""
    if quiet:
        yield lambda what, done, steps: end_if_asked()
        return
    if not sys.stderr.isatty():

        def line(what: str, done: int, steps: int) -> None:
            end_if_asked()
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
            end_if_asked()
            bar.update(task, description=what, completed=done, total=steps)

        yield move


def ended(*_: object) -> None:
    """Note that the end was asked for, and begin it."""
    Ended.asked = True
    raise Ended


def end_if_asked() -> None:
    """Ask again: what is raised in a finalizer or a compiled callback is swallowed there."""
    if Ended.asked:
        raise Ended


class Ended(BaseException):
    """The system asks the program to end; nothing but `main` catches it."""

    asked = False
