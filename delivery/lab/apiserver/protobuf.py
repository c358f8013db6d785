"""Kubernetes' protobuf bodies, read into plain documents.

Some of kubectl's own creations (`kubectl create namespace|deployment|configmap…`) are sent this way and no other. The
messages those use are described here; a message or a field beyond them is refused by name, never dropped in silence.
"""

import base64
from collections.abc import Callable, Iterator
from typing import Any

from delivery.lab.apiserver.status import ApiError, Json, bad_request

MEDIA_TYPE = "application/vnd.kubernetes.protobuf"
_MAGIC = b"k8s\x00"
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5

Fields = dict[int, tuple[str, str]]
"""By field number: the JSON name and the type. `[T]` is a list of T, `{T}` a map to T, `-` is read past."""

_CONTAINER_PORT = "1 name text, 2 hostPort int, 3 containerPort int, 4 protocol text, 5 hostIP text"
_MESSAGES_AS_TEXT = {
    "Unknown": "1 typeMeta TypeMeta, 2 raw bytes, 3 contentEncoding text, 4 contentType text",
    "TypeMeta": "1 apiVersion text, 2 kind text",
    "ObjectMeta": "1 name text, 2 generateName text, 3 namespace text, 4 selfLink text, 5 uid text, "
    "6 resourceVersion text, 7 generation -, 8 creationTimestamp -, 9 deletionTimestamp -, "
    "10 deletionGracePeriodSeconds -, 11 labels {text}, 12 annotations {text}, 13 ownerReferences [OwnerReference], "
    "14 finalizers [text], 17 managedFields -",
    "OwnerReference": "1 kind text, 3 name text, 4 uid text, 5 apiVersion text, 6 controller bool, "
    "7 blockOwnerDeletion bool",
    "Namespace": "1 metadata ObjectMeta, 2 spec NamespaceSpec, 3 status -",
    "NamespaceSpec": "1 finalizers [text]",
    "ConfigMap": "1 metadata ObjectMeta, 2 data {text}, 3 binaryData {base64}, 4 immutable bool",
    "Secret": "1 metadata ObjectMeta, 2 data {base64}, 3 type text, 4 stringData {text}, 5 immutable bool",
    "ServiceAccount": "1 metadata ObjectMeta, 4 automountServiceAccountToken bool",
    "Service": "1 metadata ObjectMeta, 2 spec ServiceSpec, 3 status -",
    "ServiceSpec": "1 ports [ServicePort], 2 selector {text}, 3 clusterIP text, 4 type text, 5 externalIPs [text], "
    "7 sessionAffinity text, 8 loadBalancerIP text, 9 loadBalancerSourceRanges [text], 10 externalName text, "
    "11 externalTrafficPolicy text, 12 healthCheckNodePort int, 13 publishNotReadyAddresses bool, 18 clusterIPs [text]",
    "ServicePort": "1 name text, 2 protocol text, 3 port int, 4 targetPort IntOrString, 5 nodePort int, "
    "6 appProtocol text",
    "IntOrString": "1 type int, 2 intVal int, 3 strVal text",
    "LabelSelector": "1 matchLabels {text}, 2 matchExpressions [LabelSelectorRequirement]",
    "LabelSelectorRequirement": "1 key text, 2 operator text, 3 values [text]",
    "Deployment": "1 metadata ObjectMeta, 2 spec DeploymentSpec, 3 status -",
    "DeploymentSpec": "1 replicas int, 2 selector LabelSelector, 3 template PodTemplateSpec, "
    "4 strategy DeploymentStrategy, 5 minReadySeconds int, 6 revisionHistoryLimit int, 7 paused bool, "
    "9 progressDeadlineSeconds int",
    "DeploymentStrategy": "1 type text, 2 rollingUpdate RollingUpdateDeployment",
    "RollingUpdateDeployment": "1 maxUnavailable IntOrString, 2 maxSurge IntOrString",
    "PodTemplateSpec": "1 metadata ObjectMeta, 2 spec PodSpec",
    "PodSpec": "2 containers [Container], 3 restartPolicy text, 4 terminationGracePeriodSeconds int, "
    "6 dnsPolicy text, 7 nodeSelector {text}, 8 serviceAccountName text, 9 serviceAccount text, 10 nodeName text, "
    "11 hostNetwork bool, 12 hostPID bool, 13 hostIPC bool, 16 hostname text, 17 subdomain text, "
    "19 schedulerName text, 20 initContainers [Container], 24 priorityClassName text",
    "Container": "1 name text, 2 image text, 3 command [text], 4 args [text], 5 workingDir text, "
    "6 ports [ContainerPort], 7 env [EnvVar], 8 resources Resources, 13 terminationMessagePath text, "
    "14 imagePullPolicy text, 16 stdin bool, 17 stdinOnce bool, 18 tty bool, 20 terminationMessagePolicy text",
    "ContainerPort": _CONTAINER_PORT,
    "EnvVar": "1 name text, 2 value text",
    "Resources": "1 limits {Quantity}, 2 requests {Quantity}",
    "Quantity": "1 string text",
    "Role": "1 metadata ObjectMeta, 2 rules [PolicyRule]",
    "ClusterRole": "1 metadata ObjectMeta, 2 rules [PolicyRule]",
    "PolicyRule": "1 verbs [text], 2 apiGroups [text], 3 resources [text], 4 resourceNames [text], "
    "5 nonResourceURLs [text]",
    "RoleBinding": "1 metadata ObjectMeta, 2 subjects [Subject], 3 roleRef RoleRef",
    "ClusterRoleBinding": "1 metadata ObjectMeta, 2 subjects [Subject], 3 roleRef RoleRef",
    "Subject": "1 kind text, 2 apiGroup text, 3 name text, 4 namespace text",
    "RoleRef": "1 apiGroup text, 2 kind text, 3 name text",
    "PodDisruptionBudget": "1 metadata ObjectMeta, 2 spec PodDisruptionBudgetSpec, 3 status -",
    "PodDisruptionBudgetSpec": "1 minAvailable IntOrString, 2 selector LabelSelector, 3 maxUnavailable IntOrString",
    "HorizontalPodAutoscaler": "1 metadata ObjectMeta, 2 spec HorizontalPodAutoscalerSpec, 3 status -",
    "HorizontalPodAutoscalerSpec": "1 scaleTargetRef ScaleTarget, 2 minReplicas int, 3 maxReplicas int, "
    "4 targetCPUUtilizationPercentage int",
    "ScaleTarget": "1 kind text, 2 name text, 3 apiVersion text",
    "SelfSubjectAccessReview": "1 metadata ObjectMeta, 2 spec SelfSubjectAccessReviewSpec, 3 status -",
    "SelfSubjectAccessReviewSpec": "1 resourceAttributes ResourceAttributes, 2 nonResourceAttributes NonResource",
    "ResourceAttributes": "1 namespace text, 2 verb text, 3 group text, 4 version text, 5 resource text, "
    "6 subresource text, 7 name text",
    "NonResource": "1 path text, 2 verb text",
    "DeleteOptions": "1 gracePeriodSeconds int, 2 preconditions Preconditions, 3 orphanDependents bool, "
    "4 propagationPolicy text, 5 dryRun [text]",
    "Preconditions": "1 uid text, 2 resourceVersion text",
}


def _fields(described: str) -> Fields:
    entries = (entry.split() for entry in described.split(","))
    return {int(number): (name, kind) for number, name, kind in entries}


_MESSAGES: dict[str, Fields] = {name: _fields(described) for name, described in _MESSAGES_AS_TEXT.items()}


def decoded(body: bytes) -> Json:
    """The document in a Kubernetes protobuf body.

    Raises:
        ApiError: 400 for a broken body, 415 for a message or field not described here.
    """
    if not body.startswith(_MAGIC):
        raise bad_request("the body is not in Kubernetes' protobuf form: it does not begin with 'k8s'")
    try:
        envelope = _message(body[len(_MAGIC) :], "Unknown")
        kind = envelope["typeMeta"]["kind"]
        if kind not in _MESSAGES:
            raise _undescribed(f"a protobuf {kind}")
        content = _message(envelope.get("raw", b""), kind)
    except (IndexError, KeyError, UnicodeDecodeError) as broken:
        raise bad_request(f"the protobuf body cannot be read: {broken!r}") from broken
    return {**envelope["typeMeta"], **content}


def _undescribed(what: str) -> ApiError:
    return ApiError(415, "UnsupportedMediaType", f"this server cannot read {what}: send application/json")


def _message(data: bytes, name: str) -> Json:
    """One message as a document; empty text is what an unset field looks like, so it is left out."""
    result: Json = {}
    described = _MESSAGES[name]
    for number, wire, raw in _pieces(data):
        if number not in described:
            raise _undescribed(f"field {number} of a protobuf {name}")
        field, kind = described[number]
        if kind.startswith("["):
            result.setdefault(field, []).append(_value(raw, wire, kind[1:-1]))
        elif kind.startswith("{"):
            key, value = _entry(raw, kind[1:-1])
            result.setdefault(field, {})[key] = value
        elif kind != "-" and (value := _value(raw, wire, kind)) not in ("", {}):
            result[field] = value
    return result


def _entry(raw: Any, kind: str) -> tuple[str, Any]:
    parts = {number: (wire, piece) for number, wire, piece in _pieces(raw)}
    key = parts[1][1].decode() if 1 in parts else ""
    wire, piece = parts.get(2, (_BYTES, b""))
    return key, _value(piece, wire, kind)


_SIMPLE: dict[str, Callable[[bytes], Any]] = {
    "bytes": bytes,
    "text": bytes.decode,
    "base64": lambda data: base64.b64encode(data).decode(),
}


def _value(raw: Any, wire: int, kind: str) -> Any:
    if kind == "int":
        return _signed(raw)
    if kind == "bool":
        return bool(raw)
    if wire != _BYTES:
        raise IndexError(f"a {kind} with wire type {wire}")
    if kind in _SIMPLE:
        return _SIMPLE[kind](raw)
    message = _message(raw, kind)
    if kind == "IntOrString":
        return message.get("strVal", "") if message.get("type") else message.get("intVal", 0)
    return message.get("string", "0") if kind == "Quantity" else message


def _signed(value: int) -> int:
    return value - (1 << 64) if value >= 1 << 63 else value


def _pieces(data: bytes) -> Iterator[tuple[int, int, Any]]:
    """Field number, wire type and raw value of each field in turn."""
    position = 0
    while position < len(data):
        tag, position = _varint(data, position)
        wire = tag & 7
        if wire == _VARINT:
            value, position = _varint(data, position)
            yield tag >> 3, wire, value
            continue
        size = {_FIXED64: 8, _FIXED32: 4}.get(wire)
        if size is None:
            size, position = _varint(data, position)
        if position + size > len(data):
            raise IndexError("a field runs past the end")
        yield tag >> 3, wire, data[position : position + size]
        position += size


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, position
