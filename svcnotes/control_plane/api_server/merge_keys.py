"""Which lists a strategic merge patch merges item by item, and by which field it tells items apart."""

from __future__ import annotations

from collections.abc import Mapping

Path = tuple[str, ...]

_METADATA: dict[Path, str] = {("metadata", "finalizers"): "", ("metadata", "ownerReferences"): "uid"}
_CONTAINER: dict[Path, str] = {
    (): "name",
    ("env",): "name",
    ("ports",): "containerPort",
    ("volumeMounts",): "mountPath",
    ("volumeDevices",): "devicePath",
}
_POD_SPEC: dict[Path, str] = {
    (field, *path): key
    for field in ("containers", "initContainers", "ephemeralContainers")
    for path, key in _CONTAINER.items()
} | {
    ("volumes",): "name",
    ("imagePullSecrets",): "name",
    ("hostAliases",): "ip",
    ("topologySpreadConstraints",): "topologyKey",
}
_CONDITIONS: dict[Path, str] = {("status", "conditions"): "type"}


def _under(prefix: Path, table: Mapping[Path, str]) -> dict[Path, str]:
    return {(*prefix, *path): key for path, key in table.items()}


_TEMPLATE = _under(("spec", "template", "spec"), _POD_SPEC) | _under(("spec", "template"), _METADATA)

_SERVICE: dict[Path, str] = {("spec", "ports"): "port"}
_NODE: dict[Path, str] = {("spec", "podCIDRs"): "", ("status", "addresses"): "type"}
_POD: dict[Path, str] = _under(("spec",), _POD_SPEC) | {("status", "podIPs"): "ip"}
_KEYS: dict[str, dict[Path, str]] = {
    "Service": _SERVICE | _CONDITIONS,
    "Pod": _POD | _CONDITIONS,
    "Node": _NODE | _CONDITIONS,
} | dict.fromkeys(("Deployment", "ReplicaSet", "StatefulSet", "DaemonSet"), _TEMPLATE | _CONDITIONS)


class MergeKeys:
    """The merging lists of one kind, seen from one place in its objects.

    `key(field)` is None for a list that is replaced as a whole, empty for a merging list of plain
    values, else the name of the field that tells its items apart: `port` for a Service's ports,
    though two of them may share a number. Source: the `patchMergeKey` tags of k8s.io/api.
    """

    __slots__ = ("_at", "_table")

    def __init__(self, kind: str, at: Path = (), table: Mapping[Path, str] | None = None) -> None:
        self._table = _METADATA | _KEYS.get(kind, {}) if table is None else table
        self._at = at

    def key(self, field: str) -> str | None:
        """What tells the items of the list `field` apart, None where the list is one value."""
        return self._table.get((*self._at, field))

    def within(self, field: str) -> MergeKeys:
        """The same, seen from inside `field` (of a list: from inside its items)."""
        return MergeKeys("", (*self._at, field), self._table)

    def of(self, path: Path) -> str | None:
        """The same of the list at a whole path from the object's root."""
        return self._table.get(path)
