"""Python's collector of cycles, for a process that remembers much and makes few of them."""

import gc

THRESHOLDS = 20_000, 25, 50


def collect_rarely() -> None:
    """What is there now is left out of collections, and what comes is looked through less often: at a thousand releases
    looking for cycles took a third of the controller's processor time and found none."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
