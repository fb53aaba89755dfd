"""Each kind of exercise: right answers, the idea behind each wrong one, and answers that say nothing."""

from fractions import Fraction

import kinds
import pytest

from svcnotes import rules
from svcnotes.errors import InputError, RuleError
from svcnotes.exercises.choose import Choice, choose
from svcnotes.exercises.claims import Claim
from svcnotes.exercises.edit_rules import edit_rules
from svcnotes.exercises.exercise import right
from svcnotes.exercises.misconceptions import ALL
from svcnotes.exercises.questions import Asked, source_seen
from svcnotes.exercises.share import read_share
from svcnotes.netfilter.edits import edited
from svcnotes.network.node_rules import rules_text
from svcnotes.widgets.predictions import predict

HASH = "SV7AMNAGZFKZEMQ4"
MASQUERADED = f'KUBE-EXT-{HASH} -m comment --comment "masquerade traffic for default/my-nginx:http external destinations"'
MANIFEST = """
apiVersion: v1
kind: Service
metadata: {name: more}
spec:
  type: NodePort
  externalTrafficPolicy: Local
  selector: {run: my-nginx}
  ports: [{port: 80, nodePort: 31000}]
"""
WHOLE = rules(kinds.cluster(), "node-2").replace(f"-A {MASQUERADED} -j KUBE-MARK-MASQ\n", "")

RIGHT = [
    ("chosen", "The pod sees the client, and fewer pods may answer."),
    ("chosen", "the pod sees"),
    ("chosen", "1"),
    ("counted", "3"),
    ("half", "1/2"),
    ("half", "50 %"),
    ("half", "1 in 2"),
    ("half", "0,5"),
    ("third", "1/3"),
    ("third", "33%"),
    ("third", "about 0.333"),
    ("elsewhere", "timeout"),
    ("any_end", "Depends."),
    ("caller", "172.18.0.12"),
    ("applied", MANIFEST),
    ("applied", f"{MANIFEST}---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: note}}\n"),
    ("edited", f"-D {MASQUERADED} -j KUBE-MARK-MASQ"),
    ("edited", f"# the mark\nsudo iptables -t nat -D {MASQUERADED}\n      -j KUBE-MARK-MASQ"),
    ("edited", f"-D KUBE-EXT-{HASH} 1"),
    ("edited", "-t nat -I KUBE-MARK-MASQ -j RETURN"),
    ("edited", WHOLE),
    ("diagnosed", "the targetPort leads to a closed port"),
    ("diagnosed", "I think that the targetPort is wrong"),
    ("mistakes", "2, 3"),
    ("mistakes", "lines 3 and 2."),
]


@pytest.mark.parametrize(("name", "answer"), RIGHT)
def test_a_right_answer_is_right_in_whatever_words(name, answer):
    verdict = kinds.KINDS[name].check(answer)
    assert verdict.ok, str(verdict)
    assert verdict.misconception == ""
    assert verdict.score == 1


WRONG = [
    ("chosen", "Nothing", "local-uses-all-pods", 0, "KUBE-"),
    ("chosen", "3", "local-refuses", 0, "KUBE-"),
    ("counted", "2", "", 0, ""),
    ("half", "0", "cluster-needs-a-local-pod", 0, "--probability 0.5"),
    ("half", "1/3", "", 0, "--probability 0.5"),
    ("third", "50 %", "every-choice-is-even", 0, ""),
    ("third", "0.3", "", 0, ""),
    ("elsewhere", "connected", "the-answer-comes-back-the-same-way", 0, "INVALID"),
    ("any_end", "connected", "the-answer-comes-back-the-same-way", 0, "INVALID"),
    ("any_end", "timeout", "", 0, "INVALID"),
    ("applied", MANIFEST.replace("31000", "8080"), "any-port-can-be-a-nodeport", 0, ""),
    ("applied", MANIFEST.replace("Local", "Cluster"), "the-pod-sees-the-client", 1, "MASQUERADE"),
    ("applied", MANIFEST.replace("more", "less"), "", 3, ""),
    ("edited", f"-D KUBE-EXT-{HASH} 3", "", 0, ""),
    ("edited", "-t nat -D KUBE-EXT-NOBODY 1", "", 0, ""),
    ("edited", WHOLE.replace("-j RETURN", "-j RETOUR"), "", 0, ""),
    ("edited", "-t nat -A KUBE-MARK-MASQ -j RETURN", "", 2, "MASQUERADE"),
    ("edited", "-t nat -I KUBE-SEP-VHTXLDOOMQN4AOPN -j RETURN", "", 1, "MASQUERADE"),
    ("diagnosed", "its labels", "selector-mismatch", 0, ""),
    ("mistakes", "2", "local-refuses", 1, ""),
    ("mistakes", "2, 3, 4", "cluster-needs-a-local-pod", 1, ""),
    ("mistakes", "1, 2, 3, 4", "", 0, ""),
    ("mistakes", "4", "cluster-needs-a-local-pod", 0, ""),
]


@pytest.mark.parametrize(("name", "answer", "idea", "points", "rule"), WRONG)
def test_a_wrong_answer_is_told_its_idea_and_keeps_what_it_has_earned(name, answer, idea, points, rule):
    verdict = kinds.KINDS[name].check(answer)
    assert not verdict.ok
    assert verdict.misconception == idea, str(verdict)
    assert verdict.points == points, str(verdict)
    assert rule in verdict.rule
    assert verdict.explanation or verdict.said
    assert verdict.hint


NONSENSE = [
    "hello",
    "-1",
    "1/0",
    "99",
    "200 %",
    "٣",
    "*",
    "-t",
    "-D",
    "*nat",
    "ports: [",
    "2-3",
    '-D "KUBE-EXT" 1',
]


@pytest.mark.parametrize("name", kinds.KINDS)
@pytest.mark.parametrize("answer", NONSENSE)
def test_an_answer_that_says_nothing_is_wrong_without_an_idea(name, answer):
    verdict = kinds.KINDS[name].check(answer)
    assert verdict.points == 0
    assert verdict.misconception == ""
    assert verdict.explanation


SEEN = [
    ("bridge", "172.18.0.12", ""),
    ("bridge", "10.244.2.1", "snat-uses-another-interface"),
    ("bridge", "172.18.0.11", "the-last-node-counts"),
    ("bridge", "10.244.1.1", "the-last-node-counts"),
    ("bridge", "172.18.0.13", ""),
    ("bridge", "172.18.0.1", "a-router-changes-the-source"),
    ("vxlan", "10.244.2.0", ""),
    ("vxlan", "172.18.0.12", "snat-uses-the-dialled-address"),
    ("vxlan", "10.244.2.1", "snat-uses-another-interface"),
    ("itself", "10.244.1.1", ""),
    ("itself", "10.244.1.10", "a-pod-calling-itself-keeps-its-address"),
    ("itself", "172.18.0.11", "snat-uses-the-nodes-address"),
    ("a node", "10.244.1.1", ""),
    ("a node", "172.18.0.11", "local-always-keeps-the-client"),
    ("a proxy", "203.0.113.1", ""),
    ("a proxy", "192.0.2.10", "local-undoes-a-proxy"),
    ("unchanged", "192.0.2.10", ""),
    ("unchanged", "172.18.0.11", "everything-is-snated"),
]
PACKETS = {
    "bridge": kinds.dial(kinds.cluster, 2),
    "vxlan": kinds.dial(lambda: kinds.cluster().with_world(cni="vxlan"), 2),
    "itself": Asked(kinds.local, "pod/default/my-nginx-1", "10.96.0.80:8080"),
    "a node": kinds.dial(kinds.local, 1, "node/node-1"),
    "a proxy": Asked(kinds.behind_a_proxy, "192.0.2.10", "203.0.113.1:8080"),
    "unchanged": kinds.dial(kinds.local, 1),
}


@pytest.mark.parametrize(("packet", "answer", "idea"), SEEN)
def test_every_address_of_the_world_tells_what_one_thought(packet, answer, idea):
    exercise = source_seen("seen", "Whom does it see?", PACKETS[packet], "default/my-nginx-1")
    right = next(text for name, text, _ in SEEN if name == packet)
    verdict = exercise.check(answer)
    assert verdict.ok == (answer == right), str(verdict)
    assert verdict.misconception == idea, str(verdict)
    assert verdict.explanation


@pytest.mark.parametrize("name", ["chosen", "counted", "elsewhere", "any_end", "diagnosed"])
def test_an_exercise_with_choices_can_be_predicted_and_just_one_choice_is_right(name):
    exercise = kinds.KINDS[name]
    rights = [choice for choice in exercise.choices if exercise.check(choice).ok]
    assert len(rights) == 1
    for choice in exercise.choices:
        widget = predict(exercise)
        feedback = widget.choose(choice)
        assert widget.right == (choice in rights)
        verdict = exercise.check(choice)
        assert ALL.get(verdict.misconception, "").rstrip(".") in feedback


def test_a_right_choice_is_told_why():
    assert "KUBE-SVL has this node's pods only." in predict(kinds.chosen).choose(kinds.chosen.choices[0])


def test_long_choices_are_printed_with_numbers():
    assert str(kinds.chosen).splitlines()[1:] == [
        "  1. The pod sees the client, and fewer pods may answer.",
        "  2. Nothing.",
        "  3. The node refuses.",
    ]
    assert str(kinds.counted).endswith("One of: 3, 2")


def test_accusing_every_line_earns_nothing():
    assert kinds.mistakes.check("1 2 3 4").score == 0
    assert kinds.mistakes.check("1 2 3").score == Fraction(1, 2)


def test_the_lines_with_mistakes_are_printed_as_they_stand():
    assert str(kinds.mistakes).splitlines()[1] == "1. Under Cluster it connects."


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("1/3", (Fraction(1, 3), 0)),
        ("33 %", (Fraction(33, 100), Fraction(1, 200))),
        ("0.25", (Fraction(1, 4), Fraction(1, 200))),
        ("0.5", (Fraction(1, 2), Fraction(1, 100))),
        ("1", (Fraction(1), 0)),
    ],
)
def test_a_rounded_share_may_be_off_by_half_its_last_digit(text, share):
    assert read_share(text) == share


def test_an_exercise_that_names_an_unknown_idea_is_refused_at_once():
    with pytest.raises(InputError, match="no-such-idea"):
        choose("x", "?", kinds.cluster, [Choice("a", lambda _: True, "no-such-idea")])


def test_an_inserted_rule_stands_where_it_was_put():
    text = "*filter\n:INPUT ACCEPT\n:MINE -\n-A INPUT -j MINE\n-A INPUT -p tcp -j DROP\nCOMMIT\n"
    changed = edited(text, "-I INPUT 2 -p udp -j DROP\n-A MINE -s 192.0.2.1 -j DROP\n-I MINE -j RETURN")
    assert changed.splitlines()[3:-1] == [
        "-A INPUT -j MINE",
        "-A INPUT -p udp -j DROP",
        "-A INPUT -p tcp -j DROP",
        "-A MINE -j RETURN",
        "-A MINE -s 192.0.2.1 -j DROP",
    ]
    assert edited(changed, "-D MINE -s 192.0.2.1/32 -j DROP\n-D MINE 1\n-D INPUT 2") == text


def test_a_chain_of_two_tables_must_be_told_apart():
    with pytest.raises(RuleError, match="line 1: KUBE-SERVICES is in the tables filter and nat"):
        edited(rules(kinds.cluster(), "node-2"), "-I KUBE-SERVICES -j DROP")


def test_a_table_that_an_answer_does_not_name_stays_as_it_was():
    seen = []

    def judge(cluster):
        seen.append(rules_text(cluster, "node-2"))
        return right()

    made = edit_rules("x", "?", kinds.cluster, "node-2", [Claim("it is seen", judge)])
    before = rules(kinds.cluster(), "node-2")
    assert made.check("*nat\n:PREROUTING ACCEPT\n:POSTROUTING ACCEPT\nCOMMIT").ok
    of_filter = before[before.index("*filter") :].partition("COMMIT")[0]
    assert of_filter in seen[-1]
    assert "KUBE-SVC" in before
    assert "KUBE-SVC" not in seen[-1]
