"""Traces made by hand: what the views must say does not depend on who made the trace."""

from dataclasses import replace
from fractions import Fraction

from svcnotes.packet import Packet, Step
from svcnotes.trace import Hop, Path, Trace

CLIENT, NODE_1, NODE_2, POD = "192.0.2.10", "172.18.0.11", "172.18.0.12", "10.244.1.10"
SYN = Packet("tcp", CLIENT, 40112, NODE_2, 30080, "SYN", ttl=64)


def rule(hook, table, chain, text, before, after=None, verdict="continue", **where):
    return Step(hook, table, chain, f"-A {chain} {text}", before, after or before, verdict, **where)


def cluster_policy() -> Trace:
    marked = replace(SYN, mark=0x4000)
    dnat = replace(marked, destination=POD, destination_port=8080)
    clear = replace(dnat, mark=0)
    snat = replace(clear, source=NODE_2, source_port=23817)
    nat = ("PREROUTING", "nat")
    entry = (
        rule(*nat, "PREROUTING", "-j KUBE-SERVICES", SYN, verdict="jump KUBE-SERVICES", number=1),
        rule(
            *nat,
            "KUBE-SERVICES",
            "-m addrtype --dst-type LOCAL -j KUBE-NODEPORTS",
            SYN,
            verdict="jump KUBE-NODEPORTS",
            number=2,
            passed=1,
        ),
        rule(
            *nat,
            "KUBE-NODEPORTS",
            "-p tcp --dport 30080 -j KUBE-EXT-X",
            SYN,
            verdict="jump KUBE-EXT-X",
            number=2,
        ),
        rule(*nat, "KUBE-EXT-X", "-j KUBE-MARK-MASQ", SYN, verdict="jump KUBE-MARK-MASQ", number=1),
        rule(*nat, "KUBE-MARK-MASQ", "-j MARK --set-xmark 0x4000/0x4000", SYN, marked, number=1),
        rule(*nat, "KUBE-EXT-X", "-j KUBE-SVC-X", marked, verdict="jump KUBE-SVC-X", number=2),
        rule(*nat, "KUBE-SVC-X", "-j KUBE-SEP-X", marked, verdict="jump KUBE-SEP-X", number=2),
        rule(
            *nat, "KUBE-SEP-X", f"-p tcp -j DNAT --to-destination {POD}:8080", marked, dnat, "dnat", number=2
        ),
        rule("POSTROUTING", "nat", "POSTROUTING", "-j KUBE-POSTROUTING", dnat, verdict="jump", number=1),
        rule(
            "POSTROUTING", "nat", "KUBE-POSTROUTING", "-j MARK --set-xmark 0x4000/0x0", dnat, clear, number=2
        ),
        rule(
            "POSTROUTING",
            "nat",
            "KUBE-POSTROUTING",
            "-j MASQUERADE --random-fully",
            clear,
            snat,
            "masquerade",
            number=3,
        ),
    )
    answer = Packet("tcp", POD, 8080, NODE_2, 23817, "SYN,ACK")
    home = Packet("tcp", NODE_2, 30080, CLIENT, 40112, "SYN,ACK")
    undo = Step(
        "PREROUTING", "conntrack", "", "a known connection: addresses put back", answer, home, "translate"
    )
    hops = (
        Hop("client", "client", "there", SYN, SYN),
        Hop("router", "router", "there", SYN, SYN),
        Hop("node-2", "node", "there", SYN, snat, entry, "eth0", "eth0"),
        Hop("node-1", "node", "there", snat, snat, (), "eth0", "cni0"),
        Hop("default/web-1", "pod", "there", snat, None),
        Hop("default/web-1", "pod", "back", answer, answer),
        Hop("node-1", "node", "back", answer, answer, (), "cni0", "eth0"),
        Hop("node-2", "node", "back", answer, home, (undo,), "eth0", "eth0"),
        Hop("router", "router", "back", home, home),
        Hop("client", "client", "back", home, None),
    )
    path = Path(
        "connected",
        Fraction(1),
        pod="default/web-1",
        answered_by="default/web-1",
        source_seen=NODE_2,
        source_port_seen=23817,
        hops=hops,
    )
    to = f"{NODE_2}:30080"
    return Trace(CLIENT, to, "tcp", "iptables", CLIENT, to, paths=(path,))


def local_policy_drop() -> Trace:
    drop = rule(
        "INPUT",
        "filter",
        "KUBE-EXTERNAL-SERVICES",
        '-m comment --comment "default/web has no local endpoints" -m addrtype --dst-type LOCAL -j DROP',
        SYN,
        verdict="drop",
        number=1,
    )
    hops = (
        Hop("client", "client", "there", SYN, SYN),
        Hop("router", "router", "there", SYN, SYN),
        Hop("node-2", "node", "there", SYN, None, (drop,), "eth0", "", "dropped by KUBE-EXTERNAL-SERVICES"),
    )
    path = Path("timeout", Fraction(1), reason="node-2 dropped the packet.", hops=hops)
    return replace(cluster_policy(), paths=(path,))


def local_policy_kept() -> Trace:
    first = replace(SYN, destination=NODE_1)
    dnat = replace(first, destination=POD, destination_port=8080)
    entry = (
        rule("PREROUTING", "nat", "KUBE-EXT-X", "-j KUBE-SVL-X", first, verdict="jump KUBE-SVL-X", number=3),
        rule(
            "PREROUTING",
            "nat",
            "KUBE-SEP-X",
            f"-j DNAT --to-destination {POD}:8080",
            first,
            dnat,
            "dnat",
            number=2,
        ),
    )
    answer = Packet("tcp", POD, 8080, CLIENT, 40112, "SYN,ACK")
    home = replace(answer, source=NODE_1, source_port=30080)
    undo = Step("PREROUTING", "conntrack", "", "addresses put back", answer, home, "translate")
    hops = (
        Hop("client", "client", "there", first, first),
        Hop("node-1", "node", "there", first, dnat, entry, "eth0", "cni0"),
        Hop("default/web-1", "pod", "there", dnat, None),
        Hop("default/web-1", "pod", "back", answer, answer),
        Hop("node-1", "node", "back", answer, home, (undo,), "cni0", "eth0"),
        Hop("client", "client", "back", home, None),
    )
    path = Path(
        "connected",
        Fraction(1),
        pod="default/web-1",
        answered_by="default/web-1",
        source_seen=CLIENT,
        source_port_seen=40112,
        hops=hops,
    )
    to = f"{NODE_1}:30080"
    return replace(cluster_policy(), to=to, destination=to, paths=(path,))
