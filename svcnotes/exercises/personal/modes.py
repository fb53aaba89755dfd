"""The coursework on proxy modes: the same Service in iptables and in nftables mode."""

from __future__ import annotations

from dataclasses import replace

from svcnotes.control_plane.cluster import Cluster
from svcnotes.exercises.asked import Asked
from svcnotes.exercises.claims import Claim, all_of, ends, kept
from svcnotes.exercises.edit_rules import edit_rules
from svcnotes.exercises.exercise import Exercise
from svcnotes.exercises.personal.causes import conntrack_full, firewall, flushed, forward_drop
from svcnotes.exercises.personal.chance import Draw
from svcnotes.exercises.personal.definition import Definition
from svcnotes.exercises.personal.fields import ENDS
from svcnotes.exercises.personal.nodes import one_node
from svcnotes.exercises.personal.reasons import BOTH, LAST_ADDRESS, ends_with
from svcnotes.exercises.personal.settings import configure
from svcnotes.exercises.personal.several import several
from svcnotes.exercises.personal.site import Drawn, Host, Site, about, one_yaml, site
from svcnotes.netfilter.languages import nft_text
from svcnotes.netfilter.nftables.document import document
from svcnotes.network.node_rules import rules_text

LESSON = "08-modes"
IPTABLES, NFTABLES = "iptables", "nftables"
_OTHER_PORTS = (1080, 5432, 6379, 7000, 9200)


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
    port = draw.one("wrong", [one for one in _OTHER_PORTS if one != place.port])
    clusters = {mode: _in(mode, place.whole()) for mode in (IPTABLES, NFTABLES)}
    local = _in(NFTABLES, place.whole(externalTrafficPolicy="Local"))
    node, tool = f"node/{host.name}", place.tool
    missed, unused = f"{place.cluster_ip}:{port}", f"{_unused(place)}:{place.port}"
    bridge = f"{host.bridge}:{place.node_port}"

    def end(words: str, asked: Asked, **ideas: tuple[str, str]) -> Exercise:
        return ends_with(words, asked, LAST_ADDRESS, ideas, may=ENDS)

    nobody = ("", "No map and no rule leads this packet to a pod: nobody is there to be connected with.")
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
        f"How does each end, and which destination address has its packet at last (any one, where chance decides)? Write both, such as `refused 192.0.2.10`. {BOTH} "
        f"`external` means that the packet leaves the cluster for an address that nobody there has.\n{place.told(service=place.said())}",
        {letter: ends[name] for letter, name in zip("abcde", asked, strict=True)},
        (
            "Line by line: is there an element or a rule for this address and port? If not, has this mode a rule for what is left over? The lesson has a table of it, behind round 2.",
            "A wrong port or address: one of the two modes has a chain for what is left over. The bridge: any address of the node, or a set of addresses?",
            "cluster-ips-check: reject, then drop. nodeport-ips: the primary address. no-endpoint-nodeports: drop. Only what is led to a pod has another destination than the one dialled.",
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
    return one_node(
        "switched",
        "Since last night every node runs kube-proxy in nftables mode, and on one of them something is wrong.",
        place,
        whole,
        causes,
        (what, where.name),
        (
            "Is it silence or a refusal? And is the node itself hit, when it asks?",
            "A program on the node passes OUTPUT, never FORWARD. A host's firewall stands at INPUT or before DNAT, for what comes from outside.",
            "No rules: refused, and a clusterIP is unknown there. FORWARD: what is forwarded by that node hangs, to its own pods and from them, too; what its own programs send does not. "
            "Firewall: only who comes from outside to that node's nodePort hangs. Table full: every new connection through that node hangs, its own programs' too.",
        ),
    )


def _shown(cluster: Cluster, host: Host, *names: str) -> str:
    """Chains, sets and maps of a node's table, as nft lists them: those whose names begin so."""
    (table,) = document(nft_text(rules_text(cluster, host.name))).tables
    found = (one for one in table.held if one.name.startswith(names) and not one.name.endswith("-check"))
    return "\n".join(str(one).rstrip() for one in found).expandtabs(2)


def _mend(draw: Draw) -> Exercise:
    place = site(draw, (2, 1, 0), tool_on="empty")
    host = draw.keep("entry", place.empty())
    lost = {"name": "rule-missing", "node": host.name, "text": 'comment "masquerade"'}
    cluster = _in(NFTABLES, place.whole(world={"faults": [lost]}))
    wrong_port = draw.one("wrong", [one for one in _OTHER_PORTS if one != place.port])
    door, bridge = place.dial(host), f"{host.bridge}:{place.node_port}"
    listed = _shown(
        cluster(), host, "nodeport-ips", "service-nodeports", "masquerading", "service-", "external-"
    )
    chain = draw.keep("chain", listed.rpartition("chain external-")[2].partition(" {")[0])
    made = edit_rules(
        "mend",
        f"kube-proxy is in nftables mode. Somebody has edited the table on {host.name} by hand, and a rule is gone: clients outside who dial it wait in vain; by the other nodes all is well. "
        f"Put the rule back. And let programs on {host.name} use the nodePort at its bridge, {host.bridge}, as well. Write nft's commands, each on one line: "
        f"`insert rule ip kube-proxy CHAIN RULE` puts a rule first in a chain (`add rule` puts it last), `add element ip kube-proxy SET {{ ELEMENT }}` one more into a set.\n{place.told(service=place.said())}\n"
        f"From `nft list table ip kube-proxy` on {host.name}:\n{listed}",
        cluster,
        host.name,
        (
            ends("a client outside is served, and the pods see the node's address", place.client, door, sees=host.address, points=2, idea="the-client-takes-any-answer",
                 because="The pod answers past this node, or sees another source than the one that makes it answer to this node: no mark (0x4000) was on the packet when it came to `goto service-…`, or masquerading did not ask for it."),
            ends(f"a program on {host.name} is served at {bridge}", f"node/{host.name}", bridge, idea="a-nodeport-is-open-on-every-address",
                 because="nftables mode asks the set nodeport-ips, and this address is not in it."),
            kept(ends("tool, which calls the clusterIP, keeps its address", place.tool.source, place.inside, sees=place.tool.address,
                      because="A rule that is too wide masquerades what should stay as it is.")),
            kept(ends(f"port {wrong_port} of the clusterIP is still refused", place.tool.source, f"{place.cluster_ip}:{wrong_port}", "refused",
                      because="The chain cluster-ips-check must stay.")),
        ),
        (
            "The packet reaches a pod, and its answer goes astray: which chain should have asked for SNAT? And which set says where nodePorts are open?",
            "external-… puts a mark on the packet before it goes on; what stands behind a `goto` is never reached. masquerading asks for the mark.",
            f"insert rule ip kube-proxy external-{chain} meta mark set meta mark | 0x4000, and add element ip kube-proxy nodeport-ips {{ {host.bridge} }}",
        ),
        "insert rule ip kube-proxy ??? ???\nadd element ip kube-proxy ??? { ??? }",
    )  # fmt: skip
    return about(cluster, made, cluster.asks(place.client, door))


def _while_served(served: Claim, claim: Claim) -> Claim:
    """The claim, which counts only where `served` is true, too; it tells of itself first."""
    return replace(all_of(f"{claim.text}, while clients are served", claim, served), kept=claim.kept)


def _migrate(draw: Draw) -> Exercise:
    place = site(draw, (1, 1, 0), tool_on="empty")
    host = place.tool.host
    wrong_port = draw.one("wrong", [one for one in _OTHER_PORTS if one != place.port])
    settings, *rest = place.whole().objects
    before = {**settings, "mode": IPTABLES, "iptables": {"masqueradeAll": True}}
    cluster = Drawn((before, *rest))
    bridge = f"{host.bridge}:{place.node_port}"
    network = f"{place.router.rpartition('.')[0]}.0/24"
    lost = "Where nodePortAddresses says something, nodePorts are open on the addresses in these ranges, and on no others: every node's own must be among them."
    served = all_of(
        f"{place.client} is served at each node's address",
        *(ends("", place.client, place.dial(one), because=lost) for one in place.hosts),
    )
    made = configure(
        "migrate",
        f"These are kube-proxy's settings today. Change them, so that (1) a port of a clusterIP that its Service does not have is refused, (2) who dials a service address that no Service has waits in vain. "
        f"As today, (3) pods of {place.app} that are called by the clusterIP see the caller's node, (4) a program on {host.name} may use the nodePort at its bridge, too, (5) clients outside are served at each node's address. "
        f"(1) to (4) count only where (5) is true: settings that shut clients out are worth a point at most. "
        f"The nodes' network is {network}, the pods' is {place.pod_range}.\n{place.told(service=place.said())}",
        cluster,
        (
            _while_served(served, ends(f"port {wrong_port} of the clusterIP is refused", place.tool.source, f"{place.cluster_ip}:{wrong_port}", "refused", idea="a-missing-port-is-refused",
                 because="Only a mode that has a rule for what is left over refuses it.")),
            _while_served(served, ends(f"who dials {_unused(place)} waits in vain", place.tool.source, f"{_unused(place)}:{place.port}", "timeout", idea="a-missing-port-is-silence",
                 because="Only a mode that has a rule for the whole range of Services drops it.")),
            _while_served(served, kept(ends("the pods see the caller's node", place.tool.source, place.inside, sees=host.address,
                      because="masqueradeAll counts where the mode looks for it: each has a section of its own, and nftables mode does not read that of iptables."))),
            _while_served(served, kept(ends(f"a program on {host.name} is served at {bridge}", f"node/{host.name}", bridge, idea="a-nodeport-is-open-on-every-address",
                      because="Where nothing is said, nftables mode opens nodePorts on each node's primary address only."))),
            kept(served),
        ),
        (
            "Which mode has a rule for what belongs to no Service? And what does it take for granted where nothing is said?",
            "It reads masqueradeAll in a section of its own name, and nodePortAddresses, which it takes for the primary address where it is empty.",
            f"mode: nftables, nftables: {{masqueradeAll: true}}, nodePortAddresses: [{network}, {place.pod_range}]",
        ),
        one_yaml(before),
    )  # fmt: skip
    return about(cluster, made, cluster.asks(place.tool.source, place.inside))


DEFINITIONS = (
    Definition("08-ends", LESSON, "What belongs to no Service", "predict", 9, 5,
               ("tell-the-outcome", "a-missing-port-is-refused", "a-nodeport-is-open-on-every-address", "local-refuses"), _ends),
    Definition("08-switched", LESSON, "The night of the switch", "diagnose", 8, 2,
               ("explain-a-symptom",), _switched),
    Definition("08-mend", LESSON, "A table of nftables, mended by hand", "rules", 9, 6,
               ("edit-rules", "read-a-chain", "the-client-takes-any-answer", "a-nodeport-is-open-on-every-address"), _mend),
    Definition("08-migrate", LESSON, "The settings for another mode", "manifest", 9, 6,
               ("weigh-demands", "a-missing-port-is-silence", "a-nodeport-is-open-on-every-address"), _migrate),
)  # fmt: skip
