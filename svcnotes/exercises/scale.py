"""The exercises of the lesson on scale. What is right is counted from rules, or taken from the recordings."""

from __future__ import annotations

from collections.abc import Callable

from svcnotes.control_plane.load import loads
from svcnotes.errors import SvcnotesError
from svcnotes.exercises.asked import Seen
from svcnotes.exercises.choose import Choice, choose
from svcnotes.exercises.exercise import Exercise, right, wrong
from svcnotes.exercises.mistakes import Line, find_mistakes
from svcnotes.exercises.number import Other, number
from svcnotes.exercises.scale_counts import HUNDRED, MAP, NEW, SECONDS, SPREAD, THOUSAND, at, ten
from svcnotes.exercises.scale_predictions import few, hour, rewrite
from svcnotes.exercises.verdict import Verdict
from svcnotes.kube_proxy.modes import DEFAULT, mode_named
from svcnotes.scenarios import scale_recorded
from svcnotes.scenarios.scale import FIRST, LAST, LATER, NODE_PORT, NONE

__all__ = ["blank", "entries", "few", "hour", "idle", "notes", "onward", "rewrite", "setting", "wide"]


def _not(holds: Callable[[Seen], bool]) -> Callable[[Seen], bool]:
    return lambda seen: not holds(seen)


def _never(_: Seen) -> bool:
    return False


blank = number(
    "blank",
    "iptables mode, 11 Services in place of ten. How many rules does a first packet for the last Service try now? "
    "(With ten it was 26.)",
    lambda: at(11).visited[LAST],
    (
        "What comes to the list with one Service more?",
        "One rule in KUBE-SERVICES, above the last one. The chains behind it are another Service's.",
        "26 and one more.",
    ),
    because="One Service more is one rule more in the list; its chains are entered by its own packets only.",
    others=(
        Other(
            lambda: at(10).visited[LAST],
            "The list has become longer by a rule, and the packet passes it.",
            "",
        ),
        Other(
            lambda: at(10).visited[LAST] + at(11).held.rules - at(10).held.rules,
            "21 rules more are written, but most of them stand in chains that this packet never enters.",
            "a-packet-tries-every-rule",
        ),
        Other(
            lambda: at(11).held.rules,
            "So many there are. A packet walks the list, and then the chains of one Service.",
            "a-packet-tries-every-rule",
        ),
    ),
)


def _more() -> float:
    return at(HUNDRED, 50).visited[LAST] - at(HUNDRED).visited[LAST]


wide = choose(
    "wide",
    "100 Services in iptables mode. All of them are scaled from five pods to fifty. What becomes of the 116 rules that a first "
    "packet for the last Service tries?",
    ten,
    (
        Choice(
            "about ten times as many",
            lambda _: _more() > 5 * at(HUNDRED).visited[LAST],
            "endpoints-cost-like-services",
            "The list of the Services is no longer than before. Only in the chain of its own Service does the packet "
            "pass more rules: on average half of its endpoints.",
        ),
        Choice(
            "some twenty more",
            lambda _: 15 < _more() < 30,
            "",
            "In KUBE-SVC it tries on average half of 50 rules in place of half of five. Other Services' endpoints do "
            "not count.",
        ),
        Choice(
            "exactly as many",
            lambda _: _more() == 0,
            "",
            "The chain KUBE-SVC has a rule for each endpoint, with a probability; they are tried one after the other.",
        ),
    ),
    (
        "In which chain do the endpoints stand, and who enters it?",
        "KUBE-SVC of that one Service: a rule for each endpoint, and the dice choose after some of them.",
        "On average it is (n + 1) / 2 rules: 25.5 in place of 3.",
    ),
)


def _idle(_: Seen) -> bool:
    return at().visited[NONE] > THOUSAND


idle = choose(
    "idle",
    "1,000 Services that nobody calls (iptables mode). A pod calls another pod at its own address, no Service. What does its first packet "
    "pay for them?",
    ten,
    (
        Choice(
            "nothing: it asks for no Service",
            _not(_idle),
            "an-idle-service-costs-nothing",
            "How would the kernel know before it has tried? Each rule of the list asks for another address, and none "
            "fits.",
        ),
        Choice("the whole list", _idle, "", "It tries every rule of KUBE-SERVICES, since none fits."),
        Choice(
            "half of the list, on average",
            _never,
            "an-idle-service-costs-nothing",
            "On average half is what packets for a Service pay. This one finds none: it goes to the end.",
        ),
    ),
    (
        "When does the kernel know that no rule of a list fits?",
        "The first packet of every connection goes to KUBE-SERVICES, whatever it asks for.",
        "At the end of the list.",
    ),
)

entries = number(
    "entries",
    "A gateway's node gets 5,000 new connections a second, day and night. Each is over at once, and its entry stays for 120 seconds "
    "(TIME_WAIT). How large must nf_conntrack_max be at least, so that none is dropped?",
    lambda: NEW * SECONDS,
    (
        "How many entries are there after one second, after two, after 120?",
        "After 120 seconds the first entries leave, and as many leave as come. Until then they only come.",
        "5,000 × 120.",
    ),
    because="After two minutes as many entries leave as come, and the table grows no more.",
    others=(
        Other(
            lambda: NEW,
            "In the first second, yes. But they stay for 120 seconds, and the next second brings as many.",
        ),
        Other(
            lambda: NEW * SECONDS * 2,
            "A connection has one entry; that it is found from both sides needs no second one.",
        ),
        Other(
            lambda: NEW / SECONDS,
            "So few would do if 120 came and went each second. Here 5,000 come each second and stay for 120.",
        ),
    ),
    within=0.02,
)


def _grown() -> float:
    return scale_recorded.drawn_out(scale_recorded.measured("one_change_sync_ms", MAP), 20_000)[1] / 1000


onward = number(
    "onward",
    "nftables mode, recorded: one change took 1.17 s with 5,000 Services, 3.34 s with 10,000. If it goes on like this, how many seconds "
    "does it take with 20,000?",
    _grown,
    (
        "By which factor did it grow when the Services doubled?",
        "3.34 / 1.17 is about 2.85. They double once more.",
        "3.34 × 2.85.",
    ),
    because="Times 2.85 for each doubling: an exponent of 1.5.",
    others=(
        Other(
            lambda: 2 * 3.343,
            "In proportion it would be so. But from 5,000 to 10,000 the time grew to 2.85 times, not to double.",
            "costs-grow-in-proportion",
        ),
        Other(lambda: 3.343 + 3.343 - 1.173, "It does not grow by the same step, but by the same factor."),
    ),
    within=0.06,
    shown="{:.1f}",
)

_START = """\
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
clusterCIDR: 10.244.0.0/16
mode: ???
"""
_LEAVING = "But this mode is deprecated since 1.35: today one would choose nftables."


def _judge_setting(answer: str) -> Verdict:
    try:
        mode = loads(answer).proxy.mode or DEFAULT
        mode_named(mode)
    except SvcnotesError as error:
        return wrong(said=str(error), explanation="kube-proxy would not start with this.")
    tried = {packet: at(mode=mode).visited[packet] for packet in (FIRST, LAST, NODE_PORT, NONE)}
    if max(tried.values()) < 100:
        said = f"No first packet tries more than {max(tried.values()):.0f} rules."
        return right(mode, explanation=said if mode == MAP else f"{said} {_LEAVING}")
    return wrong(
        mode,
        explanation=f"A first packet for the last Service's nodePort tries {tried[NODE_PORT]:,.0f} rules in this mode.",
    )


setting = Exercise(
    "setting",
    "Configure kube-proxy so that with 1,000 Services no first packet tries more than 100 rules, whatever it asks for.",
    _judge_setting,
    (
        "The lists are long in one mode.",
        "Which mode has maps in place of lists?",
        "mode: nftables",
    ),
    start=_START,
)


def _same_hold(_: Seen) -> bool:
    return at(HUNDRED, mode=MAP).visited == at(mode=MAP).visited


def _change_same(_: Seen) -> bool:
    return at(HUNDRED, mode=MAP).rewritten == at(mode=MAP).rewritten


def _measured_same(_: Seen) -> bool:
    points = dict(scale_recorded.measured("one_change_sync_ms", MAP))
    return points[10_000] < SPREAD * points[1_000]


notes = find_mistakes(
    "notes",
    "A colleague's notes on nftables mode in large clusters. Which lines are wrong?",
    ten,
    (
        Line(
            "A first packet tries as many rules with 1,000 Services as with 100.",
            _same_hold,
            "a look-up in a map is one rule, however many elements the map has.",
        ),
        Line(
            "One endpoint less makes kube-proxy write as much with 1,000 Services as with 100.",
            _change_same,
            "the transaction holds that Service's chain and the elements that differ.",
            "each-change-writes-everything",
        ),
        Line(
            "So a change takes as long with 10,000 Services as with 1,000.",
            _measured_same,
            "166 ms and 3.3 s were recorded: kube-proxy and nft look through all they have, however little they write.",
            "a-change-costs-the-same-everywhere",
        ),
        Line(
            "Every node holds the rules of all Services, whether its pods call them or not.",
            lambda _: at(mode=MAP).held.rules > 3 * THOUSAND,
            "kube-proxy does not know who will call whom.",
            "an-idle-service-costs-nothing",
        ),
        Line(
            "Packets of open connections go faster, since they need no list any more.",
            lambda _: at().visited[LATER] > 2 * at(mode=MAP).visited[LATER],
            "they never needed it: conntrack knew them in iptables mode as well.",
            "every-packet-walks-the-list",
        ),
    ),
    (
        "Two lines are wrong.",
        "What is written is one thing, what is looked through another.",
        "One is about time, the other about open connections.",
    ),
)
