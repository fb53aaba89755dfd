"""The coursework on proxy modes: the same Service in iptables and in nftables mode."""

from __future__ import annotations

from dataclasses import replace

from svcnotes.exercises.asked import Asked
from svcnotes.exercises.exercise import Exercise
from svcnotes.exercises.personal.causes import conntrack_full, firewall, flushed, forward_drop
from svcnotes.exercises.personal.chance import Draw
from svcnotes.exercises.personal.definition import Definition
from svcnotes.exercises.personal.explain import Sighting, explain
from svcnotes.exercises.personal.several import several
from svcnotes.exercises.personal.site import Drawn, Site, about, site
from svcnotes.exercises.questions import outcome

LESSON = "08-modes"
ENDS = ("connected", "refused", "timeout", "external")
IPTABLES, NFTABLES = "iptables", "nftables"


def _in(mode: str, drawn: Drawn) -> Drawn:
    """The same cluster with kube-proxy in another mode."""
    settings, *rest = drawn.objects
    return Drawn(({**settings, "mode": mode}, *rest))


def _unused(place: Site) -> str:
    """A service address that no Service has: drawn ones end before 10.96.251.0."""
    return f"10.96.251.{place.cluster_ip.rpartition('.')[2]}"


def _ends(draw: Draw) -> Exercise:
    place = site(draw, (2, 1, 0), tool_on="busy")
    host, empty = place.tool.host, place.empty()
    port = draw.one("wrong", [one for one in (1080, 5432, 6379, 7000, 9200) if one != place.port])
    clusters = {mode: _in(mode, place.whole()) for mode in (IPTABLES, NFTABLES)}
    local = _in(NFTABLES, place.whole(externalTrafficPolicy="Local"))
    node, tool = f"node/{host.name}", place.tool
    missed, unused = f"{place.cluster_ip}:{port}", f"{_unused(place)}:{place.port}"
    bridge = f"{host.bridge}:{place.node_port}"

    def end(words: str, asked: Asked, **ideas: tuple[str, str]) -> Exercise:
        return outcome("end", words, asked, words=ENDS, ideas=ideas)

    nobody = ("", "Follow it with svcnotes.trace: no map and no rule leads this packet to a pod.")
    gone = (
        "a-missing-port-is-refused",
        "Ask which rule would do so. iptables mode has none for what belongs to no Service; nftables mode has the chain cluster-ips-check.",
    )
    drops = (
        "a-missing-port-is-silence",
        "A drop needs a rule: nftables mode has one for addresses that no Service has. For an active clusterIP it rejects; iptables mode has neither.",
    )
    two = (
        "silence-and-refusal-are-one",
        "Two rules, two verdicts: reject for an active clusterIP, drop for the rest of the range.",
    )
    every = (
        "a-nodeport-is-open-on-every-address",
        "iptables mode asks whether the destination is any address of the node; nftables mode asks the set nodeport-ips, which holds the primary one.",
    )
    silent = (
        "local-refuses",
        "The map no-endpoint-nodeports says drop on a node without a pod, as long as another node has one.",
    )
    no_port = f"{tool.name} dials {missed}; the Service has no such port."
    no_service = f"{tool.name} dials {unused}, an address that no Service has."
    own = f"a program on {host.name} dials {bridge}, its bridge and the nodePort."
    ends = {
        "port iptables": end(
            f"iptables mode: {no_port}",
            clusters[IPTABLES].asks(tool.source, missed),
            connected=nobody,
            refused=gone,
            timeout=drops,
        ),
        "port nftables": end(
            f"nftables mode: {no_port}",
            clusters[NFTABLES].asks(tool.source, missed),
            connected=nobody,
            external=gone,
            timeout=drops,
        ),
        "address iptables": end(
            f"iptables mode: {no_service}",
            clusters[IPTABLES].asks(tool.source, unused),
            connected=nobody,
            refused=gone,
            timeout=drops,
        ),
        "address nftables": end(
            f"nftables mode: {no_service}",
            clusters[NFTABLES].asks(tool.source, unused),
            connected=nobody,
            refused=two,
            external=gone,
        ),
        "bridge iptables": end(f"iptables mode: {own}", clusters[IPTABLES].asks(node, bridge), refused=every),
        "bridge nftables": end(
            f"nftables mode: {own}", clusters[NFTABLES].asks(node, bridge), connected=every
        ),
        "local nftables": end(
            f"nftables mode, policy Local: {place.client} dials {empty.name}, {place.dial(empty)}.",
            local.asks(place.client, place.dial(empty)),
            refused=silent,
        ),
        "inside nftables": end(
            f"nftables mode: {tool.name} dials {place.inside}.",
            clusters[NFTABLES].asks(tool.source, place.inside),
        ),
    }
    asked = draw.some("asked", sorted(ends), 5)
    made = several(
        "ends",
        f"How does each end? `external` means that the packet leaves the cluster for an address that nobody there has.\n{place.told(service=place.said())}",
        {letter: ends[name] for letter, name in zip("abcde", asked, strict=True)},
        (
            "Read the rules of each mode with svcnotes.rules(..., proxy_mode=...). Which one fits the packet?",
            "A wrong port or address: one of the two modes has a chain for what is left over. The bridge: any address of the node, or a set of addresses?",
            "cluster-ips-check: reject, then drop. nodeport-ips: the primary address. no-endpoint-nodeports: drop.",
        ),
    )  # fmt: skip
    # Whichever lines were drawn, the length of one way is measured: the same in every draw.
    return about(clusters[NFTABLES], made, clusters[NFTABLES].asks(tool.source, missed))


def _switched(draw: Draw) -> Exercise:
    place = site(draw, (1, 1, 0), tool_on="empty")
    whole = _in(NFTABLES, place.whole())
    shut = replace(
        forward_drop(),
        text="iptables' FORWARD has the policy DROP there",
        because="In nftables mode nothing lets kube-proxy's packets through that door: neither what comes in for a pod elsewhere, nor answers, nor what a pod of the node sends. What the node itself sends passes OUTPUT.",
    )
    emptied = replace(
        flushed(),
        text="somebody has taken every rule out of the table kube-proxy there",
        words=("table", "emptied", "flush"),
        because="Without rules no packet is translated: the node refuses at its nodePort, and packets for a clusterIP leave as they are.",
    )
    causes = draw.order("causes", [shut, emptied, firewall(place.node_port), conntrack_full()])
    what, where = draw.number("what", 0, 3), draw.one("where", place.hosts)
    sightings = [
        *(
            Sighting(f"{place.client} dials {one.name}, {place.dial(one)}", whole.asks(place.client, place.dial(one)))
            for one in place.hosts
        ),
        *(
            Sighting(f"a program on {one.name} dials the clusterIP", whole.asks(f"node/{one.name}", place.inside))
            for one in place.hosts
        ),
        Sighting("tool dials the clusterIP", whole.asks(place.tool.source, place.inside)),
    ]  # fmt: skip
    made = explain(
        "switched",
        f"Since last night every node runs kube-proxy in nftables mode, and on one of them something is wrong.\n{place.told(service=place.said())}",
        whole,
        causes,
        [one.name for one in place.hosts],
        (what, where.name),
        sightings,
        (
            "Is it silence or a refusal? And is the node itself hit, when it asks?",
            "A program on the node passes OUTPUT, never FORWARD. A host's firewall stands at INPUT or before DNAT, for what comes from outside.",
            "Try each cause on that node in svcnotes, with proxy mode nftables, and compare every line.",
        ),
    )
    return about(whole, made)


DEFINITIONS = (
    Definition("08-ends", LESSON, "What belongs to no Service", "predict", 8, 5,
               ("tell-the-outcome", "a-missing-port-is-refused", "a-nodeport-is-open-on-every-address", "local-refuses"), _ends),
    Definition("08-switched", LESSON, "The night of the switch", "diagnose", 8, 2,
               ("explain-a-symptom",), _switched),
)  # fmt: skip
