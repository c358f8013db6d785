"""`python -m delivery.cli` is `headgate`."""

from delivery.cli.main import app

if __name__ == "__main__":  # a process for reports or backtests reads this file too, under another name
    app()
