"""Controls change one thing of a scene each, and the stage shows what follows."""

import json

import pytest
import traitlets

from svcnotes import scenarios
from svcnotes.errors import QuestionError
from svcnotes.scenarios import changes
from svcnotes.scenarios import controls as usual
from svcnotes.scenarios.controls import asking, control
from svcnotes.widgets.stage import Stage


def offered(stage):
    return {
        one["name"]: [text for _, text in one["options"]] for one in json.loads(stage.message)["controls"]
    }


def test_the_network_plugin_decides_which_address_masquerade_writes(cluster):
    stage = Stage(cluster, controls=("cni", "enter"), pods="node-1", enter="node-1")
    seen = {}
    for kind in ("bridge", "vxlan", "routed"):
        stage.cni = kind
        stage.enter = "node-1"
        near = stage.trace.paths[0].source_seen
        stage.enter = "node-2"
        seen[kind] = near, stage.trace.paths[0].source_seen
    assert seen == {
        "bridge": ("10.244.1.1", "172.18.0.12"),
        "vxlan": ("10.244.1.1", "10.244.2.0"),
        "routed": ("172.18.0.11", "172.18.0.12"),
    }


def test_without_the_rule_that_marks_the_answer_goes_astray(cluster):
    stage = Stage(cluster, controls=("enter", usual.rule("-j KUBE-MARK-MASQ")), pods="node-1", enter="node-2")
    assert stage.trace.paths[0].outcome == "connected"
    stage.rule = "out"
    path = stage.trace.paths[0]
    assert (path.outcome, path.source_seen) == ("timeout", "192.0.2.10")
    stage.enter = "node-1"
    assert stage.trace.paths[0].outcome == "connected"


def test_taking_out_a_rule_that_is_not_there_says_so(cluster):
    with pytest.raises(QuestionError, match="no node has a rule with 'KUBE-NIX'"):
        changes.without_rule(cluster, "KUBE-NIX")


def test_who_calls_and_what_is_dialled_are_controls(cluster):
    service = cluster.services["default/web"]
    pod = next(pod.key for pod in cluster.pods.values() if pod.node == "node-1")
    stage = Stage(
        cluster,
        controls=(
            usual.caller({"the client": "192.0.2.10", "a pod": f"pod/{pod}"}),
            usual.dialled({"the clusterIP": f"{service.cluster_ips[0]}:80"}),
        ),
        question="{caller} dials {dialled}.",
        to="set by a control",
    )
    assert json.loads(stage.message)["question"] == "the client dials the clusterIP."
    stage.caller = "a pod"
    assert stage.trace.source == f"pod/{pod}"
    assert offered(stage) == {"caller": ["the client", "a pod"], "dialled": ["the clusterIP"]}


def test_an_address_that_nobody_routes_never_reaches_a_node(cluster):
    with_ip = changes.with_spec(cluster, cluster.services["default/web"], {"externalIPs": ["80.11.12.10"]})
    stage = Stage(with_ip, controls=(usual.route("80.11.12.10", with_ip),), to="80.11.12.10:80")
    assert stage.trace.paths[0].outcome != "connected"
    stage.route = "node-1"
    assert {path.outcome for path in stage.trace.paths} == {"connected"}


def test_a_control_of_ones_own_is_a_name_and_changes(cluster):
    port = control("port", "port", {"30080": asking(enter="node-1"), "30080 again": asking(enter="node-2")})
    stage = Stage(cluster, controls=(port,))
    assert stage.port == "30080"
    with pytest.raises(traitlets.TraitError):
        stage.port = "80"


@pytest.mark.parametrize("name", ["path", "message", "trace", "no name"])
def test_a_control_cannot_take_a_name_that_the_stage_uses(cluster, name):
    with pytest.raises(QuestionError, match="taken, or no name"):
        Stage(cluster, controls=(control(name, "x", {"a": asking()}),))


def test_the_saved_page_steps_through_every_choice_of_every_control(cluster):
    stage = Stage(cluster, controls=("policy", "cni"), pods="node-1")
    data = json.loads(stage.html().split('id="svcnotes-data">')[1].split("</script>")[0])
    assert len(data["stories"]) == 2 * 3
    assert set(data["settings"]) == {"policy", "cni", "pods", "enter", "engine"}


def test_two_settings_of_a_stage_stand_side_by_side(cluster):
    stage = Stage(cluster, controls=("policy", "enter"), pods="node-1", enter="node-1")
    both = stage.beside(policy="Local")
    assert [side.title for side in both.sides] == [
        "externalTrafficPolicy: Cluster",
        "externalTrafficPolicy: Local",
    ]
    assert any("MASQUERADE" in name for name in both.rules_apart()[0,])
    assert [one.values for one in both.differences if one.field == "source seen"] == [
        ("10.244.1.1", "192.0.2.10")
    ]
    assert stage.policy == "Cluster"


def test_three_settings_of_a_stage_stand_side_by_side():
    stage = Stage(scenarios.load("modes"), "default/shop", controls=("mode", "policy"), enter="node-2")
    modes = stage.beside(mode=("nftables", "ipvs"))
    assert [side.label for side in modes.sides] == ["iptables", "nftables", "ipvs"]
    assert {side.story.path.pod for side in modes.sides} == {"default/shop-1"}
    both = stage.beside(mode=("nftables", "ipvs"), policy="Local")
    assert [side.title for side in both.sides][1:] == [
        f"kube-proxy's mode: {mode}, externalTrafficPolicy: Local" for mode in ("nftables", "ipvs")
    ]


def test_a_stage_is_put_beside_nothing_but_another_setting(cluster):
    stage = Stage(cluster, controls=("policy",))
    for settings, said in [
        ({}, "nothing"),
        ({"colour": "red"}, "colour"),
        ({"policy": ()}, "nothing"),
        ({"policy": "Cluster"}, "what the stage shows already"),
        ({"policy": ("Local", "Local")}, "given already"),
        (
            {"policy": ("Local", "Local"), "enter": ("node-1", "node-2", "node-3")},
            "2 choices of policy, 3 of",
        ),
        ({"policy": "Both"}, "no choice"),
    ]:
        with pytest.raises(QuestionError, match=said):
            stage.beside(**settings)
