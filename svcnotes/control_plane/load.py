"""Files to a Cluster."""

from __future__ import annotations

from pathlib import Path

from svcnotes.control_plane.api_server.state import ApiState
from svcnotes.control_plane.api_server.versioned_map import VersionedMap
from svcnotes.control_plane.cluster import Cluster
from svcnotes.control_plane.documents import Sorted, sort
from svcnotes.control_plane.settings import cluster_configuration, proxy_configuration
from svcnotes.control_plane.yaml_reader import MAX_BYTES, Document, read
from svcnotes.errors import InputError


def load(*paths: str | Path, max_bytes: int = MAX_BYTES) -> Cluster:
    """Read one or several YAML files as one cluster.

    `max_bytes` is the largest file accepted. Raises InputError or ApiError, each with one message
    that names file, object, field, value and remedy.
    """
    documents: list[Document] = []
    for path in paths:
        try:
            size = Path(path).stat().st_size
            if size > max_bytes:
                raise InputError(
                    f"{path}: {size} bytes, more than the limit of {max_bytes}. "
                    f"Split the file, or raise the limit: max_bytes={size}"
                )
            source = Path(path).read_bytes()
        except (OSError, ValueError) as error:
            raise InputError(
                f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})"
            ) from None
        documents += read(source, str(path), max_bytes=max_bytes)
    return _cluster(sort(documents))


def loads(*texts: str, max_bytes: int = MAX_BYTES) -> Cluster:
    """Read one or several YAML texts as one cluster; as `load`."""
    documents: list[Document] = []
    for number, text in enumerate(texts, 1):
        documents += read(text, "input" if len(texts) == 1 else f"input {number}", max_bytes=max_bytes)
    return _cluster(sort(documents))


def _cluster(found: Sorted) -> Cluster:
    settings = {item.kind: item for item in found.settings}
    config = cluster_configuration(
        settings.get("ClusterConfiguration"), [item for item in found.settings if item.kind == "ServiceCIDR"]
    )
    proxy = proxy_configuration(settings.get("KubeProxyConfiguration"))
    state = ApiState(
        VersionedMap({(o.kind, o.namespace, o.name): o.value for o in found.objects}),
        service_cidrs=config.service_cidrs,
        node_port_range=config.node_port_range,
        admission_plugins=config.admission_plugins,
    )
    return Cluster(state, proxy, config, notes=found.notes)
