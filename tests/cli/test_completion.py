"""`headgate completion`: a shell that has read the script completes commands."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from delivery.cli.main import app


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell"])
def test_each_shell_gets_a_script(shell: str) -> None:
    told = CliRunner().invoke(app, ["completion", shell])
    assert (told.exit_code, "_HEADGATE_COMPLETE" in told.stdout) == (0, True), told.output


def test_another_shell_is_refused_with_those_there_are() -> None:
    told = CliRunner().invoke(app, ["completion", "sh"])
    assert (told.exit_code, "'fish'" in told.stderr) == (2, True), told.output


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not on PATH")
def test_bash_completes_a_command(tmp_path: Path) -> None:
    script = tmp_path / "completion"
    script.write_text(CliRunner().invoke(app, ["completion", "bash"]).stdout)
    asked = "COMP_WORDS=(headgate appr); COMP_CWORD=1; COMP_LINE='headgate appr'; COMP_POINT=13"
    found = next(line.split()[0] for line in script.read_text().splitlines() if line.endswith("() {"))[:-2]
    told = subprocess.run(
        ["bash", "-c", f'source {script}; {asked}; {found} headgate; echo "${{COMPREPLY[@]}}"'],
        env={"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert told.stdout == "approve\n", told.stderr
