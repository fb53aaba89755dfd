"""What an answer may ask of whoever follows its packets: enough for every honest one, and never more than seconds.

A rule text of 20,000 characters can send a packet through a million rules (each chain jumping twice to the next), or
down a million ways (a toss in twenty rules that go on); a manifest can make hundreds of pods, say the same object
thousands of times, or lead each packet to a nodePort again, in several ways each time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from svcnotes.control_plane.cluster import Cluster
from svcnotes.control_plane.kubectl.stream import Manifest, manifests
from svcnotes.control_plane.objects import Pod
from svcnotes.control_plane.typed import INTERFACE, LISTENS
from svcnotes.errors import InputError, RuleError
from svcnotes.netfilter.editing import DICE, nft_weights
from svcnotes.netfilter.languages import saved_text
from svcnotes.netfilter.rule import Rule
from svcnotes.netfilter.save import ChainText, layout

MOST_COMMANDS = 100
MOST_VISITS = 500
"""The most rules that one table may have a packet visit at one hook, more than before the answer."""
MOST_TOSSES = 4
"""The most tosses that an answer may add to the nat table; in the others a packet may come by again and again."""
MOST_PODS, MOST_ENDPOINTS, MOST_PORTS = 40, 60, 30
MOST_OBJECTS, MOST_VALUES = 60, 6_000
"""Of a manifest: the objects, and the values in them with every alias written out."""
MOST_POLICY = 1_000
"""The most pairs of a peer and a port that NetworkPolicies may name, times the pods: so many rules they may become."""
MOST_DOORS = 1
"""The most endpoints that are a nodePort or a Service again: with two of them the ways of a packet double at each."""
_JUMP = re.compile(r" -[jg] (\S+)")
_TOSS = " -m statistic "


def check_commands(text: str) -> None:
    """Raise RuleError for too many commands."""
    count = sum(bool(one.strip()) for one in re.split(r"[;\n]", text))  # nft takes several on one line
    if count > MOST_COMMANDS:
        raise RuleError(f"{count} commands are too many for an answer: write {MOST_COMMANDS} at most")


def check_rules(before: str, after: str) -> None:
    """Raise RuleError for rules (without loops) that take a packet too long, or down too many ways more than before."""
    told = saved_text(before)
    own = frozenset(told.splitlines())  # as iptables-save prints them; others may be written in other words
    old: Mapping[str, tuple[int, int]] = _weights(told, own)
    for table, (visits, tosses) in _weights(saved_text(after), own).items():
        ever, thrown = old.get(table, (0, 0))
        _check_visits(table, visits, ever)
        added = tosses - thrown
        if added > (MOST_TOSSES if table == "nat" else 0):
            raise RuleError(
                f"table {table}: {added} rules with -m statistic more: these cannot be followed in time"
            )
    old = nft_weights(before)
    for table, (visits, dice) in nft_weights(after).items():
        ever, thrown = old.get(table, (0, 0))
        _check_visits(table, visits, ever)
        if dice > thrown:
            raise RuleError(f"table {table}: more rules with `{DICE.strip()}` cannot be followed in time")


def _check_visits(table: str, visits: int, before: int) -> None:
    if visits - before > MOST_VISITS:
        raise RuleError(
            f"table {table}: a packet would visit {visits} rules: these cannot be followed in time"
        )


def check_manifest(text: str) -> None:
    """Raise InputError for more objects, values or pods than can be followed, before any of them is made.

    Also for what no manifest can change: the nodes as they are told, and what a program listens on, which the model reads from
    an annotation of its own. A text that is no manifest is left to kubectl's own words.
    """
    pods = values = 0
    for count, found in enumerate(_objects(text), 1):
        if count > MOST_OBJECTS:
            raise InputError(f"more than {MOST_OBJECTS} objects are too many for an answer")
        values += _values(found.object, MOST_VALUES - values)
        if values > MOST_VALUES:
            raise InputError(f"more than {MOST_VALUES:,} values are too many for an answer")
        if found.known.kind == "Node":
            raise InputError(f'Node "{found.name}": the nodes stay as they are told: leave it out')
        for annotation in (LISTENS, INTERFACE):
            if annotation in _annotations(found.object):
                raise InputError(
                    f'{found.known.kind} "{found.name}": metadata.annotations[{annotation}]: it stands for what a program '
                    "or a CNI does, and no manifest changes that: leave it out"
                )
        pods += _replicas(found.object)
    if pods > MOST_PODS:
        raise InputError(f"{pods} pods are too many for an answer: make {MOST_PODS} at most")


def _objects(text: str) -> Iterator[Manifest]:
    """The objects of a manifest as kubectl takes it apart; documents that are none are left to its own words."""
    return (one for one in manifests(text, "input") if isinstance(one, Manifest))


def _values(whole: object, most: int) -> int:
    """How many values stand in one another, no further than one more than `most`."""
    count, left = 0, [whole]
    while left and count <= most:
        inside = left.pop()
        count += 1
        left += inside.values() if isinstance(inside, Mapping) else inside if isinstance(inside, list) else ()
    return count


def _annotations(obj: Mapping[str, Any]) -> str:
    """All that an object says of metadata, its own and its template's, as text: enough to look for a word."""
    spec = obj.get("spec")
    template = spec.get("template") if isinstance(spec, Mapping) else None
    return f"{obj.get('metadata')} {template.get('metadata') if isinstance(template, Mapping) else ''}"


def _replicas(obj: Mapping[str, Any]) -> int:
    """The replicas that an object asks for; less than none count as none."""
    spec = obj.get("spec")
    wanted = spec.get("replicas") if isinstance(spec, Mapping) else 0
    return max(0, wanted) if isinstance(wanted, int) else 0


def check_objects(before: Cluster, after: Cluster) -> None:
    """Raise InputError where an answer has made more pods, endpoints or ports than can be followed in time.

    Also where it has moved a pod that was there, or given it another address or other ports: a real kube-apiserver lets nobody
    change these (`pod updates may not change fields other than ...`).
    """
    for key, pod in before.pods.items():
        now = after.pods.get(key)
        if now is not pod and (now is None or _kept(now) != _kept(pod)):
            raise InputError(
                f'Pod "{pod.name}": its node, its address and its ports stay as they are while it runs (a real kube-apiserver refuses that): leave it out'
            )
    for what, most, made in (
        ("pods", MOST_PODS, len(after.pods) - len(before.pods)),
        ("endpoints", MOST_ENDPOINTS, _endpoints(after) - _endpoints(before)),
        ("ports of Services", MOST_PORTS, _ports(after) - _ports(before)),
        (
            "rules of NetworkPolicies (peers, ports and pods multiplied)",
            MOST_POLICY,
            _policies(after) - _policies(before),
        ),
        ("endpoints that are a nodePort or a Service", MOST_DOORS, _doors(after) - _doors(before)),
    ):
        if made > most:
            raise InputError(f"{made} {what} are too many for an answer: make {most} at most")


def _kept(pod: Pod) -> Pod:
    """A pod without what a manifest may change while it runs: labels."""
    return replace(pod, labels={})


def _endpoints(cluster: Cluster) -> int:
    return sum(len(one.endpoints) for one in cluster.endpoint_slices)


def _ports(cluster: Cluster) -> int:
    return sum(len(service.ports) for service in cluster.services.values())


def _policies(cluster: Cluster) -> int:
    """The pairs of a peer and a port in all NetworkPolicies, times the pods."""
    rules = (rule for one in cluster.network_policies for rule in (*(one.ingress or ()), *(one.egress or ())))
    return len(cluster.pods) * sum(max(1, len(rule.peers)) * max(1, len(rule.ports)) for rule in rules)


def _doors(cluster: Cluster) -> int:
    """The endpoints whose packets a node's rules lead on: to a nodePort, or to an address of a Service."""
    services = cluster.services.values()
    nodes = {address for node in cluster.nodes.values() for address in node.addresses}
    opened = {port.node_port for one in services for port in one.ports if port.node_port}
    addresses = {
        ip for one in services for ip in (*one.cluster_ips, *one.external_ips, *(i.ip for i in one.ingress))
    }
    return sum(
        address in addresses or (address in nodes and any(port.number in opened for port in one.ports))
        for one in cluster.endpoint_slices
        for endpoint in one.endpoints
        for address in endpoint.addresses
    )


def _weights(text: str, own: frozenset[str]) -> Mapping[str, tuple[int, int]]:
    """For each table, the most rules that a packet visits from one base chain, and the tosses among them.

    `own` are lines known to be written as iptables-save writes them.
    """
    found = layout(text)
    return {
        table: max(
            (
                _Weigher(chains, found.lines, own).of(name)
                for name, one in chains.items()
                if one.policy != "-"
            ),
            default=(0, 0),
        )
        for table, chains in found.tables.items()
    }


@dataclass(frozen=True, slots=True)
class _Weigher:
    chains: Mapping[str, ChainText]
    lines: tuple[str, ...]
    own: frozenset[str]
    known: dict[str, tuple[int, int]] = field(default_factory=dict)

    def of(self, name: str) -> tuple[int, int]:
        """The rules and tosses that a packet meets from a chain on."""
        if name not in self.known:
            visits = tosses = 0
            for number in self.chains[name].numbers:
                jump, toss = self._read(self.lines[number - 1])
                deeper = self.of(jump) if jump in self.chains else (0, 0)
                visits += 1 + deeper[0]
                tosses += toss + deeper[1]
            self.known[name] = visits, tosses
        return self.known[name]

    def _read(self, line: str) -> tuple[str, bool]:
        """Where a rule jumps to, and whether it tosses: of one in other words (`--jump`, quotes) by what it says."""
        if line in self.own:
            jump = _JUMP.search(line)
            return jump[1] if jump else "", _TOSS in line
        rule = Rule.parse(line)
        return rule.target.name if rule.target else "", any(one.name == "statistic" for one in rule.matches)
