"""`kubectl describe` and label selectors, compared with what a real kubectl printed of the same objects."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from svcnotes.control_plane.api_server.state import ApiState
from svcnotes.control_plane.kubectl import run
from svcnotes.control_plane.kubectl.describe import describe
from svcnotes.control_plane.kubectl.describe_columns import Event, aligned
from svcnotes.control_plane.load import loads
from svcnotes.control_plane.yaml_reader import read

DATA = Path(__file__).parents[1] / "data" / "api"
TEXT = (DATA / "dump.txt").read_text()
OBJECTS = read((DATA / "dump.yaml").read_text())[0].value["items"]
STATE = ApiState.empty().restore(OBJECTS)
RECORDED = dict(
    part.partition("\n")[::2] for part in re.split(r"^\$ ", TEXT, flags=re.MULTILINE) if part.strip()
)


@pytest.mark.parametrize("command", [c for c in RECORDED if " describe " in c])
def test_a_description_is_the_one_that_kubectl_printed(command):
    answer = run(STATE, command)
    assert answer.stdout.rstrip("\n") == RECORDED[command].rstrip("\n")
    assert answer.exit_code == 0


def test_there_are_recorded_descriptions_to_compare_with():
    assert sum(" describe " in c for c in RECORDED) == 6


def test_columns_end_where_a_line_has_no_cell():
    assert aligned(["a\tb", "long:\tc", "no cell", "x\ty"]) == "a      b\nlong:  c\nno cell\nx  y\n"


def test_a_pod_is_described_with_its_ports_and_how_it_does():
    text = run(STATE, "describe pod api-766f9ff9c8-7vxwb").stdout
    assert "Node:             node-2/172.18.0.12\n" in text
    assert "Controlled By:  ReplicaSet/api-766f9ff9c8\n" in text
    assert re.search(
        r"\n    Ports: +8080/TCP \(http\), 9090/TCP \(metrics\)\n    Host Ports: +0/TCP \(http\), ", text
    )
    assert re.search(r"\n  Type +Status\n", text)
    assert re.search(r"\n  Ready +False \n", text)


def test_a_node_is_described_with_its_addresses_and_pods():
    text = run(STATE, "describe node node-2").stdout
    assert re.search(r"^Name: +node-2\nRoles: +<none>\n", text)
    assert re.search(r"\n  InternalIP: +172\.18\.0\.12\n", text)
    assert re.search(r"\nPodCIDR: +10\.244\.2\.0/24\n", text)
    assert "\n  default      " in text


def test_what_is_not_there_is_not_described():
    answer = run(STATE, "describe svc nope")
    assert answer.stderr == 'Error from server (NotFound): services "nope" not found\n'
    assert answer.exit_code == 1
    assert (
        run(STATE, "describe pods -n kube-public").stderr == "No resources found in kube-public namespace.\n"
    )


def test_several_are_parted_by_two_lines():
    text = run(STATE, "describe svc api typo").stdout
    assert "Events:                   <none>\n\n\nName:                     typo\n" in text


def test_events_come_in_a_table_of_their_own():
    at = datetime.fromisoformat("2026-11-22T12:00:00+00:00")
    event = Event("EnsuredLoadBalancer", "Ensured load balancer", "service-controller", at.isoformat())
    happened = {("Service", "default", "my-nginx-lb"): [event]}
    text = describe("svc", ["my-nginx-lb"], STATE, now=at + timedelta(seconds=5), happened=happened).stdout
    assert text.endswith(
        "Events:\n"
        "  Type    Reason               Age   From                Message\n"
        "  ----    ------               ----  ----                -------\n"
        "  Normal  EnsuredLoadBalancer  5s    service-controller  Ensured load balancer\n"
    )


POLICY = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: from-one, namespace: default}
spec:
  podSelector: {matchLabels: {run: my-nginx}}
  policyTypes: [Ingress]
  ingress:
  - from:
    - ipBlock: {cidr: 192.0.2.0/24, except: [192.0.2.128/25]}
    ports: [{port: 80, protocol: TCP}]
"""


def test_a_network_policy_is_described_rule_by_rule():
    text = run(loads(POLICY).state, "describe netpol from-one").stdout
    assert text.endswith(
        "Spec:\n"
        "  PodSelector:     run=my-nginx\n"
        "  Allowing ingress traffic:\n"
        "    To Port: 80/TCP\n"
        "    From:\n"
        "      IPBlock:\n"
        "        CIDR: 192.0.2.0/24\n"
        "        Except: 192.0.2.128/25\n"
        "  Not affecting egress traffic\n"
        "  Policy Types: Ingress\n"
    )


@pytest.mark.parametrize(
    ("selector", "count"),
    [
        ("run=my-nginx", 4),
        ("run==my-nginx", 4),
        ("run=my-ngnix", 0),
        ("run", 6),
        ("!run", 6),
        ("run!=my-nginx", 8),
        ("app in (api, db)", 6),
        ("app notin (api)", 8),
        ("app=api,pod-template-hash", 3),
    ],
)
def test_a_selector_picks_pods_by_their_labels(selector, count):
    answer = run(STATE, ["get", "pods", "-l", selector, "--no-headers"])
    assert len(answer.stdout.splitlines()) == count
    names = run(STATE, ["get", "pods", "-l", selector, "-o", "name"]).stdout.splitlines()
    assert len(names) == count
    assert all(name.startswith("pod/") for name in names)


def test_a_selector_that_cannot_be_read_is_refused():
    answer = run(STATE, ["get", "pods", "-l", "=x"])
    assert answer.stderr.startswith("error: unable to parse requirement")
    assert answer.exit_code == 1


def test_labels_are_shown_in_a_last_column():
    text = run(STATE, "get pods -l app=db --show-labels").stdout
    assert text.splitlines()[0].endswith("   LABELS")
    assert all("app=db" in line for line in text.splitlines()[1:])


def test_a_path_goes_through_a_list_of_objects():
    text = run(STATE, "get svc -l run=my-nginx -o jsonpath='{.items[*].spec.ports[0].nodePort}'").stdout
    assert text == "30080"
