"""The dojo's cases: each is broken as its symptom says, found by its probe, mended by its own fix and by no other's.

Where the faults of a debugger's table are (Kubernetes' guide to debugging Services, and what people report):
`TABLE` names a case, or says why the model has none.
"""

import functools

import pytest

from svcnotes import trace
from svcnotes.exercises import dojo
from svcnotes.exercises.dojo import evidence
from svcnotes.exercises.dojo.case import whole
from svcnotes.exercises.dojo.session import solved
from svcnotes.toolbox import Terminal

NAMES = dojo.names()
AT_LEAST = 24
AT_MOST_PROBES = 3

TABLE = {
    "the selector fits no pod": "01-refused-everywhere",
    "pods are not Ready": "02-refused-after-update",
    "wrong targetPort": "03-refused-by-the-pod",
    "a named targetPort that no pod has": "04-refused-with-ready-pods",
    "the app is bound to 127.0.0.1": "05-works-only-inside-the-pod",
    "a NetworkPolicy that sees a node instead of the client": "06-the-allowed-client-hangs",
    "a NetworkPolicy that leaves a caller out": "07-the-nightly-job-hangs",
    "policy Local, no local pod": "08-one-node-is-silent",
    "wrong nodePort": "09-the-old-port",
    "the type opens nothing outside": "10-the-public-address-is-dead",
    "kube-proxy is dead": "11-one-in-three-by-node-2",
    "the rules were flushed": "12-nothing-by-node-1",
    "an external IP without a route": "13-the-address-of-the-press-release",
    "a load balancer is pending": "14-pending",
    "no hairpin": "15-a-pod-that-sometimes-hangs",
    "bridge-nf-call-iptables is 0": "16-neighbours-do-not-talk",
    "FORWARD's policy is DROP": "17-one-visitor-in-two",
    "DNS: another namespace": "18-the-job-finds-no-name",
    "an externalName that is an address": "19-the-database-has-no-address",
    "loadBalancerSourceRanges": "20-not-for-everybody",
    "route_localnet is 0": "21-localhost",
    "no route to a node's pods": "22-two-calls-in-three",
    "conntrack is full": "23-busy-hours",
    "another source in the logs": "24-everybody-is-the-same-visitor",
    "affinity behind one address": "25-a-pod-that-rests",
    "internalTrafficPolicy Local, no local pod": "26-only-from-some-pods",
    "one rule is missing": "27-tidied-up",
    "a firewall in front of nodePorts": "28-closed-from-outside",
    "rp_filter and two ways": "29-a-hardened-network",
}
"""Each fault with its case."""
NO_CASE = {
    "a stale UDP entry in conntrack": "kube-proxy 1.36 deletes such entries at its next sync",
    "MTU: large answers hang": "the model's packets have no size",
}

USUAL = [
    ("198.51.100.7", "172.18.0.11:30080"),
    ("198.51.100.7", "203.0.113.1:80"),
    ("pod/default/front", "10.96.0.82:80"),
]
KEPT_OUT = {("06-the-allowed-client-hangs", "198.51.100.7"), ("07-the-nightly-job-hangs", "198.51.100.7")}
"""Whom a case's NetworkPolicy is meant to keep out."""

each_case = pytest.mark.parametrize("name", NAMES)


@functools.cache
def holds(name, cluster):
    return [demand.holds(cluster) for demand in dojo.case(name).demands]


def test_there_are_enough_cases_and_each_fault_of_the_table_has_one():
    assert len(NAMES) >= AT_LEAST
    assert sorted(TABLE.values()) == sorted(NAMES)
    assert not TABLE.keys() & NO_CASE.keys()


def test_every_fault_that_may_be_suspected_has_a_case_and_the_other_way_round():
    assert {dojo.case(name).fault for name in NAMES} == set(dojo.FAULTS)


def test_the_misconceptions_that_a_broken_cluster_shows_best_have_a_case():
    shown = {number for name in NAMES for number in dojo.case(name).numbers}
    assert {11, 18, 20, 21, 24} <= shown
    assert shown <= set(range(1, 25))


@each_case
def test_the_whole_cluster_serves_all_who_are_to_be_served(name):
    """Who is to be kept out is kept out by what a case brings: the whole cluster has no policy."""
    demands = [demand for demand in dojo.case(name).demands if demand.outcome == "connected"]
    assert demands
    assert all(demand.holds(whole()) for demand in demands)


@pytest.mark.parametrize(
    ("name", "too_much"),
    [
        ("06-the-allowed-client-hangs", "kubectl delete networkpolicy --all"),
        ("07-the-nightly-job-hangs", "kubectl delete networkpolicy --all"),
        (
            "20-not-for-everybody",
            """kubectl patch service web-public -p '{"spec": {"loadBalancerSourceRanges": null}}'""",
        ),
    ],
)
def test_whoever_lets_everybody_in_has_not_mended_it(name, too_much):
    session = dojo.open_case(name)
    assert session.fix("laptop", too_much).exit_code == 0
    verdict = session.prove()
    assert next(part.claim for part in verdict.parts if not part.ok).endswith("still kept out")


@each_case
def test_the_broken_cluster_lacks_something_that_is_demanded(name):
    assert not all(holds(name, dojo.case(name).broken()))


@each_case
def test_what_the_user_reports_is_what_a_trace_of_the_broken_cluster_shows(name):
    given = dojo.case(name)
    untrue = [report for report in given.shows if not report.is_so(given.broken())]
    assert untrue == []


@each_case
def test_the_cases_own_fix_brings_all_that_is_demanded(name):
    assert all(holds(name, solved(dojo.case(name))))


@each_case
def test_the_cases_own_fix_leaves_everybody_served_whom_no_policy_keeps_out(name):
    mended = solved(dojo.case(name))
    ends = {
        (source, to): {path.outcome for path in trace(mended, source, to).paths}
        for source, to in USUAL
        if (name, source) not in KEPT_OUT
    }
    assert ends == {asked: {"connected"} for asked in ends}


@each_case
def test_no_other_cases_fix_brings_it(name):
    broken = dojo.case(name).broken()
    mending = []
    for other in NAMES:
        if other != name:
            terminal = Terminal(broken)
            for command in dojo.case(other).fix:
                command.run_in(terminal)
            if all(demand.holds(terminal.cluster) for demand in dojo.case(name).demands):
                mending.append(other)
    assert mending == []


@each_case
def test_the_solvers_probes_leave_no_other_case_and_no_shorter_way_does(name):
    given = dojo.case(name)
    assert evidence.left(name, given.solver) == ()
    assert evidence.enough(name, given.solver) == len(given.solver)
    shortest = evidence.shortest(name, evidence.usual_probes())
    assert shortest is not None
    assert len(given.solver) == len(shortest) <= AT_MOST_PROBES


@each_case
def test_a_solvers_probes_change_nothing(name):
    given = dojo.case(name)
    terminal = Terminal(given.broken())
    for probe in given.solver:
        probe.run_in(terminal)
    assert terminal.cluster is given.broken()


@each_case
def test_a_case_reads_well_and_gives_nothing_away(name):
    given = dojo.case(name)
    assert len(given.hints) == 2
    assert all(hint.endswith((".", "?")) for hint in given.hints)
    assert len(given.symptom) <= 420
    assert dojo.FAULTS[given.fault].lower() not in f"{given.title} {given.symptom}".lower()
    assert given.lesson == "" or given.lesson[:2].isdecimal()


def test_those_who_are_connected_go_on_while_new_visitors_hang_in_case_busy_hours():
    """The part of that symptom that needs a memory: a connection from before the table was full."""
    to = "172.18.0.12:30080"
    before = trace(whole(), "192.0.2.10", to).paths[0]
    broken = dojo.case("23-busy-hours").broken()
    again = trace(broken, "192.0.2.10", to, memories=before.memories)
    assert {path.outcome for path in again.paths} == {"connected"}
    assert {path.outcome for path in trace(broken, "192.0.2.10", to, source_port=40999).paths} == {"timeout"}


def test_no_cluster_address_answers_a_ping_not_even_a_whole_clusters():
    pings = trace(whole(), "pod/default/front", "10.96.0.80", "icmp").paths
    assert all(path.outcome != "connected" for path in pings)


def test_every_case_is_solved_by_somebody_who_follows_its_last_hints():
    for name in NAMES:
        given = dojo.case(name)
        session = dojo.open_case(name)
        for probe in given.solver:
            session.run(probe.at, probe.run, probe.stdin)
        session.suspect(given.fault, because="the probe says so")
        for fix in given.fix:
            session.fix(fix.at, fix.run, fix.stdin)
        verdict = session.prove()
        assert verdict.ok, str(verdict)
        assert "Score: 1, and nobody needs fewer." in verdict.explanation
