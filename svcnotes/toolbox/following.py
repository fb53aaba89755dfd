"""What follows by itself when a command has changed the cluster.

kube-proxy writes its chains anew on the nodes whose rules were edited by hand, and the program in a Pod
listens where its variable LISTEN says. Simplified: kube-proxy writes all chains of its own at each change of
its part, where the real one leaves out those of Services that did not change; what stands in other
chains stays as the hand left it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from svcnotes.control_plane.cluster import Cluster
from svcnotes.netfilter.languages import nft_text, saved_text
from svcnotes.netfilter.save import layout
from svcnotes.network.node_rules import rules_text
from svcnotes.toolbox import mending

LISTEN = "LISTEN"
"""The variable by which the courses' echo program is told on which address to listen."""
_LOOPBACK = ("127.0.0.1", "localhost", "::1")

Chains = dict[str, tuple[str, list[str]]]


def followed(before: Cluster, after: Cluster) -> Cluster:
    """The cluster when kube-proxy and the Pods' programs have followed a command's change."""
    if after is before:
        return after
    if after.state is not before.state:
        after = _listening(before, after)
    for (node, family), text in after.node_rules.items():
        if before.node_rules.get((node, family)) == text and node not in after.stopped:
            merged = _merged(text, _unedited(before, node, family), _unedited(after, node, family))
            if merged != text:
                strict = (node, family) not in after.lenient_rules
                after = after.with_rules(node, merged, family, strict=strict)
    return after


def _unedited(cluster: Cluster, node: str, family: int) -> str:
    """The node's rules as they would be if no hand had changed them."""
    kept = {key: text for key, text in cluster.node_rules.items() if key != (node, family)}
    return rules_text(replace(cluster, node_rules=kept), node, None, family)


def _merged(by_hand: str, old: str, new: str) -> str:
    """The rules edited by hand, with what kube-proxy and the CNI changed of theirs in the meantime."""
    if old == new:
        return by_hand
    hand, was, now = (_read(saved_text(text)) for text in (by_hand, old, new))
    nft = nft_text(new) if nft_text(by_hand) == nft_text(old) else nft_text(by_hand)
    lines: list[str] = []
    for table in {**hand, **now}:
        chains: Chains = {}
        mine, theirs, before = hand.get(table, {}), now.get(table, {}), was.get(table, {})
        for name in {**mine, **theirs}:
            own = name.startswith("KUBE-") or mine.get(name) == before.get(name)
            chosen = theirs.get(name) if own else mine.get(name)
            if chosen is not None:
                chains[name] = chosen
        lines.append(f"*{table}")
        lines += [f":{name} {policy}" for name, (policy, _) in chains.items()]
        lines += [rule for _, rules in chains.values() for rule in rules]
        lines.append("COMMIT")
    return nft + "".join(f"{line}\n" for line in lines)


def _read(text: str) -> Mapping[str, Chains]:
    found = layout(text)
    return {
        table: {
            name: (one.policy, [found.lines[number - 1].strip() for number in one.numbers])
            for name, one in chains.items()
        }
        for table, chains in found.tables.items()
    }


def _listening(before: Cluster, after: Cluster) -> Cluster:
    """The cluster whose Pods listen where their variable says; Pods without it are left alone."""
    was, now = _variables(before), _variables(after)
    told = {pod for pod in after.pods if was.get(pod) != now.get(pod)}
    bound = frozenset(pod for pod in told if now.get(pod) in _LOOPBACK)
    if bound:
        after = mending.listening(after, bound, on_loopback=True)
    free = frozenset(told - bound)
    return mending.listening(after, free, on_loopback=False) if free else after


def _variables(cluster: Cluster) -> Mapping[str, str]:
    """What LISTEN is in each Pod (`namespace/name`) that has it."""
    return {
        f"{namespace}/{name}": str(one.get("value", ""))
        for (kind, namespace, name), obj in cluster.state.objects.items()
        if kind == "Pod"
        for container in (obj.get("spec") or {}).get("containers") or ()
        for one in container.get("env") or ()
        if one.get("name") == LISTEN
    }
