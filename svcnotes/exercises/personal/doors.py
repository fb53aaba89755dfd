"""Claims about the ways into a cluster as a whole, whichever Service an answer makes for them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fractions import Fraction

from svcnotes.control_plane.cluster import Cluster
from svcnotes.errors import SvcnotesError
from svcnotes.exercises.claims import Claim
from svcnotes.exercises.evidence import ending_rule, source_rule
from svcnotes.exercises.exercise import right, wrong
from svcnotes.exercises.following import follow
from svcnotes.exercises.verdict import Verdict
from svcnotes.network.hop import Hop
from svcnotes.trace import Path


def arrived_at(path: Path) -> int:
    """The port on which a packet arrived where it went, 0 where it went nowhere."""
    there: list[Hop] = [hop for hop in path.hops if hop.direction == "there"]
    return there[-1].packet.destination_port if there else 0


def node_ports(cluster: Cluster) -> list[int]:
    """Every nodePort of the cluster's Services."""
    return [p.node_port for service in cluster.services.values() for p in service.ports if p.node_port]


def some_door(
    text: str,
    client: str,
    addresses: Iterable[str],
    target: int,
    *,
    sees: str = "",
    pods: Iterable[str] = (),
    points: int = 1,
    lost_idea: str = "",
) -> Claim:
    """Claim that one nodePort leads `client` to port `target` of a pod, on each of these nodes' addresses.

    `lost_idea` is the misconception of an answer by which a node serves nobody. `sees` is the source that every pod must see, `pods` those (`namespace/name`) that must be reached in all, and no others.
    """
    wanted, nodes = frozenset(pods), tuple(addresses)

    def judge(cluster: Cluster) -> Verdict:
        told = wrong(
            explanation="No nodePort leads a client outside there on every node asked for.",
            hint="type: NodePort",
        )
        for door in node_ports(cluster):
            paths = [path for address in nodes for path in follow(cluster, client, f"{address}:{door}").paths]
            lost = next((path for path in paths if path.outcome != "connected"), None)
            if lost is not None:
                told = wrong(
                    misconception=lost_idea,
                    said=f"nodePort {door}: {lost.outcome}",
                    explanation=f"{lost.reason}.",
                    rule=ending_rule(lost),
                )
                continue
            if any(arrived_at(path) != target for path in paths):
                continue
            if wanted and {path.pod for path in paths} != wanted:
                told = wrong(
                    explanation=f"nodePort {door} leads to other pods than asked for.",
                    hint="Compare the selector with the labels.",
                )
                continue
            strange = next((path for path in paths if sees and path.source_seen != sees), None)
            if strange is None:
                return right(explanation=f"nodePort {door} leads there.", rule=source_rule(paths[0]))
            told = wrong(
                misconception="the-pod-sees-the-client",
                explanation=f"By nodePort {door}, {strange.pod} sees {strange.source_seen}.",
                rule=source_rule(strange),
                hint="externalTrafficPolicy",
            )
        return told

    return Claim(text, judge, points)


def only_doors(text: str, least: int, most: int, count: int = 1, *, points: int = 1) -> Claim:
    """Claim that just `count` nodePorts are open, all of them from `least` to `most`."""

    def judge(cluster: Cluster) -> Verdict:
        doors = node_ports(cluster)
        if len(doors) == count and all(least <= door <= most for door in doors):
            return right()
        return wrong(
            explanation=f"Open nodePorts: {', '.join(map(str, doors)) or 'none'}.",
            hint="Each entry of a Service of type NodePort or LoadBalancer opens one, and the server picks it where you do not.",
        )

    return Claim(text, judge, points)


def closed(text: str, service: str, *, points: int = 1) -> Claim:
    """Claim that `service` is there, and no nodePort is open."""

    def judge(cluster: Cluster) -> Verdict:
        if service not in cluster.services:
            return wrong(explanation=f"There is no Service {service}.")
        doors = node_ports(cluster)
        return wrong(explanation=f"Open nodePorts: {', '.join(map(str, doors))}.") if doors else right()

    return Claim(text, judge, points)


def no_door(text: str, client: str, address: str, target: int, service: str, *, points: int = 1) -> Claim:
    """Claim that `service` is there, and no nodePort leads `client` to that port of a pod by the node of that address."""

    def judge(cluster: Cluster) -> Verdict:
        if service not in cluster.services:
            return wrong(explanation=f"There is no Service {service}.")
        for door in node_ports(cluster):
            for path in follow(cluster, client, f"{address}:{door}").paths:
                if path.outcome == "connected" and arrived_at(path) == target:
                    return wrong(
                        misconception="a-clusterip-opens-on-nodes",
                        explanation=f"nodePort {door} leads to it.",
                    )
        return right()

    return Claim(text, judge, points)


def spread(
    text: str,
    source: str,
    to: str,
    pods: Iterable[str],
    *,
    points: int = 1,
    via: str | None = None,
    idea: str = "",
    because: str = "",
) -> Claim:
    """Claim that a source reaches just these pods (`namespace/name`) by an address or a name, and no others."""
    wanted = frozenset(pods)

    def judge(cluster: Cluster) -> Verdict:
        paths = follow(cluster, source, to, "tcp", via).paths
        lost = next((path for path in paths if path.outcome != "connected"), None)
        if lost is not None:
            return wrong(
                misconception=idea,
                said=f"{to}: {lost.outcome}",
                explanation=f"{lost.reason}.",
                rule=ending_rule(lost),
            )
        found = {path.pod or path.answered_by for path in paths}
        if found == wanted:
            return right(explanation=f"{to} leads to {', '.join(sorted(found))}.")
        return wrong(
            misconception=idea,
            said=f"{to} leads to {', '.join(sorted(found)) or 'nobody'}",
            explanation=because or f"Wanted: {', '.join(sorted(wanted))}.",
        )

    return Claim(text, tried(judge), points)


def tried(judge: Callable[[Cluster], Verdict]) -> Callable[[Cluster], Verdict]:
    """The judge, for whom a question that cannot be asked (a name that nobody has) is a claim that does not hold."""

    def careful(cluster: Cluster) -> Verdict:
        try:
            return judge(cluster)
        except SvcnotesError as error:
            return wrong(said=str(error), explanation="So the packet cannot even set out.")

    return careful


def on_nodes(text: str, source: str, to: str, nodes: int, *, points: int = 1) -> Claim:
    """Claim that a source reaches pods on so many nodes by an address or a name, and that every connection is made."""

    def judge(cluster: Cluster) -> Verdict:
        paths = follow(cluster, source, to).paths
        lost = next((path for path in paths if path.outcome != "connected"), None)
        if lost is not None:
            return wrong(said=f"{to}: {lost.outcome}", explanation=f"{lost.reason}.", rule=ending_rule(lost))
        there = {cluster.pods[path.pod].node for path in paths if path.pod}
        if len(there) == nodes:
            return right()
        return wrong(
            explanation=f"{to} leads to pods on {', '.join(sorted(there)) or 'no node'} only.",
            hint="internalTrafficPolicy, and the selector.",
        )

    return Claim(text, tried(judge), points)


def even(text: str, source: str, to: str, *, points: int = 1) -> Claim:
    """Claim that a source comes to several ends by an address or a name, and to each equally often."""

    def judge(cluster: Cluster) -> Verdict:
        shares: dict[str, Fraction] = {}
        for path in follow(cluster, source, to).paths:
            end = path.answered_by or path.outcome
            shares[end] = shares.get(end, Fraction(0)) + path.probability
        if len(shares) > 1 and len(set(shares.values())) == 1:
            return right()
        said = ", ".join(f"{end} {share}" for end, share in sorted(shares.items()))
        return wrong(explanation=f"The shares are: {said}.")

    return Claim(text, tried(judge), points)
