"""The questions on debugging: right answers hold by trace or by what a tool prints, wrong ones are met by name."""

import pytest
from judging import is_judged

from svcnotes.exercises import debugging

ANSWERS = [
    ("ping", "no answer to the ping, but one to curl", ""),
    ("ping", "an answer to both", "ping-proves-a-service"),
    ("ping", "an answer to neither", "ping-tests-a-service"),
    ("ping", "4", "ping-proves-a-service"),
    ("office", "timeout", ""),
    ("office", "connected", "a-policy-sees-the-client"),
    ("office", "refused", "silence-and-refusal-are-one"),
    ("localhost", "it is served before, and hangs after", ""),
    ("localhost", "it is served, before and after", "localhost-is-like-any-address"),
    ("localhost", "it fails, before and after", "localhost-never-answers"),
    ("localhost", "4", "silence-and-refusal-are-one"),
    ("look", "tcpdump", ""),
    ("look", "curl to another node", "silence-and-refusal-are-one"),
    ("look", "ping of the node", "ping-tests-a-service"),
    ("alive", "2", ""),
    ("alive", "the Service works: its pod answers", "ping-proves-a-service"),
    ("declared", "refused", ""),
    ("declared", "connected", "containerport-opens-the-port"),
    ("declared", "timeout", "silence-and-refusal-are-one"),
    ("waiting", "a controller, MetalLB perhaps", ""),
    ("waiting", "patience", "pending-passes-by-itself"),
    ("sticky", "in P only", ""),
    ("sticky", "in neither: each visitor is a client of his own", "affinity-tells-all-clients-apart"),
    ("sticky", "in both", "affinity-sees-the-masqueraded-source"),
    ("sticky", "in Q only", "affinity-sees-the-masqueraded-source"),
]


@pytest.mark.parametrize(("name", "answer", "misconception"), ANSWERS)
def test_an_answer_on_debugging_is_judged_by_trace(name, answer, misconception):
    is_judged(getattr(debugging, name), answer, misconception)


@pytest.mark.parametrize(
    ("name", "answer", "said"),
    [
        ("look", "kubectl get pods", "Running and Ready"),
        ("look", "kubectl get service web", "kubectl describe has them"),
        ("alive", "3", "kernel answers pings"),
        ("waiting", "restart kube-proxy", "It gives none"),
        ("waiting", "another type: NodePort", "works all the while"),
    ],
)
def test_a_wrong_answer_on_debugging_without_a_known_idea_is_explained(name, answer, said):
    verdict = getattr(debugging, name).check(answer)
    assert not verdict.ok
    assert verdict.misconception == ""
    assert said in " ".join(str(verdict).split())
