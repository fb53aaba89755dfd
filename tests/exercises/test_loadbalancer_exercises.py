"""The exercises on load balancers: right answers are accepted, and the idea behind each known wrong one is named."""

import subprocess
import sys

import pytest
from judging import is_judged

from svcnotes.exercises import loadbalancer
from svcnotes.exercises.exercise import Exercise

EXERCISES = [name for name in loadbalancer.__all__ if isinstance(getattr(loadbalancer, name), Exercise)]

ANSWERS = [
    ("pending", "still <pending>, but 172.18.0.11:30080 leads to a pod", "", "DNAT"),
    ("pending", "still <pending>, and no way in", "pending-means-broken", "DNAT"),
    ("pending", "an address", "pending-passes-by-itself", "DNAT"),
    ("lone", "1/2", "", ""),
    ("lone", "50 %", "", ""),
    ("lone", "1/3", "local-spreads-evenly", ""),
    ("late", "silence, until they give up", "", "has no local endpoints"),
    ("late", "nothing", "a-rollout-under-local-loses-nothing", "has no local endpoints"),
    ("late", "an answer", "local-forwards", "has no local endpoints"),
    ("late", "a refusal", "local-refuses", "has no local endpoints"),
    ("inside", "connected", "", "DNAT"),
    ("inside", "timeout", "local-shuts-out-the-inside", "DNAT"),
    ("inside", "refused", "local-shuts-out-the-inside", "DNAT"),
    ("insider", "10.244.3.10", "", ""),
    ("insider", "203.0.113.1", "inside-goes-round-by-the-balancer", ""),
    ("insider", "172.18.0.13", "everything-is-snated", ""),
    ("blank", "KUBE-NODEPORTS", "", "--dst-type LOCAL -j KUBE-NODEPORTS"),
    ("blank", "KUBE-SVC", "backends-are-pods", "KUBE-NODEPORTS"),
    ("backend", "2", "", "KUBE-EXT-"),
    ("backend", "1", "backends-are-pods", "KUBE-EXT-"),
    ("visitor", "203.0.113.1", "", ""),
    ("visitor", "192.0.2.10", "local-undoes-a-proxy", ""),
    ("visitor", "172.18.0.11", "everything-is-snated", ""),
    ("visitor", "2", "", ""),
    ("visitor", "1", "local-undoes-a-proxy", ""),
    ("ranges", "connected", "", "DNAT"),
    ("ranges", "timeout", "source-ranges-guard-the-nodeport", "DNAT"),
    ("drain", "503, and the pod gets the packet", "", "DNAT"),
]


@pytest.mark.parametrize(("name", "answer", "misconception", "rule"), ANSWERS)
def test_an_answer_on_load_balancers_is_judged_and_the_deciding_rule_shown(name, answer, misconception, rule):
    is_judged(getattr(loadbalancer, name), answer, misconception, rule)


WRONG_WITHOUT_AN_IDEA = [
    ("lone", "1/4"),
    ("blank", "KUBE-EXT"),
    ("backend", "3"),
    ("drain", "1"),
    ("drain", "2"),
    ("drain", "4"),
]


@pytest.mark.parametrize(("name", "answer"), WRONG_WITHOUT_AN_IDEA)
def test_another_wrong_answer_on_load_balancers_is_explained(name, answer):
    verdict = getattr(loadbalancer, name).check(answer)
    assert not verdict.ok
    assert verdict.explanation
    assert verdict.hint


RIGHT = loadbalancer.MANIFEST.replace("198.51.100.0/24", "192.0.2.0/24, 10.244.0.0/16").replace(
    "spec:\n", "spec:\n  externalTrafficPolicy: Local\n"
)
MANIFESTS = [
    ("as it was given", loadbalancer.MANIFEST, 2, "", "KUBE-PROXY-FIREWALL"),
    ("right", RIGHT, 5, "", "DNAT"),
    (
        "a client alone instead of the office",
        RIGHT.replace("192.0.2.0/24", "192.0.2.10/32"),
        4,
        "",
        "KUBE-PROXY-FIREWALL",
    ),
    (
        "policy Cluster",
        RIGHT.replace("Local", "Cluster"),
        4,
        "the-pod-sees-the-client",
        "MASQUERADE",
    ),
    ("the pods forgotten", RIGHT.replace(", 10.244.0.0/16", ""), 4, "", "KUBE-PROXY-FIREWALL"),
    ("open to all", RIGHT.replace("192.0.2.0/24", "0.0.0.0/0"), 4, "", "DNAT"),
    ("of another type", RIGHT.replace("LoadBalancer", "NodePort", 1), 0, "", ""),
]


@pytest.mark.parametrize(
    ("manifest", "points", "misconception", "rule"),
    [case[1:] for case in MANIFESTS],
    ids=[case[0] for case in MANIFESTS],
)
def test_a_manifest_lets_the_right_people_in(manifest, points, misconception, rule):
    verdict = loadbalancer.write.check(manifest)
    assert (verdict.points, verdict.out_of) == (points, 5), str(verdict)
    assert verdict.misconception == misconception
    assert rule in verdict.rule
    assert verdict.explanation


@pytest.mark.parametrize("name", EXERCISES)
def test_hints_on_load_balancers_grow(name):
    exercise = getattr(loadbalancer, name)
    assert len(exercise.hints) >= 3
    assert [exercise.check("", attempt=n).hint for n in (1, 2, 3)] == list(exercise.hints[:3])


def test_the_exercises_on_load_balancers_are_stated_before_any_cluster_is_read():
    code = (
        "from svcnotes.exercises import loadbalancer, loadbalancer_clusters as worlds; "
        "print(worlds.cluster.cache_info().currsize, worlds.three.cache_info().currsize)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["0", "0"]
