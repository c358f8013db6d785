"""A process that stands for election and says on each line what it may write: for a test that stops and resumes it.

    python -m tests.reconcile.standing KUBECONFIG NAMESPACE IDENTITY

A line is `SECONDS EPOCH`: the instant, on the machine's own clock that all its processes share, at which it looked, and
the epoch of its valid term, or `-`.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from delivery.cluster.client import Cluster
from delivery.reconcile.leadership import Leadership, Timing, clock_through_sleep, prompt

TIMING = Timing(lease_s=2.0, renew_deadline_s=1.5, retry_s=0.1)


def stand(kubeconfig: Path, namespace: str, identity: str) -> None:
    """Until its standard output is closed."""
    leadership = Leadership(
        prompt(Cluster.connect(kubeconfig), TIMING),
        identity=identity,
        namespace=namespace,
        shards=1,
        timing=TIMING,
        on_gained=lambda _shard: None,
        on_lost=lambda _shard: None,
    )
    leadership.start()
    try:
        while True:
            term = leadership.term("shop", "cart")
            # A line says what was so at an instant: the term is looked at again after the clock was.
            at = clock_through_sleep()
            valid = term is not None and term.valid()
            print(f"{at:.6f} {term.epoch if term is not None and valid else '-'}", flush=True)
            time.sleep(0.005)
    except BrokenPipeError:
        leadership.stop()


if __name__ == "__main__":
    stand(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
