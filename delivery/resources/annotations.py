"""The annotations and labels Headgate reads and writes, and nothing else by these names."""

from __future__ import annotations

GROUP = "headgate.dev"
API_VERSION = f"{GROUP}/v1alpha1"

# Read from the user's Deployment.
POLICY = f"{GROUP}/policy"
SERVICE = f"{GROUP}/service"
RELEASE_ID = f"{GROUP}/release-id"

# Read from the pod template, for people.
APP_VERSION = "app.kubernetes.io/version"
POD_VERSION = f"{GROUP}/pod-version"

# Written on the user's Deployment, where somebody asked for it.
TRIGGERS = f"{GROUP}/triggers"
"""The last requests through the API or the command line that set the image: who, when, with which key."""
LEFT_PAUSED = f"{GROUP}/left-paused"

# Written on what Headgate creates.
MANAGED_BY = "app.kubernetes.io/managed-by"
MANAGER = "headgate"
DEPLOYMENT = f"{GROUP}/deployment"
RELEASE = f"{GROUP}/release"
TRACK = f"{GROUP}/track"
CANARY = "canary"
TEMPLATE_HASH = f"{GROUP}/template-hash"
FENCE = f"{GROUP}/fence"
"""On a route while a release splits it: which controller process wrote last."""
PLAN = f"{GROUP}/plan"
"""On an object that `headgate routes plan` edited: what undoes it."""
FINALIZER = f"{GROUP}/release"
"""On an active Release: deleting it withdraws its canary first."""
NOTIFIED = f"notified.{GROUP}/"
"""On a Release, followed by a channel's name: the time of the last line of the history that the channel was told of."""

# Written by Kubernetes.
POD_TEMPLATE_HASH = "pod-template-hash"


def ownership_labels(deployment: str) -> dict[str, str]:
    """The labels by which Headgate knows its own objects again."""
    return {MANAGED_BY: MANAGER, DEPLOYMENT: deployment}
