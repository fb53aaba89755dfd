"""What a change rewrites in iptables mode: the input of `iptables-restore --noflush`.

Source: syncProxyRules in pkg/proxy/iptables/proxier.go of Kubernetes 1.36; KEP-3453. A chain that the input names
is emptied and written anew, any other stays. The chains that lead to the Services are named each time, whole:
they are long. The chains of one Service are named only when it changed. Simplified: a rule stands here as
`iptables-save` prints it; the jumps from the built-in chains, which a full sync looks after by commands of their
own, are left out, and so is the count of packets that the top chains keep.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from svcnotes.control_plane.cluster import Cluster
from svcnotes.kube_proxy.changes import changes, needs_full_sync
from svcnotes.kube_proxy.iptables.service import ServiceRules
from svcnotes.kube_proxy.iptables.tables import (
    filter_chains,
    nat_chains,
    node_view,
    rules,
    service_rules,
)
from svcnotes.kube_proxy.mode import Counts, Sync
from svcnotes.kube_proxy.node_ports import node_port_addresses
from svcnotes.kube_proxy.service_ports import service_ports


def counts(cluster: Cluster, node: str, family: int) -> Counts:
    """Count the rules and chains that kube-proxy has on a node, by its name; built-in chains do not count."""
    text = rules(cluster, node, family)
    return Counts(rules=text.count("\n-A "), chains=text.count(" -\n"))


def partial_sync(before: Cluster, after: Cluster, node: str, family: int) -> Sync:
    """What the kube-proxy of a node, by its name, hands to iptables-restore when `before` has become `after`.

    Raises KeyError for a node that is not there.
    """
    full, changed = needs_full_sync(before, after, node), changes(before, after, family)
    if not changed.services and not full:
        return Sync((), full, "", "", Counts(), Counts())
    infos = service_ports(after, family)
    view = node_view(after, node, family, infos)
    everything = service_rules(infos, view, with_chains=full)
    own = everything if full else service_rules(changed.new, view)
    old = service_rules(changed.old, node_view(before, node, family, changed.old))
    stale = [chain for chain in sorted(old.nat_chains) if chain not in own.nat_chains]
    # With many endpoints kube-proxy does not look for unused chains at every sync: that alone takes long.
    text, later = _input(after, node, family, everything, own, stale=() if view.large_cluster else stale), ""
    if view.large_cluster and stale:
        later = _table("nat", {}, stale)
    return Sync(
        services=changed.services,
        full=full,
        text=text,
        later=later,
        written=Counts(rules=text.count("\n-A "), chains=text.count("\n:") - (0 if later else len(stale))),
        deleted=Counts(chains=len(stale)),
    )


def _input(
    after: Cluster,
    node: str,
    family: int,
    everything: ServiceRules,
    own: ServiceRules,
    *,
    stale: Iterable[str],
) -> str:
    open_at = node_port_addresses(after, after.nodes[node], family)
    nat = {**nat_chains(after, everything, open_at, family), **own.nat_chains}
    return _table("filter", filter_chains(after, everything, open_at), ()) + _table("nat", nat, stale)


def _table(name: str, chains: Mapping[str, str], stale: Iterable[str]) -> str:
    stale = list(stale)
    return "".join(
        [
            f"*{name}\n",
            *[f":{chain} - [0:0]\n" for chain in (*chains, *stale)],
            *chains.values(),
            *[f"-X {chain}\n" for chain in stale],
            "COMMIT\n",
        ]
    )
