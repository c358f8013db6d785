"""`python -m delivery.lab.neighbours`: the controllers in a process of their own, until SIGTERM or SIGINT."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from pathlib import Path
from types import FrameType

from delivery.cluster.client import Cluster
from delivery.errors import HeadgateError
from delivery.garbage import collect_rarely
from delivery.lab.neighbours.controllers import Neighbours


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m delivery.lab.neighbours", description=__doc__)
    parser.add_argument("--kubeconfig", type=Path, required=True, help="credentials for the API server")
    parser.add_argument(
        "--garbage-collector",
        action="store_true",
        help="also delete what is owned by nothing and empty deleted namespaces, where nobody else does",
    )
    return parser.parse_args()


def main() -> int:
    """Runs until told to stop; 0 on a clean end, 1 when the API server could not be reached."""
    arguments = _arguments()
    told = threading.Event()

    def stop(_signal: int, _frame: FrameType | None) -> None:
        told.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    try:
        neighbours = Neighbours(Cluster.connect(arguments.kubeconfig), collect_garbage=arguments.garbage_collector)
        neighbours.start()
    except HeadgateError as problem:
        sys.stderr.write(f"{problem}\n")
        return 1
    collect_rarely()
    told.wait()
    neighbours.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
