"""How the command ends when it cannot do what it was asked."""

from __future__ import annotations

import typer


def fail(problem: object, code: int = 1) -> typer.Exit:
    """Says what is wrong in one line on standard error and is raised to end with that code."""
    typer.echo(f"headgate: {' '.join(str(problem).split())}", err=True)
    return typer.Exit(code)
