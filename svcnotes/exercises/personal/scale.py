"""The coursework on scale: places in a list of Services, and who pays for it."""

from __future__ import annotations

from typing import Any

from svcnotes import flow
from svcnotes.control_plane.cluster import Cluster
from svcnotes.exercises.asked import Asked
from svcnotes.exercises.exercise import Exercise
from svcnotes.exercises.number import Other, number
from svcnotes.exercises.personal.causes import conntrack_full, firewall, forward_drop
from svcnotes.exercises.personal.chance import Draw
from svcnotes.exercises.personal.definition import Definition
from svcnotes.exercises.personal.explain import Cause, Sighting, explain
from svcnotes.exercises.personal.several import several
from svcnotes.exercises.personal.site import Host, Site, about, as_yaml, site
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
    names = draw.some("names", WORDS, draw.number("many", 9, 13))
    idle = draw.number("idle", 3, 5)
    served, empty = tuple(sorted(names[idle:])), tuple(sorted(names[:idle]))
    called = draw.one("called", served[2:-1])
    cluster = place.whole(*_others(place, served, served=True), *_others(place, empty, served=False))
    host, whole = place.tool.host, place.app
    aim = f"{_address(cluster(), called)}:{place.port}"
    pod = place.on(host)[0]
    everything = len(served) + len(empty) + 1
    draw.keep("in_nat", (*served, whole))

    def count(words: str, value: Any, *others: Other) -> Exercise:
        return number("count", words, value, _NO_HINTS, others=others)

    first = cluster.asks(place.tool.source, aim)
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
        lambda: _tried(first.trace().paths[0], host),
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
                all_of_it,
                Other(lambda: sorted((*names, whole)).index(called) + 1, "A Service without endpoints has no rule there: there is nothing to choose from.", ""),
            ),
            "no Service": count(
                f"{place.tool.name} opens a connection to {pod.name} at {pod.address}; tried in the table nat. (The last rule sends what is for the node itself on to KUBE-NODEPORTS.)",
                lambda: _held(cluster(), host, "nat"),
                nothing,
                Other(lambda: everything, "A Service without endpoints has no rule there.", ""),
            ),
            "later packet": count(
                f"that connection to {called} is open, and {place.tool.name} sends more; tried in the table nat.",
                lambda: _later(first, host),
                walks,
            ),
            "filter": count(
                f"how many rules has the chain {LIST} of the table filter, tried or not?",
                lambda: _held(cluster(), host, "filter"),
                Other(lambda: 0, "What has no endpoints is refused, and that needs a rule in filter.", "an-idle-service-costs-nothing"),
                Other(lambda: everything, "Only what must be refused stands there.", ""),
            ),
        },
        (
            "Which Services have a rule in nat's list, and which in filter's? A Service needs an endpoint to be led to.",
            "Sort by name those with pods, the site's own Service among them; count down to the one that is called. Who asks for none of them gets to the end.",
            "The end: one rule for each Service with pods, and one more, for KUBE-NODEPORTS. A later packet: nat is not asked. filter: those without pods.",
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
        "noon",
        f"A cluster that has grown. Since noon new connections hang, now here, now there; “the lists of rules are too long”, says somebody. Something is wrong on one node.\n"
        f"{place.told(service=place.said())}",
        whole,
        causes,
        [one.name for one in place.hosts],
        (what, where.name),
        sightings,
        (
            "Would a long list make anything hang? And is the node itself hit, when it asks?",
            "A host's firewall stands before DNAT, for what comes from outside. FORWARD is for what passes through. A new entry is needed by every new connection.",
            "Try each cause on that node in svcnotes, and compare every line.",
        ),
    )
    return about(whole, made)


DEFINITIONS = (
    Definition("09-list", LESSON, "Down the list", "predict", 8, 4,
               ("read-a-chain", "a-packet-tries-every-rule", "an-idle-service-costs-nothing", "every-packet-walks-the-list"), _list),
    Definition("09-noon", LESSON, "Noon in a large cluster", "diagnose", 8, 2,
               ("explain-a-symptom", "slow-means-long-lists"), _noon),
)  # fmt: skip
