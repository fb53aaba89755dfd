"""The clusters and questions that tools/random_worlds.py draws, as Kubernetes documents and arguments of `svcnotes.trace`."""

# ruff: noqa: INP001 - a program to run, no package

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import yaml
from random_edits import edited, in_family

import svcnotes
from svcnotes.control_plane.cluster import Cluster
from svcnotes.kernel.loaders import lacking
from svcnotes.kube_proxy import modes as kube_proxy_modes
from svcnotes.kube_proxy.modes import DEFAULT

MODES = tuple(mode.name for mode in kube_proxy_modes.MODES.values() if not lacking(mode.formats))
NODES = ("node-1", "node-2", "node-3")
ZONES = dict(zip(NODES, ("zone-a", "zone-b", "zone-c"), strict=True))
PORTS = {"http": 8080, "dns": 5353}
Case = dict[str, Any]
SELECTORS: dict[str, dict[str, Any]] = {
    "all": {},
    "even": {"matchLabels": {"half": "even"}},
    "not odd": {"matchExpressions": [{"key": "half", "operator": "NotIn", "values": ["odd"]}]},
    "tools": {"matchLabels": {"app": "tool"}},
    "web": {"matchLabels": {"app": "web"}},
}
PEERS: dict[str, Any] = {
    "all but pods": {"ipBlock": {"cidr": "0.0.0.0/0", "except": ["10.244.0.0/16"]}},
    "client": {"ipBlock": {"cidr": "192.0.2.0/24"}},
    "everybody": None,
    "namespace": {"namespaceSelector": {}},
    "nodes but one": {"ipBlock": {"cidr": "172.18.0.0/24", "except": ["172.18.0.12/32"]}},
    "tools": {"podSelector": {"matchLabels": {"app": "tool"}}},
    "web": {"podSelector": {"matchLabels": {"app": "web"}}, "namespaceSelector": {}},
}


@dataclass(frozen=True)
class Plan4:
    """The addresses of the default world, IPv4."""

    node: str = "172.18.0.1{n}"
    pods: str = "10.244.{n}.0/24"
    pod: str = "10.244.{n}.{i}"
    gateway: str = "10.244.{n}.1"
    service: str = "10.96.0.1{i}"
    unused: str = "10.96.200.200"
    vip: str = "203.0.113.1{i}"
    external: str = "198.51.100.1{i}"
    clients: tuple[str, str] = ("192.0.2.10", "192.0.3.10")
    localhost: str = "127.0.0.1"
    pod_range: str = "10.244.0.0/16"
    service_range: str = "10.96.0.0/16"


PLAN6 = Plan4(
    node="fd00:18::1{n}", pods="fd00:244:{n}::/64", pod="fd00:244:{n}::{i}", gateway="fd00:244:{n}::1",
    service="fd00:96::1{i}", unused="fd00:96::200", vip="2001:db8:10::1{i}", external="2001:db8:11::1{i}",
    clients=("2001:db8:2::10", "2001:db8:3::10"), localhost="::1", pod_range="fd00:244::/32",
    service_range="fd00:96::/112",
)  # fmt: skip
PLANS = {4: Plan4(), 6: PLAN6}


def families(case: Case) -> list[int]:
    """The IP families of a case's cluster, the first of them first."""
    first = case["family"]
    return [first, 10 - first] if case.get("dual") else [first]


def stack(case: Case, service: dict[str, Any]) -> list[int]:
    """The IP families of a Service."""
    own = families(case)
    return {"both": own, "first": own[:1], "second": own[-1:]}[service.get("stack", "first")]


def documents(case: Case) -> list[dict[str, Any]]:
    """The Kubernetes documents of a case."""
    plans = [PLANS[family] for family in families(case)]
    pods = ",".join(where.pod_range for where in plans)
    found: list[dict[str, Any]] = [
        {
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "mode": mode_of(case),
            "clusterCIDR": pods,
            DEFAULT: {"localhostNodePorts": case["proxy"]["localhostNodePorts"]},
            **_masquerading(case),
            **_node_port_addresses(case),
        },
        {
            "apiVersion": "kubeadm.k8s.io/v1beta4",
            "kind": "ClusterConfiguration",
            "networking": {"podSubnet": pods, "serviceSubnet": ",".join(where.service_range for where in plans)},
        },
    ]  # fmt: skip
    found += [_node(plans, name) for name in NODES]
    found += [_pod_document(case, i) for i in range(len(case["pods"]))]
    found += [_tool(plans, n) for n in (1, 3)]
    for i, service in enumerate(case["services"]):
        found += [_service_document(case, i, service), *_slices(case, i, service)]
    return found + [_network_policy(case, i, one) for i, one in enumerate(case.get("policies", ()))]


def mode_of(case: Case) -> str:
    """kube-proxy's mode; cases that were kept before there were several have none."""
    return str(case.get("mode", DEFAULT))


def _masquerading(case: Case) -> dict[str, Any]:
    mode = mode_of(case)
    section: dict[str, Any] = {"masqueradeAll": case["proxy"]["masqueradeAll"]}
    if mode == DEFAULT:
        section["localhostNodePorts"] = case["proxy"]["localhostNodePorts"]
    return {mode: section}


def _node_port_addresses(case: Case) -> dict[str, Any]:
    given = case["proxy"]["nodePortAddresses"]
    if given is None or given == ["primary"]:
        return {} if given is None else {"nodePortAddresses": given}
    every = [in_family(family, one) for family in families(case) for one in given]
    fits = [one for one in dict.fromkeys(every) if (6 if ":" in one else 4) in families(case)]
    return {"nodePortAddresses": fits}


def _node(plans: list[Plan4], name: str) -> dict[str, Any]:
    n = name[-1]
    ranges = [where.pods.format(n=n) for where in plans]
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {"topology.kubernetes.io/zone": ZONES[name]}},
        "spec": {"podCIDR": ranges[0], "podCIDRs": ranges},
        "status": {"addresses": [{"type": "InternalIP", "address": where.node.format(n=n)} for where in plans]},
    }  # fmt: skip


def pod_address(case: Case, where: Plan4, i: int) -> str:
    """The address of a case's Pod."""
    pod = case["pods"][i]
    n = pod["node"][-1]
    return where.node.format(n=n) if pod["host"] else where.pod.format(n=n, i=10 + i)


def _pod_document(case: Case, i: int) -> dict[str, Any]:
    pod = case["pods"][i]
    ports = [
        {"containerPort": port, "protocol": protocol, "name": f"{name}{'' if protocol == 'TCP' else '-udp'}"}
        for name, port in PORTS.items()
        for protocol in ("TCP", "UDP")
        if not (pod["closed"] and port == PORTS["http"])
    ]
    addresses = [pod_address(case, PLANS[family], i) for family in families(case)]
    labels = {"app": "web", "half": "even" if i % 2 == 0 else "odd"}
    return _pod_value(f"web-{i}", pod["node"], addresses, ports, labels, host=pod["host"])


def _tool(plans: list[Plan4], n: int) -> dict[str, Any]:
    addresses = [where.pod.format(n=n, i=100) for where in plans]
    ports = [{"containerPort": 8080, "protocol": "TCP"}]
    return _pod_value(f"tool-{n}", f"node-{n}", addresses, ports, {"app": "tool"}, host=False)


def _pod_value(
    name: str, node: str, addresses: list[str], ports: list[Any], labels: dict[str, str], *, host: bool
) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default", "labels": labels},
        "spec": {
            "nodeName": node,
            **({"hostNetwork": True} if host else {}),
            "containers": [{"name": "c", "image": "i", "ports": ports}],
        },
        "status": {"phase": "Running", "podIP": addresses[0], "podIPs": [{"ip": one} for one in addresses],
                   "conditions": [{"type": "Ready", "status": "True"}]},
    }  # fmt: skip


def _network_policy(case: Case, i: int, policy: dict[str, Any]) -> dict[str, Any]:
    peers = json.loads(in_family(case["family"], json.dumps([PEERS[name] for name in policy["peers"]])))
    port = policy["port"]
    number = {"port": port[0], "endPort": port[1]} if isinstance(port, list) else {"port": port}
    ports = {} if port is None else {"ports": [{"protocol": policy["protocol"], **number}]}
    everybody = any(one is None for one in peers)
    spec: dict[str, Any] = {"podSelector": SELECTORS[policy["selects"]], "policyTypes": policy["types"]}
    for kind, said in (("Ingress", "from"), ("Egress", "to")):
        if kind in policy["types"]:
            spec[kind.lower()] = [{**({} if everybody else {said: peers}), **ports}] if peers else []
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
            "metadata": {"name": f"policy-{i}", "namespace": "default"}, "spec": spec}  # fmt: skip


def service_ports(service: dict[str, Any], i: int) -> list[dict[str, Any]]:
    """The ports of a case's Service."""
    protocol = service["protocol"]
    first = {"name": "http", "port": 80 + i, "targetPort": 8080, "protocol": protocol, "nodePort": 30080 + i}
    second = {"name": "dns", "port": 53 + i, "targetPort": 5353, "protocol": protocol, "nodePort": 30053 + i}
    ports = [first, second] if service["second_port"] else [first]
    if service["type"] == "ClusterIP":
        ports = [{k: v for k, v in port.items() if k != "nodePort"} for port in ports]
    return ports


def _service_document(case: Case, i: int, service: dict[str, Any]) -> dict[str, Any]:
    outer = service["type"] != "ClusterIP" or service["external_ip"]
    own = stack(case, service)
    addresses = [PLANS[family].service.format(i=i) for family in own]
    spec: dict[str, Any] = {
        "type": service["type"],
        "clusterIP": addresses[0],
        "clusterIPs": addresses,
        "ipFamilies": [f"IPv{family}" for family in own],
        "ipFamilyPolicy": "RequireDualStack" if len(own) > 1 else "SingleStack",
        "internalTrafficPolicy": service["internal"],
        "sessionAffinity": "ClientIP" if service["affinity"] else "None",
        "ports": service_ports(service, i),
        **({"externalTrafficPolicy": service["external"]} if outer else {}),
        **({"externalIPs": [PLANS[f].external.format(i=i) for f in own]} if service["external_ip"] else {}),
    }
    status: dict[str, Any] = {}
    if service["type"] == "LoadBalancer":
        mode = "Proxy" if service["proxy_vip"] else "VIP"
        status = {
            "loadBalancer": {"ingress": [{"ip": PLANS[f].vip.format(i=i), "ipMode": mode} for f in own]}
        }
        if service["ranges"]:
            spec["loadBalancerSourceRanges"] = [in_family(family, service["ranges"]) for family in own]
        if service["external"] == "Local":
            spec["healthCheckNodePort"] = 32000 + i
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": f"svc-{i}", "namespace": "default"},
            "spec": spec, "status": status}  # fmt: skip


def _slices(case: Case, i: int, service: dict[str, Any]) -> list[dict[str, Any]]:
    """A slice for each of the Service's IP families."""
    return [
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {"name": f"svc-{i}-{family}", "namespace": "default",
                         "labels": {"kubernetes.io/service-name": f"svc-{i}"}},
            "addressType": f"IPv{family}",
            "endpoints": [_endpoint(case, family, j) for j in service["pods"] if j < len(case["pods"])],
            "ports": [{"name": p["name"], "port": p["targetPort"], "protocol": p["protocol"]}
                      for p in service_ports(service, i)],
        }
        for family in stack(case, service)
    ]  # fmt: skip


def _endpoint(case: Case, family: int, j: int) -> dict[str, Any]:
    pod = case["pods"][j]
    hints = {
        "zone": {"forZones": [{"name": ZONES[pod["node"]]}]},
        "node": {"forNodes": [{"name": pod["node"]}]},
    }.get(pod["hints"] or "", {})
    return {
        "addresses": [pod_address(case, PLANS[family], j)],
        "conditions": {
            "ready": pod["ready"] and not pod["terminating"],
            "serving": pod["ready"] if not pod["terminating"] else pod["serving"],
            "terminating": pod["terminating"],
        },
        "nodeName": pod["node"],
        "zone": ZONES[pod["node"]],
        "targetRef": {"kind": "Pod", "namespace": "default", "name": f"web-{j}"},
        **({"hints": hints} if hints else {}),
    }


def cluster(case: Case) -> Cluster:
    """The case as a Cluster, in its World, with its edit made."""
    where = svcnotes.loads(yaml.safe_dump_all(documents(case)))
    world = json.loads(in_family(case["family"], json.dumps(case["world"])))
    sysctls = world["sysctls"]
    if case["family"] == 6 and "bridge-nf-call-iptables" in sysctls:
        sysctls["bridge-nf-call-ip6tables"] = sysctls.pop("bridge-nf-call-iptables")
    where = where.with_world(**world)
    edit = case["edit"]
    return where if edit is None else edited(case, where, edit)


def question(case: Case, flow: dict[str, Any]) -> dict[str, Any] | None:
    """A flow as arguments of `svcnotes.trace`; None where the case has nothing of the kind."""
    where = PLANS[families(case)[-1 if flow.get("other_family") else 0]]
    i = flow["service"] % len(case["services"])
    service = case["services"][i]
    ports = service_ports(service, i)
    port = ports[-1 if flow["second_port"] else 0]
    source = {"client": where.clients[0], "client-2": where.clients[1]}.get(flow["from"], flow["from"])
    if source.startswith("pod/default/web-") and int(source[-1]) >= len(case["pods"]):
        return None
    n = flow["node"][-1]
    node_port = port.get("nodePort", 30080)
    targets = {
        "nodePort": (where.node.format(n=n), node_port),
        "clusterIP": (where.service.format(i=i), port["port"]),
        "vip": (where.vip.format(i=i), port["port"]),
        "externalIP": (where.external.format(i=i), port["port"]),
        "cni0": (where.gateway.format(n=n), node_port),
        "localhost": (where.localhost, node_port),
        "pod": (pod_address(case, where, flow["service"] % len(case["pods"])), 8080),
        "unused": (where.unused, 80),
        "node port that nobody has": (where.node.format(n=n), 31999),
        "name": (f"svc-{i}.default.svc.cluster.local", port["port"]),
        "health": (where.node.format(n=n), 10256 if service["external"] != "Local" else 32000 + i),
    }
    address, number = targets[flow["to"]]
    if flow["to"] == "cni0" and case["world"]["cni"] == "routed":
        return None
    if flow["other_port"]:
        number = 12345
    protocol = service["protocol"].lower()
    if flow["other_protocol"]:
        protocol = "udp" if protocol == "tcp" else "tcp"
    if flow["to"] == "health":
        protocol = "http"
    to = f"[{address}]:{number}" if ":" in address else f"{address}:{number}"
    if flow["ping"]:
        to, protocol = address, "icmp"
    # What comes from outside the router may hand to any node, though the address be another's.
    led = source in where.clients or flow["to"] in ("vip", "externalIP", "clusterIP", "name", "unused")
    return {"source": source, "to": to, "protocol": protocol, "via": flow["via"] if led else None}
