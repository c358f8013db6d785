"""How we get in: a kubeconfig file or the pod's service account, read by the official client."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml
from kubernetes.client import ApiClient, Configuration
from kubernetes.config import (
    ConfigException,
    list_kube_config_contexts,
    load_incluster_config,
    new_client_from_config,
)
from kubernetes.utils.keepalive import tcp_keepalive_socket_options

from delivery.errors import InvalidSpec

# The official loader says ConfigException for what it checks and lets everything else of a broken file through.
UNREADABLE = (ConfigException, OSError, yaml.YAMLError, ValueError, TypeError, KeyError, AttributeError)

SERVICE_ACCOUNT_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
CONNECTIONS = 32  # every informer holds one while it watches, and the workers want theirs at once
# A watch sends nothing, so only probes tell that the other end is gone without a word: here after 15 + 3 * 5 = 30 s.
FIRST_PROBE_S, NEXT_PROBE_S, PROBES = 15, 5, 3
KNOWN_S = 1.0  # little beside the minute for which the official client takes a token from a file as it was


def own_namespace() -> str:
    """The namespace of the pod that this process runs in; `default` outside a cluster."""
    try:
        return SERVICE_ACCOUNT_NAMESPACE.read_text().strip() or "default"
    except OSError:
        return "default"


def context_namespace(kubeconfig: Path | None, context: str | None = None) -> str:
    """The namespace that a context of the kubeconfig names, `default` where it names none."""
    if kubeconfig is None:
        return own_namespace()
    try:
        contexts, current = list_kube_config_contexts(str(kubeconfig))
    except UNREADABLE:
        return "default"  # who connects says what is wrong with it
    chosen = next((each for each in contexts if each["name"] == context), current) or {}
    return str((chosen.get("context") or {}).get("namespace") or "default")


def api_client(kubeconfig: Path | None, context: str | None = None) -> ApiClient:
    """A connection as the kubeconfig's `context` (its current one by default), or as the pod when no file is given.

    Raises InvalidSpec that names the file when it cannot be used.
    """
    try:
        if kubeconfig is None:
            load_incluster_config()
            return ApiClient(_pooled(Configuration.get_default_copy()))
        api: ApiClient = new_client_from_config(
            config_file=str(kubeconfig), context=context, client_configuration=_pooled(Configuration())
        )
        if not str(api.configuration.host).startswith(("http://", "https://")):
            raise ValueError(f"server {api.configuration.host!r} must begin with https://")
    except UNREADABLE as problem:
        said = " ".join(str(problem).split())
        where = f"kubeconfig {kubeconfig}" if kubeconfig else "the pod's service account"
        raise InvalidSpec(
            f"{where}: cannot read credentials for the API server ({said}); give --kubeconfig FILE"
        ) from problem
    return api


def _pooled(configuration: Configuration) -> Configuration:
    configuration.connection_pool_maxsize = CONNECTIONS
    configuration.socket_options = tcp_keepalive_socket_options(FIRST_PROBE_S, NEXT_PROBE_S, PROBES)
    return configuration


class Authorization:
    """The headers that prove who we are. Thread-safe.

    What was found within the last second holds: to find it the official client sets up its configuration again, the
    environment's proxies included, which is a sixth of what a call costs.
    """

    def __init__(self, configuration: Configuration, clock: Callable[[], float] = time.monotonic) -> None:
        self._configuration = configuration
        self._clock = clock
        self._found: tuple[float, Mapping[str, str]] | None = None

    def headers(self) -> Mapping[str, str]:
        """With a token that was renewed if it had to be."""
        found, now = self._found, self._clock()
        if found is None or now - found[0] >= KNOWN_S:
            self._found = found = (now, _authorization(self._configuration))
        return found[1]


def _authorization(configuration: Configuration) -> dict[str, str]:
    settings: Any = configuration.auth_settings()
    headers = {
        entry["key"]: entry["value"] for entry in settings.values() if entry["in"] == "header" and entry["value"]
    }
    if configuration.username:
        headers["authorization"] = configuration.get_basic_auth_token()
    return headers
