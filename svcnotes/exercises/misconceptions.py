"""Ideas that many people bring along, by name, each in the words of someone who holds it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

ALL: Mapping[str, str] = MappingProxyType(
    {
        "any-port-can-be-a-nodeport": "Any port can be a nodePort.",
        "ports-are-the-same-thing": "nodePort, port and targetPort are names for one number.",
        "a-quoted-number-is-a-number": "A targetPort in quotes is still a number.",
        "one-port-needs-no-name-nor-do-two": "Names of ports are decoration.",
        "a-clusterip-opens-on-nodes": "A Service opens a port on the nodes, whatever its type.",
        "the-pod-sees-the-client": "The pod always sees the address of the client.",
        "snat-uses-the-dialled-address": "The source becomes the node's address, the one that the client dialled.",
        "the-last-node-counts": "The pod sees the node that it runs on.",
        "the-service-calls": "The Service is a machine in between: the pod sees the Service's address.",
        "source-and-destination-swapped": "The source that the pod sees is the pod's own address.",
        "local-forwards": "A node without a pod forwards to another node, whatever the policy.",
        "local-refuses": "Under Local, a node without a pod refuses.",
        "cluster-needs-a-local-pod": "A node answers on the nodePort only if it runs a pod of the Service.",
        "no-pods-means-timeout": "Without pods, the packet is lost and the client waits.",
        "silence-and-refusal-are-one": "Refused and timed out both just mean “it does not work”.",
        "selector-mismatch": "The Service finds its pods by its own name.",
        "wrong-targetport": "targetPort is the port of the Service; the pod will listen there.",
        "targetport-crossed": "It connects, so it is the right port.",
        "local-uses-all-pods": "Under Local the node still chooses among all pods.",
        "nodeport-shows-in-netstat": "Something must listen on the nodePort: netstat will show it.",
    }
)
