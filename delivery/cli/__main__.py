"""`python -m delivery.cli` is `headgate`."""

from delivery.cli.main import app

app()
