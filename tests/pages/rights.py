"""A token for all namespaces: the overview shows those of all."""

from __future__ import annotations

from delivery.cluster.kinds import CLUSTER_ROLE, CLUSTER_ROLE_BINDING
from tests.served import VERBS, Served


def everywhere(served: Served) -> str:
    """Of the ServiceAccount that may do everything in the namespace; from now on in all of them."""
    account, name = ("may-" + "-".join(VERBS))[:63].rstrip("-"), f"everywhere-{served.namespace}"
    rule = {"apiGroups": ["headgate.dev"], "resources": ["releases"], "verbs": list(VERBS)}
    served.cluster.create(CLUSTER_ROLE, {"metadata": {"name": name}, "rules": [rule]})
    binding = {
        "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": name},
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": served.namespace}],
    }
    served.cluster.create(CLUSTER_ROLE_BINDING, binding)
    return served.token(*VERBS)
