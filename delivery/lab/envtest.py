"""A real control plane on loopback, from a KUBEBUILDER_ASSETS folder.

etcd, kube-apiserver and, where it is there, kube-controller-manager.
"""

from __future__ import annotations

import secrets
import subprocess
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from delivery.errors import InvalidSpec
from delivery.lab.process import Process, free_port
from delivery.lab.readiness import answers, retrying_ports, stop_with, write_kubeconfig, write_private

CONTROLLERS = "deployment,replicaset,endpoint,endpointslice,garbagecollector,namespace,serviceaccount,job,disruption"
READY_WITHIN_S = 60.0


@dataclass(frozen=True, slots=True)
class RealPlane:
    """A running etcd and kube-apiserver; stopped by the ExitStack they were started in."""

    kubeconfig: Path
    url: str
    etcd_url: str
    log_folder: Path
    name: str = "real"


def start_real(stack: ExitStack, folder: Path, assets: Path) -> RealPlane:
    """Starts etcd and kube-apiserver under `folder` and waits until they serve.

    Raises InvalidSpec when a binary is missing, ProcessFailed when one does not come up.
    """
    for program in ("etcd", "kube-apiserver"):
        if not (assets / program).is_file():
            raise InvalidSpec(f"KUBEBUILDER_ASSETS: {assets} has no {program}; name a folder with the envtest binaries")
    etcd_url = retrying_ports(stack, lambda own: _start_etcd(own, folder, assets))
    return retrying_ports(stack, lambda own: _start_apiserver(own, folder, assets, etcd_url))


def start_controllers(stack: ExitStack, plane: RealPlane, assets: Path) -> Process:
    """Starts kube-controller-manager against `plane` with the controllers a release needs."""
    return retrying_ports(stack, lambda own: _start_controller_manager(own, plane, assets))


def _start_etcd(stack: ExitStack, folder: Path, assets: Path) -> str:
    client, peer = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
    etcd = _start(
        stack,
        folder,
        [
            str(assets / "etcd"),
            f"--data-dir={folder / ('etcd-' + secrets.token_hex(4))}",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            "--unsafe-no-fsync",
        ],
    )
    etcd.wait_until(lambda: answers(f"{client}/health"), READY_WITHIN_S)
    return client


def _start_apiserver(stack: ExitStack, folder: Path, assets: Path, etcd_url: str) -> RealPlane:
    port, token, certificates = free_port(), secrets.token_hex(16), folder / "apiserver-certificates"
    tokens = folder / "tokens.csv"
    write_private(tokens, f"{token},admin,admin,system:masters\n")
    # The server writes its own serving key before it reads this one; any RSA key signs service-account tokens.
    signing_key = certificates / "apiserver.key"
    server = _start(
        stack,
        folder,
        [
            str(assets / "kube-apiserver"),
            f"--etcd-servers={etcd_url}",
            "--bind-address=127.0.0.1",
            f"--secure-port={port}",
            f"--cert-dir={certificates}",
            f"--token-auth-file={tokens}",
            "--authorization-mode=RBAC",
            f"--service-account-key-file={signing_key}",
            f"--service-account-signing-key-file={signing_key}",
            "--service-account-issuer=https://kubernetes.default.svc",
            "--service-cluster-ip-range=10.0.0.0/16",
            "--disable-admission-plugins=ServiceAccount",
        ],
    )
    url, ca_file = f"https://127.0.0.1:{port}", certificates / "apiserver.crt"

    def serves(path: str) -> bool:
        return answers(url + path, ca_file=ca_file, token=token)

    server.wait_until(lambda: serves("/readyz"), READY_WITHIN_S)
    server.wait_until(lambda: serves("/api/v1/namespaces/default"), READY_WITHIN_S)
    kubeconfig = folder / "kubeconfig"
    write_kubeconfig(kubeconfig, server=url, ca_file=ca_file, token=token)
    return RealPlane(kubeconfig, url, etcd_url, folder)


def _start_controller_manager(stack: ExitStack, plane: RealPlane, assets: Path) -> Process:
    program, port = assets / "kube-controller-manager", free_port()
    folder = plane.log_folder
    certificates = folder / "controller-manager-certificates"
    controllers = _start(
        stack,
        folder,
        [
            str(program),
            f"--kubeconfig={plane.kubeconfig}",
            f"--service-account-private-key-file={folder / 'apiserver-certificates' / 'apiserver.key'}",
            "--leader-elect=false",
            "--kube-api-qps=200",  # its 20 a second are for a cluster, where nobody waits for a test
            "--kube-api-burst=400",
            f"--controllers={CONTROLLERS}",
            "--bind-address=127.0.0.1",
            f"--secure-port={port}",
            f"--cert-dir={certificates}",
            *_without_insecure_port(program),
        ],
    )
    health, ca_file = f"https://127.0.0.1:{port}/healthz", certificates / "kube-controller-manager.crt"
    controllers.wait_until(lambda: answers(health, ca_file=ca_file), READY_WITHIN_S)
    return controllers


def _without_insecure_port(program: Path) -> list[str]:
    """Older versions also serve plain HTTP on a fixed port, so two of them collide; newer ones lost the flag."""
    usage = subprocess.run([str(program), "--help"], capture_output=True, text=True, check=False, timeout=20)
    return ["--port=0"] if "\n      --port int" in usage.stdout else []


def _start(stack: ExitStack, folder: Path, command: list[str]) -> Process:
    name = Path(command[0]).name
    process = Process(name, command, folder / f"{name}.log")
    stop_with(stack, process, grace_s=1.0)  # nothing in it is worth a slow goodbye: the data is thrown away
    return process
