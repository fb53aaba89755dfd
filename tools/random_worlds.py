"""Random clusters, Worlds and questions for tools/conformance.py, as plain values that hypothesis shrinks."""

# ruff: noqa: INP001 - a program to run, no package

from __future__ import annotations

from hypothesis import strategies as st
from random_documents import MODES, NODES, PEERS, SELECTORS, Case, cluster, question
from random_edits import FIREWALLS

__all__ = ["Case", "cases", "cluster", "question"]

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
        "stack": st.sampled_from(["both", "both", "first", "second"]),
    }
)
_network_policy = st.fixed_dictionaries(
    {
        "selects": st.sampled_from(sorted(SELECTORS)),
        "types": st.sampled_from([["Ingress"], ["Ingress"], ["Egress"], ["Ingress", "Egress"]]),
        "peers": st.lists(st.sampled_from(sorted(PEERS)), max_size=2, unique=True),
        "port": st.sampled_from([None, None, 8080, "http", [8000, 8090]]),
        "protocol": st.sampled_from(["TCP", "TCP", "UDP"]),
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
                *(("", name) for name in FIREWALLS),
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
        "other_family": st.booleans(),
    }
)  # fmt: skip


def cases(most_flows: int = 60, mode: str = "") -> st.SearchStrategy[Case]:
    """Cases: a cluster in its World, its NetworkPolicies, an edit of a node's rules, and questions.

    `family` is a cluster's first, or its only one: it has both where `dual` says so. `mode` is kube-proxy's; empty:
    any of those in which packets can be followed.
    """
    return st.fixed_dictionaries(
        {
            "mode": st.just(mode) if mode else st.sampled_from(MODES),
            "family": st.sampled_from([4, 4, 6]),
            "dual": st.sampled_from([False, False, True]),
            "pods": st.sampled_from([5, 4, 3, 2, 1]).flatmap(
                lambda n: st.lists(_pod, min_size=n, max_size=n)
            ),
            "services": st.lists(_service, min_size=1, max_size=2),
            "world": _world,
            "proxy": _proxy,
            "policies": st.just([]) | st.lists(_network_policy, min_size=1, max_size=3),
            "edit": _edit,
            "flows": st.integers(1, most_flows).flatmap(lambda n: st.lists(_flow, min_size=n, max_size=n)),
        }
    )
