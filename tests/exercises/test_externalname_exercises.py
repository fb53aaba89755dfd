"""The questions on ExternalName: right answers hold by DNS, trace and real TLS; wrong ones are met by name."""

import pytest
from judging import is_judged

from svcnotes.exercises import externalname

ANSWERS = [
    ("gained", "none", ""),
    ("gained", "1", "externalname-has-rules"),
    ("gained", "2", "externalname-is-a-proxy"),
    ("port", "refused, by db.example.com itself", ""),
    ("port", "1", "externalname-maps-ports"),
    ("port", "refused, by a rule on node-1", "externalname-has-rules"),
    ("tls", "an error about the certificate, and no page", ""),
    ("tls", "1", "the-certificate-fits-the-alias"),
    ("tls", "2", "externalname-is-a-proxy"),
    ("host", "my-db", ""),
    ("host", "db.example.com", "the-host-header-follows"),
    ("address", "3", ""),
    ("address", "1", "externalname-takes-an-address"),
    ("where", "nothing", ""),
    ("where", "1", "a-name-is-known-everywhere"),
    ("where", "2", "externalname-has-rules"),
    ("blank", "my-db.default.svc.cluster.local", ""),
    ("blank", "MY-DB.default.svc.cluster.local.", ""),
    ("blank", "db.example.com", "externalname-is-a-proxy"),
]


@pytest.mark.parametrize(("name", "answer", "misconception"), ANSWERS)
def test_an_answer_on_externalname_is_judged_by_what_the_model_shows(name, answer, misconception):
    is_judged(getattr(externalname, name), answer, misconception)


@pytest.mark.parametrize(
    ("name", "answer"),
    [("host", "2"), ("address", "kube-apiserver refuses it"), ("blank", "my-db.default"), ("blank", "shop")],
)
def test_a_wrong_answer_on_externalname_without_a_known_idea_is_explained(name, answer):
    verdict = getattr(externalname, name).check(answer)
    assert not verdict.ok
    assert verdict.misconception == ""
    assert verdict.explanation


@pytest.mark.parametrize("name", externalname.__all__)
def test_each_question_on_externalname_has_three_hints_and_no_free_points(name):
    exercise = getattr(externalname, name)
    assert len(exercise.hints) >= 3
    assert not exercise.check("no such thing").ok
    assert "No answer yet" in exercise.check("???").explanation


TIED = externalname.HALF.replace("{app: my-db}", "{kubernetes.io/service-name: my-db}").replace(
    "ports: [{port: 5432}]", "ports: [{name: sql, port: 5432}]"
)
ALIAS = (
    "apiVersion: v1\nkind: Service\nmetadata: {name: my-db}\nspec: {type: ExternalName, externalName: %s}\n"
)


def test_a_slice_tied_to_its_service_by_label_and_port_name_is_all_that_is_asked_for():
    verdict = externalname.fixed.check(TIED)
    assert verdict.ok, str(verdict)
    assert verdict.points == 5


@pytest.mark.parametrize(
    ("answer", "points", "idea", "words"),
    [
        (externalname.HALF, 2, "", "has no endpoints"),
        (TIED.replace("kubernetes.io/service-name", "app"), 2, "", "has no endpoints"),
        (TIED.replace("name: sql, port: 5432}]\n---", "port: 5432}]\n---"), 2, "", "has no endpoints"),
        (TIED.replace("203.0.113.50", "203.0.113.51"), 2, "", ""),
        (ALIAS % "203.0.113.50", 1, "externalname-takes-an-address", ""),
        (ALIAS % "db.example.com", 2, "", ""),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n", 1, "", "no such name"),
        (TIED.replace("addressType: IPv4", "addressType: IPv6"), 0, "", "must be an IPv6 address"),
        ("spec: [", 0, "", ""),
    ],
)
def test_what_a_manifest_for_a_fixed_address_lacks_is_said(answer, points, idea, words):
    verdict = externalname.fixed.check(answer)
    assert not verdict.ok
    assert (verdict.points, verdict.misconception) == (points, idea), str(verdict)
    assert words in " ".join(str(verdict).split())
