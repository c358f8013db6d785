"""`python -m delivery.cli`, and the processes that read it under another name."""

from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path

import delivery.cli.main

MODULE = Path(delivery.cli.main.__file__).with_name("__main__.py")


def test_it_is_the_command() -> None:
    asked = [sys.executable, "-m", "delivery.cli", "--help"]
    done = subprocess.run(asked, capture_output=True, text=True, check=True, timeout=60)
    assert "controller" in done.stdout


def test_a_process_beside_the_controller_does_not_become_a_second_one() -> None:
    runpy.run_path(str(MODULE), run_name="__mp_main__")
