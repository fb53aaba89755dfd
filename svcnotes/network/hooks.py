"""A host's hooks: hand the packet to netfilter with what its rules need to know of the host."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

from svcnotes.addresses import read_address
from svcnotes.copying import changed
from svcnotes.netfilter import Context, Rules, walk
from svcnotes.netfilter.targets import ACCEPT, RESEND
from svcnotes.netfilter.telling import remark
from svcnotes.network.errors_home import RESET, error_about
from svcnotes.network.flight import DROPPED, REFUSED, Ending, Flight
from svcnotes.network.host import LOOPBACK, Host
from svcnotes.network.node_host import BRIDGE_NF
from svcnotes.network.node_rules import node_ruleset, parsed
from svcnotes.network.outside import router_rules
from svcnotes.network.topology import Topology
from svcnotes.packet import Packet, Step


def ruleset_of(net: Topology, host: Host, family: int) -> Rules | None:
    """The rules of a host; None where it has none (Pods, outside hosts): then it tracks nothing either."""
    if host.kind == "node":
        return node_ruleset(net.cluster, host.name, net.proxy_mode, family)
    if host.kind == "router":
        text = router_rules(net.cluster, family)
        return parsed(text, family) if text else None
    return None


def pass_hook(
    net: Topology,
    host: Host,
    hook: str,
    flight: Flight,
    *,
    in_interface: str = "",
    out_interface: str = "",
    physdev_out: str = "",
    bridged: bool = False,
) -> Iterator[Flight | Ending]:
    """Give each way that the packet may take through a hook: a Flight that passed (or is to be sent `anew`), or an Ending."""
    rules = ruleset_of(net, host, flight.packet.family)
    if rules is None:
        yield flight
        return
    memory = flight.memory()
    table = memory.conntrack
    if table.limit != host.tracks_at_most or table.timeouts != host.timeouts:
        table = replace(table, limit=host.tracks_at_most, timeouts=host.timeouts)
    context = Context(  # by place, not by name, for speed: there is one for each hook on each way
        in_interface,
        out_interface,
        flight.port,
        physdev_out,
        bridged,
        partial(address_type, host),
        partial(masquerade_address, host),
        partial(_believed, host, hook, flight.packet.source, in_interface),
        net.time,
        memory.recent,
        memory.learnt,
        table,
        flight.connection,
        memory.balancing,
        flight.served,
    )
    for walked in walk(rules, hook, flight.packet, context):
        after = flight.walked(walked)
        if walked.verdict in (ACCEPT, RESEND):
            yield after
            continue
        blame = sentence(host, after.steps, walked.verdict)
        if walked.verdict == "reject":
            answer = error_about(host, after, walked.reject_with)
            if answer is not None and walked.reject_with == RESET and _by_bridge(host, flight):
                answer = changed(answer, next_hop=answer.packet.destination)
            yield Ending(REFUSED, after, blame, hook, answer)
        else:
            yield Ending(DROPPED, after, blame, hook)


def _by_bridge(host: Host, flight: Flight) -> bool:
    """Whether iptables saw the packet at a bridge port: a RST then goes back out of it as a frame.

    It passes no hook, so nothing undoes NAT on it. Source: nf_send_reset in nf_reject_ipv4.c and nf_reject_ipv6.c.
    """
    return bool(flight.port) and host.sysctl(BRIDGE_NF[flight.packet.family]) == "1"


def sentence(host: Host, steps: Sequence[Step], verdict: str) -> str:
    """Say which rule ended a packet: `node-3: KUBE-EXTERNAL-SERVICES rule 1 dropped it: ...`.

    A rule without a remark of its own is told by the remark of the one that led to its chain.
    """
    did = "refused" if verdict == "reject" else "dropped"
    if not steps:
        return f"{host.name} {did} it"
    step = steps[-1]
    if not step.chain:
        return f"{host.name}: {step.rule}"
    if not step.number:
        return f"{host.name}: the policy of {step.chain} {did} it"
    led = steps[-2] if len(steps) > 1 and steps[-2].verdict.endswith(f" {step.chain}") else step
    said = remark(step) or (remark(led) if led.element else "") or step.rule.removeprefix(f"-A {step.chain} ")
    return f"{host.name}: {step.chain} rule {step.number} {did} it: {said}"


def address_type(host: Host, address: str, interface: str = "") -> str:
    """What the host's routing table calls an address, for `-m addrtype`."""
    if interface:
        own = host.interfaces.get(interface)
        local = own is not None and any(a.partition("/")[0] == address for a in own.addresses)
    else:
        local = host.is_local(address)
    if local:
        return "LOCAL"
    read = read_address(address)
    if read.is_multicast:
        return "MULTICAST"
    if read.is_unspecified or address == "255.255.255.255":
        return "BROADCAST"
    route = host.route(address)
    if route is None:
        return "UNREACHABLE"
    return {"blackhole": "BLACKHOLE", "unreachable": "UNREACHABLE"}.get(route.kind, "UNICAST")


def masquerade_address(host: Host, packet: Packet, out_interface: str) -> str | None:
    """What MASQUERADE writes: the address of the outgoing interface toward the next hop.

    Source: net/netfilter/nf_nat_masquerade.c.
    """
    route = host.route(packet.destination)
    toward = (route.next_hop if route else "") or packet.destination
    return host.select_address(out_interface, toward) or None


def _believed(host: Host, hook: str, source: str, interface: str) -> bool:
    """What an rpfilter match finds: only what came in from outside can come by a wrong way."""
    return not interface or hook == "POSTROUTING" or reverse_path(host, source, interface)


def reverse_path(host: Host, source: str, interface: str, *, loose: bool = False) -> bool:
    """Whether a packet to this source would leave by the interface that it came in by."""
    if interface == LOOPBACK:
        return True
    route = host.route(source)
    if route is None or route.kind not in ("unicast", "spread"):
        return False
    return loose or route.interface == interface
