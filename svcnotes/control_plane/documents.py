"""Sort what the files hold: objects of the cluster, settings, the World, and kinds that are passed over."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import field
from typing import Any

from svcnotes.control_plane.shapes import check, show
from svcnotes.control_plane.yaml_reader import Document
from svcnotes.copying import value
from svcnotes.errors import InputError

OBJECTS: dict[str, str] = {
    "Node": "v1",
    "Pod": "v1",
    "Service": "v1",
    "EndpointSlice": "discovery.k8s.io/v1",
    "Deployment": "apps/v1",
    "ReplicaSet": "apps/v1",
    "StatefulSet": "apps/v1",
    "DaemonSet": "apps/v1",
    "NetworkPolicy": "networking.k8s.io/v1",
}
SETTINGS: dict[str, tuple[str, ...]] = {
    "KubeProxyConfiguration": ("kubeproxy.config.k8s.io/v1alpha1",),
    "ClusterConfiguration": ("kubeadm.k8s.io/v1beta4", "kubeadm.k8s.io/v1beta3"),
    "ServiceCIDR": ("networking.k8s.io/v1", "networking.k8s.io/v1beta1"),
    "World": ("svcnotes/v1",),
}
_SPELLINGS = {kind.lower(): kind for kind in (*OBJECTS, *SETTINGS)}
_CLUSTER_SCOPED = frozenset({"Node", *SETTINGS})


@value(frozen=True, slots=True)
class Found:
    """One object as written, and where: `where` is `FILE: line N`."""

    value: dict[str, Any]
    where: str

    @property
    def kind(self) -> str:
        """The object's kind."""
        return str(self.value["kind"])

    @property
    def name(self) -> str:
        """`metadata.name`, empty where there is none."""
        return str((self.value.get("metadata") or {}).get("name") or "")

    @property
    def namespace(self) -> str:
        """`metadata.namespace`, `default` where there is none; empty for a Node."""
        if self.kind in _CLUSTER_SCOPED:
            return ""
        return str((self.value.get("metadata") or {}).get("namespace") or "default")

    @property
    def title(self) -> str:
        """Kind and name, for messages: `Pod default/web-a`."""
        return (
            f"{self.kind} {self.namespace}/{self.name}"
            if self.namespace
            else f"{self.kind} {self.name}".rstrip()
        )


@value(frozen=True, slots=True)
class Sorted:
    """What some files hold: `objects` and `settings` in file order, and how many of other kinds.

    `namespaces` are the names of the Namespace objects among those passed over, with their labels.
    """

    objects: tuple[Found, ...] = ()
    settings: tuple[Found, ...] = ()
    passed_over: tuple[tuple[str, int], ...] = ()
    namespaces: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def of(self, *kinds: str) -> list[Found]:
        """The objects of these kinds, in file order."""
        return [found for found in self.objects if found.kind in kinds]

    @property
    def notes(self) -> tuple[str, ...]:
        """One sentence on the kinds passed over, if there are any."""
        total = sum(count for _, count in self.passed_over)
        if not total:
            return ()
        kinds = ", ".join(f"{kind} {count}" for kind, count in self.passed_over)
        noun = "object of another kind was" if total == 1 else "objects of other kinds were"
        return (f"{total} {noun} passed over: {kinds}",)


def sort(documents: Iterable[Document]) -> Sorted:
    """Sort documents by kind, Lists taken apart; raises InputError for what is no object or comes twice.

    Kinds that say nothing about Services' traffic (ConfigMap, Role, ...) are counted and passed over.
    """
    objects: list[Found] = []
    settings: list[Found] = []
    others: Counter[str] = Counter()
    namespaces: dict[str, Mapping[str, str]] = {}
    seen: dict[tuple[str, str, str], str] = {}
    for document in documents:
        for found in _items(document.value, document.where):
            kind, version = found.kind, str(found.value["apiVersion"])
            _check_spelling(kind, found.where)
            if kind in OBJECTS and _is_ours(kind, version, (OBJECTS[kind],), found.where):
                _once(found, seen)
                objects.append(found)
            elif kind in SETTINGS and _is_ours(kind, version, SETTINGS[kind], found.where):
                _once(found, seen)
                settings.append(found)
            else:
                others[kind] += 1
                if kind == "Namespace" and found.name:
                    check(found.value, _NAMESPACE, at="", owner=f"{found.where}: Namespace {found.name}")
                    namespaces[found.name] = found.value["metadata"].get("labels") or {}
    return Sorted(tuple(objects), tuple(settings), tuple(others.most_common()), namespaces)


def _items(value: Any, where: str) -> Iterable[Found]:
    """The object, or a List's items; a typed list (`PodList`) lends its items their kind."""
    if not isinstance(value, dict):
        raise InputError(
            f"{where}: {show(value)} stands where an object belongs. Begin it with apiVersion: and kind:"
        )
    kind, version = value.get("kind"), value.get("apiVersion")
    for name, given in (("apiVersion", version), ("kind", kind)):
        if not given or not isinstance(given, str):
            what = "not set" if given in (None, "") else f"{show(given)}, it must be text"
            raise InputError(f"{where}: {name} is {what}. Add it, for example `{_EXAMPLES[name]}`")
    if not str(kind).endswith("List") or "items" not in value:
        metadata = value.get("metadata")
        if metadata is not None and not isinstance(metadata, dict):
            raise InputError(
                f"{where}: {kind}: metadata: {show(metadata)} is not allowed here, it must be a map"
            )
        yield Found(value, where)
        return
    items = value["items"]
    if items is not None and not isinstance(items, list):
        raise InputError(f"{where}: {kind}: items: {show(items)} is not allowed here, it must be a list")
    lent = {"kind": str(kind).removesuffix("List"), "apiVersion": version} if kind != "List" else {}
    for index, item in enumerate(items or ()):
        inner = {**lent, **item} if lent and isinstance(item, dict) else item
        yield from _items(inner, f"{where}: items[{index}]")


_NAMESPACE = {"metadata": {"labels": {"*": str}}}
_LABEL = re.compile("[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_SUBDOMAIN = re.compile("(?=.{1,253}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_NAMED_BY_SERVER = ("Service", "EndpointSlice", "NetworkPolicy")  # refused in kube-apiserver's own words
_NAME_REMEDY = "Use lower case letters, digits and '-', with a letter or digit first and last"
_EXAMPLES = {"apiVersion": "apiVersion: v1", "kind": "kind: Service"}


def _is_ours(kind: str, version: str, wanted: tuple[str, ...], where: str) -> bool:
    """Whether this is the kind we know; another group's kind of the same name is somebody else's.

    Raises InputError for a version of our own group that Kubernetes 1.36 does not serve.
    """
    if version in wanted:
        return True
    group = version.rpartition("/")[0]
    if "." not in group or group.endswith(".k8s.io") or group == wanted[0].rpartition("/")[0]:
        raise InputError(
            f'{where}: no matches for kind "{kind}" in version "{version}". Use apiVersion: {wanted[0]}'
        )
    return False


def _check_spelling(kind: str, where: str) -> None:
    """Refuse a kind that is ours but for its capitals: passed over, it would be missed in silence."""
    meant = _SPELLINGS.get(kind.lower())
    if meant and meant != kind:
        raise InputError(f'{where}: no kind "{kind}" is known. Did you mean "kind: {meant}"?')


def _once(found: Found, seen: dict[tuple[str, str, str], str]) -> None:
    """Refuse an object that comes twice."""
    name = (found.value.get("metadata") or {}).get("name")
    if found.kind in OBJECTS and not (isinstance(name, str) and name):
        what = "not set" if name in (None, "") else f"{show(name)}, it must be text"
        raise InputError(f"{found.where}: {found.kind}: metadata.name is {what}. Name the object")
    namespace = (found.value.get("metadata") or {}).get("namespace")
    if namespace is not None and not isinstance(namespace, str):
        raise InputError(
            f"{found.where}: {found.kind} {name}: metadata.namespace is {show(namespace)}, it must be text"
        )
    if found.kind not in _NAMED_BY_SERVER and name and not _SUBDOMAIN.fullmatch(str(name)):
        raise InputError(
            f"{found.where}: {found.kind}: metadata.name: {show(name)} is no name. {_NAME_REMEDY}"
        )
    if namespace and not _LABEL.fullmatch(namespace):
        raise InputError(
            f"{found.where}: {found.kind} {show(name)}: metadata.namespace: {show(namespace)} is no name. {_NAME_REMEDY}"
        )
    key = (found.kind, found.namespace, found.name)
    if key in seen:
        raise InputError(
            f"{found.where}: {found.title} is given twice, first at {seen[key]}. Remove or rename one of them"
        )
    seen[key] = found.where
