"""Files to a Cluster: what is written stays, what is missing is filled in, what cannot be true is refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from os import fstat
from pathlib import Path
from typing import Any

from svcnotes.collector import resting
from svcnotes.control_plane import cloud_controller, controllers, faults, inference, nodes, workloads
from svcnotes.control_plane.api_server.state import ApiState
from svcnotes.control_plane.api_server.versioned_map import VersionedMap
from svcnotes.control_plane.cluster import Cluster
from svcnotes.control_plane.documents import Found, Sorted, sort
from svcnotes.control_plane.kubeadm import cluster_configuration
from svcnotes.control_plane.objects import ClusterConfiguration
from svcnotes.control_plane.placement import place
from svcnotes.control_plane.settings import proxy_configuration
from svcnotes.control_plane.shapes import check, refuse_unknown
from svcnotes.control_plane.typed import SHAPES
from svcnotes.control_plane.world import check_routes, world
from svcnotes.control_plane.yaml_reader import MAX_BYTES, Document, read, too_large
from svcnotes.errors import ApiError, InputError

_FIRST_NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system")
_TOP = {
    "Node": ("apiVersion", "kind", "metadata", "spec", "status"),
    "Pod": ("apiVersion", "kind", "metadata", "spec", "status"),
}


def load(
    *paths: str | Path,
    max_bytes: int = MAX_BYTES,
    rules: Mapping[str, str | Path] | None = None,
    sets: Mapping[str, str | Path] | None = None,
    strict: bool = True,
) -> Cluster:
    """Read one or several YAML files as one cluster.

    `max_bytes` is the largest file accepted. `rules` maps a Node to a file with what `iptables-save` printed
    there, in place of what kube-proxy would write (`NODE/6` for ip6tables-save), `sets` to what `ipset save`
    printed; `strict` as for `Cluster.with_rules`. Raises InputError or ApiError, each with one message
    that names file, object, field, value and remedy, QuestionError for an unknown Node.
    """
    cluster = _read([(str(path), _bytes(path, max_bytes)) for path in paths], max_bytes)
    for node, path in (sets or {}).items():
        cluster = cluster.with_sets(node, _text(path, max_bytes))
    for where, path in (rules or {}).items():
        node, slash, family = where.rpartition("/") if where[-2:] in ("/4", "/6") else (where, "", "")
        text = _text(path, max_bytes)
        cluster = cluster.with_rules(node, text, int(family) if slash else None, strict=strict)
    return cluster


def _bytes(path: str | Path, max_bytes: int) -> bytes:
    try:
        with Path(path).open("rb") as file:
            source = file.read(max_bytes + 1)
            size = max(len(source), fstat(file.fileno()).st_size)  # a pipe has no size to tell
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{path}: cannot be read ({reason}). Check the name") from None
    if size > max_bytes:
        raise too_large(str(path), size, max_bytes)
    return source


def _text(path: str | Path, max_bytes: int) -> str:
    try:
        return _bytes(path, max_bytes).decode("utf-8")
    except UnicodeDecodeError:
        raise InputError(
            f"{path}: this is no text in UTF-8. Give what iptables-save, nft or ipset save printed"
        ) from None


def loads(*texts: str | bytes, max_bytes: int = MAX_BYTES) -> Cluster:
    """Read one or several YAML texts as one cluster; as `load`."""
    names = ["input"] if len(texts) == 1 else [f"input {number}" for number in range(1, len(texts) + 1)]
    return _read(list(zip(names, texts, strict=True)), max_bytes)


@resting()
def _read(sources: Iterable[tuple[str, str | bytes]], max_bytes: int) -> Cluster:
    """The cluster from named texts."""
    documents: list[Document] = []
    for name, source in sources:
        documents += read(source, name, max_bytes=max_bytes)
    return _cluster(sort(documents))


_NO_RANGES = (
    "the Nodes have no podCIDR, so kube-proxy is taken to know no range of Pods, as with an empty clusterCIDR: "
    "where yours knows one, add a KubeProxyConfiguration with it"
)


def _cluster(found: Sorted) -> Cluster:
    for item in found.of(*SHAPES):
        owner = f"{item.where}: {item.title}"
        if item.kind in _TOP:
            refuse_unknown(item.value, _TOP[item.kind], at="", owner=owner)
        check(item.value, SHAPES[item.kind], at="", owner=owner)
    settings = {item.kind: item for item in found.settings}
    cidrs = [item for item in found.settings if item.kind == "ServiceCIDR"]
    proxy = proxy_configuration(settings.get("KubeProxyConfiguration"))
    config = cluster_configuration(settings.get("ClusterConfiguration"), cidrs)
    stated = _stated(settings.get("ClusterConfiguration"), cidrs)
    given_nodes = _values(found.of("Node")) or nodes.default_nodes()
    services = _values(found.of("Service"))
    config = inference.configuration(config, stated, proxy, given_nodes, services)
    families = [6 if ":" in cidr else 4 for cidr in config.service_cidrs]
    full_nodes = nodes.complete(given_nodes, families, config.pod_cidrs)
    pods = _values(found.of("Pod"))
    pods += workloads.expand(found.of(*workloads.KINDS), pods, full_nodes)
    placed, notes = place(_once(pods), full_nodes)
    named = [
        *_FIRST_NAMESPACES,
        *found.namespaces,
        *(item.namespace for item in found.objects if item.namespace),
    ]
    spaces = [_namespace(name, found.namespaces.get(name)) for name in dict.fromkeys(named)]
    state = _stored(
        [*spaces, *full_nodes, *_values(found.of(*workloads.KINDS)), *placed],
        found.of("Service", "EndpointSlice", "NetworkPolicy"),
        config,
    )
    state = controllers.add_slices(state)
    outside = check_routes(world(settings.get("World")), (node["metadata"]["name"] for node in full_nodes))
    state, addresses = cloud_controller.serve(state, outside)
    if not _says(settings.get("KubeProxyConfiguration"), "clusterCIDR"):
        proxy = inference.cluster_cidrs(proxy, config, stated, given_nodes, full_nodes)
        notes = (*notes, *(() if proxy.cluster_cidrs else (_NO_RANGES,)))
    cluster = Cluster(
        state=state,
        proxy=proxy,
        config=config,
        given_world=outside,
        notes=(*found.notes, *notes),
        cloud_addresses=addresses,
    )
    faults.check(cluster)
    cluster.pods  # noqa: B018 - read now, so that a broken `svcnotes/listens` is an error of loading
    return cluster


def _namespace(name: str, labels: Mapping[str, str] | None) -> dict[str, Any]:
    metadata = {"name": name, "labels": dict(labels)} if labels else {"name": name}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}


def _values(found: Iterable[Found]) -> list[dict[str, Any]]:
    """The objects, each with its namespace written in."""
    return [
        item.value
        if not item.namespace or item.value["metadata"].get("namespace")
        else {**item.value, "metadata": {**item.value["metadata"], "namespace": item.namespace}}
        for item in found
    ]


def _once(pods: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The Pods, two of one name refused: a workload's may meet a written one."""
    seen = set()
    for pod in pods:
        key = (pod["metadata"]["namespace"], pod["metadata"]["name"])
        if key in seen:
            raise InputError(
                f"Pod {'/'.join(key)} is given twice: by itself and by a workload. Rename one of them"
            )
        seen.add(key)
    return pods


def _says(found: Found | None, field: str) -> bool:
    """Whether a file gives that field a value; an empty text is one: kubeadm writes it for a network it does not know."""
    return found is not None and found.value.get(field) is not None


def _stated(kubeadm: Found | None, cidrs: list[Found]) -> frozenset[str]:
    """Which networks the files state: `pods`, `services`."""
    if kubeadm is None:
        return frozenset({"services"} if cidrs else ())
    networking = kubeadm.value.get("networking") or {}
    arguments = str((kubeadm.value.get("apiServer") or {}).get("extraArgs") or "")
    services = networking.get("serviceSubnet") or cidrs or "service-cluster-ip-range" in arguments
    return frozenset(
        name for name, given in (("pods", networking.get("podSubnet")), ("services", services)) if given
    )


def _stored(plain: list[dict[str, Any]], api_objects: list[Found], config: ClusterConfiguration) -> ApiState:
    """The API server's store: Services and slices defaulted, allocated and validated, the rest as written."""
    objects = {(o["kind"], o["metadata"].get("namespace") or "", o["metadata"]["name"]): o for o in plain}
    state = replace(ApiState.empty(config), objects=VersionedMap(objects))
    try:
        return state.restore(_values(api_objects))
    except ApiError as error:
        raise ApiError(f"{_culprit(state, api_objects)}{error}") from None


def _culprit(state: ApiState, api_objects: list[Found]) -> str:
    """Which object the API server refuses alone, and where it stands; empty where only several clash."""
    for item, value in zip(api_objects, _values(api_objects), strict=True):
        try:
            state.restore([value])
        except ApiError:
            return f"{item.where}: {item.title}: "
    return ""
