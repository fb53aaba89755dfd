"""The settings of kube-proxy, in their own format, read into values."""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_interface
from typing import Any

from svcnotes.addresses import read_network
from svcnotes.control_plane.documents import Found
from svcnotes.control_plane.feature_gates import EXTERNAL_IPS, check_gates
from svcnotes.control_plane.objects import KubeProxyConfiguration
from svcnotes.control_plane.shapes import check, show
from svcnotes.errors import InputError

Network = IPv4Network | IPv6Network

MODES = ("iptables", "nftables", "ipvs")
# Those that kube-proxy lets pass (validateIPVSSchedulerMethod).
_SCHEDULERS = ("rr", "wrr", "lc", "wlc", "lblc", "lblcr", "mh", "sh", "dh", "sed", "nq")
# What detectLocalMode may be, and which field of detectLocal it then reads.
_DETECTORS = {
    "ClusterCIDR": "",
    "NodeCIDR": "",
    "BridgeInterface": "bridgeInterface",
    "InterfaceNamePrefix": "interfaceNamePrefix",
}
# What kube-proxy sets where nothing is said (SetDefaults_KubeProxyConfiguration).
_CONNTRACK_TIMEOUTS = {
    "tcpEstablishedTimeout": "24h",
    "tcpCloseWaitTimeout": "1h",
    "udpTimeout": "0s",
    "udpStreamTimeout": "0s",
}
_IPVS_TIMEOUTS = ("tcpTimeout", "tcpFinTimeout", "udpTimeout")
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|us|ns|[hms])")
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}

# The fields of v1alpha1 that this model reads; the others are known to it, and of no effect here.
_PROXY_SHAPE: dict[str, Any] = {
    "apiVersion": str,
    "kind": str,
    "metadata": dict,
    "mode": str,
    "clusterCIDR": str,
    "detectLocalMode": str,
    "nodePortAddresses": [str],
    "iptables": {
        "masqueradeAll": bool,
        "masqueradeBit": int,
        "localhostNodePorts": bool,
        "syncPeriod": str,
        "minSyncPeriod": str,
    },
    "nftables": {"masqueradeAll": bool, "masqueradeBit": int, "syncPeriod": str, "minSyncPeriod": str},
    "ipvs": {
        "scheduler": str,
        "strictARP": bool,
        "excludeCIDRs": [str],
        "syncPeriod": str,
        "minSyncPeriod": str,
        "tcpTimeout": str,
        "tcpFinTimeout": str,
        "udpTimeout": str,
    },
    "bindAddress": str,
    "bindAddressHardFail": bool,
    "clientConnection": dict,
    "configSyncPeriod": str,
    "conntrack": {
        "maxPerCore": int,
        "min": int,
        "tcpEstablishedTimeout": str,
        "tcpCloseWaitTimeout": str,
        "tcpBeLiberal": bool,
        "udpTimeout": str,
        "udpStreamTimeout": str,
    },
    "detectLocal": {"bridgeInterface": str, "interfaceNamePrefix": str},
    "enableProfiling": bool,
    "featureGates": {"*": bool},
    "healthzBindAddress": str,
    "hostnameOverride": str,
    "linux": dict,
    "logging": dict,
    "metricsBindAddress": str,
    "oomScoreAdj": int,
    "portRange": str,
    "showHiddenMetricsForVersion": str,
    "windowsRunAsService": bool,
    "winkernel": dict,
    "udpIdleTimeout": str,
}


def proxy_configuration(found: Found | None) -> KubeProxyConfiguration:
    """Read a KubeProxyConfiguration; defaults where there is none. Raises InputError."""
    if found is None:
        return KubeProxyConfiguration()
    raw, owner = found.value, f"{found.where}: KubeProxyConfiguration"
    check(raw, _PROXY_SHAPE, at="", owner=owner, closed=True)
    mode = raw.get("mode") or "iptables"
    if mode not in MODES:
        raise InputError(f"{owner}: mode: {show(mode)} is not supported. Use one of: {', '.join(MODES)}")
    detector = raw.get("detectLocalMode") or "ClusterCIDR"
    if detector not in _DETECTORS:
        raise InputError(
            f"{owner}: detectLocalMode: {show(detector)} is not supported. Use one of: {', '.join(_DETECTORS)}"
        )
    interface = _local_interface(raw, detector, owner)
    section = raw.get("nftables" if mode == "nftables" else "iptables") or {}
    bit = section.get("masqueradeBit")
    if bit is not None and not 0 <= bit <= 31:
        raise InputError(
            f"{owner}: {mode}.masqueradeBit: {bit} is not within the range [0, 31]. The default is 14"
        )
    localhost = (raw.get("iptables") or {}).get("localhostNodePorts")
    cidrs = raw.get("clusterCIDR") or ""
    addresses = tuple(raw.get("nodePortAddresses") or ())
    if addresses != ("primary",):
        for index, text in enumerate(addresses):
            network(text, at=f"nodePortAddresses[{index}]", owner=owner, host_bits=True)
    scheduler = (raw.get("ipvs") or {}).get("scheduler") or "rr"
    if scheduler not in _SCHEDULERS:
        raise InputError(
            f"{owner}: ipvs.scheduler: {show(scheduler)} is not supported. Use one of: {', '.join(_SCHEDULERS)}"
        )
    gates = raw.get("featureGates") or {}
    check_gates(gates, owner)
    tracking = raw.get("conntrack") or {}
    established, close_wait, plain, stream = (
        _seconds(
            default if (given := tracking.get(field)) is None else given, at=f"conntrack.{field}", owner=owner
        )
        for field, default in _CONNTRACK_TIMEOUTS.items()
    )
    balancing = raw.get("ipvs") or {}
    excluded = tuple(balancing.get("excludeCIDRs") or ())
    for index, text in enumerate(excluded):
        network(text, at=f"ipvs.excludeCIDRs[{index}]", owner=owner, host_bits=True)
    tcp, tcp_fin, udp = (
        _seconds(balancing.get(field) or "0s", at=f"ipvs.{field}", owner=owner) for field in _IPVS_TIMEOUTS
    )
    return KubeProxyConfiguration(
        mode=mode,
        cluster_cidrs=one_each(
            [network(text, at="clusterCIDR", owner=owner) for text in split(cidrs)], "clusterCIDR", owner
        ),
        detect_local_mode=detector,
        local_interface=interface,
        bind_address=_bind_address(raw.get("bindAddress") or "", owner),
        masquerade_all=bool(section.get("masqueradeAll")),
        masquerade_bit=14 if bit is None else bit,
        localhost_node_ports=True if localhost is None else localhost,
        node_port_addresses=addresses,
        ipvs_scheduler=scheduler,
        strict_arp=bool(balancing.get("strictARP")),
        ipvs_timeouts=(tcp, tcp_fin, udp),
        ipvs_exclude_cidrs=excluded,
        allow_external_ips=bool(gates.get(EXTERNAL_IPS, True)),
        tcp_be_liberal=bool(tracking.get("tcpBeLiberal")),
        conntrack_timeouts=(established, close_wait, plain, stream),
        healthz=_healthz(raw.get("healthzBindAddress") or "", owner),
    )


def _local_interface(raw: Any, detector: str, owner: str) -> str:
    """The interface, or the beginning of interfaces' names, by which Pods are known; empty where ranges tell."""
    field = _DETECTORS[detector]
    name = ((raw.get("detectLocal") or {}).get(field) or "") if field else ""
    if field and not name:
        raise InputError(
            f"{owner}: detectLocal.{field}: missing, and detectLocalMode {detector} asks for it. Write such as cni0 or veth"
        )
    return str(name)


def _bind_address(text: str, owner: str) -> str:
    """An address in canonical form; empty for none and for one that stands for all."""
    if not text:
        return ""
    try:
        address = ip_address(text)
    except ValueError:
        raise InputError(
            f"{owner}: bindAddress: {show(text)} is no IP address. Write such as 192.0.2.10, or 0.0.0.0 for every one"
        ) from None
    return "" if address.is_unspecified else str(address)


def _healthz(text: str, owner: str) -> tuple[str, int]:
    """`ADDRESS`, or `ADDRESS:PORT` with IPv6 in brackets: the address (empty for one that stands for all) and the port."""
    host, colon, number = text.rpartition(":")
    if not colon or "]" in number or (":" in host and not host.startswith("[")):
        host, number = text, "10256"
    try:
        address = ip_address(host.strip("[]") or "0.0.0.0")  # noqa: S104 - what an empty text means
        port = int(number) if number.isdecimal() else 0
    except ValueError:
        port = 0
    if not 1 <= port <= 65535:
        raise InputError(
            f"{owner}: healthzBindAddress: {show(text)} is no address and port. Write such as 0.0.0.0:10256"
        )
    return "" if address.is_unspecified else str(address), port


def _seconds(text: str, *, at: str, owner: str) -> int:
    """Read a duration as Go writes it (`15m0s`), in whole seconds; raises InputError naming field and value."""
    parts = _DURATION.findall(text)
    if text != "0" and (not parts or "".join(number + unit for number, unit in parts) != text):
        raise InputError(
            f"{owner}: {at}: {show(text)} is no duration of 0 or more. Write such as 90s, 15m0s or 1h"
        )
    return int(sum(float(number) * _UNITS[unit] for number, unit in parts))


def split(text: str) -> list[str]:
    """The parts of a comma-separated text, without blanks and empties."""
    return [part.strip() for part in text.split(",") if part.strip()]


def network(text: str, *, at: str, owner: str, host_bits: bool = False) -> Network:
    """Read a CIDR; raises InputError naming field and value."""
    remedy = "Write ADDRESS/LENGTH, such as 10.244.0.0/16"
    if "/" in text:
        try:
            loose = read_network(text, strict=False)
        except ValueError:
            pass
        else:
            if host_bits or str(loose.network_address) == str(ip_interface(text).ip):
                return loose
            remedy = f"Did you mean {loose}?"
    raise InputError(f"{owner}: {at}: {show(text)} is no range of addresses. {remedy}")


def one_each(networks: list[Network], at: str, owner: str) -> tuple[str, ...]:
    """At most one range for each family, as text, in the order given."""
    if len({net.version for net in networks}) != len(networks):
        raise InputError(
            f"{owner}: {at}: more than one range of the same IP family. Give one IPv4 range, one IPv6 range, or both"
        )
    return tuple(str(net) for net in networks)


def smallest_range(networks: Iterable[Network]) -> str:
    """The smallest single range that holds all of these (one family, at least one)."""
    nets = list(networks)
    low = min(int(net.network_address) for net in nets)
    high = max(int(net.broadcast_address) for net in nets)
    bits = nets[0].max_prefixlen
    length = min(bits - (low ^ high).bit_length(), *(net.prefixlen for net in nets))
    return str(type(nets[0])((low >> (bits - length) << (bits - length), length)))
