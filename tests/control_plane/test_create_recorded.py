"""Every recorded `kubectl create -f`: both streams byte for byte, the exit status, what is stored."""

import re
from collections import Counter
from pathlib import Path

import pytest
from recordings import PROFILES, cases

from svcnotes.control_plane.api_server.state import ApiState
from svcnotes.control_plane.kubectl.create import create

DATA = Path(__file__).parent.parent / "data" / "api" / "create"
CASES = cases(DATA)


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


def drawn_hidden(message, chosen):
    """The message with the numbers hidden that a server draws at random where it draws them."""
    message = re.sub(r'(IPAddress\.networking\.k8s\.io) "[0-9.]+"', r'\1 "DRAWN"', message)
    if chosen:
        message = re.sub(r"(nodePort: Duplicate value): (?!30080)\d+", r"\1: DRAWN", message)
    return message


def user_objects(state):
    found = {}
    for (kind, namespace, name), obj in state.objects.items():
        if kind == "Service" and (namespace, name) != ("default", "kubernetes"):
            found[name] = obj
        elif kind in ("EndpointSlice", "Endpoints"):
            found[f"{kind}/{name}"] = obj
    return found


def differing(ours, theirs, where=""):
    """Where two stored objects differ: (path, ours, theirs)."""
    differences = []
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key in ours.keys() | theirs.keys():
            differences += differing(ours.get(key, "-"), theirs.get(key, "-"), f"{where}.{key}")
        return differences
    if isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for index, pair in enumerate(zip(ours, theirs, strict=True)):
            differences += differing(*pair, f"{where}[{index}]")
        return differences
    return [] if ours == theirs else [(where, ours, theirs)]


@pytest.mark.parametrize("case", CASES)
def test_create_prints_what_kubectl_printed(case):
    state = ApiState.fresh(PROFILES[CASES[case][0].get("profile", "default")])
    for record in CASES[case]:
        answer = run(record, state)
        chosen = set(record.get("allocated", ()))
        assert drawn_hidden(answer.stderr, chosen) == drawn_hidden(record["stderr"], chosen)
        assert answer.stdout == record["stdout"]
        assert answer.exit_code == record["rc"]
        state = answer.state
        if "stored" in record:
            differences = differing(user_objects(state), record["stored"])
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
