"""The predictions of the lesson on scale; what is right is counted from rules, or taken from the recordings."""

from __future__ import annotations

from collections.abc import Callable

from svcnotes.exercises.asked import Seen
from svcnotes.exercises.choose import Choice, choose
from svcnotes.exercises.scale_counts import MAP, SPREAD, THOUSAND, at, ten
from svcnotes.scenarios import scale_recorded
from svcnotes.scenarios.scale import LAST, LATER


def _walks_once(_: Seen) -> bool:
    visited = at().visited
    return visited[LATER] < 10 and visited[LAST] > THOUSAND


def _not(holds: Callable[[Seen], bool]) -> Callable[[Seen], bool]:
    return lambda seen: not holds(seen)


hour = choose(
    "hour",
    "A pod opens one connection to the last of 1,000 Services (iptables mode) and sends 10,000 packets over it. How many "
    "of them walk down the list of the Services?",
    ten,
    (
        Choice(
            "all 10,000",
            _not(_walks_once),
            "every-packet-walks-the-list",
            "The list is in the table nat, and that is asked for a connection's first packet only.",
        ),
        Choice(
            "one: the first", _walks_once, "", "conntrack knows the connection then, and what NAT was chosen."
        ),
        Choice(
            "none: the kernel looks the Service up",
            lambda _: at().visited[LAST] < THOUSAND,
            "",
            "Not in iptables mode: the list is tried rule by rule. A map, which is looked up, is what nftables mode has.",
        ),
    ),
    (
        "What does a node remember of a connection?",
        "Which table holds the list of the Services, and which packets is it asked for?",
        "nat: the first packet of a connection, and no other.",
    ),
)


def _writes(few: int, many_: int) -> Callable[[Seen], bool]:
    return lambda _: few <= at().written.rules < many_


rewrite = choose(
    "rewrite",
    "One of 1,000 Services loses one of its five pods (iptables mode, which keeps 21,023 rules on a node). How many rules "
    "does kube-proxy hand to iptables-restore?",
    ten,
    (
        Choice(
            "21,000 or so: all of them",
            _writes(20_000, 10**9),
            "each-change-writes-everything",
            "That was so until 1.26. Since then only the chains of Services that changed are written, and the lists that "
            "lead to all of them.",
        ),
        Choice(
            "3,000 or so",
            _writes(2_000, 5_000),
            "",
            "The lists that lead to the Services are written whole each time: one rule for each clusterIP, two for "
            "each nodePort. Of the chains behind them only those of the Service that changed.",
        ),
        Choice(
            "20 or so: that Service's own",
            _writes(1, 100),
            "a-change-costs-the-same-everywhere",
            "Its own chains are that short. But a chain can only be written whole, and the lists that lead to "
            "all Services are written each time.",
        ),
    ),
    (
        "What is the smallest piece that iptables-restore --noflush can write anew?",
        "A chain, whole. Which chains does kube-proxy name each time, changed or not?",
        "KUBE-SERVICES and KUBE-NODEPORTS are among them: three rules for each Service.",
    ),
)


def _latency(column: str, services: float) -> dict[str, float]:
    return {
        backend: dict(scale_recorded.measured(column, backend))[services]
        for backend in scale_recorded.backends()
    }


def _alike(_: Seen) -> bool:
    found = _latency("lat_clusterip_last_us", 10).values()
    return max(found) / min(found) < SPREAD


def _map_is(better: bool) -> Callable[[Seen], bool]:
    def holds(_: Seen) -> bool:
        found = _latency("lat_clusterip_last_us", 10)
        ours = found.pop(MAP)
        rest = min(found.values())
        return ours * SPREAD <= rest if better else ours >= rest * SPREAD

    return holds


few = choose(
    "few",
    "A small cluster: ten Services. You turn kube-proxy from iptables to nftables mode. What becomes of the time that a new connection "
    "takes?",
    ten,
    (
        Choice(
            "it is less than half",
            _map_is(better=True),
            "nftables-is-always-faster",
            "Some 20 rules more or less are nothing beside the rest of a handshake: the recorded times differ "
            "by less than they spread.",
        ),
        Choice(
            "no difference that one could measure",
            _alike,
            "",
            "Short lists are short. A map pays where a list is long.",
        ),
        Choice(
            "it is more than double: maps are slower than rules",
            _map_is(better=False),
            "",
            "One look-up costs about what a few rules cost.",
        ),
    ),
    (
        "How many rules are ten Services in each mode, for a first packet?",
        "26 against 14. A rule takes some nanoseconds, a handshake tens of microseconds.",
        "Look at the recordings: at ten Services they are all alike.",
    ),
)
