"""A learner in the dojo: what is kept, what is said of a right and a wrong way, and how soon."""

import time

import pytest

from svcnotes.errors import QuestionError
from svcnotes.exercises import dojo
from svcnotes.exercises.dojo import evidence
from svcnotes.exercises.dojo.case import Command
from svcnotes.exercises.dojo.evidence import plain

CASE = "11-one-in-three-by-node-2"
SOON = 2.0
"""Seconds of this process's own time within which the first verdict must come."""


@pytest.fixture
def session():
    return dojo.open_case(CASE)


def test_a_case_shows_its_title_and_what_the_user_says(session):
    assert str(session).startswith("Case 11: ")
    assert "one call in three" in str(session)


def test_nothing_changed_and_the_verdict_shows_the_symptom_and_does_not_give_the_reason_away(session):
    verdict = session.prove()
    assert not verdict.ok
    assert verdict.said == "unreachable"
    assert "Nothing was changed yet" in verdict.explanation


def test_after_a_wrong_change_the_verdict_says_where_it_dies_now(session):
    session.fix("laptop", "kubectl label pod front tried=this")
    verdict = session.prove()
    assert "nobody answers for 10.244.1.11" in verdict.said
    assert "The symptom is still there" in verdict.explanation


def test_where_the_wrong_caller_is_the_symptom_it_is_shown_without_the_rule():
    said = dojo.open_case("24-everybody-is-the-same-visitor").prove().said
    assert said.startswith("connected, default/web-")
    assert "MASQUERADE" not in said


def test_a_right_hypothesis_and_a_fix_are_right_and_the_order_of_probes_is_scored(session):
    session.run("client", "ping -c 1 172.18.0.12")
    session.run("node-2", "curl -m 2 http://localhost:10256/healthz")
    session.suspect("kube-proxy", because="its own check is refused")
    session.fix("node-2", "systemctl restart kube-proxy")
    verdict = session.prove()
    assert verdict.ok, str(verdict)
    lines = verdict.explanation.splitlines()
    assert "left after each of your probes: 27, 0." in " ".join(lines)
    assert "So probe 2 settled it. Score: 2; whoever knows already where to look needs 1." in " ".join(lines)
    assert "You wrote: its own check is refused" in verdict.explanation


def test_a_wrong_hypothesis_names_the_probe_that_speaks_against_it(session):
    session.run("laptop", "kubectl get pods")
    session.run("node-2", "sysctl net.netfilter.nf_conntrack_count net.netfilter.nf_conntrack_max")
    session.suspect("conntrack")
    session.fix("node-2", "systemctl restart kube-proxy")
    verdict = session.prove()
    assert [part.ok for part in verdict.parts] == [True, False]
    assert "You suspected: A node's conntrack table is full." in verdict.explanation
    assert "Your probe 1 speaks against that: laptop$ kubectl get pods" in verdict.explanation


def test_probes_that_cannot_tell_say_with_what_else_they_would_have_looked_the_same(session):
    session.run("client", "ping -c 1 172.18.0.12")
    session.suspect("snat")
    session.fix("node-2", "systemctl restart kube-proxy")
    told = session.prove().explanation
    assert "None of your probes speaks against that" in told
    assert "It would have looked the same with each of these: " in told
    assert "more." in told


def test_whoever_changes_something_first_is_told_so(session):
    session.fix("node-2", "systemctl restart kube-proxy")
    verdict = session.prove()
    assert "You changed something without looking first." in verdict.explanation
    assert "none was written" in str(verdict)


def test_the_lines_that_tell_it_are_shown(session):
    session.fix("node-2", "systemctl restart kube-proxy")
    told = session.prove().explanation
    assert "node-2$ curl -m 2 http://localhost:10256/healthz" in told
    assert "Failed to connect to localhost port 10256" in told


def test_a_probe_that_changes_something_counts_as_a_change(session):
    session.run("laptop", "kubectl scale statefulset web --replicas=3")
    assert session.probes == ()
    assert "Too late for a new hypothesis" in session.suspect("kube-proxy")


def test_a_fix_that_changes_nothing_leaves_the_hypothesis_open(session):
    assert session.fix("node-2", "iptables -t mangle -L -n").exit_code == 0
    session.fix("node-2", "no-such-command")
    assert len(session.probes) == 2
    assert "Noted" in session.suspect("kube-proxy")


@pytest.mark.parametrize("written", ["kubeproxy", "Kube Proxy", "kube_proxy"])
def test_a_faults_name_may_be_written_without_its_dash(session, written):
    session.suspect(written)
    assert session.suspected == "kube-proxy"


def test_what_a_cell_did_not_show_of_a_failed_fix_and_an_unknown_fault_the_verdict_tells(session):
    session.suspect("cube-proxy")
    session.fix("node-2", "systemctl restart cube-proxy")
    said = str(session.prove())
    assert "'cube-proxy' is none of the faults" in said
    assert "node-2$ systemctl restart cube-proxy: Failed to restart cube-proxy.service" in " ".join(
        said.split()
    )


def test_question_marks_are_no_fix_yet_and_a_look_is_none(session):
    session.suspect("???")
    session.fix("node-2", "???")
    said = str(session.prove())
    assert "none was written" in said
    assert "put a command in place of the question marks" in " ".join(said.split())
    session.fix("node-2", "iptables -t mangle -L -n")
    assert "it printed something, and that was all" in " ".join(str(session.prove()).split())


def test_a_fault_that_is_not_known_brings_the_list_with_the_nearest(session):
    said = session.suspect("cube-proxy")
    assert "Did you mean kube-proxy?" in said
    assert all(words in said for words in dojo.FAULTS.values())
    assert session.suspected == ""


def test_a_hypothesis_may_be_changed_until_something_is(session):
    session.suspect("conntrack")
    session.suspect("kube-proxy")
    assert session.suspected == "kube-proxy"


def test_hints_go_from_a_nudge_to_the_probe_and_the_fix(session):
    assert session.hint() == session.hint(1) != session.hint(2)
    assert "node-2$ curl" in session.hint(3)
    assert session.hint(4) == session.hint(99) == "This mends it:\nnode-2$ systemctl restart kube-proxy"


def test_tcpdump_watches_while_another_command_runs():
    session = dojo.open_case("03-refused-by-the-pod")
    seen = session.watch(
        "node-1", "tcpdump -ni any tcp port 80", "client", "curl -m 2 http://172.18.0.11:30080/"
    )
    assert "Flags [R.]" in str(seen)
    session.suspect("target-port")
    session.fix(
        "laptop", """kubectl patch service web -p '{"spec": {"ports": [{"port": 80, "targetPort": 8080}]}}'"""
    )
    verdict = session.prove()
    assert verdict.ok, str(verdict)
    assert "Score: 1, and nobody needs fewer." in verdict.explanation


def test_another_fix_than_the_cases_own_is_as_good():
    session = dojo.open_case("04-refused-with-ready-pods")
    session.run("laptop", "kubectl get endpointslices")
    session.suspect("port-name")
    for name in ("web", "web-old", "web-public"):
        patch = '{"spec": {"ports": [{"port": 80, "targetPort": "web"}]}}'
        session.fix("laptop", f"kubectl patch service {name} -p '{patch}'")
    assert session.prove().ok


def test_a_fix_of_the_symptom_alone_is_seen_through():
    session = dojo.open_case("24-everybody-is-the-same-visitor")
    session.fix("node-1", "iptables -t nat -F KUBE-MARK-MASQ")
    verdict = session.prove()
    assert not verdict.parts[0].ok
    assert "MASQUERADE" in verdict.said or "timeout" in verdict.said


def test_the_same_seed_draws_the_same_case_and_seeds_reach_many():
    assert dojo.draw(7).case == dojo.draw(7).case
    assert len({dojo.draw(seed).case.name for seed in range(100)}) > 20
    assert dojo.draw(3, among=[5]).case.name == "05-works-only-inside-the-pod"


@pytest.mark.parametrize("wrong", ["no-such-case", 0, 99])
def test_an_unknown_case_names_those_there_are(wrong):
    with pytest.raises(QuestionError, match="There are 1 to "):
        dojo.open_case(wrong)


def test_a_seed_that_is_no_number_is_refused():
    with pytest.raises(QuestionError, match="write a whole number"):
        dojo.draw("monday")


def test_the_first_verdict_comes_soon_even_after_many_probes():
    for cache in (evidence._played, evidence.told_apart):
        cache.cache_clear()
    session = dojo.open_case("16-neighbours-do-not-talk")
    for at in ("client", "node-1", "node-2", "node-3"):
        for command in ("ip route", "ping -c 1 172.18.0.12", "curl -m 2 http://172.18.0.12:30080/"):
            session.run(at, command)
    session.suspect("hairpin")
    session.fix("node-1", "sysctl -w net.bridge.bridge-nf-call-iptables=1")
    begun = time.process_time()
    session.prove()
    assert time.process_time() - begun < SOON


def test_what_chance_alone_decides_is_no_evidence():
    assert plain("curl: timed out after 2000 milliseconds") == plain(
        "curl: timed out after 2001 milliseconds"
    )
    assert plain("12:10:09.004735 eth0 In IP 192.0.2.10.42263 > 172.18.0.12.30080: x") == plain(
        "12:10:11.104735 eth0 In IP 192.0.2.10.50001 > 172.18.0.12.30080: x"
    )
    assert plain("172.18.0.12.30080: x") != plain("172.18.0.12.30081: x")


def test_probes_are_compared_one_after_the_other_in_one_terminal():
    """The counters of a rule tell something only after a packet was sent."""
    look = Command("node-3", "iptables-save -t filter -c | grep default/web:http")
    send = Command("client", "curl -m 2 http://172.18.0.13:30080/")
    assert "[0:0]" not in evidence.tell_tale("08-one-node-is-silent", look)
    first = evidence._played("08-one-node-is-silent", (look,)).output(0)
    after = evidence._played("08-one-node-is-silent", (send, look)).output(1)
    assert first != after
