"""NetworkPolicies as rules: what a CNI that enforces them adds to the rules of a Pod's own node.

They stand at the top of filter's FORWARD. A packet from outside has then passed DNAT and not yet
POSTROUTING: on the node that it entered by, a policy sees the Pod's address and the client; on another
node it sees what kube-proxy's SNAT made of the client, the first node. An answer is let through by its
connection. What a process of the node itself sends to its Pods comes by OUTPUT and passes, as kubelet's
probes must; so does what a Pod sends to its own node.

Simplified: the chains follow no one CNI, and the Pods that a selector means stand in rules one by one
where a CNI would use an ipset. CNIs that enforce with eBPF see the same addresses for traffic to Pods
where kube-proxy does the NAT. hostNetwork Pods are no Pods to a policy. A policy takes hold at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from svcnotes.addresses import BITS
from svcnotes.control_plane.cluster import Cluster
from svcnotes.control_plane.network_policies import NetworkPolicy, Peer, PolicyPort, PolicyRule
from svcnotes.control_plane.objects import Pod
from svcnotes.kube_proxy.chain_names import hashed
from svcnotes.network.addresses import family, prefix
from svcnotes.network.plan import plan
from svcnotes.network.rule_text import with_rules

LONGEST_REMARK = 255
_SENT_ANEW = "-m addrtype ! --src-type LOCAL -m ipvs --ipvs"
# What IPv6 asks instead of ARP is a packet: a bridge shows it to FORWARD too, where no connection knows it
# (bridge-nf-call-ip6tables, RFC 4861). Without these a policy would keep a Pod from its neighbours.
NEIGHBOURS = {6: tuple(f"-p ipv6-icmp -m icmp6 --icmpv6-type {kind}" for kind in (135, 136))}


@dataclass(frozen=True, slots=True)
class Way:
    """Ingress or egress: whose address is asked for by `-s`, whose by `-d`, and the chains' names."""

    type: str
    chain: str
    pods_chain: str
    pod: str
    peer: str
    refusal: str


INGRESS = Way("Ingress", "NETPOL-INGRESS", "NETPOL-IN-", "-d", "-s", "no NetworkPolicy lets it in to")
EGRESS = Way("Egress", "NETPOL-EGRESS", "NETPOL-OUT-", "-s", "-d", "no NetworkPolicy lets it out of")


def with_policies(text: str, cluster: Cluster, node: str, version: int, *, sent_anew: bool = False) -> str:
    """The node's rules with those of the NetworkPolicies that isolate its Pods; `version` is the IP family.

    `sent_anew`: the node has IPVS, which sends a packet on without FORWARD. So OUTPUT asks about those too, but for the
    node's own, as kube-router has it.
    """
    if not cluster.world.network_policy or not cluster.network_policies:
        return text
    jumps, chains, rules = [], [], []
    for way in (EGRESS, INGRESS):
        isolated = [
            (pod, address, policies)
            for pod in plan(cluster).pods_of_node.get(node, ())
            if (address := pod.address(version)) and (policies := _policies(cluster, way).get(pod.key))
        ]
        if not isolated:
            continue
        jumps.append(f'-A FORWARD -m comment --comment "network policies: {way.type}" -j {way.chain}')
        if sent_anew:
            jumps.append(f"-A OUTPUT {_SENT_ANEW} {_remark(f'network policies: {way.type}')} -j {way.chain}")
        chains.append(way.chain)
        rules.append(f"-A {way.chain} -m conntrack --ctstate RELATED,ESTABLISHED -j RETURN")
        rules += [f"-A {way.chain} {one} -j RETURN" for one in NEIGHBOURS.get(version, ())]
        of_pods: list[str] = []
        for pod, address, policies in isolated:
            whole = f"{address}/{BITS[version]}"
            name = way.pods_chain + hashed(pod.key)
            rules.append(f"-A {way.chain} {way.pod} {whole} {_remark(pod.key)} -g {name}")
            found = _Chain(cluster, way, pod, whole, version, name).lines(policies)
            chains += dict.fromkeys(line.split(maxsplit=2)[1] for line in found)
            of_pods += found
        rules += of_pods
    if not jumps:
        return text
    text = with_rules(text, "filter", rules, chains=chains)
    return with_rules(text, "filter", jumps, first=True)


@dataclass(frozen=True, slots=True)
class _Chain:
    """The chain of one isolated Pod: RETURN lets a packet go on to kube-proxy's rules, the last rule drops."""

    cluster: Cluster
    way: Way
    pod: Pod
    address: str
    version: int
    name: str

    def lines(self, policies: tuple[NetworkPolicy, ...]) -> list[str]:
        """The rules, as `iptables-save` prints them.

        Ranges with an exception come last: who is excepted skips the range and goes on to the rest,
        which for the last range is the DROP.
        """
        way = self.way
        found = [f"-A {self.name} {way.peer} {self.address} {_remark('the Pod itself')} -j RETURN"]
        ranges: list[tuple[NetworkPolicy, PolicyRule, Peer]] = []
        for policy in policies:
            for rule in _rules(policy, way):
                for peer in rule.peers or (None,):
                    if peer is not None and peer.excepted:
                        if family(peer.cidr) == self.version:
                            ranges.append((policy, rule, peer))
                    else:
                        found += self._allow(self.name, policy, rule, peer)
        drop = f"{_remark(f'{way.refusal} {self.pod.key}')} -j DROP"
        here = self.name
        for number, (policy, rule, peer) in enumerate(ranges, start=1):
            rest = way.pods_chain + hashed(f"{self.pod.key} {number}")
            onward = drop if number == len(ranges) else f"-g {rest}"
            found += [f"-A {here} {way.peer} {one} {onward}" for one in peer.excepted]
            found += self._allow(here, policy, rule, peer)
            found.append(f"-A {here} {onward}")
            here = rest
        return found if ranges else [*found, f"-A {here} {drop}"]

    def _allow(self, chain: str, policy: NetworkPolicy, rule: PolicyRule, peer: Peer | None) -> Iterator[str]:
        """One rule for each peer's address and port."""
        remark = _remark(policy.key)
        for address, pod in self._peers(policy, peer):
            at = f" {self.way.peer} {address}" if address else ""
            for port in rule.ports or (None,):
                holder = self.pod if self.way is INGRESS else pod
                for protocol, numbers in _ports(port, holder):
                    said = f" -p {protocol}" if protocol else ""
                    wanted = f" -m {protocol} --dport {numbers}" if numbers else ""
                    yield f"-A {chain}{at}{said} {remark}{wanted} -j RETURN"

    def _peers(self, policy: NetworkPolicy, peer: Peer | None) -> Iterator[tuple[str, Pod | None]]:
        """The addresses meant, with the Pod where it is one's; an empty address is everybody's."""
        if peer is None:
            yield "", None
        elif peer.cidr:
            if family(peer.cidr) == self.version:
                # iptables-save leaves out a range that holds every address
                yield "" if prefix(peer.cidr)[2] == 0 else peer.cidr, None
        else:
            for pod in _selected(self.cluster, policy.namespace, peer):
                if address := pod.address(self.version):
                    yield f"{address}/{BITS[self.version]}", pod


def _remark(text: str) -> str:
    return f'-m comment --comment "{text[:LONGEST_REMARK]}"'


def _rules(policy: NetworkPolicy, way: Way) -> tuple[PolicyRule, ...]:
    return (policy.ingress if way is INGRESS else policy.egress) or ()


def _ports(port: PolicyPort | None, pod: Pod | None) -> Iterator[tuple[str, str]]:
    """Protocol and `--dport` of a rule; empty for any. A name is looked up in the Pod that is asked."""
    if port is None:
        yield "", ""
        return
    protocol = port.protocol.lower()
    if isinstance(port.port, str):
        for one in pod.ports if pod is not None else ():
            if (one.name, one.protocol) == (port.port, port.protocol):
                yield protocol, str(one.number)
    elif port.port is None:
        yield protocol, ""
    else:
        yield protocol, f"{port.port}:{port.end}" if port.end else str(port.port)


@lru_cache(maxsize=16)
def _policies(cluster: Cluster, way: Way) -> Mapping[str, tuple[NetworkPolicy, ...]]:
    """The policies that isolate each Pod (`namespace/name`), one way."""
    found: dict[str, list[NetworkPolicy]] = {}
    for policy in cluster.network_policies:
        if (policy.ingress if way is INGRESS else policy.egress) is None:
            continue
        for pod in _pods(cluster):
            if pod.namespace == policy.namespace and policy.pods.selects(pod.labels):
                found.setdefault(pod.key, []).append(policy)
    return {key: tuple(policies) for key, policies in found.items()}


@lru_cache(maxsize=1024)
def _selected(cluster: Cluster, namespace: str, peer: Peer) -> tuple[Pod, ...]:
    """The Pods that a peer of a policy in a namespace means."""

    def meant(name: str) -> bool:
        if peer.namespaces is None:
            return name == namespace
        return peer.namespaces.selects(cluster.namespaces.get(name, {}))

    return tuple(
        pod
        for pod in _pods(cluster)
        if meant(pod.namespace) and (peer.pods is None or peer.pods.selects(pod.labels))
    )


def _pods(cluster: Cluster) -> Iterator[Pod]:
    for pods in plan(cluster).pods_of_node.values():
        yield from pods
