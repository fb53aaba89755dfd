"""The stage without a browser: a change of a control changes the answer, the message, the sentence."""

import json

import pytest
import traitlets

from svcnotes.errors import QuestionError
from svcnotes.scenarios import changes
from svcnotes.widgets.fold import fold
from svcnotes.widgets.stage import Stage


def shown(stage):
    return json.loads(stage.message)


def unfold(value, pieces):
    if isinstance(value, list):
        return [unfold(item, pieces) for item in value]
    if isinstance(value, dict):
        if "$" in value:
            return unfold(pieces[value["$"]], pieces)
        return {name: unfold(item, pieces) for name, item in value.items()}
    return value


def test_the_stage_opens_on_the_question_the_answer_and_the_rule(stage):
    assert shown(stage)["question"] == "The client dials node-2. Who does the pod think is calling?"
    assert stage.sentence == (
        "web-1 sees 172.18.0.12 (node-2), not the client 192.0.2.10. "
        "Changed at step 4 by KUBE-POSTROUTING … MASQUERADE."
    )
    path = shown(stage)["story"]["paths"][0]
    moment = path["moments"][path["deciding"] - 1]
    lit = [
        line for line in path["listings"][f"{moment['hop']} {moment['hook']}"] if moment["step"] in line[2]
    ]
    assert [line[0].endswith("-j MASQUERADE --random-fully") for line in lit] == [True]


def test_policy_local_on_the_pods_node_keeps_the_clients_address(stage):
    stage.enter = "node-1"
    stage.policy = "Local"
    assert stage.sentence == "web-1 sees 192.0.2.10, the client itself. No rule changed the source."
    assert stage.trace.paths[0].source_seen == "192.0.2.10"
    assert stage.difference.startswith("source 10.244.1.1 → 192.0.2.10. No longer: KUBE-EXT-")
    assert "→ KUBE-MARK-MASQ, KUBE-POSTROUTING … MASQUERADE" in stage.difference


def test_policy_local_on_a_node_without_a_pod_drops(stage):
    stage.policy = "Local"
    assert stage.sentence.startswith("Timeout: node-2 drops the packet")
    assert shown(stage)["story"]["paths"][0]["outcome"] == "timeout"


def test_entering_by_the_pods_own_node_shows_the_bridges_address(stage):
    stage.enter = "node-1"
    assert stage.sentence.startswith("web-1 sees 10.244.1.1 (node-1), not the client")


def test_pods_run_where_the_control_says(stage):
    stage.pods = "all nodes"
    paths = shown(stage)["story"]["paths"]
    assert [(p["label"], p["share"]) for p in paths] == [("web-1", "1/3"), ("web-2", "1/3"), ("web-3", "1/3")]
    assert paths[0]["choice"] == "1 of 3 endpoints, 1/3 each"
    stage.pods = "node-1,node-2"
    assert len(stage.trace.paths) == 2
    assert {p.node for p in stage.cluster.pods.values() if p.name.startswith("web-")} == {"node-1", "node-2"}


def test_the_path_to_the_same_pod_stays_chosen(stage):
    stage.pods = "all nodes"
    stage.path = 2
    assert stage.sentence.startswith("web-3 sees 172.18.0.12")
    stage.enter = "node-1"
    assert stage.path == 2
    assert stage.sentence.startswith("web-3 sees 172.18.0.11")


def test_the_browsers_message_runs_the_same_callback(stage):
    stage.set_state({"policy": "Local"})
    assert stage.sentence.startswith("Timeout")


def test_the_whole_answer_goes_in_one_message_that_is_plain_json(stage):
    sent = []
    stage.observe(lambda change: sent.append(change.new), "message")
    stage.policy = "Local"
    assert len(sent) == 1
    assert set(json.loads(sent[0])) == {
        "question",
        "controls",
        "story",
        "difference",
        "error",
        "note",
        "backs",
    }


def test_only_the_controls_asked_for_are_offered(cluster):
    stage = Stage(cluster, controls=("policy",), question="What does the pod see?")
    assert [control["name"] for control in shown(stage)["controls"]] == ["policy"]
    assert shown(stage)["question"] == "What does the pod see?"
    assert len(stage.trace.paths) == 3  # the pods are where the files put them


@pytest.mark.parametrize(("name", "value"), [("enter", "node-9"), ("pods", "node-9"), ("policy", "Both")])
def test_a_setting_that_makes_no_sense_is_refused(stage, name, value):
    with pytest.raises(traitlets.TraitError):
        setattr(stage, name, value)


def test_a_stage_on_what_is_not_there_says_what_is(cluster):
    with pytest.raises(QuestionError, match='no Service "default/nix"'):
        Stage(cluster, service="default/nix")
    with pytest.raises(QuestionError, match=r"has no port 81\. Ports: 80"):
        Stage(cluster, port=81)
    with pytest.raises(QuestionError, match="controls: 'colour' is none"):
        Stage(cluster, controls=("colour",))


def test_a_cluster_that_cannot_answer_says_so_on_the_stage_and_recovers(cluster):
    stage = Stage(
        cluster.with_rules("node-3", "*nat\n:PREROUTING ACCEPT\n-A PREROUTING -m nonsense -j DROP\nCOMMIT\n")
    )
    stage.enter = "node-3"
    assert "nonsense" in stage.error
    assert shown(stage)["error"] == stage.sentence == stage.error
    stage.enter = "node-1"
    assert stage.error == ""
    assert stage.sentence.startswith("web-1 sees")


def test_a_service_that_selects_no_pod_cannot_have_pods_placed(cluster):
    bare = cluster.apply(
        "apiVersion: v1\nkind: Service\nmetadata: {name: bare}\nspec: {type: NodePort, ports: [{port: 80}]}"
    )
    with pytest.raises(QuestionError, match="selects no Pod"):
        changes.with_pods_on(bare, bare.services["default/bare"], ["node-1"])


def test_the_saved_page_holds_the_answer_to_every_setting(stage, tmp_path):
    page = stage.save_html(tmp_path / "stage.html").read_text(encoding="utf-8")
    assert len(page) < 1_500_000
    data = json.loads(page.split('id="svcnotes-data">')[1].split("</script>")[0])
    assert len(data["stories"]) == 2 * 3 * 3
    story = unfold(data["stories"]["Local|node-1|node-1"], data["pieces"])
    assert story["paths"][0]["headline"][1][0] == "192.0.2.10"
    assert "Cluster|node-2|node-1|0>Local|node-2|node-1" in data["differences"]


def test_folding_shares_pieces_and_loses_nothing():
    value = {"a": [{"text": "x" * 60, "n": [1, 2]}] * 3, "b": {"text": "x" * 60, "n": [1, 2]}}
    folded, pieces = fold(value)
    assert unfold(folded, pieces) == value
    assert len(json.dumps([folded, pieces])) < len(json.dumps(value)) / 2


def test_a_question_with_markup_cannot_leave_the_page(cluster):
    stage = Stage(cluster, controls=("policy",), question="</script><script>alert(1)</script>")
    assert "<script>alert" not in stage.html()
