"""The coursework on scale: places in a list of Services, and who pays for it."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from svcnotes import flow
from svcnotes.control_plane.cluster import Cluster
from svcnotes.exercises.apply import apply
from svcnotes.exercises.asked import Asked
from svcnotes.exercises.claims import Claim, ends, kept
from svcnotes.exercises.edit_rules import edit_rules
from svcnotes.exercises.evidence import target_rule
from svcnotes.exercises.exercise import Exercise, right, wrong
from svcnotes.exercises.following import follow
from svcnotes.exercises.number import Other, number
from svcnotes.exercises.personal.causes import conntrack_full, firewall, forward_drop
from svcnotes.exercises.personal.chance import Draw
from svcnotes.exercises.personal.definition import Definition
from svcnotes.exercises.personal.explain import Cause
from svcnotes.exercises.personal.nodes import one_node
from svcnotes.exercises.personal.several import several
from svcnotes.exercises.personal.site import Host, Site, about, as_yaml, rules_of, site
from svcnotes.exercises.verdict import Verdict
from svcnotes.network.node_rules import rules_text
from svcnotes.trace import Path

LESSON = "09-scale"
LIST = "KUBE-SERVICES"
WORDS = (
    "ant",
    "bear",
    "crow",
    "deer",
    "eel",
    "fox",
    "goat",
    "hare",
    "ibis",
    "jay",
    "koi",
    "lynx",
    "mole",
    "newt",
    "owl",
)
_SHARES = {Fraction(0): "nothing", Fraction(1): "all"}
_NO_HINTS = ("", "", "")


def _others(place: Site, names: tuple[str, ...], *, served: bool) -> list[dict[str, Any]]:
    """More Services: with the same pods behind them, or with none."""
    first, middle = place.cluster_ip.split(".")[:2], 252 if served else 253
    return [
        place.service(
            name,
            type="ClusterIP",
            clusterIP=f"{'.'.join(first)}.{middle}.{at}",
            selector=place.selector if served else {"nobody": "here"},
            ports=[{"name": "http", "port": place.port, "targetPort": place.target}],
        )
        for at, name in enumerate(names, 1)
    ]


def _tried(path: Path, host: Host) -> int:
    """How many rules of the list in nat a path's packet tried on a node."""
    steps = (
        step for hop in path.hops if hop.host == host.name and hop.direction == "there" for step in hop.steps
    )
    return sum(step.passed + 1 for step in steps if (step.table, step.chain) == ("nat", LIST))


def _held(cluster: Cluster, host: Host, table: str) -> int:
    """How many rules of the list a node holds in a table."""
    text = rules_text(cluster, host.name).partition(f"*{table}\n")[2].partition("COMMIT")[0]
    return text.count(f"-A {LIST} ")


def _list(draw: Draw) -> Exercise:
    place = site(draw, (2, 1, 0), tool_on="busy")
    names = draw.some("names", WORDS, draw.number("many", 10, 14))
    idle = draw.number("idle", 2, 6)
    served, empty = tuple(sorted(names[idle:])), tuple(sorted(names[:idle]))
    called = draw.one("called", served[2:-1])
    kept_open = draw.one("kept open", [name for name in served[1:] if name != called])
    packets = draw.number("packets", 4, 9)
    cluster = place.whole(*_others(place, served, served=True), *_others(place, empty, served=False))
    host, whole = place.tool.host, place.app
    aim = f"{_address(cluster(), called)}:{place.port}"
    long_aim = f"{_address(cluster(), kept_open)}:{place.port}"
    pod = place.on(host)[0]
    everything = len(served) + len(empty) + 1
    draw.keep("in_nat", (*served, whole))

    def count(words: str, value: Any, because: str, *others: Other) -> Exercise:
        return number("count", words, value, _NO_HINTS, because=because, others=others)

    first, long = cluster.asks(place.tool.source, aim), cluster.asks(place.tool.source, long_aim)
    all_of_it = Other(
        lambda: _held(cluster(), host, "nat"),
        "A packet goes no further than the rule that fits it.",
        "a-packet-tries-every-rule",
    )
    nothing = Other(
        lambda: 0,
        "Before it has tried, the kernel cannot know that no rule fits.",
        "an-idle-service-costs-nothing",
    )
    walks = Other(
        lambda: packets * _tried(long.trace().paths[0], host),
        "nat is asked for the first packet; conntrack knows the rest.",
        "every-packet-walks-the-list",
    )
    made = several(
        "list",
        f"Beside {whole} there are Services with the same pods behind them: {', '.join(served)}. And there are some that have no pods at all: {', '.join(empty)}. "
        f"All have a clusterIP and the port {place.port}. kube-proxy is in iptables mode, and here it has written the Services in the order of their names. "
        f"Count rules of the chain {LIST} on {host.name}: how many does a packet try there, the one that fits included?\n{place.told(service=place.said())}",
        {
            "first packet": count(
                f"{place.tool.name} opens a connection to {called}; tried in the table nat.",
                lambda: _tried(first.trace().paths[0], host),
                "Those above its own belong to the Services with pods that come before it by name.",
                all_of_it,
                Other(lambda: sorted((*names, whole)).index(called) + 1, "A Service without endpoints has no rule there: there is nothing to choose from.", ""),
            ),
            "no Service": count(
                f"{place.tool.name} opens a connection to {pod.name} at {pod.address}; tried in the table nat. (The last rule sends what is for the node itself on to KUBE-NODEPORTS.)",
                lambda: _held(cluster(), host, "nat"),
                "That is the whole list: a rule for each Service with pods, and the last one.",
                nothing,
                Other(lambda: everything, "A Service without endpoints has no rule there.", ""),
            ),
            "all packets": count(
                f"{place.tool.name} opens a connection to {kept_open} and sends {packets} packets in it, the first included; tried in the table nat by all of them together.",
                lambda: _tried(long.trace().paths[0], host) + (packets - 1) * _later(long, host),
                "conntrack knows the connection, and nat is asked for first packets only.",
                walks,
                Other(lambda: 0, "The first packet is one of them, and nobody knows its connection yet.", ""),
            ),
            "filter": count(
                f"how many rules has the chain {LIST} of the table filter, tried or not?",
                lambda: _held(cluster(), host, "filter"),
                "One for each Service without pods: it refuses.",
                Other(lambda: 0, "What has no endpoints is refused, and that needs a rule in filter.", "an-idle-service-costs-nothing"),
                Other(lambda: everything, "Only what must be refused stands there.", ""),
            ),
        },
        (
            "Which Services have a rule in nat's list, and which in filter's? A Service needs an endpoint to be led to.",
            "Sort by name those with pods, the site's own Service among them; count down to the one that is called. Who asks for none of them gets to the end.",
            "The end: one rule for each Service with pods, and one more, for KUBE-NODEPORTS. Later packets: nat is not asked. filter: those without pods.",
        ),
    )  # fmt: skip
    return about(cluster, made, first)


def _address(cluster: Cluster, name: str) -> str:
    return cluster.services[f"default/{name}"].cluster_ips[0]


def _later(first: Asked, host: Host) -> int:
    opened = flow.open(first.cluster(), first.source, first.to)
    return sum(_tried(path, host) for path in opened.next().paths)


def long_list(names: tuple[str, ...], place: Site) -> Cause:
    """Many more Services in the list: it costs, and hangs nobody."""
    more = _others(place, names, served=True)

    def lengthened(cluster: Cluster, _: str) -> Cluster:
        return cluster.create(as_yaml(more))

    return Cause(
        "the list of Services has become so long there that kube-proxy's rules take too much time",
        lengthened,
        ("list", "long", "slow"),
        "slow-means-long-lists",
        "A longer list makes a first packet slower, by microseconds. It makes none hang.",
    )


def _noon(draw: Draw) -> Exercise:
    place = site(draw, (1, 1, 1), tool_on="busy")
    whole = place.whole()
    names = draw.some("names", WORDS, 8)
    causes = draw.order(
        "causes", [long_list(names, place), conntrack_full(), forward_drop(), firewall(place.node_port)]
    )
    able = [at for at, cause in enumerate(causes) if cause.idea != "slow-means-long-lists"]
    what, where = draw.one("what", able), draw.one("where", place.hosts)
    return one_node(
        "noon",
        "A cluster that has grown. Since noon new connections hang, now here, now there; “the lists of rules are too long”, says somebody. Something is wrong on one node.",
        place,
        whole,
        causes,
        (what, where.name),
        (
            "Would a long list make anything hang? And is the node itself hit, when it asks?",
            "A host's firewall stands before DNAT, for what comes from outside. FORWARD is for what passes through. A new entry is needed by every new connection.",
            "Table full: every new connection through that node hangs, its own programs' too. Firewall: only who comes from outside to that node's nodePort hangs. "
            "FORWARD: its own programs are served, and who dials its nodePort (kube-proxy lets through what bears its mark); what others send to its pods hangs, and what its pods send to Services.",
        ),
    )


def _tries_one(text: str, source: str, to: str, host: Host) -> Claim:
    """Claim that a first packet is connected after it has tried one rule of the list on a node."""

    def judge(cluster: Cluster) -> Verdict:
        paths = follow(cluster, source, to).paths
        most = max(_tried(path, host) for path in paths)
        if all(path.outcome == "connected" for path in paths) and most == 1:
            return right(explanation="Its rule is the first of the list now.")
        return wrong(
            said=f"{source} dials {to}: {paths[0].outcome}, {most} rules of {LIST} tried",
            explanation="The kernel tries the rules from the top, until one fits."
            if most > 1
            else f"It goes past the list: its rule must be the first of {LIST}.",
            misconception="a-packet-tries-every-rule" if most > 1 else "",
        )

    return Claim(text, judge)


def _chosen(text: str, source: str, to: str, place: Site) -> Claim:
    """Claim that each of the site's pods is as likely as any other, and sees the source's own address."""

    def judge(cluster: Cluster) -> Verdict:
        paths = [path for path in follow(cluster, source, to).paths if path.source_seen == place.tool.address]
        shares = {
            pod.key: Fraction(sum(path.probability for path in paths if path.pod == pod.key))
            for pod in place.pods
        }
        if set(shares.values()) == {Fraction(1, len(place.pods))}:
            return right(explanation="KUBE-SVC still chooses.")
        told = ", ".join(f"{pod} gets {_SHARES.get(share, share)}" for pod, share in shares.items())
        return wrong(
            said=f"{source} dials {to}: of what comes from its own address, {told}",
            explanation="Whoever is led past KUBE-SVC is led past what stands in it.",
        )

    return kept(Claim(text, judge))


def _of_nat(rules: str) -> str:
    """Those that lead on: what refuses stands in the list of the table filter."""
    return "\n".join(line for line in rules.splitlines() if " -j KUBE-" in line)


def _move(draw: Draw) -> Exercise:
    place = site(draw, (2, 1, 0), tool_on="empty")
    names = draw.some("names", WORDS, 9)
    served, empty = tuple(sorted(names[2:])), tuple(sorted(names[:2]))
    called, other = draw.one("called", served[4:]), draw.one("other", served[:3])
    cluster = place.whole(*_others(place, served, served=True), *_others(place, empty, served=False))
    host, tool = place.tool.host, place.tool
    aims = {name: f"{_address(cluster(), name)}:{place.port}" for name in (called, other, empty[0])}
    address = draw.keep("address", _address(cluster(), called))
    wrong_port = next(one for one in (5432, 6379) if one != place.port)
    made = edit_rules(
        "move",
        f"Pods on {host.name} open a new connection to {called} thousands of times a second; all other Services are called now and then. Have such a first packet try just one rule of {LIST} in the table nat "
        f"on {host.name}, and change nothing else for anybody: neither which pods are chosen nor what the other Services, and other ports of {called}, do. (An experiment: kube-proxy will write the list anew at its next sync.) Write commands such as `-t nat -I {LIST} ...`, each on one line.\n"
        f"{place.told(service=place.said())}\nThe list on {host.name}:\n{_of_nat(rules_of(cluster(), host, f'-A {LIST} '))}",
        cluster,
        host.name,
        (
            _tries_one(f"{tool.name} is connected with {called} after one rule of the list", tool.source, aims[called], host),
            _chosen(f"each pod of {called} gets its share, and sees {tool.name} itself", tool.source, aims[called], place),
            kept(ends(f"port {wrong_port} of {called} still leads to no pod", tool.source, f"{address}:{wrong_port}", "external", because="The rule in front catches what is not its own.")),
            kept(ends(f"{other} is served as before", tool.source, aims[other], sees=tool.address, because="The rule in front catches what is not its own.")),
            kept(ends(f"{empty[0]}, which has no pods, is still refused", tool.source, aims[empty[0]], "refused", because="The rule in front catches what is not its own.")),
            kept(ends("a client outside is served by the nodePort", place.client, place.dial(host), because=f"The last rule of {LIST} leads to KUBE-NODEPORTS: it must stay the last.")),
        ),
        (
            f"In which order does the kernel try the rules of {LIST}?",
            f"Find the rule of {called}. What has -I in front of it stands at the top; the old one below does no harm.",
            f"-t nat -I {LIST} -d {address}/32 -p tcp -m tcp --dport {place.port} -j KUBE-SVC-…",
        ),
        f"-t nat -I {LIST} ???",
    )  # fmt: skip
    return about(cluster, made, cluster.asks(tool.source, aims[called]))


def _rules(cluster: Cluster, host: Host) -> int:
    return rules_text(cluster, host.name).count("\n-A ")


def _price(draw: Draw) -> Exercise:
    place = site(draw, (2, 1, 0), tool_on="empty")
    names = draw.some("names", WORDS, 6)
    name = draw.one("peers", [one for one in WORDS if one not in names])
    low = draw.number("low", 300, 327) * 100
    host, first = place.empty(), place.pods[0]
    cluster = place.cluster(*place.members(), *_others(place, names, served=True))
    door = place.service(
        ports=[{"name": "http", "port": place.port, "targetPort": place.target, "nodePort": low}]
    )
    before, with_one = _rules(cluster(), host), _rules(cluster().create(as_yaml([door])), host)
    room = with_one - before

    def costs(after: Cluster) -> Verdict:
        more = _rules(after, host) - before
        if more <= room:
            return right(explanation=f"{host.name} has {more} rules more.")
        return wrong(
            misconception="an-idle-service-costs-nothing",
            explanation=f"{host.name} has {more} rules more. Each Service with an address of its own has rules on every node, whether it is called or not.",
        )

    dns = f"{name}.default.svc.cluster.local:{place.target}"
    made = apply(
        "price",
        f"The cluster has many Services already ({', '.join(sorted(names))} are some of them), and every rule more is paid for on every node. Write what is missing for {place.app}: "
        f"(1) clients outside are served on port {low} of every node; (2) the name {name}.default.svc.cluster.local tells its pods each other's own addresses, and they dial their own port, {place.target}; "
        f"(3) no node has more than {room} rules more than now.\n{place.told()}\n  the pods bear the label {place.label[0]}: {place.label[1]} and listen on {place.target}",
        cluster,
        (
            ends(f"{place.client} is served on port {low} of {host.name}, which runs no pod", place.client, f"{host.address}:{low}", points=2, because="Every node must carry the packet on: that is the policy Cluster."),
            kept(Claim(f"no more than {room} rules more on {host.name}", costs)),
            ends(f"{first.name} reaches the pods as {dns}, at their own addresses", first.source, dns, points=2, pod=lambda path: bool(path.pod) and not target_rule(path),
                 because="The name must stand for the pods' own addresses. Here it stands for one of a Service, which a rule has to change into a pod's, or for none that is served."),
        ),
        (
            "Which kind of Service has a name, and no rule on any node?",
            "A headless one (clusterIP: None): no kube-proxy serves it, DNS answers with the pods' own addresses. The way in from outside needs a Service with rules.",
            f"Two Services: one of type NodePort, nodePort {low}; one called {name} with clusterIP: None. Both select {place.label[0]}: {place.label[1]}.",
        ),
        "???",
    )  # fmt: skip
    return about(cluster, made)


DEFINITIONS = (
    Definition("09-list", LESSON, "Down the list", "predict", 8, 4,
               ("read-a-chain", "a-packet-tries-every-rule", "an-idle-service-costs-nothing", "every-packet-walks-the-list"), _list),
    Definition("09-noon", LESSON, "Noon in a large cluster", "diagnose", 8, 2,
               ("explain-a-symptom", "slow-means-long-lists"), _noon),
    Definition("09-move", LESSON, "To the top of the list", "rules", 8, 7,
               ("edit-rules", "read-a-chain", "a-packet-tries-every-rule"), _move),
    Definition("09-price", LESSON, "Two doors at the price of one", "design", 9, 6,
               ("weigh-demands", "write-a-service", "an-idle-service-costs-nothing"), _price),
)  # fmt: skip
