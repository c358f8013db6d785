"""Recordings as JSON lines, made by chance from a seed."""

import gzip
from pathlib import Path

import msgspec
import numpy as np

BOUNDS = ("0.5", "1", "5", "10", "25", "50", "100", "250", "500", "1000", "2500", "5000", "10000", "+Inf")
WITHIN = np.array([0.0, 0.0, 0.01, 0.05, 0.2, 0.4, 0.6, 0.9, 0.97, 0.99, 0.999, 1.0, 1.0, 1.0])


def write_lines(
    path: Path,
    *,
    releases: int = 1,
    ticks: int = 60,
    buckets: bool = False,
    packed: bool = False,
    seed: int = 1,
    stable: float = 0.005,
    canary: float = 0.005,
    requests: float = 1000.0,
    share: float = 0.1,
    seconds: float = 10.0,
    instances: int = 0,
    history: int = 0,
) -> Path:
    """Two lines a tick of each release (the stable line once an instance, where instances are named), after `history`
    ticks of stable alone.
    """
    rng = np.random.default_rng(seed)
    chunks = []
    for k in range(-history, ticks):
        for release in range(releases):
            t = round((k + 1) * seconds, 3)
            for arm, rate, part in (("stable", stable, 1 - share), ("canary", canary, share)):
                if k < 0 and arm == "canary":
                    continue
                names = [f"{arm}-{i}" for i in range(instances)] if instances and arm == "stable" else [None]
                for name in names:
                    n = int(rng.poisson(requests * part / len(names)))
                    line = {"t": t, "arm": arm, "requests": n, "errors": int(rng.binomial(n, rate))}
                    if releases > 1:
                        line["release"] = f"r{release}"
                    if name:
                        line["instance"] = name
                    if buckets:
                        line["buckets"] = dict(zip(BOUNDS, (n * WITHIN).astype(int).tolist(), strict=True))
                    chunks.append(msgspec.json.encode(line))
    content = b"\n".join(chunks) + b"\n"
    path.write_bytes(gzip.compress(content, 1) if packed else content)
    return path
