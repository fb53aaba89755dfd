"""Make Hops and Steps of what the kernel told: the rules by the numbers that TRACE gives, the addresses from the wire."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from svcnotes.kernel.sorting import packet_of
from svcnotes.kernel.visits import Said, Visit
from svcnotes.netfilter import Ruleset
from svcnotes.network.hooks import ruleset_of
from svcnotes.network.hop import Hop
from svcnotes.network.node_host import BRIDGE
from svcnotes.network.topology import Topology
from svcnotes.packet import Packet, Step

_TARGET = re.compile(r" -(j|g) (\S+)")
_ENDS = {"ACCEPT", "DROP", "REJECT", "RETURN", "DNAT", "SNAT", "MASQUERADE"}
_GOES_ON = {"MARK", "CONNMARK", "LOG", "NFLOG", "TRACE", "CT", "NOTRACK", "CHECKSUM", "TCPMSS"}
_REWRITES = {"DNAT", "SNAT", "MASQUERADE", "MARK", "CONNMARK", "REDIRECT", "NETMAP"}
_TRACED_CHAINS = ("PREROUTING", "OUTPUT")


def hop(net: Topology, visit: Visit) -> Hop:
    """One stay as a Hop."""
    arrives, leaves = _ends(visit)
    coming = [frame["interface"] for frame in visit.frames if not frame["out"]]
    going = [frame["interface"] for frame in visit.frames if frame["out"]]
    return Hop(
        host=visit.host,
        kind=net.host(visit.host).kind,
        direction=visit.direction,
        packet=arrives,
        leaves=leaves,
        steps=tuple(_steps(net, visit, leaves)),
        in_interface=BRIDGE if BRIDGE in coming else coming[0] if coming else "",
        out_interface=going[-1] if leaves else "",
        ended="" if leaves else "it ended here",
    )


def _ends(visit: Visit) -> tuple[Packet, Packet | None]:
    """The packet as it came or was made, and as it left; it stayed if the last interface took it in, or none saw it."""
    made = [rule["packet"] for rule in visit.rules if rule["hook"] == "OUTPUT"]
    if made and (not visit.frames or visit.frames[0]["out"]):
        first = packet_of(made[0])
    else:
        first = packet_of((visit.frames or visit.rules)[0]["packet"])
    last = visit.frames[-1] if visit.frames else None
    # What a bridge took and sent out of no port has not left.
    gone = last is not None and last["out"] and last["interface"] not in ("lo", BRIDGE)
    return replace(first, mark=0), packet_of(last["packet"]) if gone and last else None


def _steps(net: Topology, visit: Visit, leaves: Packet | None) -> Iterator[Step]:
    rules = ruleset_of(net, net.host(visit.host), 6 if _is_six(visit) else 4)
    if rules is None:
        return
    tried: dict[tuple[str, str], int] = {}
    for at, said in enumerate(visit.rules):
        before = packet_of(said["packet"])
        after_it = visit.rules[at + 1] if at + 1 < len(visit.rules) else None
        after = packet_of(after_it["packet"]) if after_it else leaves or before
        yield from _step(rules, said, before, after, tried)
        turned = _translated(said, after_it, before, after)
        if turned:
            yield turned


def _is_six(visit: Visit) -> bool:
    first = (visit.frames or visit.rules)[0]
    return ":" in first["packet"]["destination"]


def _step(
    rules: Ruleset, said: Said, before: Packet, after: Packet, tried: dict[tuple[str, str], int]
) -> Iterator[Step]:
    table, chain, number = said["table"], said["chain"], said["number"]
    if table == "raw" and chain in _TRACED_CHAINS:
        number -= 1  # the lab's own TRACE stands first there
        if not number and said["kind"] != "policy":
            return
    own = rules.chain(table, chain)
    texts = own.texts if own is not None else ()
    where = (table, chain)
    # TRACE calls a last rule without a match `policy` or `return`, as it does the chain's end: the number tells.
    if number > len(texts):
        passed = len(texts) - tried.pop(where, 0)
        if own is not None and said["kind"] == "policy" and (texts or own.policy != "accept"):
            text = f"-P {chain} {own.policy.upper()}"
            yield Step(said["hook"], table, chain, text, before, before, own.policy, 0, passed)
        return
    text = texts[number - 1]
    found = _TARGET.search(text)
    target = found[2] if found else ""
    passed = number - tried.get(where, 0) - 1
    tried[where] = number
    if target not in _ENDS | _GOES_ON and found:
        tried.pop((table, target), None)
    after = after if target in _REWRITES else before
    yield Step(said["hook"], table, chain, text, before, after, _word(found), number, max(passed, 0))


def _word(found: re.Match[str] | None) -> str:
    if found is None:
        return "continue"
    if found[2] in _ENDS:
        return found[2].lower()
    if found[2] in _GOES_ON:
        return "continue"
    return f"{'goto' if found[1] == 'g' else 'jump'} {found[2]}"


def _translated(said: Said, after_it: Said | None, before: Packet, after: Packet) -> Step | None:
    """What conntrack itself did: the addresses changed, and no rule was there to do it."""
    if said["kind"] != "policy" or (before.source_text, before.destination_text) == (
        after.source_text,
        after.destination_text,
    ):
        return None
    hook = said["hook"] if after_it is None or after_it["hook"] != said["hook"] else after_it["hook"]
    text = "a known connection: conntrack translates it"
    return Step(hook, "conntrack", "", text, before, replace(after, mark=before.mark), "translate")
