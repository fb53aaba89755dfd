"""Make Hops and Steps of what the kernel told: the rules by the numbers that TRACE gives, the addresses from the wire."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import zip_longest

from svcnotes.addresses import text as address_text
from svcnotes.kernel import nft_steps
from svcnotes.kernel.sorting import packet_of
from svcnotes.kernel.visits import Said, Visit
from svcnotes.netfilter import Rules
from svcnotes.netfilter.nat import read_range
from svcnotes.netfilter.stops import BaseChain
from svcnotes.network.hooks import ruleset_of
from svcnotes.network.hop import Hop
from svcnotes.network.node_host import BRIDGE
from svcnotes.network.topology import Topology
from svcnotes.packet import Packet, Step

_TARGET = re.compile(r" -(j|g) (\S+)")
_ENDS = {"ACCEPT", "DROP", "REJECT", "RETURN", "DNAT", "SNAT", "MASQUERADE"}
_GOES_ON = {"MARK", "CONNMARK", "LOG", "NFLOG", "TRACE", "CT", "NOTRACK", "CHECKSUM", "TCPMSS"}
_REWRITES = {"DNAT", "SNAT", "MASQUERADE", "MARK", "CONNMARK", "REDIRECT", "NETMAP"}
_TO = re.compile(r" -j DNAT --to-destination (\S+)")
_TRACED_CHAINS = ("PREROUTING", "OUTPUT")


def hop(net: Topology, visit: Visit, taken: Packet | None = None) -> Hop:
    """One stay as a Hop; `taken` is the packet as the socket got it that it was for, None where none did."""
    arrives, leaves = _ends(visit)
    coming = [frame["interface"] for frame in visit.frames if not frame["out"]]
    going = [frame["interface"] for frame in visit.frames if frame["out"]]
    return Hop(
        host=visit.host,
        kind=net.host(visit.host).kind,
        direction=visit.direction,
        packet=arrives,
        leaves=leaves,
        steps=tuple(_steps(net, visit, leaves or taken)),
        in_interface=_came_in(net, visit, coming),
        out_interface=going[-1] if leaves else "",
        ended="" if leaves else "it ended here",
    )


def _came_in(net: Topology, visit: Visit, coming: list[str]) -> str:
    """The interface that IP saw it on: of a bridge's port, the bridge."""
    if not coming:
        return ""
    host = net.host(visit.host)
    port = BRIDGE in host.interfaces and coming[0] not in host.interfaces
    return BRIDGE if port else coming[0]


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


def _steps(net: Topology, visit: Visit, afterwards: Packet | None) -> Iterator[Step]:
    """What was done to it; `afterwards` is the packet as it left, or as a socket took it."""
    family = 6 if _is_six(visit) else 4
    rules = ruleset_of(net, net.host(visit.host), family)
    if rules is None:
        return
    nft = nft_steps.own_rules(rules)
    tried: dict[tuple[str, str], int] = {}
    mark = 0
    for said, following in zip_longest(visit.rules, visit.rules[1:]):
        before = packet_of(said["packet"])
        after = packet_of(following["packet"]) if following else afterwards
        if " " in said["table"]:
            before = replace(before, mark=mark)
            found = nft_steps.steps(nft, said, before, after, tried) if nft is not None else iter(())
        else:
            found = _step(rules, said, before, after, tried)
        for step in found:
            yield step
            before = step.after
        mark = packet_of(said["packet"]).mark
        if after is not None and _addresses(before) != _addresses(after):
            after = replace(after, mark=before.mark, ttl=before.ttl)
            text = f"NAT of the connection: {before} becomes {after}"
            yield Step(said["hook"], "conntrack", "", text, before, after, "translate")


def _addresses(packet: Packet) -> tuple[object, ...]:
    inner = _addresses(packet.inner) if packet.inner else ()
    return packet.source_text, packet.destination_text, inner


def _is_six(visit: Visit) -> bool:
    first = (visit.frames or visit.rules)[0]
    return ":" in first["packet"]["destination"]


def _step(
    rules: Rules, said: Said, before: Packet, after: Packet | None, tried: dict[tuple[str, str], int]
) -> Iterator[Step]:
    table, chain, number = said["table"], said["chain"], said["number"]
    if table == "raw" and chain in _TRACED_CHAINS:
        number -= 1  # the lab's own TRACE stands first there
        if not number and said["kind"] != "policy":
            return
    texts = rules.rules(table, chain)
    where = (table, chain)
    # TRACE calls a last rule without a match `policy` or `return`, as it does the chain's end: the number tells.
    if number > len(texts):
        passed = len(texts) - tried.pop(where, 0)
        own = _base(rules, said) if said["kind"] == "policy" else None
        if own is not None and (texts or own.policy != "accept"):
            yield Step(said["hook"], table, chain, own.policy_text, before, before, own.policy, 0, passed)
        return
    text = texts[number - 1]
    found = _TARGET.search(text)
    target = found[2] if found else ""
    passed = number - tried.get(where, 0) - 1
    tried[where] = number
    if target not in _ENDS | _GOES_ON and found:
        tried.pop((table, target), None)
    if target not in _REWRITES:
        after = before
    elif after is None:
        after = _as_told(text, before)
    yield Step(said["hook"], table, chain, text, before, after, _word(found), number, max(passed, 0))


def _base(rules: Rules, said: Said) -> BaseChain | None:
    """The base chain that a policy is of."""
    every = (chain for stop in rules.stops(said["hook"]) for chain in stop.chains)
    return next((one for one in every if (one.table, one.name) == (said["table"], said["chain"])), None)


def _word(found: re.Match[str] | None) -> str:
    if found is None:
        return "continue"
    if found[2] in _ENDS:
        return found[2].lower()
    if found[2] in _GOES_ON:
        return "continue"
    return f"{'goto' if found[1] == 'g' else 'jump'} {found[2]}"


def _as_told(text: str, before: Packet) -> Packet:
    """The packet after a DNAT that nothing sees afterwards: to where the rule says, if it names one place."""
    found = _TO.search(text)
    if found is None:
        return before
    there = read_range(found[1], before.family)
    if there.addresses is None or there.addresses[0] != there.addresses[1]:
        return before
    port = there.ports[0] if there.ports else before.destination_port
    return replace(before, destination=address_text(there.addresses[0], before.family), destination_port=port)
