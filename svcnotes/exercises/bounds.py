"""What an answer may ask of whoever follows its packets: enough for every honest one, and never more than seconds.

A rule text of 20,000 characters can send a packet through a million rules (each chain jumping twice to the next), or
down a million ways (a toss in twenty rules that go on); a manifest can make hundreds of pods.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from svcnotes.control_plane.cluster import Cluster
from svcnotes.control_plane.yaml_reader import read
from svcnotes.errors import InputError, RuleError
from svcnotes.netfilter.editing import DICE, nft_weights
from svcnotes.netfilter.languages import saved_text
from svcnotes.netfilter.save import ChainText, layout

MOST_COMMANDS = 100
MOST_VISITS = 5_000
"""The most rules that one table may have a packet visit at one hook."""
MOST_TOSSES = 4
"""The most tosses that an answer may add to the nat table; in the others a packet may come by again and again."""
MOST_PODS, MOST_ENDPOINTS, MOST_PORTS = 40, 60, 60
_JUMP = re.compile(r" -[jg] (\S+)")
_TOSS = " -m statistic "


def check_commands(text: str) -> None:
    """Raise RuleError for too many commands."""
    count = sum(bool(one.strip()) for one in re.split(r"[;\n]", text))  # nft takes several on one line
    if count > MOST_COMMANDS:
        raise RuleError(f"{count} commands are too many for an answer: write {MOST_COMMANDS} at most")


def check_rules(before: str, after: str) -> None:
    """Raise RuleError for rules (without loops) that take a packet too long, or down too many ways more than before."""
    old = _weights(before)
    for table, (visits, tosses) in _weights(after).items():
        if visits > MOST_VISITS:
            raise RuleError(
                f"table {table}: a packet would visit {visits} rules: these cannot be followed in time"
            )
        added = tosses - old.get(table, (0, 0))[1]
        if added > (MOST_TOSSES if table == "nat" else 0):
            raise RuleError(
                f"table {table}: {added} rules with -m statistic more: these cannot be followed in time"
            )
    thrown = {table: dice for table, (_, dice) in nft_weights(before).items()}
    for table, (visits, dice) in nft_weights(after).items():
        if visits > MOST_VISITS:
            raise RuleError(
                f"table {table}: a packet would visit {visits} rules: these cannot be followed in time"
            )
        if dice > thrown.get(table, 0):
            raise RuleError(f"table {table}: more rules with `{DICE.strip()}` cannot be followed in time")


def check_manifest(text: str) -> None:
    """Raise InputError for workloads of more pods than can be followed, before any of them is made.

    A text that is no YAML is left to kubectl's own words.
    """
    try:
        documents = [document.value for document in read(text)]
    except InputError:
        return
    wanted = sum(_replicas(value) for value in documents)
    if wanted > MOST_PODS:
        raise InputError(f"{wanted} pods are too many for an answer: make {MOST_PODS} at most")


def _replicas(value: object) -> int:
    """The replicas that an object asks for, or the objects of a list together."""
    if not isinstance(value, Mapping):
        return 0
    items = value.get("items")
    if isinstance(items, list):
        return sum(_replicas(item) for item in items)
    spec = value.get("spec")
    wanted = spec.get("replicas") if isinstance(spec, Mapping) else 0
    return wanted if isinstance(wanted, int) else 0


def check_objects(before: Cluster, after: Cluster) -> None:
    """Raise InputError where an answer has made more pods, endpoints or ports than can be followed in time."""
    for what, most, made in (
        ("pods", MOST_PODS, len(after.pods) - len(before.pods)),
        ("endpoints", MOST_ENDPOINTS, _endpoints(after) - _endpoints(before)),
        ("ports of Services", MOST_PORTS, _ports(after) - _ports(before)),
    ):
        if made > most:
            raise InputError(f"{made} {what} are too many for an answer: make {most} at most")


def _endpoints(cluster: Cluster) -> int:
    return sum(len(one.endpoints) for one in cluster.endpoint_slices)


def _ports(cluster: Cluster) -> int:
    return sum(len(service.ports) for service in cluster.services.values())


def _weights(text: str) -> Mapping[str, tuple[int, int]]:
    """For each table, the most rules that a packet visits from one base chain, and the tosses among them."""
    found = layout(saved_text(text))
    return {
        table: max(
            (_weight(chains, found.lines, name, {}) for name, one in chains.items() if one.policy != "-"),
            default=(0, 0),
        )
        for table, chains in found.tables.items()
    }


def _weight(
    chains: Mapping[str, ChainText], lines: tuple[str, ...], name: str, known: dict[str, tuple[int, int]]
) -> tuple[int, int]:
    if name not in known:
        visits = tosses = 0
        for number in chains[name].numbers:
            line = lines[number - 1]
            jump = _JUMP.search(line)
            deeper = _weight(chains, lines, jump[1], known) if jump and jump[1] in chains else (0, 0)
            visits += 1 + deeper[0]
            tosses += (_TOSS in line) + deeper[1]
        known[name] = visits, tosses
    return known[name]
