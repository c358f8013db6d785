"""Releases in progress by the thousand: what a controller made of one namespace, copied under other names."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

from delivery.cluster.client import Cluster
from delivery.cluster.kinds import (
    DELIVERY_POLICY,
    DEPLOYMENT,
    ENDPOINT_SLICE,
    NAMESPACE,
    POD,
    RELEASE,
    REPLICA_SET,
    SERVICE,
    VIRTUAL_SERVICE,
    Kind,
)
from delivery.lab.neighbours.template_hash import template_hash as pod_template_hash
from delivery.workload.revision import template_hash

Object = dict[str, Any]
KEPT = (DELIVERY_POLICY, SERVICE, VIRTUAL_SERVICE, DEPLOYMENT, REPLICA_SET, POD, ENDPOINT_SLICE, RELEASE)


def contents(cluster: Cluster, namespace: str) -> list[tuple[Kind, Object]]:
    """A namespace and all in it that a release needs, as the API server shows it."""
    own = [(NAMESPACE, cluster.get(NAMESPACE, namespace))]
    return own + [(kind, obj) for kind in KEPT for obj in cluster.list(kind, namespace).items]


def write_copies(originals: Sequence[tuple[Kind, Object]], names: Sequence[tuple[str, str]], file: Path) -> None:
    """The originals, and as many copies as `names` (namespace and name of every Deployment, the originals' among them)
    has further namespaces, as the embedded API server's `--objects` takes them.

    Raises ValueError where a namespace has not as many Deployments as the originals'.
    """
    spread = [(namespace, [name for _, name in own]) for namespace, own in groupby(sorted(names), lambda pair: pair[0])]
    [original] = [obj["metadata"]["name"] for kind, obj in originals if kind == NAMESPACE]
    [seeds] = [own for namespace, own in spread if namespace == original]
    text = "".join(json.dumps([kind.group, kind.plural, obj]) + "\n" for kind, obj in originals)
    uids = [obj["metadata"]["uid"] for _, obj in originals]
    templates = _templates(obj for kind, obj in originals if kind in {DEPLOYMENT, REPLICA_SET})
    hashes = [hashed for each in templates for hashed in _hashes(each)]
    pieces = _split(text, [original, *seeds, *uids, *hashes])
    with file.open("w") as written:
        written.write(text)
        for namespace, own in spread:
            if namespace == original:
                continue
            renamed = dict(zip([original, *seeds], [namespace, *own], strict=True))
            copies = [json.loads(_joined(_split(json.dumps(each), renamed), renamed)) for each in templates]
            renamed |= dict(zip(hashes, (hashed for each in copies for hashed in _hashes(each)), strict=True))
            renamed |= {uid: str(uuid5(UUID(uid), namespace)) for uid in uids}
            written.write(_joined(pieces, renamed))


def _templates(owners: Iterable[Object]) -> list[Object]:
    return [obj["spec"]["template"] for obj in owners]


def _hashes(template: Object) -> Iterator[str]:
    """The names that Kubernetes and Headgate have for it."""
    yield pod_template_hash(template)
    yield template_hash(template)


def _split(text: str, words: Iterable[str]) -> list[str]:
    """The text at every second of the words, which are in it as they are."""
    longest_first = sorted(words, key=len, reverse=True)
    return re.split("(" + "|".join(map(re.escape, longest_first)) + ")", text)


def _joined(pieces: Iterable[str], renamed: Mapping[str, str]) -> str:
    return "".join(renamed.get(piece, piece) for piece in pieces)
