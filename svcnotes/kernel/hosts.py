"""Build hosts as network namespaces from a plain description, and wire them.

The description (JSON) comes from `blueprint`: this module knows no Kubernetes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from svcnotes.kernel import links
from svcnotes.kernel.namespaces import Namespace
from svcnotes.kernel.netlink import Netlink

_PROC = Path("/proc/sys")
# For interfaces yet to come: no checks that a lab would trip over, and no waiting.
_BEFORE = {
    "net/ipv4/conf/all/rp_filter": "0",
    "net/ipv4/conf/default/rp_filter": "0",
    "net/ipv4/conf/all/send_redirects": "0",
    "net/ipv4/conf/default/send_redirects": "0",
    "net/ipv4/conf/all/accept_redirects": "0",
    "net/ipv4/conf/default/accept_redirects": "0",
    "net/ipv4/neigh/default/mcast_solicit": "1",
    "net/ipv4/neigh/default/retrans_time_ms": "20",
    "net/ipv4/icmp_ratelimit": "0",
    "net/ipv4/icmp_ratemask": "0",
    "net/ipv4/ping_group_range": "0 0",
    "net/ipv4/tcp_synack_retries": "0",  # a lost answer is not said again, long after its question
    "net/ipv6/conf/all/disable_ipv6": "0",
    "net/ipv6/conf/default/disable_ipv6": "0",
    "net/ipv6/conf/default/accept_dad": "0",
    "net/ipv6/conf/default/accept_ra": "0",
    "net/ipv6/conf/default/router_solicitations": "0",
    "net/ipv6/conf/default/accept_redirects": "0",
    "net/ipv6/neigh/default/mcast_solicit": "1",
    "net/ipv6/neigh/default/retrans_time_ms": "20",
    "net/ipv6/icmp/ratelimit": "0",
    "net/ipv6/icmp/ratemask": "127",
}


def set_switches(values: dict[str, str], *, must: bool) -> list[str]:
    """Set switches of the namespace that the process is in; gives those that could not be set."""
    failed = []
    for path, value in values.items():
        try:
            (_PROC / path).write_text(value)
        except OSError as error:
            if must:
                failed.append(f"{path}={value}: {error.strerror}")
    return failed


class Host:
    """A host that is there: its namespace, and a netlink socket inside."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.space = Namespace()
        self.net = self.space.run(self._prepare)
        self.interfaces: dict[int, str] = {1: "lo"}

    def _prepare(self) -> Netlink:
        set_switches(_BEFORE, must=False)
        net = Netlink()
        links.set_up(net, 1)
        return net

    def furnish(self, spec: dict[str, Any]) -> list[str]:
        """Bring up what was plugged in: addresses, neighbours, routes, switches; gives what could not be set."""
        self.interfaces |= {int(index): name for index, name in spec["names"].items()}
        # Switches first: an interface's own follows `all` where it is changed later.
        failed = self.space.run(lambda: set_switches(spec["sysctls"], must=True)) if spec["sysctls"] else []
        for index, master, hairpin in spec["ports"]:
            links.set_port(self.net, index, master, hairpin=hairpin)
        for index in self.interfaces:
            links.set_up(self.net, index)
        for index, address in spec["addresses"]:
            links.add_address(self.net, index, address)
        for index, mac, via in spec["tunnel"]:
            links.forwarding_entry(self.net, index, mac, via)
        for index, address, mac in spec["neighbours"]:
            links.neighbour(self.net, index, address, mac)
        for one in spec["routes"]:
            self.route(one)
        return failed

    def route(self, one: list[Any], *, remove: bool = False) -> None:
        """Add or remove one route: [range, kind, interface's index, next hop]."""
        to, kind, index, gateway = one
        links.route(self.net, to, kind=kind, index=index, gateway=gateway, remove=remove)

    def close(self) -> None:
        """Let the namespace go."""
        self.net.close()
        self.space.close()


def wire(hosts: dict[str, Host], made: list[list[Any]]) -> None:
    """Make the cables, bridges and tunnels of a description, in order; each end is [host, index, name, MAC]."""
    for kind, (host, *end), *rest in made:
        if kind == "bridge":
            links.add_bridge(hosts[host].net, tuple(end))
        elif kind == "tunnel":
            links.add_vxlan(hosts[host].net, tuple(end), rest[0])
        else:
            far, *far_end = rest[0]
            links.add_pair(hosts[host].net, tuple(end), tuple(far_end), hosts[far].space.fd)
