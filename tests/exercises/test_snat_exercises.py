"""The exercises on SNAT: right answers are accepted, and the idea behind each known wrong one is named."""

import pytest
from judging import is_judged

from svcnotes.exercises import snat, snat_clusters, snat_note
from svcnotes.exercises.exercise import Exercise
from svcnotes.kube_proxy.chain_names import service_hash

EXERCISES = [name for name in snat.__all__ if isinstance(getattr(snat, name), Exercise)]

ANSWERS = [
    ("neighbour", "connected", "", "DNAT"),
    ("neighbour", "timeout", "without-snat-every-answer-is-lost", "DNAT"),
    ("neighbour", "refused", "silence-and-refusal-are-one", "DNAT"),
    ("flannel", "10.244.2.0", "", "MASQUERADE"),
    ("flannel", "172.18.0.12 (node-2, eth0)", "snat-uses-the-nodes-address", "MASQUERADE"),
    ("flannel", "10.244.2.1", "snat-uses-another-interface", "MASQUERADE"),
    ("flannel", "192.0.2.10", "the-pod-sees-the-client", "MASQUERADE"),
    ("flannel", "172.18.0.11", "the-last-node-counts", "MASQUERADE"),
    ("own_node", "10.244.1.1 (node-1, cni0)", "", "MASQUERADE"),
    ("own_node", "172.18.0.11", "local-always-keeps-the-client", "MASQUERADE"),
    ("reply", "10.244.1.1", "", "MASQUERADE"),
    ("reply", "10.244.1.1:1968", "", "MASQUERADE"),
    ("reply", "172.18.0.11", "snat-uses-the-dialled-address", "MASQUERADE"),
    ("reply", "192.0.2.10", "the-pod-sees-the-client", "MASQUERADE"),
    ("reply", "10.244.1.10", "source-and-destination-swapped", "MASQUERADE"),
    ("asymmetric", "timeout", "", "--ctstate INVALID"),
    ("asymmetric", "connected", "the-answer-comes-back-the-same-way", "--ctstate INVALID"),
    ("asymmetric", "refused", "silence-and-refusal-are-one", "--ctstate INVALID"),
    ("back", "0", "", ""),
    ("back", "2", "the-answer-needs-no-rule", ""),
    ("ports", "1", "", "DNAT"),
    ("ports", "timeout, both ports are taken", "a-source-port-serves-one-connection", "DNAT"),
    ("put_back", "-t nat -I KUBE-EXT-SV7AMNAGZFKZEMQ4 -j KUBE-MARK-MASQ", "", "MASQUERADE"),
    ("put_back", "-t nat -A POSTROUTING -j MASQUERADE", "everything-is-snated", "MASQUERADE"),
    ("put_back", "-t nat -I PREROUTING -j MASQUERADE", "snat-happens-as-the-packet-comes-in", ""),
    ("note", "1, 2, 3, 5, 6, 7, 9, 10, 12", "", ""),
    ("note", "1, 2, 3, 5, 7, 9, 10, 12", "everything-is-snated", ""),
    ("note", "1, 2, 3, 5, 6, 9, 10, 12", "snat-uses-another-interface", ""),
    ("note", "1, 2, 3, 5, 6, 7, 10, 12", "silence-and-refusal-are-one", ""),
    ("note", "1, 2, 3, 5, 6, 7, 9, 10, 11, 12", "local-forwards", ""),
]


@pytest.mark.parametrize(("name", "answer", "misconception", "rule"), ANSWERS)
def test_an_answer_on_snat_is_judged_and_the_deciding_rule_shown(name, answer, misconception, rule):
    is_judged(getattr(snat, name), answer, misconception, rule)


OTHER_WAYS = [
    "-t nat -A KUBE-POSTROUTING -p tcp -d 10.244.1.10 --dport 80 -s 192.0.2.0/24 -j MASQUERADE",
    "-t nat -A POSTROUTING -p tcp -d 10.244.1.10 --dport 80 -m conntrack --ctstate DNAT -j SNAT --to-source 172.18.0.12",
    "-t nat -I KUBE-SEP-EQTRY2E3QFZ6KQ3T -j KUBE-MARK-MASQ",
    "iptables -t nat -I KUBE-NODEPORTS -p tcp --dport 30080 -j KUBE-MARK-MASQ",
]


@pytest.mark.parametrize("answer", OTHER_WAYS[1:])
def test_there_is_more_than_one_rule_that_brings_the_answer_home(answer):
    assert snat.put_back.check(answer).ok


def test_a_rule_that_the_packet_never_meets_brings_nothing_home():
    """Without the mark KUBE-POSTROUTING returns at its first rule; in KUBE-EXT the last rule has jumped before."""
    for answer in (OTHER_WAYS[0], "-t nat -A KUBE-EXT-SV7AMNAGZFKZEMQ4 -j KUBE-MARK-MASQ"):
        verdict = snat.put_back.check(answer)
        assert verdict.points == 2
        assert verdict.misconception == ""
        assert "still sees the client" in verdict.explanation
        assert f"Your rule in {answer.split()[3]} took no part" in verdict.explanation


@pytest.mark.parametrize("target", ["ACCEPT", "RETURN"])
def test_a_rule_that_ends_the_walk_before_a_pod_is_chosen_is_told_so(target):
    verdict = snat.put_back.check(f"-t nat -I KUBE-EXT-SV7AMNAGZFKZEMQ4 -j {target}")
    assert not verdict.ok
    assert "comes to no pod any more" in verdict.explanation


def test_the_address_of_another_node_brings_the_answer_to_that_node():
    verdict = snat.put_back.check("-t nat -A POSTROUTING -s 192.0.2.0/24 -j SNAT --to-source 172.18.0.13")
    assert verdict.misconception == "any-other-source-will-do"


def test_a_line_that_iptables_would_not_take_is_told_so():
    verdict = snat.put_back.check("-t nat -A KUBE-NIX -j KUBE-MARK-MASQ")
    assert (verdict.points, verdict.misconception) == (0, "")
    assert "there is no chain KUBE-NIX" in verdict.said


def test_the_letters_of_the_note_belong_to_another_service():
    assert service_hash(snat_note.OWNER, "tcp") == snat_note.LETTERS
    assert service_hash("default/my-nginx:http", "tcp") == "SV7AMNAGZFKZEMQ4"


def test_clients_in_turn_find_what_those_before_have_taken():
    paths = snat.in_turn(snat_clusters.narrow(), ["192.0.2.10", "192.0.2.11", "192.0.2.12"])
    assert {path.source_port_seen for path in paths[:2]} == {61000, 61001}
    assert [path.outcome for path in paths] == ["connected", "connected", "timeout"]


@pytest.mark.parametrize("name", EXERCISES)
def test_hints_on_snat_grow_and_a_wrong_answer_gets_the_next_one(name):
    exercise = getattr(snat, name)
    assert len(exercise.hints) >= 3
    assert [exercise.check("", attempt=n).hint for n in (1, 2, 3)] == list(exercise.hints[:3])
