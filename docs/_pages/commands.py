"""The command line, read off the program."""

from __future__ import annotations

from typing import Any

from .markdown import table


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
        parts += [*table(["", "what it says", "otherwise"], rows), ""]
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
