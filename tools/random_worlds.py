"""Random clusters, Worlds and questions for tools/conformance.py, as plain values that hypothesis shrinks."""

# ruff: noqa: INP001 - a program to run, no package

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import yaml
from hypothesis import strategies as st

import svcnotes
from svcnotes.control_plane.cluster import Cluster
from svcnotes.kube_proxy import rules

NODES = ("node-1", "node-2", "node-3")
ZONES = dict(zip(NODES, ("zone-a", "zone-b", "zone-c"), strict=True))
PORTS = {"http": 8080, "dns": 5353}
Case = dict[str, Any]

_often = st.sampled_from([True] * 7 + [False])
_seldom = st.sampled_from([False] * 7 + [True])
_policy = st.sampled_from(["Cluster", "Local"])

_pod = st.fixed_dictionaries(
    {
        "node": st.sampled_from(NODES),
        "ready": _often,
        "serving": _often,
        "terminating": _seldom,
        "host": _seldom,
        "closed": _seldom,
        "hints": st.sampled_from([None, None, None, "zone", "node"]),
    }
)
_service = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["ClusterIP", "NodePort", "NodePort", "LoadBalancer", "LoadBalancer"]),
        "protocol": st.sampled_from(["TCP", "TCP", "UDP"]),
        "external": _policy,
        "internal": st.sampled_from(["Cluster", "Cluster", "Local"]),
        "affinity": _seldom,
        "external_ip": _seldom,
        "ranges": st.sampled_from([None, None, "192.0.2.0/24", "10.244.0.0/16", "172.18.0.12/32"]),
        "proxy_vip": _seldom,
        "pods": st.sampled_from(
            [[0, 1], [], [0], [0, 1, 2], [1, 2, 3], [0, 2, 4], [0, 1, 2, 3], [0, 1, 2, 3, 4]]
        ),
        "second_port": _seldom,
    }
)
_fault = st.sampled_from(
    [
        {"name": "hairpin-off"},
        {"name": "hairpin-off", "node": "node-1"},
        {"name": "forward-policy-drop", "node": "node-2"},
        {"name": "rules-flushed", "node": "node-3"},
        {"name": "listens-on-loopback", "pod": "web-0"},
        {"name": "host-firewall", "on": "node-1", "ports": "30000-32767"},
        {"name": "rule-missing", "node": "node-1", "text": "KUBE-MARK-MASQ"},
        {"name": "rule-missing", "node": "node-2", "text": "--ctstate RELATED,ESTABLISHED"},
        {"name": "route-missing", "on": "node-1", "to": "10.244.2.0/24"},
        {"name": "route-missing", "on": "router", "to": "10.244.1.0/24"},
    ]
)
_world = st.fixed_dictionaries(
    {
        "cni": st.sampled_from(["bridge", "bridge", "bridge", "routed", "vxlan"]),
        "cniMasquerade": _seldom,
        "sysctls": st.fixed_dictionaries(
            {},
            optional={
                "bridge-nf-call-iptables": st.sampled_from([0, 1]),
                "route_localnet": st.sampled_from([0, 1]),
                "rp_filter": st.sampled_from([0, 1, 2]),
            },
        )
        | st.just({}),
        "faults": st.lists(_fault, max_size=1) | st.just([]),
    }
)
_proxy = st.fixed_dictionaries(
    {
        "masqueradeAll": _seldom,
        "localhostNodePorts": _often,
        "nodePortAddresses": st.sampled_from(
            [None, None, None, ["primary"], ["10.244.0.0/16"], ["0.0.0.0/0", "::/0"]]
        ),
    }
)
_edit = st.none() | st.fixed_dictionaries(
    {
        "node": st.sampled_from(NODES),
        "drop": st.integers(0, 80),
        "add": st.sampled_from(
            [
                None,
                ("filter", "-I FORWARD 1 -p tcp -m tcp --dport 8080 -j DROP"),
                ("filter", "-I FORWARD 1 -p tcp -m tcp --dport 8080 -j REJECT --reject-with tcp-reset"),
                (
                    "filter",
                    "-I INPUT 1 -m conntrack --ctstate NEW -j REJECT --reject-with icmp-host-prohibited",
                ),
                ("filter", "-I OUTPUT 1 -p udp -j DROP"),
                ("nat", "-I PREROUTING 1 -p tcp -m multiport --dports 80,30080,30081 -j ACCEPT"),
                ("nat", "-A POSTROUTING -s 10.244.0.0/16 -o eth0 -j MASQUERADE"),
                ("mangle", "-I PREROUTING 1 -p tcp -m tcp --dport 30080 -j MARK --set-xmark 0x4000/0x4000"),
                ("mangle", "-I FORWARD 1 -m mark --mark 0x4000/0x4000 -j DROP"),
                ("raw", "-A PREROUTING -s 192.0.2.0/24 -j DROP"),
            ]
        ),
    }
)
_flow = st.fixed_dictionaries(
    {
        "from": st.sampled_from(
            ["client", "client-2", "pod/default/web-0", "pod/default/web-1", "pod/default/tool-1",
             "pod/default/tool-3", "node/node-1", "node/node-2"]
        ),
        "to": st.sampled_from(
            ["nodePort", "nodePort", "nodePort", "clusterIP", "clusterIP", "vip", "externalIP", "cni0", "localhost",
             "pod", "unused", "node port that nobody has", "name", "health"]
        ),
        "node": st.sampled_from(NODES),
        "service": st.integers(0, 1),
        "second_port": _seldom,
        "other_port": _seldom,
        "other_protocol": _seldom,
        "ping": _seldom,
        "via": st.sampled_from([None, "node-1", "node-2"]),
    }
)  # fmt: skip


def cases(most_flows: int = 60) -> st.SearchStrategy[Case]:
    """Cases: a cluster in its World, an edit of a node's rules, and questions."""
    return st.fixed_dictionaries(
        {
            "family": st.sampled_from([4, 4, 6]),
            "pods": st.sampled_from([5, 4, 3, 2, 1]).flatmap(
                lambda n: st.lists(_pod, min_size=n, max_size=n)
            ),
            "services": st.lists(_service, min_size=1, max_size=2),
            "world": _world,
            "proxy": _proxy,
            "edit": _edit,
            "flows": st.integers(1, most_flows).flatmap(lambda n: st.lists(_flow, min_size=n, max_size=n)),
        }
    )


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
_V6_TEXT = {"10.244.0.0/16": "fd00:244::/32", "192.0.2.0/24": "2001:db8:2::/64", "172.18.0.12/32": "fd00:18::12/128",
            "10.244.2.0/24": "fd00:244:2::/64", "10.244.1.0/24": "fd00:244:1::/64",
            "icmp-host-prohibited": "icmp6-adm-prohibited"}  # fmt: skip


def plan(case: Case) -> Plan4:
    """The addresses of a case."""
    return Plan4() if case["family"] == 4 else PLAN6


def _in_family(case: Case, text: str) -> str:
    if case["family"] == 6:
        for four, six in _V6_TEXT.items():
            text = text.replace(four, six)
    return text


def documents(case: Case) -> list[dict[str, Any]]:
    """The Kubernetes documents of a case."""
    where = plan(case)
    proxy = {k: v for k, v in case["proxy"].items() if k != "localhostNodePorts" and v not in (None, False)}
    if "nodePortAddresses" in proxy and proxy["nodePortAddresses"] != ["primary"]:
        wanted = [_in_family(case, one) for one in proxy["nodePortAddresses"]]
        proxy["nodePortAddresses"] = [one for one in wanted if (":" in one) == (case["family"] == 6)]
    found: list[dict[str, Any]] = [
        {
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "mode": "iptables",
            "clusterCIDR": where.pod_range,
            "iptables": {"localhostNodePorts": case["proxy"]["localhostNodePorts"],
                         "masqueradeAll": case["proxy"]["masqueradeAll"]},
            **({"nodePortAddresses": proxy["nodePortAddresses"]} if "nodePortAddresses" in proxy else {}),
        },
        {
            "apiVersion": "kubeadm.k8s.io/v1beta4",
            "kind": "ClusterConfiguration",
            "networking": {"podSubnet": where.pod_range, "serviceSubnet": where.service_range},
        },
    ]  # fmt: skip
    found += [_node(where, name) for name in NODES]
    found += [_pod_document(case, where, i) for i in range(len(case["pods"]))]
    found += [_tool(where, n) for n in (1, 3)]
    for i, service in enumerate(case["services"]):
        found += [_service_document(case, where, i, service), *_slices(case, where, i, service)]
    return found


def _node(where: Plan4, name: str) -> dict[str, Any]:
    n = name[-1]
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {"topology.kubernetes.io/zone": ZONES[name]}},
        "spec": {"podCIDR": where.pods.format(n=n), "podCIDRs": [where.pods.format(n=n)]},
        "status": {"addresses": [{"type": "InternalIP", "address": where.node.format(n=n)}]},
    }


def pod_address(case: Case, where: Plan4, i: int) -> str:
    """The address of a case's Pod."""
    pod = case["pods"][i]
    n = pod["node"][-1]
    return where.node.format(n=n) if pod["host"] else where.pod.format(n=n, i=10 + i)


def _pod_document(case: Case, where: Plan4, i: int) -> dict[str, Any]:
    pod = case["pods"][i]
    ports = [
        {"containerPort": port, "protocol": protocol}
        for port in PORTS.values()
        for protocol in ("TCP", "UDP")
        if not (pod["closed"] and port == PORTS["http"])
    ]
    address = pod_address(case, where, i)
    return _pod_value(f"web-{i}", pod["node"], address, ports, host=pod["host"])


def _tool(where: Plan4, n: int) -> dict[str, Any]:
    address = where.pod.format(n=n, i=100)
    return _pod_value(
        f"tool-{n}", f"node-{n}", address, [{"containerPort": 8080, "protocol": "TCP"}], host=False
    )


def _pod_value(name: str, node: str, address: str, ports: list[Any], *, host: bool) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "nodeName": node,
            **({"hostNetwork": True} if host else {}),
            "containers": [{"name": "c", "image": "i", "ports": ports}],
        },
        "status": {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}],
                   "conditions": [{"type": "Ready", "status": "True"}]},
    }  # fmt: skip


def service_ports(service: dict[str, Any], i: int) -> list[dict[str, Any]]:
    """The ports of a case's Service."""
    protocol = service["protocol"]
    first = {"name": "http", "port": 80 + i, "targetPort": 8080, "protocol": protocol, "nodePort": 30080 + i}
    second = {"name": "dns", "port": 53 + i, "targetPort": 5353, "protocol": protocol, "nodePort": 30053 + i}
    ports = [first, second] if service["second_port"] else [first]
    if service["type"] == "ClusterIP":
        ports = [{k: v for k, v in port.items() if k != "nodePort"} for port in ports]
    return ports


def _service_document(case: Case, where: Plan4, i: int, service: dict[str, Any]) -> dict[str, Any]:
    outer = service["type"] != "ClusterIP" or service["external_ip"]
    spec: dict[str, Any] = {
        "type": service["type"],
        "clusterIP": where.service.format(i=i),
        "clusterIPs": [where.service.format(i=i)],
        "ipFamilies": ["IPv4" if case["family"] == 4 else "IPv6"],
        "internalTrafficPolicy": service["internal"],
        "sessionAffinity": "ClientIP" if service["affinity"] else "None",
        "ports": service_ports(service, i),
        **({"externalTrafficPolicy": service["external"]} if outer else {}),
        **({"externalIPs": [where.external.format(i=i)]} if service["external_ip"] else {}),
    }
    status: dict[str, Any] = {}
    if service["type"] == "LoadBalancer":
        mode = "Proxy" if service["proxy_vip"] else "VIP"
        status = {"loadBalancer": {"ingress": [{"ip": where.vip.format(i=i), "ipMode": mode}]}}
        if service["ranges"]:
            spec["loadBalancerSourceRanges"] = [_in_family(case, service["ranges"])]
        if service["external"] == "Local":
            spec["healthCheckNodePort"] = 32000 + i
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": f"svc-{i}", "namespace": "default"},
            "spec": spec, "status": status}  # fmt: skip


def _slices(case: Case, where: Plan4, i: int, service: dict[str, Any]) -> list[dict[str, Any]]:
    endpoints = []
    for j in service["pods"]:
        if j >= len(case["pods"]):
            continue
        pod = case["pods"][j]
        hints = {
            "zone": {"forZones": [{"name": ZONES[pod["node"]]}]},
            "node": {"forNodes": [{"name": pod["node"]}]},
        }.get(pod["hints"] or "", {})
        endpoints.append(
            {
                "addresses": [pod_address(case, where, j)],
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
        )
    return [
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {"name": f"svc-{i}-a", "namespace": "default",
                         "labels": {"kubernetes.io/service-name": f"svc-{i}"}},
            "addressType": "IPv4" if case["family"] == 4 else "IPv6",
            "endpoints": endpoints,
            "ports": [{"name": p["name"], "port": p["targetPort"], "protocol": p["protocol"]}
                      for p in service_ports(service, i)],
        }
    ]  # fmt: skip


def cluster(case: Case) -> Cluster:
    """The case as a Cluster, in its World, with its edit made."""
    where = svcnotes.loads(yaml.safe_dump_all(documents(case)))
    world = json.loads(_in_family(case, json.dumps(case["world"])))
    sysctls = world["sysctls"]
    if case["family"] == 6 and "bridge-nf-call-iptables" in sysctls:
        sysctls["bridge-nf-call-ip6tables"] = sysctls.pop("bridge-nf-call-iptables")
    where = where.with_world(**world)
    edit = case["edit"]
    return where if edit is None else _edited(case, where, edit)


def _edited(case: Case, where: Cluster, edit: dict[str, Any]) -> Cluster:
    lines = rules(where, edit["node"], family=case["family"]).splitlines()
    places = [at for at, line in enumerate(lines) if line.startswith("-A ")]
    if edit["drop"] < len(places):
        del lines[places[edit["drop"]]]
    # A vxlan's own packets pass the nodes' INPUT and OUTPUT, which the simulation leaves out: no edit that hits them.
    tunnel = case["world"]["cni"] == "vxlan"
    if edit["add"] and not (tunnel and edit["add"][1].startswith(("-I INPUT", "-I OUTPUT"))):
        table, rule = edit["add"]
        rule = _in_family(case, rule)
        kind, chain, rest = rule.split(" ", 2)
        if kind == "-I":
            rest = rest.split(" ", 1)[1]
        written = f"-A {chain} {rest}"
        if f"*{table}" not in lines:
            lines += [f"*{table}", ":PREROUTING ACCEPT", ":OUTPUT ACCEPT", "COMMIT"]
        start = lines.index(f"*{table}")
        end = lines.index("COMMIT", start)
        own = [at for at in range(start, end) if lines[at].startswith(f"-A {chain} ")]
        first = next((at for at in range(start, end) if lines[at].startswith("-A ")), end)
        lines.insert(own[0] if own and kind == "-I" else own[-1] + 1 if own else first, written)
    return where.with_rules(edit["node"], "\n".join(lines) + "\n", case["family"])


def question(case: Case, flow: dict[str, Any]) -> dict[str, Any] | None:
    """A flow as arguments of `svcnotes.trace`; None where the case has nothing of the kind."""
    where = plan(case)
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
    needs_via = flow["to"] in ("vip", "externalIP", "clusterIP", "name", "unused")
    return {"source": source, "to": to, "protocol": protocol, "via": flow["via"] if needs_via else None}
