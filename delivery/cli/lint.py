"""`headgate lint`: what is wrong with manifests, before they are applied."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from delivery.cli.access import ERROR
from delivery.cli.errors import fail
from delivery.cli.output import Output, OutputOption, printed
from delivery.errors import HeadgateError, InvalidSpec
from delivery.lint.finding import Finding, Severity
from delivery.lint.rules import lint as findings_of
from delivery.route_files.documents import Documents, parse

STDIN = Path("-")
SUFFIXES = {".yaml", ".yml", ".json"}
KUSTOMIZATIONS = {"kustomization.yaml", "kustomization.yml"}  # no objects, and beside them in most folders
_STYLES = {Severity.ERROR: "bold red", Severity.WARNING: "yellow"}


def lint(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", help="YAML or JSON, a folder of it, or - for standard input"),
    ],
    output: OutputOption = Output.TABLE,
    strict: Annotated[bool, typer.Option("--strict", help="warnings count as errors")] = False,
) -> None:
    """Find what is wrong with Deployments and policies before they are applied. All files are looked at together.

    Exit code 0: no errors, 1: errors (with --strict, warnings too), 2: a file cannot be read.

    Example: headgate lint deploy/ policy.yaml --strict
    """
    try:
        objects = _read(files)
    except HeadgateError as problem:
        raise fail(problem, ERROR) from problem
    found = findings_of(objects)
    _write(found, len(objects), output)
    if any(strict or finding.severity is Severity.ERROR for finding in found):
        raise typer.Exit(1)


def _read(files: Sequence[Path]) -> Documents:
    """The objects of all files, in their order. Raises HeadgateError naming the file and the fix."""
    objects = [obj for given in files for file in _listed(given) for obj in _objects(file)]
    if not objects:
        raise InvalidSpec(f"{', '.join(map(str, files))}: no Kubernetes object there; give what would be applied")
    return objects


def _listed(given: Path) -> Iterator[Path]:
    """The file itself, or the manifests of a folder, at any depth."""
    if given == STDIN or not given.is_dir():
        yield given
        return
    found = sorted(path for path in given.rglob("*") if path.suffix in SUFFIXES and path.name not in KUSTOMIZATIONS)
    visible = [path for path in found if not any(part.startswith(".") for part in path.relative_to(given).parts)]
    if not visible:
        raise InvalidSpec(f"{given}: no .yaml, .yml or .json file in this folder; give the one that has the manifests")
    yield from visible


def _objects(file: Path) -> Documents:
    source = "standard input" if file == STDIN else str(file)
    try:
        return parse(sys.stdin.read() if file == STDIN else file.read_text(), source)
    except OSError as problem:
        raise HeadgateError(f"{source}: cannot be read: {problem.strerror}; correct path or rights") from problem
    except UnicodeDecodeError as problem:
        raise HeadgateError(f"{source}: is no text in UTF-8; give YAML or JSON") from problem
    except (ValueError, RecursionError) as problem:  # a date that is none, nesting without end
        raise HeadgateError(f"{source}: is no manifest ({problem}); correct it as the message says") from problem


def _write(found: Sequence[Finding], objects: int, output: Output) -> None:
    if output is Output.TABLE:
        _show(found, objects)
    else:
        printed([{**asdict(finding), "severity": finding.severity.value} for finding in found], output)


def _show(found: Sequence[Finding], objects: int) -> None:
    console = Console()
    if found:
        table = Table("Severity", "Rule", box=None, pad_edge=False)
        table.add_column("Where, and what to do", overflow="fold")
        for finding in found:  # as Text, for a path in brackets would be read as markup
            severity = Text(finding.severity.value, style=_STYLES[finding.severity])
            where = Text(f"{finding.object}: {finding.path}\n", style="bold").append(finding.message, style="not bold")
            table.add_row(severity, Text(finding.rule), where)
        console.print(table)
    errors = sum(finding.severity is Severity.ERROR for finding in found)
    console.print(f"{objects} objects: {errors} errors, {len(found) - errors} warnings", highlight=False)
