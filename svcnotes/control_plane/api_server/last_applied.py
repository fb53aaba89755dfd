"""The annotation in which `kubectl apply` keeps the manifest that it applied last."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from svcnotes.control_plane.api_server.status import go_json

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def last_applied(obj: Mapping[str, Any]) -> str:
    """The text that is kept of a manifest: its JSON in one line, keys sorted, and a newline."""
    copy = deepcopy(dict(obj))
    metadata = copy["metadata"] = dict(copy.get("metadata") or {})
    annotations = dict(metadata.get("annotations") or {})
    annotations.pop(LAST_APPLIED, None)
    metadata["annotations"] = annotations
    return go_json(copy) + "\n"
