"""What a change rewrites in nftables mode: the transaction that kube-proxy hands to `nft -f -`.

Source: syncProxyRules and nftElementStorage in pkg/proxy/nftables/proxier.go of Kubernetes 1.36. kube-proxy knows
which elements it has put into each set and map, and adds and deletes the difference; chains are written anew for
the Services that changed. A chain that nothing leads to is emptied at once and deleted by a later sync: kernels
before 6.2 need a moment to see that it is free. Simplified: a rule stands here as `nft list` prints it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from svcnotes.control_plane.cluster import Cluster
from svcnotes.kube_proxy.changes import changes, needs_full_sync
from svcnotes.kube_proxy.mode import Counts, Sync
from svcnotes.kube_proxy.nftables.service import Contents, port_contents
from svcnotes.kube_proxy.nftables.table import (
    ADDRESS_TYPE,
    IP,
    SET_COMMENTS,
    TABLE_COMMENT,
    Container,
    containers,
    fixed_chains,
    node_contents,
    node_view,
)
from svcnotes.kube_proxy.nftables.text import Key, key_text
from svcnotes.kube_proxy.service_ports import service_ports

Elements = Mapping[Key, str]
_NOTHING: Mapping[str, Elements] = {}


def counts(cluster: Cluster, node: str, family: int) -> Counts:
    """Count what kube-proxy has in its table on a node, by its name; clients that are kept do not count."""
    contents, fixed = node_contents(cluster, node, family), fixed_chains(cluster, node, family)
    held = {"map": 0, "set": 0}
    for one in containers(cluster, node, family):
        held[one.word] += len(contents.elements[one.name])
    return Counts(
        rules=sum(len(chain.rules) for chain in fixed) + sum(map(len, contents.chains.values())),
        chains=len(fixed) + len(contents.chains),
        map_elements=held["map"],
        set_elements=held["set"],
    )


@dataclass(slots=True)
class _Transaction:
    """Statements of nft, and how many of each kind there are."""

    table: str
    lines: list[str] = field(default_factory=list)
    written: dict[str, int] = field(default_factory=dict)
    deleted: dict[str, int] = field(default_factory=dict)

    def say(self, verb: str, what: str, text: str) -> None:
        self.lines.append(f"{verb} {what} {self.table} {text}\n")

    def element(self, verb: str, one: Container, text: str) -> None:
        self.say(verb, "element", f"{one.name} {{ {text} }}")
        counted = self.written if verb == "add" else self.deleted
        counted[one.word] = counted.get(one.word, 0) + 1

    def chain(self, name: str, rules: Iterable[str], properties: str = "") -> None:
        self.say("add", "chain", f"{name} {{ {properties} }}" if properties else name)
        self.say("flush", "chain", name)
        self.written["chain"] = self.written.get("chain", 0) + 1
        for rule in rules:
            self.say("add", "rule", f"{name} {rule}")
            self.written["rule"] = self.written.get("rule", 0) + 1


def partial_sync(before: Cluster, after: Cluster, node: str, family: int) -> Sync:
    """What the kube-proxy of a node, by its name, hands to nft when `before` has become `after`.

    Raises KeyError for a node that is not there.
    """
    full, changed = needs_full_sync(before, after, node), changes(before, after, family)
    if not changed.services and not full:
        return Sync((), full, "", "", Counts(), Counts())
    transaction = _Transaction(f"{IP[family]} kube-proxy")
    made, known = containers(after, node, family), _NOTHING
    if full:
        _set_up(transaction, before, after, node, family)
        old, new = node_contents(before, node, family), node_contents(after, node, family)
    else:
        old = port_contents(changed.old, node_view(before, node, family))
        new = port_contents(changed.new, node_view(after, node, family))
        known = old.elements
        if known != new.elements:
            # Another Service may hold the same element: the same Pod behind it, or the same external address.
            others = _others(after, changed.services, node, family).elements
            known = {name: {**others[name], **held} for name, held in known.items()}
            for name, held in new.elements.items():
                new.elements[name] = {**others[name], **held}
    _write_chains(transaction, new, family)
    for one in made:
        _add_elements(transaction, one, known.get(one.name, {}), new.elements.get(one.name, {}))
    stale = [name for name in old.chains if name not in new.chains]
    for name in stale:
        transaction.say("flush", "chain", name)
    for name in old.affinity_sets:
        if name not in new.affinity_sets:
            transaction.say("delete", "set", name)
    for one in made:
        held = new.elements.get(one.name, {})
        for key in known.get(one.name, {}):
            if key not in held:
                transaction.element("delete", one, key_text(key))
    transaction.deleted["chain"] = len(stale)
    return Sync(
        services=changed.services,
        full=full,
        text="".join(transaction.lines),
        later="".join([f"delete chain {transaction.table} {name}\n" for name in stale]),
        written=_counted(transaction.written),
        deleted=_counted(transaction.deleted),
    )


def _counted(found: Mapping[str, int]) -> Counts:
    return Counts(
        rules=found.get("rule", 0),
        chains=found.get("chain", 0),
        map_elements=found.get("map", 0),
        set_elements=found.get("set", 0),
    )


def _others(cluster: Cluster, services: Iterable[str], node: str, family: int) -> Contents:
    """What all Services but these have on a node."""
    changed = frozenset(services)
    infos = (info for info in service_ports(cluster, family) if info.service.key not in changed)
    return port_contents(infos, node_view(cluster, node, family))


def _write_chains(transaction: _Transaction, own: Contents, family: int) -> None:
    """The chains of Services. All are there, empty, before the first rule leads to one of them."""
    for name in own.chains:
        transaction.say("add", "chain", name)
        transaction.say("flush", "chain", name)
    for name, seconds in own.affinity_sets.items():
        kind = f"type {ADDRESS_TYPE[family]} ; flags dynamic,timeout ; timeout {seconds}s ;"
        transaction.say("add", "set", f"{name} {{ {kind} }}")
    transaction.written["chain"] = transaction.written.get("chain", 0) + len(own.chains)
    for name, rules in own.chains.items():
        for rule in rules:
            transaction.say("add", "rule", f"{name} {rule}")
    rules_in_all = sum(map(len, own.chains.values()))
    transaction.written["rule"] = transaction.written.get("rule", 0) + rules_in_all


def _add_elements(transaction: _Transaction, one: Container, known: Elements, wanted: Elements) -> None:
    for key, rest in wanted.items():
        there = known.get(key)
        if there == rest:
            continue
        if there is not None:
            # nft has no word for another value of a key.
            transaction.element("delete", one, key_text(key))
        transaction.element("add", one, f"{key_text(key)}{rest}")


def _set_up(transaction: _Transaction, before: Cluster, after: Cluster, node: str, family: int) -> None:
    """What a full sync begins with: all that is always there, emptied and written anew."""
    transaction.lines.append(f'add table {transaction.table} {{ comment "{TABLE_COMMENT}" ; }}\n')
    made = containers(after, node, family)
    gone = [one for one in containers(before, node, family) if one not in made]
    for one in made:
        comment = f'comment "{SET_COMMENTS[one.name]}"'
        transaction.say("add", one.word, f"{one.name} {{ type {one.kind} ; {comment} ; }}")
    chains = fixed_chains(after, node, family)
    for chain in chains:
        properties = f"type {chain.hook} ;" if chain.hook else f'comment "{chain.comment}" ;'
        text = f"{chain.name} {{ {properties} }}" if chain.hook or chain.comment else chain.name
        transaction.say("add", "chain", text)
        transaction.say("flush", "chain", chain.name)
    for chain in chains:
        for rule in chain.rules:
            transaction.say("add", "rule", f"{chain.name} {rule}")
    transaction.written["chain"] = len(chains)
    transaction.written["rule"] = sum(len(chain.rules) for chain in chains)
    for one in made:
        transaction.say("flush", one.word, one.name)
    for one in gone:
        transaction.say("delete", one.word, one.name)
