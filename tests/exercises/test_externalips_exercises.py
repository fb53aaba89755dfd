"""The questions on externalIPs: right answers hold by trace, wrong ones are met by name."""

import pytest
from judging import is_judged

from svcnotes.exercises import externalips

ANSWERS = [
    ("inside", "an answer from a pod of MyApp", "", "external IP"),
    ("inside", "2", "external-ips-catch-outsiders-only", "external IP"),
    ("inside", "3", "cluster-needs-a-local-pod", "external IP"),
    ("silent", "timeout", "", "has no local endpoints"),
    ("silent", "connected as before", "local-skips-external-ips", "has no local endpoints"),
    ("silent", "refused", "local-refuses", "has no local endpoints"),
    ("caught", "the guest's pod, guests/trap", "", "-d 203.0.113.7/32"),
    ("caught", "the bank", "an-external-ip-must-be-ones-own", "-d 203.0.113.7/32"),
    ("blank", "KUBE-EXT", "", "-d 80.11.12.10/32"),
    ("blank", "KUBE-NODEPORTS", "an-external-ip-uses-the-nodeport", "-d 80.11.12.10/32"),
    ("blank", "KUBE-SVL", "local-uses-all-pods", "-d 80.11.12.10/32"),
    ("door", "3", "", ""),
    ("door", "1", "an-external-ip-uses-the-nodeport", ""),
    ("door", "2", "an-external-ip-is-announced", ""),
    ("keeper", "1", "", "KUBE-SVL"),
    ("keeper", "shop's only", "local-skips-external-ips", "KUBE-SVL"),
    ("keeper", "neither", "local-skips-external-ips", "KUBE-SVL"),
    ("reach", "only a", "", "-d 203.0.113.7/32"),
    ("reach", "only c", "external-ips-catch-outsiders-only", "-d 203.0.113.7/32"),
    ("columns", "198.51.100.11", "", ""),
]


@pytest.mark.parametrize(("name", "answer", "misconception", "rule"), ANSWERS)
def test_an_answer_on_externalips_is_judged_by_trace(name, answer, misconception, rule):
    is_judged(getattr(externalips, name), answer, misconception, rule)


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("caught", "3"),
        ("keeper", "2"),
        ("reach", "3"),
        ("reach", "4"),
        ("reach", "5"),
        ("blank", "KUBE-EXTERNAL-SERVICES"),
        ("columns", "80.11.12.10"),
        ("columns", "80.11.12.99"),
    ],
)
def test_a_wrong_answer_without_a_known_idea_is_explained(name, answer):
    verdict = getattr(externalips, name).check(answer)
    assert not verdict.ok
    assert verdict.misconception == ""
    assert verdict.explanation


@pytest.mark.parametrize(("name", "answer"), [("door", "3"), ("keeper", "1"), ("reach", "1")])
def test_a_right_answer_by_number_says_why_it_is_right(name, answer):
    verdict = getattr(externalips, name).check(answer)
    assert verdict.ok
    assert len(verdict.explanation.split()) > 10


@pytest.mark.parametrize("name", externalips.__all__)
def test_each_question_on_externalips_has_three_hints_and_no_free_points(name):
    exercise = getattr(externalips, name)
    assert len(exercise.hints) >= 3
    assert not exercise.check("no such thing").ok
    assert "No answer yet" in exercise.check("???").explanation


BY_HAND = """\
apiVersion: v1
kind: Service
metadata: {name: my-app}
spec:
  type: LoadBalancer
  loadBalancerClass: example.com/by-hand
  selector: {app: MyApp}
  ports: [{name: http, port: 80, targetPort: 8080}]
"""


def test_a_load_balancer_whose_status_is_written_by_hand_replaces_an_external_ip():
    verdict = externalips.instead.check(BY_HAND)
    assert verdict.ok, str(verdict)
    assert verdict.points == 6
    assert "loadbalancer IP" in verdict.rule


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (BY_HAND.replace("  selector:", "  externalIPs: [80.11.12.10]\n  selector:"), "still there"),
        (BY_HAND.replace("  loadBalancerClass: example.com/by-hand\n", ""), "Without a class"),
        (
            BY_HAND.replace("LoadBalancer\n", "NodePort\n").replace(
                "  loadBalancerClass: example.com/by-hand\n", ""
            ),
            "stands in front",
        ),
        (BY_HAND.replace("app: MyApp", "app: my-app"), "has no endpoints"),
        (BY_HAND.replace("8080", "80"), ""),
    ],
)
def test_what_is_missing_from_the_replacement_is_said(wrong, said):
    verdict = externalips.instead.check(wrong)
    assert not verdict.ok
    assert said in str(verdict)
