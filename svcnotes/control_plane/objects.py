"""Kubernetes objects as frozen values: the fields that decide where a packet goes.

The objects as stored, with every field, stay in `Cluster.objects`; these are read from them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from svcnotes.copying import value

CLUSTER = "Cluster"
LOCAL = "Local"


@value(frozen=True, slots=True)
class Node:
    """A Node: `addresses` are its InternalIPs in order (any family), then its ExternalIPs apart."""

    name: str
    addresses: tuple[str, ...]
    pod_cidrs: tuple[str, ...]
    labels: Mapping[str, str] = field(default_factory=dict)
    external_addresses: tuple[str, ...] = ()

    @property
    def zone(self) -> str:
        """The label topology.kubernetes.io/zone, empty where there is none."""
        return self.labels.get("topology.kubernetes.io/zone", "")

    def address(self, family: int) -> str:
        """The Node's first InternalIP of that family (4 or 6), empty where there is none."""
        return next((a for a in self.addresses if (":" in a) == (family == 6)), "")


@value(frozen=True, slots=True)
class ContainerPort:
    """A port that a container declares; `protocol` is TCP, UDP or SCTP."""

    number: int
    name: str = ""
    protocol: str = "TCP"
    host_port: int = 0


@value(frozen=True, slots=True)
class Pod:
    """A Pod; `listens` is None where it answers on every port, else (protocol, port) pairs.

    `listens` follows the declared containerPorts, or the annotation `svcnotes/listens`. `interface` is the
    name of the node's end of its cable, from the annotation `svcnotes/interface`, empty where it does not matter.
    """

    namespace: str
    name: str
    node: str
    addresses: tuple[str, ...]
    labels: Mapping[str, str] = field(default_factory=dict)
    host_network: bool = False
    ready: bool = True
    terminating: bool = False
    phase: str = "Running"
    ports: tuple[ContainerPort, ...] = ()
    listens: frozenset[tuple[str, int]] | None = None
    interface: str = ""

    @property
    def key(self) -> str:
        """`namespace/name`."""
        return f"{self.namespace}/{self.name}"

    def address(self, family: int) -> str:
        """The Pod's address of that family (4 or 6), empty where there is none."""
        return next((a for a in self.addresses if (":" in a) == (family == 6)), "")

    def answers(self, protocol: str, port: int) -> bool:
        """Whether a process in the Pod serves that port; `protocol` is TCP, UDP or SCTP."""
        return self.listens is None or (protocol, port) in self.listens


@value(frozen=True, slots=True)
class ServicePort:
    """One port of a Service; `target_port` is a number or a name; `node_port` 0 is none."""

    name: str
    protocol: str
    port: int
    target_port: int | str
    node_port: int = 0


@value(frozen=True, slots=True)
class Ingress:
    """One address in status.loadBalancer.ingress; `ip_mode` is VIP or Proxy."""

    ip: str = ""
    hostname: str = ""
    ip_mode: str = "VIP"


@value(frozen=True, slots=True)
class Service:
    """A Service as stored: defaulted and allocated."""

    namespace: str
    name: str
    type: str = "ClusterIP"
    cluster_ips: tuple[str, ...] = ()
    ip_families: tuple[str, ...] = ("IPv4",)
    ports: tuple[ServicePort, ...] = ()
    selector: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    external_ips: tuple[str, ...] = ()
    external_name: str = ""
    external_traffic_policy: str = CLUSTER
    internal_traffic_policy: str = CLUSTER
    session_affinity: str = "None"
    affinity_timeout_seconds: int = 10800
    load_balancer_source_ranges: tuple[str, ...] = ()
    ingress: tuple[Ingress, ...] = ()
    health_check_node_port: int = 0
    load_balancer_class: str = ""
    publish_not_ready_addresses: bool = False
    traffic_distribution: str = ""

    @property
    def key(self) -> str:
        """`namespace/name`."""
        return f"{self.namespace}/{self.name}"

    @property
    def headless(self) -> bool:
        """Whether clusterIP is None: such a Service has DNS records only."""
        return self.cluster_ips[:1] == ("None",)


@value(frozen=True, slots=True)
class Endpoint:
    """One endpoint of an EndpointSlice; `pod` is `namespace/name` of its targetRef, or empty.

    A condition that the slice leaves out is already read as the API of 1.36 says, each on its own:
    ready and serving true, terminating false.
    """

    addresses: tuple[str, ...]
    ready: bool = True
    serving: bool = True
    terminating: bool = False
    node: str = ""
    zone: str = ""
    pod: str = ""
    hostname: str = ""
    for_zones: tuple[str, ...] | None = None
    for_nodes: tuple[str, ...] | None = None


@value(frozen=True, slots=True)
class EndpointPort:
    """A port of an EndpointSlice: `number` None means every port (kube-proxy passes it over)."""

    name: str
    number: int | None
    protocol: str = "TCP"


@value(frozen=True, slots=True)
class EndpointSlice:
    """An EndpointSlice; `service` is the value of the label kubernetes.io/service-name."""

    namespace: str
    name: str
    service: str
    address_type: str = "IPv4"
    endpoints: tuple[Endpoint, ...] = ()
    ports: tuple[EndpointPort, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)


@value(frozen=True, slots=True)
class KubeProxyConfiguration:
    """What kube-proxy is told (KubeProxyConfiguration v1alpha1); CIDRs as text.

    `cluster_cidrs`: one for each family, from clusterCIDR. `detect_local_mode`: by what the traffic of Pods is told from
    other (ClusterCIDR, NodeCIDR, BridgeInterface, InterfaceNamePrefix), with the interface's name or the prefix of
    names in `local_interface`. `bind_address`: what kube-proxy takes for its node's own address, in that family; empty:
    it asks the Node. `node_port_addresses` as written:
    CIDRs, or the one word `primary`. `ipvs_scheduler`: how IPVS picks, in that mode; `ipvs_timeouts`: for how many seconds
    it remembers connections (TCP, closing TCP, UDP; 0: as the kernel does), `ipvs_exclude_cidrs` whose virtual servers
    kube-proxy does not delete;
    `strict_arp`: whether a node then keeps silent when asked for an address of another interface. `allow_external_ips`:
    the feature gate AllowServiceExternalIPs; without it kube-proxy ignores spec.externalIPs. `tcp_be_liberal`:
    conntrack.tcpBeLiberal, by which it sets nf_conntrack_tcp_be_liberal; `conntrack_timeouts`: how many seconds it has
    conntrack remember TCP that is established, TCP in CLOSE_WAIT, UDP, and UDP that is a stream (0: as the kernel does).
    `healthz` is where it says whether it is well, an address (empty: every one) and a port.
    """

    mode: str = "iptables"
    cluster_cidrs: tuple[str, ...] = ()
    detect_local_mode: str = "ClusterCIDR"
    local_interface: str = ""
    bind_address: str = ""
    masquerade_all: bool = False
    masquerade_bit: int = 14
    localhost_node_ports: bool = True
    node_port_addresses: tuple[str, ...] = ()
    ipvs_scheduler: str = "rr"
    strict_arp: bool = False
    ipvs_timeouts: tuple[int, int, int] = (0, 0, 0)
    ipvs_exclude_cidrs: tuple[str, ...] = ()
    allow_external_ips: bool = True
    tcp_be_liberal: bool = False
    conntrack_timeouts: tuple[int, int, int, int] = (86_400, 3_600, 0, 0)
    healthz: tuple[str, int] = ("", 10256)


@value(frozen=True, slots=True)
class ClusterConfiguration:
    """What kubeadm is told: networks, DNS domain, kube-apiserver's arguments.

    `service_cidrs`: the cluster's own, one for each family; `further_service_cidrs`: further ServiceCIDR objects, each
    with its name and its ranges.
    """

    pod_cidrs: tuple[str, ...] = ("10.244.0.0/16",)
    service_cidrs: tuple[str, ...] = ("10.96.0.0/16",)
    further_service_cidrs: tuple[tuple[str, tuple[str, ...]], ...] = ()
    dns_domain: str = "cluster.local"
    node_port_range: tuple[int, int] = (30000, 32767)
    admission_plugins: frozenset[str] = frozenset()

    @property
    def more_service_cidrs(self) -> tuple[str, ...]:
        """The ranges of all further ServiceCIDR objects."""
        return tuple(text for _, ranges in self.further_service_cidrs for text in ranges)


@value(frozen=True, slots=True)
class OutsideHost:
    """A host behind the router; `serves` is None where it answers on every port."""

    name: str
    address: str
    serves: frozenset[tuple[str, int]] | None = frozenset()


@value(frozen=True, slots=True)
class World:
    """What is not Kubernetes' to say (`apiVersion: svcnotes/v1, kind: World`).

    `cni`: bridge, routed (veths without addresses) or vxlan. `network_policy`: whether the CNI enforces
    NetworkPolicies (Calico, Cilium, kindnet do; flannel alone does not). `sysctls`: dotted names without
    blanks, such as `net.bridge.bridge-nf-call-iptables`. `routes`: address or CIDR to the name
    of the node that the router hands it to. `cloud`: none, pass-through, proxying or pods.
    `faults`: names with their arguments (`svcnotes.control_plane.faults`).
    """

    cni: str = "bridge"
    cni_masquerade: bool = False
    network_policy: bool = True
    sysctls: Mapping[str, str] = field(default_factory=dict)
    routes: Mapping[str, str] = field(default_factory=dict)
    cloud: str = "none"
    hosts: tuple[OutsideHost, ...] = ()
    faults: tuple[Mapping[str, object], ...] = ()
