"""What kube-apiserver warns of when it accepts a Service. Source: pkg/api/service/warnings.go, 1.36."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from svcnotes.control_plane.api_server.addresses import cidr_warnings, ip_warnings
from svcnotes.control_plane.api_server.service_validation import TOPOLOGY_HINTS, TOPOLOGY_MODE


def service_warnings(service: Mapping[str, Any]) -> tuple[str, ...]:
    """The warnings of a write of that Service (as stored), in the server's order."""
    spec: Mapping[str, Any] = service["spec"]
    kind, cluster_ip = spec.get("type"), spec.get("clusterIP") or ""
    no_address = kind == "ClusterIP" and cluster_ip == "None"
    external_ips = spec.get("externalIPs") or ()
    said = []
    if TOPOLOGY_HINTS in ((service.get("metadata") or {}).get("annotations") or {}):
        said.append(f"annotation {TOPOLOGY_HINTS} is deprecated, please use {TOPOLOGY_MODE} instead")
    if cluster_ip not in ("", "None"):
        for index, ip in enumerate(spec.get("clusterIPs") or ()):
            said += ip_warnings(f"spec.clusterIPs[{index}]", ip)
    if no_address:
        if spec.get("loadBalancerIP"):
            said.append("spec.loadBalancerIP is ignored for headless services")
        if external_ips:
            said.append("spec.externalIPs is ignored for headless services")
        if spec.get("sessionAffinity") != "None":
            said.append("spec.SessionAffinity is ignored for headless services")
    for index, ip in enumerate(external_ips):
        said += ip_warnings(f"spec.externalIPs[{index}]", ip)
    if external_ips and not no_address and kind != "ExternalName":
        said.append("spec.externalIPs is deprecated and may no longer be implemented in some clusters")
    if spec.get("loadBalancerIP"):
        said += ip_warnings("spec.loadBalancerIP", spec["loadBalancerIP"])
    for index, cidr in enumerate(spec.get("loadBalancerSourceRanges") or ()):
        said += cidr_warnings(f"spec.loadBalancerSourceRanges[{index}]", cidr)
    if kind == "ExternalName" and external_ips:
        said.append('spec.externalIPs is ignored when spec.type is "ExternalName"')
    if kind != "ExternalName" and spec.get("externalName"):
        said.append('spec.externalName is ignored when spec.type is not "ExternalName"')
    if spec.get("trafficDistribution") == "PreferClose":
        said.append('spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"')
    return tuple(said)
