"""A command line that cannot be meant: one line that says what is wrong and what to do."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from delivery.cli.main import app


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["lis"], "No such command 'lis'. Did you mean 'list'?; see `headgate --help`"),
        (["get"], "Missing argument 'NAMESPACE/NAME'; see `headgate get --help`"),
        (["trigger", "shop/web"], "Missing option '--image'; see `headgate trigger --help`"),
        (["list", "--nope"], "No such option: --nope; see `headgate list --help`"),
        (["report", "shop/web", "--format", "pdf"], "'pdf' is not one of 'text', 'json', 'html', 'markdown', 'svg'"),
        (
            ["controller", "--prometheus", "nope"],
            "'nope' is no address; write it like http://prometheus.monitoring:9090",
        ),
        (["routes", "nope"], "No such command 'nope'; see `headgate routes --help`"),
        (["lab", "nope"], "No such command 'nope'; see `headgate lab --help`"),
    ],
)
def test_a_mistake_is_told_in_one_line(arguments: list[str], says: str) -> None:
    told = CliRunner().invoke(app, arguments, prog_name="headgate")
    assert (told.exit_code, told.stdout, told.stderr.count("\n")) == (2, "", 1), told.output
    assert told.stderr.startswith("headgate: ")
    assert says in told.stderr


@pytest.mark.parametrize("arguments", [[], ["routes"], ["lab"]])
def test_a_command_that_was_given_nothing_shows_what_it_takes(arguments: list[str]) -> None:
    told = CliRunner().invoke(app, arguments, prog_name="headgate")
    assert (told.exit_code, told.stderr) == (2, "")
    assert "Usage:" in told.stdout


def test_help_and_what_succeeds_end_with_0() -> None:
    assert CliRunner().invoke(app, ["--help"], prog_name="headgate").exit_code == 0
    assert CliRunner().invoke(app, ["completion", "bash"], prog_name="headgate").exit_code == 0
