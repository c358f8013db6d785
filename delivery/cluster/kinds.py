"""The kinds of object Headgate reads or writes, and the API versions it can speak for each."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """One REST resource. `versions` in order of preference; the first that the server serves is used."""

    group: str
    versions: tuple[str, ...]
    name: str
    plural: str
    namespaced: bool = True

    def __str__(self) -> str:
        return f"{self.name}.{self.group}" if self.group else self.name


NAMESPACE = Kind("", ("v1",), "Namespace", "namespaces", namespaced=False)
NODE = Kind("", ("v1",), "Node", "nodes", namespaced=False)
POD = Kind("", ("v1",), "Pod", "pods")
SERVICE = Kind("", ("v1",), "Service", "services")
ENDPOINTS = Kind("", ("v1",), "Endpoints", "endpoints")
SERVICE_ACCOUNT = Kind("", ("v1",), "ServiceAccount", "serviceaccounts")
EVENT = Kind("", ("v1",), "Event", "events")
TOKEN_REVIEW = Kind("authentication.k8s.io", ("v1",), "TokenReview", "tokenreviews", namespaced=False)
SELF_SUBJECT_REVIEW = Kind(
    "authentication.k8s.io", ("v1",), "SelfSubjectReview", "selfsubjectreviews", namespaced=False
)
SUBJECT_ACCESS_REVIEW = Kind(
    "authorization.k8s.io", ("v1",), "SubjectAccessReview", "subjectaccessreviews", namespaced=False
)
CLUSTER_ROLE = Kind("rbac.authorization.k8s.io", ("v1",), "ClusterRole", "clusterroles", namespaced=False)
ROLE_BINDING = Kind("rbac.authorization.k8s.io", ("v1",), "RoleBinding", "rolebindings")
CLUSTER_ROLE_BINDING = Kind(
    "rbac.authorization.k8s.io", ("v1",), "ClusterRoleBinding", "clusterrolebindings", namespaced=False
)
DEPLOYMENT = Kind("apps", ("v1",), "Deployment", "deployments")
REPLICA_SET = Kind("apps", ("v1",), "ReplicaSet", "replicasets")
ENDPOINT_SLICE = Kind("discovery.k8s.io", ("v1", "v1beta1"), "EndpointSlice", "endpointslices")
CUSTOM_RESOURCE_DEFINITION = Kind(
    "apiextensions.k8s.io",
    ("v1",),
    "CustomResourceDefinition",
    "customresourcedefinitions",
    namespaced=False,
)
VIRTUAL_SERVICE = Kind("networking.istio.io", ("v1", "v1beta1", "v1alpha3"), "VirtualService", "virtualservices")
DESTINATION_RULE = Kind("networking.istio.io", ("v1", "v1beta1", "v1alpha3"), "DestinationRule", "destinationrules")
HTTP_ROUTE = Kind("gateway.networking.k8s.io", ("v1", "v1beta1"), "HTTPRoute", "httproutes")
GRPC_ROUTE = Kind("gateway.networking.k8s.io", ("v1",), "GRPCRoute", "grpcroutes")
REFERENCE_GRANT = Kind("gateway.networking.k8s.io", ("v1", "v1beta1"), "ReferenceGrant", "referencegrants")
LINKERD_HTTP_ROUTE = Kind("policy.linkerd.io", ("v1beta3", "v1beta2"), "HTTPRoute", "httproutes")
TRAFFIC_SPLIT = Kind("split.smi-spec.io", ("v1alpha1", "v1alpha2"), "TrafficSplit", "trafficsplits")
RELEASE = Kind("headgate.dev", ("v1alpha1",), "Release", "releases")
DELIVERY_POLICY = Kind("headgate.dev", ("v1alpha1",), "DeliveryPolicy", "deliverypolicies")
CLUSTER_DELIVERY_POLICY = Kind(
    "headgate.dev", ("v1alpha1",), "ClusterDeliveryPolicy", "clusterdeliverypolicies", namespaced=False
)
