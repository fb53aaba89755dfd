"""What a change rewrites in IPVS mode, as the commands that would do the same.

Source: syncProxyRules in pkg/proxy/ipvs/proxier.go of Kubernetes 1.36. kube-proxy speaks to IPVS and kube-ipvs0 by
netlink, one message a difference, calls `ipset` for each entry, and writes the few iptables rules anew each time.
A virtual server in `ipvs.excludeCIDRs` is never deleted (isIPInExcludeCIDRs): that of a Service which is gone stays, too.
Simplified: that such a one stays is told here, and not remembered by the node, whose servers are those of its Services. No connection is open. With one, a real server that goes has weight 0 first, and is deleted when its
connections are over (TCP only).
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address, ip_network

from svcnotes.control_plane.cluster import Cluster
from svcnotes.kube_proxy.changes import changes, needs_full_sync
from svcnotes.kube_proxy.ipvs import sets
from svcnotes.kube_proxy.ipvs.node import DUMMY, node_contents
from svcnotes.kube_proxy.ipvs.service import Contents
from svcnotes.kube_proxy.ipvs.tables import filter_chains, iptables_text, nat_chains
from svcnotes.kube_proxy.mode import Counts, Sync
from svcnotes.virtual_servers import VirtualServer, add_real, add_service


def counts(cluster: Cluster, node: str, family: int) -> Counts:
    """Count the iptables rules and chains, the IP sets' entries, and virtual and real servers (as elements of a map)."""
    contents = node_contents(cluster, node, family)
    text = iptables_text(cluster, node, contents, family)
    return Counts(
        rules=text.count("\n-A "),
        chains=text.count(" -\n"),
        map_elements=sum(1 + len(one.real_servers) for one in contents.servers.values()),
        set_elements=sum(map(len, contents.entries.values())),
    )


def partial_sync(before: Cluster, after: Cluster, node: str, family: int) -> Sync:
    """What the kube-proxy of a node, by its name, does when `before` has become `after`.

    Every sync is a full one in this mode: all is compared. Raises KeyError for a node that is not there.
    """
    changed = changes(before, after, family)
    if not changed.services and not needs_full_sync(before, after, node):
        return Sync((), False, "", "", Counts(), Counts())
    old, new = node_contents(before, node, family), node_contents(after, node, family)
    servers = list(_server_commands(old, new, after.proxy.ipvs_exclude_cidrs))
    entries = list(_entry_commands(old, new, family))
    restore = _restore(after, node, new, family)
    commands = [*_address_commands(old, new, family), *servers, *entries]
    return Sync(
        services=changed.services,
        full=True,
        text="".join([f"{line}\n" for line in commands])
        + f"iptables-restore --noflush --counters\n{restore}",
        later="",
        written=Counts(
            rules=restore.count("\n-A "),
            chains=restore.count("\n:"),
            map_elements=sum(line.split()[1] in ("-A", "-E", "-a") for line in servers),
            set_elements=sum(line.split()[1] == "add" for line in entries),
        ),
        deleted=Counts(
            map_elements=sum(line.split()[1] in ("-D", "-d") for line in servers),
            set_elements=sum(line.split()[1] == "del" for line in entries),
        ),
    )


def _address_commands(old: Contents, new: Contents, family: int) -> Iterator[str]:
    prefix = 32 if family == 4 else 128
    for verb, found in (("add", new.bound - old.bound), ("del", old.bound - new.bound)):
        for address in sorted(found):
            yield f"ip addr {verb} {address}/{prefix} dev {DUMMY}"


def _bare(one: VirtualServer) -> str:
    return add_service(one)


def _server_commands(old: Contents, new: Contents, excluded: tuple[str, ...]) -> Iterator[str]:
    left_alone = [ip_network(cidr, strict=False) for cidr in excluded]
    for key, one in new.servers.items():
        was = old.servers.get(key)
        if was is None:
            yield f"ipvsadm {_bare(one)}"
        elif _bare(was) != _bare(one):
            yield f"ipvsadm -E{_bare(one).removeprefix('-A')}"
        had = () if was is None else was.real_servers
        for real in one.real_servers:
            if real not in had:
                yield f"ipvsadm {add_real(one, real)}"
        for real in had:
            if real not in one.real_servers:
                yield f"ipvsadm -d {one.option} -r {real.text}"
    for key, was in old.servers.items():
        if key not in new.servers and not any(ip_address(was.address) in one for one in left_alone):
            yield f"ipvsadm -D {was.option}"


def _entry_commands(old: Contents, new: Contents, family: int) -> Iterator[str]:
    for name in sets.KINDS:
        shown = sets.set_name(name, family)
        for verb, found in (
            ("del", old.entries[name] - new.entries[name]),
            ("add", new.entries[name] - old.entries[name]),
        ):
            for entry in sets.in_order(name, found):
                yield f"ipset {verb} {shown} {entry}"


def _restore(after: Cluster, node: str, new: Contents, family: int) -> str:
    """The whole input of iptables-restore: all chains of the mode, whatever changed."""
    parts = []
    for name, chains in (
        ("nat", nat_chains(after, node, new, family)),
        ("filter", filter_chains(after, new, family)),
    ):
        heads = "".join([f":{chain} - [0:0]\n" for chain in chains])
        parts.append(f"*{name}\n{heads}{''.join(chains.values())}COMMIT\n")
    return "".join(parts)
