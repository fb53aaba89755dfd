"""Every recorded `kubectl create -f`: both streams byte for byte, the exit status, what is stored."""

import json
import re
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from svcnotes.control_plane.api_server.state import ApiState
from svcnotes.control_plane.kubectl.create import create
from svcnotes.control_plane.objects import ClusterConfiguration

DATA = Path(__file__).parent.parent / "data" / "api" / "create"
PROFILES = {
    "default": ClusterConfiguration(),
    "dual": ClusterConfiguration(service_cidrs=("10.96.0.0/16", "fd00:10:96::/112")),
    "small": ClusterConfiguration(
        node_port_range=(30000, 30003), admission_plugins=frozenset({"DenyServiceExternalIPs"})
    ),
    "wide": ClusterConfiguration(node_port_range=(80, 32767)),
}


def recorded():
    cases = defaultdict(list)
    for line in (DATA / "results.jsonl").read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        cases[record["case"]].append(record)
    return cases


CASES = recorded()


def run(record, state):
    validate = re.search(r"--validate=(\w+)", record["command"])
    dry_run = re.search(r"--dry-run=(\w+)", record["command"])
    text = (DATA / "cases" / record["file"]).read_text(encoding="utf-8")
    return create(
        text,
        "FILE",
        state,
        dry_run=dry_run and dry_run[1],
        validate=validate[1] if validate else "strict",
    )


def without_numbers(value, chosen):
    """A text or an object with the numbers that the server drew at random made alike."""
    if isinstance(value, dict):
        return {key: without_numbers(held, chosen) for key, held in value.items()}
    if isinstance(value, list):
        return [without_numbers(held, chosen) for held in value]
    return "CHOSEN" if str(value) in chosen else value


def chosen_in(message):
    """The numbers in a message that can only come from the server."""
    return set(re.findall(r'IPAddress\.networking\.k8s\.io "([0-9.]+)"', message))


def user_objects(state):
    found = {}
    for (kind, namespace, name), obj in state.objects.items():
        if kind == "Service" and (namespace, name) != ("default", "kubernetes"):
            found[name] = obj
        elif kind in ("EndpointSlice", "Endpoints"):
            found[f"{kind}/{name}"] = obj
    return found


def masked(message, record, ours):
    for number in chosen_in(message) | (set(record.get("allocated", ())) if not ours else set()):
        message = message.replace(number, "CHOSEN")
    return message


def check_numbers(ours, theirs, where=""):
    """Compare two stored objects; a number that the server chose stands for one of the same kind."""
    differences = []
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key in ours.keys() | theirs.keys():
            differences += check_numbers(ours.get(key, "-"), theirs.get(key, "-"), f"{where}.{key}")
        return differences
    if isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for index, pair in enumerate(zip(ours, theirs, strict=True)):
            differences += check_numbers(*pair, f"{where}[{index}]")
        return differences
    return [] if ours == theirs else [(where, ours, theirs)]


@pytest.mark.parametrize("case", CASES)
def test_create_prints_what_kubectl_printed(case):
    state = ApiState.fresh(PROFILES[CASES[case][0].get("profile", "default")])
    for record in CASES[case]:
        answer = run(record, state)
        chosen = set(record.get("allocated", ()))
        ours, theirs = answer.stderr, record["stderr"]
        for number in chosen:
            theirs = theirs.replace(f"Duplicate value: {number}\n", "Duplicate value: CHOSEN\n")
        if "Duplicate value: CHOSEN" in theirs:
            ours = re.sub(r"(nodePort: Duplicate value): \d+\n", r"\1: CHOSEN\n", ours)
        assert masked(ours, record, ours=True) == masked(theirs, record, ours=False)
        assert answer.stdout == record["stdout"]
        assert answer.exit_code == record["rc"]
        state = answer.state
        if "stored" in record:
            differences = check_numbers(user_objects(state), record["stored"])
            assert [d for d in differences if str(d[2]) not in chosen] == []
            for where, number, _ in differences:
                if "clusterIP" in where:
                    assert number in state.cluster_ips
                else:
                    assert number in state.node_ports


def test_the_recordings_cover_each_family_of_cases():
    families = Counter(case.split("-")[0] for case in CASES)
    print(dict(families))
    assert sum(families.values()) == len(CASES) >= 300
    assert {"seed", "ports", "nodeport", "externalname", "clusterip", "selector", "yaml"} <= families.keys()
