"""`python -m delivery.lab.apiserver`: the embedded API server in a process of its own, until SIGTERM or SIGINT."""

import argparse
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import msgspec

from delivery.garbage import collect_rarely
from delivery.lab.apiserver.server import EmbeddedApiServer, ServerStartError
from delivery.lab.apiserver.status import Json
from delivery.lab.apiserver.store import StorageKey


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m delivery.lab.apiserver", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--kubeconfig", type=Path, required=True, help="file to write once requests are answered")
    told = "file of objects to begin with, as they are: on each line [group, plural, object]"
    parser.add_argument("--objects", type=Path, help=told)
    return parser.parse_args()


def _objects(file: Path | None) -> Iterator[tuple[StorageKey, Json]]:
    if file is None:
        return
    with file.open("rb") as lines:
        for line in lines:
            group, plural, obj = msgspec.json.decode(line, type=tuple[str, str, Json])
            yield (group, plural), obj


def main() -> int:
    """Serve until told to stop; 0 on a clean end, 1 when serving could not begin."""
    arguments = _arguments()
    told = threading.Event()

    def stop(_signal: int, _frame: FrameType | None) -> None:
        told.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    try:
        with EmbeddedApiServer(arguments.port, _objects(arguments.objects)) as server:
            server.write_kubeconfig(arguments.kubeconfig)
            collect_rarely()
            told.wait()
    except ServerStartError as failed:
        sys.stderr.write(f"{failed}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
