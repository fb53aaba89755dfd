"""metadata: what every object's name, labels and annotations must be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from svcnotes.control_plane.api_server.names import (
    dns_label,
    dns_subdomain,
    label_value,
    path_segment,
    qualified_name,
)
from svcnotes.control_plane.api_server.status import FORBIDDEN, INVALID, REQUIRED, TOO_LONG, FieldError

MAX_ANNOTATIONS = 256 * 1024
_LABEL_NAMES = frozenset({"Service", "Namespace"})
_SEGMENT_NAMES = frozenset({"Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"})


def validate_labels(labels: Mapping[str, str], field: str) -> list[FieldError]:
    """Errors of labels, or of a selector of labels; both key and value errors name the whole field."""
    errors = []
    for key in sorted(labels):
        errors += [FieldError(field, INVALID, key, text) for text in qualified_name(key)]
        errors += [FieldError(field, INVALID, labels[key], text) for text in label_value(labels[key])]
    return errors


def validate_annotations(annotations: Mapping[str, str], field: str) -> list[FieldError]:
    """Errors of annotations: their keys (in any case), and their size together."""
    errors = []
    size = 0
    for key in sorted(annotations):
        errors += [FieldError(field, INVALID, key, text) for text in qualified_name(key.lower())]
        size += len(key.encode()) + len(annotations[key].encode())
    if size > MAX_ANNOTATIONS:
        errors.append(FieldError(field, TOO_LONG, "", f"may not be more than {MAX_ANNOTATIONS} bytes"))
    return errors


def name_rule(kind: str) -> Callable[[str], list[str]]:
    """What the names of that kind must be."""
    if kind in _LABEL_NAMES:
        return dns_label
    return path_segment if kind in _SEGMENT_NAMES else dns_subdomain


def validate_metadata(
    metadata: Mapping[str, Any], *, kind: str, namespaced: bool, field: str = "metadata"
) -> list[FieldError]:
    """Errors of an object's metadata, in the API server's order."""
    errors = []
    rule = name_rule(kind)
    name, prefix = metadata.get("name") or "", metadata.get("generateName") or ""
    if prefix:
        said = rule(prefix[:-1] + "a" if len(prefix) > 1 and prefix.endswith("-") else prefix)
        errors += [FieldError(f"{field}.generateName", INVALID, prefix, text) for text in said]
    if not name:
        errors.append(FieldError(f"{field}.name", REQUIRED, "", "name or generateName is required"))
    else:
        errors += [FieldError(f"{field}.name", INVALID, name, text) for text in rule(name)]
    namespace = metadata.get("namespace") or ""
    if namespaced and not namespace:
        errors.append(FieldError(f"{field}.namespace", REQUIRED))
    elif namespaced:
        errors += [
            FieldError(f"{field}.namespace", INVALID, namespace, text) for text in dns_label(namespace)
        ]
    elif namespace:
        errors.append(FieldError(f"{field}.namespace", FORBIDDEN, "", "not allowed on this type"))
    if (metadata.get("generation") or 0) < 0:
        errors.append(
            FieldError(
                f"{field}.generation", INVALID, metadata["generation"], "must be greater than or equal to 0"
            )
        )
    errors += validate_labels(metadata.get("labels") or {}, f"{field}.labels")
    errors += validate_annotations(metadata.get("annotations") or {}, f"{field}.annotations")
    for index, finalizer in enumerate(metadata.get("finalizers") or []):
        errors += [
            FieldError(f"{field}.finalizers[{index}]", INVALID, finalizer, text)
            for text in qualified_name(finalizer)
        ]
    return errors
