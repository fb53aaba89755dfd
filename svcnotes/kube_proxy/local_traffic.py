"""How kube-proxy tells the traffic of Pods from all other: `detectLocalMode`.

Source: getLocalDetectors in cmd/kube-proxy/app/server_linux.go and pkg/proxy/util/localdetector.go of Kubernetes 1.36.
By ranges of addresses a Pod is known on every node; by an interface only on its own.
"""

from __future__ import annotations

from typing import NamedTuple

from svcnotes.control_plane.cluster import Cluster
from svcnotes.kube_proxy.service_ports import networks


class LocalTraffic(NamedTuple):
    """What the traffic of Pods has in common, in one IP family: a range of sources, or the interface it comes in by.

    At most one of them is given; neither: kube-proxy cannot tell. An `interface` that ends in `+` stands for all
    whose names begin so.
    """

    sources: str = ""
    interface: str = ""

    @property
    def known(self) -> bool:
        """Whether kube-proxy can tell at all."""
        return bool(self.sources or self.interface)

    def iptables(self, destination: str = "", *, others: bool = False) -> str:
        """Match it (or, with `others`, all other traffic), as `iptables-save` puts it around `-d ...`."""
        no = "! " if others else ""
        source = f"{no}-s {self.sources}" if self.sources else ""
        interface = f"{no}-i {self.interface}" if self.interface else ""
        return " ".join([part for part in (source, destination, interface) if part])

    def nft(self, *, others: bool = False) -> str:
        """Match it (or, with `others`, all other traffic), as `nft list` prints it."""
        no = "!= " if others else ""
        if self.sources:
            return f"{'ip6' if ':' in self.sources else 'ip'} saddr {no}{self.sources}"
        name = f"{self.interface[:-1]}*" if self.interface.endswith("+") else self.interface
        return f'iifname {no}"{name}"'


def local_traffic(cluster: Cluster, node: str, family: int) -> LocalTraffic:
    """How the kube-proxy of a node, by its name, tells Pods in an IP family (4 or 6). Raises KeyError for no node."""
    settings = cluster.proxy
    match settings.detect_local_mode:
        case "BridgeInterface":
            return LocalTraffic(interface=settings.local_interface)
        case "InterfaceNamePrefix":
            return LocalTraffic(interface=f"{settings.local_interface}+")
        case "NodeCIDR":
            ranges = cluster.nodes[node].pod_cidrs
        case _:
            ranges = settings.cluster_cidrs
    return LocalTraffic(next(iter(networks(ranges, family)), ""))
