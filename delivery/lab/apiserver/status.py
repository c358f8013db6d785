"""Failures as the Kubernetes API says them: an HTTP code and a `Status` object with reason, message and details."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class FieldError:
    """One complaint about one field: `reason` is the machine-readable cause, `message` what follows the path."""

    reason: str
    field: str
    message: str

    def text(self) -> str:
        return f"{self.field}: {self.message}" if self.field else self.message

    def cause(self) -> Json:
        return {"reason": self.reason, "message": self.message, "field": self.field}


def quoted(value: object) -> str:
    """A value as Go's validation prints it: strings in quotes, booleans and numbers bare, structures by type."""
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    if isinstance(value, dict):
        inner = ", ".join(f"{quoted(key)}:{quoted(item)}" for key, item in sorted(value.items()))
        return "map[string]interface {}{" + inner + "}"
    return str(value)


def required(field: str, note: str = "") -> FieldError:
    return FieldError("FieldValueRequired", field, f"Required value: {note}" if note else "Required value")


def invalid_value(field: str, value: object, note: str) -> FieldError:
    return FieldError("FieldValueInvalid", field, f"Invalid value: {quoted(value)}: {note}")


def unsupported(field: str, value: object, allowed: Sequence[str]) -> FieldError:
    supported = ", ".join(quoted(item) for item in allowed)
    message = f"Unsupported value: {quoted(value)}: supported values: {supported}"
    return FieldError("FieldValueNotSupported", field, message)


def duplicate(field: str, value: object) -> FieldError:
    return FieldError("FieldValueDuplicate", field, f"Duplicate value: {quoted(value)}")


def forbidden_field(field: str, note: str) -> FieldError:
    return FieldError("FieldValueForbidden", field, f"Forbidden: {note}")


class ApiError(Exception):
    """A request that cannot be answered as asked; `body()` is the `Status` the client gets with HTTP `code`."""

    def __init__(self, code: int, reason: str, message: str, details: Json | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = details
        self.continuation = ""

    def body(self) -> Json:
        metadata = {"continue": self.continuation} if self.continuation else {}
        status: Json = {"kind": "Status", "apiVersion": "v1", "metadata": metadata, "status": "Failure"}
        status["message"] = self.message
        if self.reason:
            status["reason"] = self.reason
        if self.details is not None:
            status["details"] = self.details
        status["code"] = self.code
        return status


def named(group: str, kind: str, name: str) -> Json:
    """The `details` that say which object is meant; empty parts are left out, as the real server does."""
    parts = {"name": name, "group": group, "kind": kind}
    return {key: value for key, value in parts.items() if value}


def qualified(group: str, kind: str) -> str:
    return f"{kind}.{group}" if group else kind


def not_found(group: str, plural: str, name: str) -> ApiError:
    message = f'{qualified(group, plural)} "{name}" not found'
    return ApiError(404, "NotFound", message, named(group, plural, name))


def not_served() -> ApiError:
    """Nothing is served at a path, although its group is."""
    return ApiError(404, "NotFound", "the server could not find the requested resource", {})


def already_exists(group: str, plural: str, name: str) -> ApiError:
    message = f'{qualified(group, plural)} "{name}" already exists'
    return ApiError(409, "AlreadyExists", message, named(group, plural, name))


def conflict(group: str, plural: str, name: str, why: str) -> ApiError:
    message = f'Operation cannot be fulfilled on {qualified(group, plural)} "{name}": {why}'
    return ApiError(409, "Conflict", message, named(group, plural, name))


def modified_since(group: str, plural: str, name: str) -> ApiError:
    why = "the object has been modified; please apply your changes to the latest version and try again"
    return conflict(group, plural, name, why)


def invalid(group: str, kind: str, name: str, errors: Sequence[FieldError]) -> ApiError:
    texts = [error.text() for error in errors]
    summary = texts[0] if len(texts) == 1 else "[" + ", ".join(texts) + "]"
    details = named(group, kind, name) | {"causes": [error.cause() for error in errors]}
    return ApiError(422, "Invalid", f'{qualified(group, kind)} "{name}" is invalid: {summary}', details)


def bad_request(message: str) -> ApiError:
    return ApiError(400, "BadRequest", message)


def forbidden(group: str, plural: str, name: str, why: str, causes: Sequence[Json] = ()) -> ApiError:
    details = named(group, plural, name)
    if causes:
        details["causes"] = list(causes)
    return ApiError(403, "Forbidden", f'{qualified(group, plural)} "{name}" is forbidden: {why}', details)


def expired(message: str) -> ApiError:
    return ApiError(410, "Expired", message)


def unauthorized() -> ApiError:
    return ApiError(401, "Unauthorized", "Unauthorized")


def unsupported_media(accepted: Sequence[str]) -> ApiError:
    message = "the body of the request was in an unknown format - accepted media types include: "
    return ApiError(415, "UnsupportedMediaType", message + ", ".join(accepted))


def not_acceptable() -> ApiError:
    return ApiError(
        406,
        "NotAcceptable",
        "only the following media types are accepted: application/json, application/yaml",
    )


def method_not_allowed() -> ApiError:
    message = "the server does not allow this method on the requested resource"
    return ApiError(405, "MethodNotAllowed", message, {})


def unparsable_version(text: str) -> ApiError:
    return ApiError(500, "", f"strconv.ParseUint: parsing {quoted(text)}: invalid syntax")


def success(group: str, plural: str, name: str, uid: str) -> Json:
    """The `Status` that answers a deletion carried out at once."""
    details = named(group, plural, name) | {"uid": uid}
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}
