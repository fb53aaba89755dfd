"""The faults that a case of the dojo may have: what a learner's hypothesis is chosen from."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

FAULTS: Mapping[str, str] = MappingProxyType(
    {
        "selector": "The Service's selector fits no pod.",
        "not-ready": "The pods run, but are not Ready.",
        "target-port": "targetPort is a number on which nothing listens in the pod.",
        "port-name": "targetPort is a name that no port of the pods has.",
        "loopback": "The program in the pod listens on 127.0.0.1 only.",
        "policy-snat": "A NetworkPolicy allows the client, but sees another source.",
        "policy-deny": "A NetworkPolicy does not allow this caller at all.",
        "local-no-pod": "The policy is Local, and the node that was entered has no pod.",
        "node-port": "The Service has another nodePort than the one dialled.",
        "cluster-ip-type": "The Service is of type ClusterIP, and opens nothing on the nodes.",
        "host-firewall": "A firewall on a node drops what comes from outside.",
        "kube-proxy": "kube-proxy does not run on a node: its rules are those of yesterday.",
        "flushed": "Somebody flushed a node's nat table.",
        "no-route": "Nothing routes the external IP to a node.",
        "pending": "No controller serves the load balancer.",
        "hairpin": "The bridge does not send a packet back out of the port that it came by.",
        "bridge-nf": "Frames that cross a node's bridge do not pass iptables.",
        "forward-drop": "A node's FORWARD policy is DROP, and unmarked traffic falls through to it.",
        "namespace": "The name belongs to another namespace.",
        "name-is-ip": "externalName holds an IP address.",
        "source-ranges": "loadBalancerSourceRanges do not hold the client.",
        "localnet": "The node does not let packets for 127.0.0.1 leave: route_localnet is 0.",
        "pod-route": "A node has no route to another node's pods.",
        "conntrack": "A node's conntrack table is full.",
        "snat": "Policy Cluster masquerades: the pod is shown a node instead of the client.",
        "affinity": "ClientIP affinity takes all clients behind one address for one client.",
        "internal-local": "internalTrafficPolicy is Local, and the caller's node has no pod.",
        "rp-filter": "A node's reverse path filter drops what comes in by an unexpected interface.",
        "rule-missing": "One rule is missing on one node.",
    }
)
