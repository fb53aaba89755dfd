"""What fits the questions of the check, and not what is asked, does not earn the points for it."""

import re

import pytest
import yaml

from svcnotes.exercises.personal import draw

COURSE = "undeserved"


def repair(silent):
    """A case of 01-repair with that second mistake, and its manifest with the first one mended."""
    for number in range(60):
        case = draw("01-repair", COURSE, f"s{number}")
        if case.drawn["silent"] == silent:
            made = yaml.safe_load(case.start)
            for port, name in zip(made["spec"]["ports"], ("http", "admin"), strict=True):
                port |= {"name": name, "nodePort": {"http": 31000, "admin": 31001}[name]}
                port["port"] = {"http": 80, "admin": 81}[name]
            return case, made
    raise LookupError(silent)


def test_a_pod_of_the_answers_own_is_not_the_pods_that_are_there():
    case, made = repair("selector")
    ports = [{"name": name, "containerPort": int(number)} for name, number in re.findall(r"(http|admin) on (\d+)", case.question)]  # fmt: skip
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "mine", "labels": made["spec"]["selector"]},
        "spec": {
            "nodeName": case.drawn["site"].hosts[0].name,
            "containers": [{"name": "c", "image": "i", "ports": ports}],
        },
    }
    found = case.check(yaml.safe_dump_all([made, pod]))
    assert (found.points, found.out_of) == (1, 5)
    assert "the answer’s own" in found.explanation
    key, value = case.drawn["site"].label
    assert case.check(yaml.safe_dump({**made, "spec": {**made["spec"], "selector": {key: value}}})).ok


@pytest.mark.parametrize("who", ["! -s {client}", "-s {net}.0/24", ""])
def test_a_rule_that_hits_more_than_the_one_caller_is_too_wide(who):
    case = draw("01-close", COURSE, "ada")
    place = case.drawn["site"]
    net = place.stranger.rpartition(".")[0]
    source = who.format(client=place.client, net=net)
    found = case.check(f"-t raw -A PREROUTING {source} -p tcp --dport {place.node_port} -j DROP")
    assert not found.ok
    assert "too wide" in found.explanation
    right = f"-t raw -A PREROUTING -s {place.stranger} -p tcp --dport {place.node_port} -j DROP"
    assert case.check(right).ok


def test_a_remark_or_the_rules_as_they_are_change_nothing_and_earn_nothing():
    case = draw("00-by-hand", COURSE, "ada")
    for answer in ("# -t nat -A PREROUTING", "#" * 50, "-N X\n-X X"):
        found = case.check(answer)
        assert (found.points, found.out_of) == (0, 5)
        assert "changes no rule" in found.explanation


@pytest.mark.parametrize(
    "change", ["spec: {nodeName: %s}", "spec: {hostNetwork: true}", "spec: {containers: [{name: main, ports: [{containerPort: 99}]}]}"]
)  # fmt: skip
def test_a_pod_that_runs_is_not_moved_nor_made_to_listen_elsewhere(change):
    case = draw("00-first", COURSE, "ada")
    place = case.drawn["site"]
    change = change.replace("%s", place.hosts[2].name)
    pod = f"apiVersion: v1\nkind: Pod\nmetadata: {{name: {place.pods[0].name}}}\n"
    found = case.check(f"{pod}{change}\n")
    assert found.points == 0
    assert "stay as they are while it runs" in found.said
    assert case.check(f"{pod.replace('}', ', labels: {a: b}}')}").points == 1


@pytest.mark.parametrize("student", ["ada", "ben", "cyd"])
def test_a_mark_on_all_that_comes_to_a_pod_is_too_wide_for_what_it_sends_to_itself(student):
    case = draw("06-mark", COURSE, student)
    pod, address = case.drawn["pod"], case.drawn["pod"].address
    chain = re.search(rf"-A (KUBE-SEP-\w+) [^\n]*--to-destination {re.escape(address)}:", case.question)[1]
    wide = case.check(f"-I {chain} -j KUBE-MARK-MASQ")
    assert not wide.ok
    assert f"what others send to {pod.name}" in wide.explanation
    assert case.check(f"-I {chain} -s {address}/32 -j KUBE-MARK-MASQ").ok


@pytest.mark.parametrize(
    ("lost", "said"),
    [
        ("  selector: {matchLabels: {run: x}}\n", 'The DaemonSet "x" is invalid: spec.selector: Required value'),
        (", image: i", "spec.template.spec.containers[0].image: Required value"),
        (", spec: {containers: [{name: c, image: i}]}", "spec.template.spec.containers: Required value"),
    ],
)  # fmt: skip
def test_a_workload_that_a_real_cluster_refuses_is_not_accepted(lost, said):
    case = draw("02-everywhere", COURSE, "ada")
    made = (
        "apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: x}\nspec:\n  selector: {matchLabels: {run: x}}\n"
        "  template: {metadata: {labels: {run: x}}, spec: {containers: [{name: c, image: i}]}}\n"
    )
    assert case.check(made).points == 1
    found = case.check(made.replace(lost, ""))
    assert (found.points, said in found.said) == (0, True)
    assert "containers, each with a name and an image" in found.explanation
