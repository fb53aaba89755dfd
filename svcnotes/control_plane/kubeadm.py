"""The settings of the API server and of the cluster: kubeadm's ClusterConfiguration, and ServiceCIDR objects."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from svcnotes.control_plane.documents import Found
from svcnotes.control_plane.objects import ClusterConfiguration
from svcnotes.control_plane.settings import network, one_each, split
from svcnotes.control_plane.shapes import check, refuse_unknown, show
from svcnotes.errors import InputError

_PORT_RANGE_REMEDY = "Write FIRST-LAST (30000-32767), both between 1 and 65535"

_CLUSTER_SHAPE: dict[str, Any] = {
    "apiVersion": str,
    "kind": str,
    "metadata": dict,
    "networking": {"podSubnet": str, "serviceSubnet": str, "dnsDomain": str},
    "apiServer": {
        "extraArgs": object,
        "extraVolumes": object,
        "extraEnvs": object,
        "certSANs": object,
        "timeoutForControlPlane": object,
    },
    **dict.fromkeys(
        (
            "caCertificateValidityPeriod",
            "certificateValidityPeriod",
            "certificatesDir",
            "clusterName",
            "controlPlaneEndpoint",
            "controllerManager",
            "dns",
            "encryptionAlgorithm",
            "etcd",
            "featureGates",
            "imageRepository",
            "kubernetesVersion",
            "proxy",
            "scheduler",
        ),
        object,
    ),
}


def cluster_configuration(found: Found | None, service_cidrs: Iterable[Found] = ()) -> ClusterConfiguration:
    """Read kubeadm's ClusterConfiguration and ServiceCIDR objects (the object `kubernetes` wins over kubeadm's word).

    Defaults where there is none. Raises InputError.
    """
    config = ClusterConfiguration() if found is None else _kubeadm(found)
    by_name: dict[str, tuple[str, ...]] = {}
    for cidr in service_cidrs:
        owner = f"{cidr.where}: ServiceCIDR {cidr.name}"
        raw = cidr.value
        check(raw, {"spec": {"cidrs": [str]}, "status": dict, "metadata": dict}, at="", owner=owner)
        texts = (raw.get("spec") or {}).get("cidrs") or []
        nets = [network(text, at=f"spec.cidrs[{i}]", owner=owner) for i, text in enumerate(texts)]
        if not nets:
            raise InputError(
                f"{owner}: spec.cidrs is empty. Give one range for each IP family, such as 10.96.0.0/16"
            )
        by_name[cidr.name] = one_each(nets, "spec.cidrs", owner)
    own = by_name.pop("kubernetes", None)
    if own is None and found is None and by_name:
        own = by_name.pop(min(by_name))
    # Those beyond the cluster's own add room only: addresses are drawn from the first.
    return replace(
        config, service_cidrs=own or config.service_cidrs, further_service_cidrs=tuple(by_name.items())
    )


def _kubeadm(found: Found) -> ClusterConfiguration:
    raw, owner = found.value, f"{found.where}: ClusterConfiguration"
    refuse_unknown(raw, _CLUSTER_SHAPE, at="", owner=owner)
    check(raw.get("networking"), _CLUSTER_SHAPE["networking"], at="networking", owner=owner, closed=True)
    api_server = raw.get("apiServer")
    check(api_server, dict, at="apiServer", owner=owner)
    refuse_unknown(api_server or {}, _CLUSTER_SHAPE["apiServer"], at="apiServer", owner=owner)
    networking = raw.get("networking") or {}
    arguments = _extra_arguments((api_server or {}).get("extraArgs"), owner)
    config = ClusterConfiguration(dns_domain=networking.get("dnsDomain") or "cluster.local")
    pods = split(networking.get("podSubnet") or "")
    if pods:
        nets = [network(text, at="networking.podSubnet", owner=owner) for text in pods]
        config = replace(config, pod_cidrs=one_each(nets, "networking.podSubnet", owner))
    argument = arguments.get("service-cluster-ip-range")
    services = split(argument or networking.get("serviceSubnet") or "")
    if services:
        at = "apiServer.extraArgs.service-cluster-ip-range" if argument else "networking.serviceSubnet"
        nets = [network(text, at=at, owner=owner) for text in services]
        config = replace(config, service_cidrs=one_each(nets, at, owner))
    if "service-node-port-range" in arguments:
        config = replace(config, node_port_range=_port_range(arguments["service-node-port-range"], owner))
    plugins = frozenset(split(arguments.get("enable-admission-plugins", "")))
    return replace(config, admission_plugins=plugins)


def _extra_arguments(value: Any, owner: str) -> dict[str, str]:
    """`extraArgs`: a map (v1beta3) or a list of name and value (v1beta4)."""
    at = "apiServer.extraArgs"
    if isinstance(value, list):
        check(value, [{"name": str, "value": str}], at=at, owner=owner, closed=True)
        return {item.get("name") or "": item.get("value") or "" for item in value}
    check(value, {"*": str}, at=at, owner=owner)
    return {name: text or "" for name, text in (value or {}).items()}


def _port_range(text: str, owner: str) -> tuple[int, int]:
    """`30000-32767`, `30000+100` (first and how many more) or one port, as kube-apiserver reads it."""
    at = "apiServer.extraArgs.service-node-port-range"
    first_text, plus, rest = text.strip().partition("+")
    if not plus:
        first_text, _, rest = first_text.partition("-")
    rest = rest or ("0" if plus else first_text)
    if not (first_text.isdecimal() and rest.isdecimal() and len(first_text) < 6 and len(rest) < 6):
        raise InputError(f"{owner}: {at}: {show(text)} is no range of ports. {_PORT_RANGE_REMEDY}")
    first, last = int(first_text), int(rest) + (int(first_text) if plus else 0)
    if not 1 <= first <= last <= 65535:
        raise InputError(f"{owner}: {at}: {show(text)} is no range of ports. {_PORT_RANGE_REMEDY}")
    return first, last
