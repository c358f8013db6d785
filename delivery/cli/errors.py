"""How the command ends when it cannot do what it was asked: one line on standard error, and a code."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException


def fail(problem: object, code: int = 1) -> typer.Exit:
    """Says what is wrong in one line on standard error and is raised to end with that code."""
    typer.echo(f"headgate: {' '.join(str(problem).split())}", err=True)
    return typer.Exit(code)


class Commands(TyperGroup):
    """Says what is wrong with a command line as any other error is said."""

    def main(self, args: Sequence[str] | None = None, *more: Any, standalone_mode: bool = True, **named: Any) -> Any:
        """As typer's own, but for how a mistake is shown."""
        named["standalone_mode"] = False
        if not standalone_mode:
            return super().main(args, *more, **named)
        try:
            ended = super().main(args, *more, **named)
        except TyperException as mistake:
            _show(mistake)
        except typer.Abort:
            sys.exit(fail("aborted; nothing more was done").exit_code)
        sys.exit(ended if isinstance(ended, int) else 0)


def _show(mistake: TyperException) -> NoReturn:
    said = mistake.format_message().replace("Value error, ", "").rstrip(".")
    context = getattr(mistake, "ctx", None)
    if said:  # without a word: a command that was given nothing has shown its help
        shown = f"; see `{context.command_path} --help`" if context and ";" not in said else ""
        fail(f"{said}{shown}")
    sys.exit(mistake.exit_code)
