"""What the first ten minutes claim, each with its cell, is what the traces, the tools and the pages show."""

import re
import socket

import ledger
import pytest

import svcnotes
from svcnotes import scenarios
from svcnotes.errors import ApiError
from svcnotes.exercises import dojo, start
from svcnotes.exercises.questions import Asked, outcome
from svcnotes.toolbox import Terminal
from svcnotes.widgets.stage import Stage

LESSON = "00-start-here"
CLIENT, BY_1, BY_2 = "192.0.2.10", "172.18.0.11:30080", "172.18.0.12:30080"
OWN = ledger.cells(LESSON)["own"][1].split('"""')[1]


def nodeport(policy="Cluster"):
    return scenarios.load("nodeport").patch(
        "service", "my-nginx", f"spec: {{externalTrafficPolicy: {policy}}}"
    )


def of_one_s_own(old: str = "", new: str = ""):
    """The manifests of the cell `own`, with something changed in them."""
    assert old in OWN
    return svcnotes.loads(OWN.replace(old, new) if old else OWN)


# the cell, the policy, the node dialled, what the pods see
SEEN = [
    ("title", "Cluster", BY_1, {"my-nginx-1": "10.244.1.1", "my-nginx-2": "172.18.0.11"}),
    ("title", "Local", BY_1, {"my-nginx-1": CLIENT}),
    ("predict-text", "Cluster", BY_2, {"my-nginx-1": "172.18.0.12", "my-nginx-2": "10.244.2.1"}),
]


@pytest.mark.parametrize(("cell", "policy", "to", "seen"), SEEN)
def test_one_packet_to_a_node_is_answered_by_a_pod_that_sees_so(cell, policy, to, seen):
    assert cell in ledger.cells(LESSON)
    paths = svcnotes.trace(nodeport(policy), CLIENT, to).paths
    assert {path.pod.removeprefix("default/"): path.source_seen for path in paths} == seen
    assert {path.outcome for path in paths} == {"connected"}


def test_the_stage_listens_to_python_and_says_its_sentence():
    """title, read-stage: one word changed, and the pod sees somebody else."""
    stage = Stage(scenarios.load("nodeport"), "default/my-nginx", controls=("policy",), enter="node-1")
    assert "sees 10.244.1.1 (node-1)" in stage.sentence
    stage.policy = "Local"
    assert "sees 192.0.2.10, the client itself" in stage.sentence


@pytest.mark.parametrize(("policy", "right"), [("Cluster", "connected"), ("Local", "timeout")])
def test_the_answer_to_a_prediction_follows_the_trace(policy, right):
    """predict-text: the same question has another answer where the cluster is another."""
    asked = Asked(lambda: nodeport(policy), CLIENT, "172.18.0.13:30080")
    question = outcome("which", "How does it end?", asked)
    assert [word for word in question.choices if question.check(word).ok] == [right]


def test_the_answer_comes_from_the_address_that_was_dialled():
    """predict-text, start.answer: node-2 undoes on the way back what it did on the way there."""
    path = svcnotes.trace(nodeport(), CLIENT, BY_2).paths[0]
    assert path.pod == "default/my-nginx-1"
    assert path.hops[-1].packet.source == "172.18.0.12"
    assert changers(path, "there") == changers(path, "back") == {"node-2"}


def test_node_1_passes_the_packet_on_as_it_is():
    """predict-text, start.answer"""
    path = svcnotes.trace(nodeport(), CLIENT, BY_2).paths[0]
    assert "node-1" in {hop.host for hop in path.hops}
    assert "node-1" not in changers(path, "there") | changers(path, "back")


def changers(path, direction):
    """The hosts that gave the packet another address on that way."""
    return {
        hop.host
        for hop in path.hops
        if hop.direction == direction
        for step in hop.steps
        if (step.before.source, step.before.destination) != (step.after.source, step.after.destination)
    }


def test_a_wrong_answer_gets_the_idea_behind_it_and_three_hints():
    """exercise-text; start.answer, start.step"""
    assert start.answer.check("10.244.1.10 (the pod)").misconception == "the-client-takes-any-answer"
    assert "mark on the packet" in start.step.check("2").explanation
    assert len({start.step.hint(level) for level in (1, 2, 3)}) == 3


def test_the_stage_tells_the_number_that_is_asked_for():
    """exercise-text, start.step"""
    stage = Stage(scenarios.load("nodeport"), "default/my-nginx", controls=("policy",), enter="node-1")
    number = stage.sentence.partition("at step ")[2].split()[0]
    assert start.step.check(number).ok


def test_a_service_of_one_s_own_takes_other_names_replicas_and_ports():
    """own-text"""
    assert len(of_one_s_own("replicas: 2", "replicas: 5").pods) == 5
    assert "default/kiosk" in of_one_s_own("metadata: {name: shop}", "metadata: {name: kiosk}").services
    assert of_one_s_own("port: 80", "port: 81").services["default/shop"].ports[0].target_port == 81


def test_a_mistake_gets_the_words_of_the_api_server():
    """own-text: the mistake is the one that the cell proposes."""
    assert "nodePort: 80}" in ledger.cells(LESSON)["own-text"][1]
    with pytest.raises(ApiError, match="provided port is not in the valid range"):
        of_one_s_own("ports: [{port: 80}]", "ports: [{port: 80, nodePort: 80}]")


def test_three_nodes_are_laid_out_where_none_is_given():
    """dump"""
    assert "kind: Node\n" not in OWN
    assert list(of_one_s_own().nodes) == ["node-1", "node-2", "node-3"]


def test_neither_loading_nor_tracing_nor_a_page_opens_a_connection(monkeypatch, tmp_path):
    """dump: nothing leaves this machine, and no cluster is needed."""

    def refuse(*_args, **_more):
        pytest.fail("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    (tmp_path / "mine.yaml").write_text(OWN, encoding="utf-8")
    cluster = svcnotes.load(str(tmp_path / "mine.yaml"))
    assert svcnotes.trace(cluster, CLIENT, "172.18.0.11:32137").paths
    page = Stage(cluster, "default/shop", controls=("policy",)).save_html(tmp_path / "stage.html")
    assert "aria-live" in page.read_text(encoding="utf-8")


def test_a_list_as_kubectl_prints_it_can_be_loaded():
    """dump: `kubectl get node,pod,svc,endpointslice -A -o yaml`."""
    printed = Terminal(scenarios.load("nodeport")).run("kubectl get node,pod,svc,endpointslice -A -o yaml")
    assert "kind: List" in str(printed)
    mine = svcnotes.loads(str(printed))
    assert {path.source_seen for path in svcnotes.trace(mine, CLIENT, BY_1).paths} == {
        "10.244.1.1",
        "172.18.0.11",
    }


def test_the_map_calls_each_lesson_by_its_title():
    """dump"""
    rows = re.findall(r"^\| \d\. \[(.+?)\]\((.+?)\.ipynb\)", ledger.cells(LESSON)["dump"][1], re.MULTILINE)
    assert len(rows) == 9
    for title, lesson in rows:
        assert ledger.cells(lesson)["title"][1].startswith(f"# {title}\n")


def test_the_dojo_has_as_many_clusters_as_the_map_says():
    """dump"""
    assert f"{len(dojo.names())} broken clusters" in ledger.cells(LESSON)["dump"][1]
