"""The questions on proxy modes: right answers hold by trace, wrong ones are met by name."""

import pytest
from judging import is_judged

import svcnotes
from svcnotes.exercises import modes, modes_clusters
from svcnotes.exercises.misconceptions import ALL

MAP = "vmap @service-ips"
ANSWERS = [
    ("visitor", "172.18.0.12 (node-2, eth0)", "", "masquerade fully-random"),
    ("visitor", "192.0.2.10 (you)", "the-pod-sees-the-client", "masquerade fully-random"),
    ("visitor", "10.96.0.80 (the Service)", "the-service-calls", "masquerade fully-random"),
    ("visitor", "10.244.1.1", "the-last-node-counts", "masquerade fully-random"),
    ("undefined", "2", "", ""),
    ("undefined", "1", "a-missing-port-is-refused", ""),
    ("undefined", "3", "a-missing-port-is-silence", ""),
    ("undefined", "4", "a-missing-port-is-refused", ""),
    ("doors", "172.18.0.11 only", "", ""),
    ("doors", "all three", "a-nodeport-is-open-on-every-address", ""),
    ("doors", "172.18.0.11 and 10.244.1.1", "a-nodeport-is-open-on-every-address", ""),
    ("word", "external", "", MAP),
    ("silent", "timeout", "", "vmap @no-endpoint-nodeports"),
    ("silent", "refused", "local-refuses", "vmap @no-endpoint-nodeports"),
    ("silent", "connected", "local-forwards", "vmap @no-endpoint-nodeports"),
    ("ping", "refused", "", "ip daddr @cluster-ips reject"),
    ("ping", "connected", "ping-tests-a-service", "ip daddr @cluster-ips reject"),
    ("ping", "timeout", "ping-tests-a-service", "ip daddr @cluster-ips reject"),
    ("ping", "external", "a-missing-port-is-refused", "ip daddr @cluster-ips reject"),
    ("listed", "refused", "", ""),
    ("listed", "connected", "localhost-is-like-any-address", ""),
    ("listed", "timeout", "silence-and-refusal-are-one", ""),
    ("nobody", "2", "", ""),
    ("nobody", "1", "a-node-refuses-for-a-service-without-pods", ""),
    ("nobody", "4", "no-pods-means-timeout", ""),
    ("led", "3", "", "-t 172.18.0.13:30080"),
    ("led", "2", "local-refuses", ""),
    ("led", "4", "local-forwards", ""),
    ("notes", "2, 3", "", ""),
    ("notes", "2", "silence-and-refusal-are-one", ""),
    ("notes", "3", "a-nodeport-is-open-on-every-address", ""),
    ("notes", "2 3 5", "the-mode-is-the-services", ""),
]


@pytest.mark.parametrize(("name", "answer", "misconception", "rule"), ANSWERS)
def test_an_answer_on_modes_is_judged_by_trace(name, answer, misconception, rule):
    is_judged(getattr(modes, name), answer, misconception, rule)


@pytest.mark.parametrize(
    ("name", "answer", "said"),
    [
        ("word", "service", "needs a mark first"),
        ("word", "endpoint", "sessionAffinity"),
        ("word", "firewall", "firewall-ips"),
        ("doors", "none of them", "do not care where it came from"),
        ("nobody", "3", "filter-output"),
        ("led", "1", "Which rule should drop it?"),
        ("notes", "1", "what they do to this packet is the same"),
        ("notes", "4", "the policy means the same in both modes"),
    ],
)
def test_a_wrong_answer_on_modes_without_a_known_idea_is_explained(name, answer, said):
    verdict = getattr(modes, name).check(answer)
    assert not verdict.ok
    assert said in str(verdict)


@pytest.mark.parametrize("name", modes.__all__)
def test_each_question_on_modes_has_three_hints_and_no_free_points(name):
    exercise = getattr(modes, name)
    assert len(exercise.hints) >= 3
    assert not exercise.check("no such thing").ok
    assert "No answer yet" in exercise.check("???").explanation


def test_a_map_leads_a_clusterip_and_an_external_ip_to_different_chains():
    cluster = modes_clusters.external()
    inside = svcnotes.trace(cluster, modes.ASKER, "10.96.0.80:80")
    outside = svcnotes.trace(cluster, modes.ASKER, "80.11.12.10:80")
    assert modes.goes_to(inside, "service")
    assert modes.goes_to(outside, "external")
    assert not modes.goes_to(inside, "external")


def test_every_idea_that_the_lesson_on_modes_meets_says_what_somebody_thinks():
    for name in (
        "a-missing-port-is-refused",
        "a-nodeport-is-open-on-every-address",
        "the-mode-is-the-services",
    ):
        assert ALL[name].endswith(".")
