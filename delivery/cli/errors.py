"""How the command ends when it cannot do what it was asked."""

from __future__ import annotations

import typer


def fail(problem: object) -> typer.Exit:
    """Says what is wrong on standard error and is raised to end with code 1."""
    typer.echo(f"headgate: {problem}", err=True)
    return typer.Exit(1)
