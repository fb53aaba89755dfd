"""What `kubectl get` shows, compared with tables that a real kubectl printed of the same objects."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from svcnotes.control_plane.api_server.state import ApiState
from svcnotes.control_plane.kubectl import run
from svcnotes.control_plane.kubectl.ages import human_duration
from svcnotes.control_plane.kubectl.printers import get
from svcnotes.control_plane.kubectl.tables import table
from svcnotes.control_plane.kubectl.yaml_writer import ambiguous, to_yaml
from svcnotes.control_plane.load import loads
from svcnotes.control_plane.yaml_reader import read
from svcnotes.errors import InputError

DATA = Path(__file__).parents[1] / "data" / "api"
DUMP = (DATA / "dump.yaml").read_text()
OBJECTS = read(DUMP)[0].value["items"]
FIRST = min(item["metadata"]["creationTimestamp"] for item in OBJECTS)
NOW = datetime.fromisoformat(FIRST) + timedelta(seconds=28)  # when the tables were printed


def recorded(command):
    for part in re.split(r"^\$ ", (DATA / "dump.txt").read_text(), flags=re.MULTILINE):
        head, _, body = part.partition("\n")
        if head == command:
            return body.rstrip("\n") + "\n"
    raise KeyError(command)


@pytest.mark.parametrize(
    ("command", "kind", "output"),
    [
        ("kubectl get nodes -o wide", "Node", "wide"),
        ("kubectl get pods -A -o wide", "Pod", "wide"),
        ("kubectl get svc -A -o wide", "Service", "wide"),
        ("kubectl get endpointslices -A", "EndpointSlice", ""),
    ],
)
def test_a_table_is_the_one_that_kubectl_printed(command, kind, output):
    assert get(OBJECTS, [kind], output, now=NOW) == recorded(command)


def test_yaml_is_what_kubectl_printed_byte_for_byte():
    assert get(OBJECTS, output="yaml") == DUMP


def test_several_kinds_carry_their_kind_before_the_name_and_a_blank_line_between():
    text = get(OBJECTS, ["Service", "Node"])
    services, nodes = text.split("\n\n")
    assert services.startswith("NAMESPACE")
    assert "default       service/my-nginx " in services
    assert nodes.startswith("NAME ")
    assert "node/node-1" in nodes


def test_without_a_clock_the_age_is_unknown():
    assert get(OBJECTS, ["Node"]).splitlines()[1].split() == [
        "node-1",
        "Ready",
        "control-plane",
        "<unknown>",
        "v1.36.2",
    ]


def test_one_namespace_has_no_namespace_column():
    text = get(OBJECTS, ["Service"], all_namespaces=False, namespace="shop", now=NOW)
    assert [line.split()[0] for line in text.splitlines()] == ["NAME", "echo", "edge", "old-db"]
    assert "edge-123.lb.e..." in text, "a narrow table cuts a long load balancer's name at 16 characters"


def waiting(reason):
    return {"state": {"waiting": {"reason": reason}}, "restartCount": 0, "ready": False}


def ended(code, **more):
    return {"state": {"terminated": {"exitCode": code} | more}, "restartCount": 0, "ready": False}


RUNNING = {"state": {"running": {}}, "restartCount": 0, "ready": True}
LAST_EXIT = {"lastState": {"terminated": {"finishedAt": FIRST}}, "restartCount": 3}
SIDECAR = {"spec": {"initContainers": [{"name": "s", "restartPolicy": "Always"}]}}


@pytest.mark.parametrize(
    ("pod", "status", "row"),
    [
        ({}, {"phase": "Pending", "containerStatuses": [waiting("ImagePullBackOff")]}, "0/1 ImagePullBackOff 0"),
        ({}, {"phase": "Running", "containerStatuses": [ended(1, reason="Error")]}, "0/1 Error 0"),
        ({}, {"phase": "Running", "containerStatuses": [ended(137, signal=9)]}, "0/1 Signal:9 0"),
        ({}, {"phase": "Running", "containerStatuses": [ended(3)]}, "0/1 ExitCode:3 0"),
        ({}, {"phase": "Running", "containerStatuses": [RUNNING | LAST_EXIT]}, "1/1 Running 3 (28s ago)"),
        ({}, {"phase": "Pending", "initContainerStatuses": [waiting("PodInitializing")]}, "0/1 Init:0/1 0"),
        ({}, {"phase": "Pending", "initContainerStatuses": [waiting("CrashLoopBackOff")]}, "0/1 Init:CrashLoopBackOff 0"),
        ({}, {"phase": "Pending", "initContainerStatuses": [ended(0), ended(2)]}, "0/1 Init:ExitCode:2 0"),
        (SIDECAR, {"phase": "Running", "initContainerStatuses": [RUNNING | {"name": "s", "started": True}],
                   "containerStatuses": [RUNNING]}, "2/2 Running 0"),
        ({}, {"phase": "Failed", "reason": "Evicted"}, "0/1 Evicted 0"),
        ({"metadata": {"deletionTimestamp": FIRST}}, {"phase": "Running"}, "0/1 Terminating 0"),
        ({"metadata": {"deletionTimestamp": FIRST}}, {"phase": "Running", "reason": "NodeLost"}, "0/1 Unknown 0"),
        ({"metadata": {"deletionTimestamp": FIRST}}, {"phase": "Succeeded"}, "0/1 Succeeded 0"),
        ({}, {"phase": "Pending", "conditions": [{"type": "PodScheduled", "reason": "SchedulingGated"}]},
         "0/1 SchedulingGated 0"),
        ({}, {"phase": "Running", "containerStatuses": [RUNNING, ended(0, reason="Completed")]}, "1/1 NotReady 0"),
    ],
)  # fmt: skip
def test_a_pod_says_in_one_word_how_it_does(pod, status, row):
    metadata = {"name": "p", "namespace": "default"} | pod.get("metadata", {})
    spec = {"containers": [{}], "initContainers": [{}]} | pod.get("spec", {})
    obj = {"kind": "Pod", "metadata": metadata, "spec": spec, "status": status}
    line = get([obj], ["Pod"], all_namespaces=False, now=NOW).splitlines()[1]
    assert " ".join(line.split()) == f"p {row} <unknown>"


def test_a_name_cannot_steer_the_terminal():
    hostile = {"kind": "Pod", "metadata": {"name": "a\x1b[31mred\x07\nb"}}
    for output in ("", "wide", "yaml"):
        text = get([hostile], output=output)
        assert not [char for char in text if char != "\n" and not char.isprintable()]


def test_columns_are_padded_with_three_blanks_and_never_narrower_than_six():
    assert table(["A", "NAME", "B"], [["x", "longer", "y"]]) == "A     NAME     B\nx     longer   y\n"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-5, "<invalid>"), (0, "0s"), (119, "119s"), (120, "2m"), (305, "5m5s"), (7200, "120m"), (3 * 3600, "3h"),
     (3 * 3600 + 60, "3h1m"), (10 * 3600, "10h"), (50 * 3600, "2d2h"), (9 * 86400, "9d"), (3 * 365 * 86400, "3y")],
)  # fmt: skip
def test_a_duration_is_short(seconds, text):
    assert human_duration(seconds) == text


@pytest.mark.parametrize(
    "text", ["", "y", "on", "0x1f", "1e3", "010", "1:30", "2026-11-22", "null", "~", ".inf"]
)
def test_a_string_that_looks_like_something_else_is_quoted(text):
    assert ambiguous(text)
    assert to_yaml({"a": text}) == f'a: "{text}"\n'
    assert read(to_yaml({"a": text}))[0].value == {"a": text}


def test_json_is_indented_by_four_and_escapes_what_html_would_read():
    obj = {"kind": "Pod", "metadata": {"name": "a<b>&", "namespace": "default"}}
    text = get([obj], ["Pod"], "json")
    assert '                "name": "a\\u003cb\\u003e\\u0026",\n' in text
    assert json.loads(text)["items"] == [obj]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("{.spec.ports[0].nodePort}", "30080"),
        ("{.spec.ports[*].name}", "http https"),
        ("{.spec.nothing}", ""),
    ],
)
def test_a_path_of_fields_picks_values(path, text):
    state = ApiState.empty().restore(OBJECTS)
    assert run(state, f"get svc my-nginx -o jsonpath='{path}'").stdout == text


def test_custom_columns_print_one_field_each_and_none_where_there_is_none():
    state = ApiState.empty().restore(OBJECTS)
    columns = "NAME:.metadata.name,PORTS:.spec.ports[*].port,LABELS:.metadata.labels,IPS:.spec.externalIPs"
    lines = run(state, f"get svc my-nginx -o custom-columns={columns}").stdout.splitlines()
    assert lines == [
        "NAME       PORTS      LABELS              IPS",
        "my-nginx   8080,443   map[run:my-nginx]   <none>",
    ]


def test_a_list_of_nothing_is_no_complaint_where_fields_are_picked():
    answer = run(ApiState.fresh(), "get pods -o jsonpath='{.items[*].metadata.name}'")
    assert (answer.stdout, answer.stderr) == ("", "")
    assert run(ApiState.fresh(), "get pods -o custom-columns=NAME:.metadata.name").stdout == "NAME\n"


@pytest.mark.parametrize(
    "output",
    [
        "jsonpath='{range .items[*]}{.metadata.name}{end}'",
        "jsonpath='{.items[?(@.spec.externalIPs)]}'",
        "custom-columns=NAME",
        "custom-columns='NAME:{range}'",
    ],
)
def test_a_template_that_is_not_known_here_is_no_empty_answer(output):
    state = ApiState.empty().restore(OBJECTS)
    with pytest.raises(InputError, match="write"):
        run(state, f"get svc -o {output}")


@pytest.mark.parametrize("verb", ["create", "apply", "replace", "delete"])
def test_what_is_piped_in_is_called_stdin(verb):
    text = "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: nowhere}\nspec: {ports: [{port: 70000}]}\n"
    answer = run(ApiState.fresh(), f"{verb} -f -", {"-": text})
    assert '"STDIN"' in answer.stderr
    assert '"-"' not in answer.stderr
    assert answer.exit_code == 1


def test_nothing_there_is_said_on_stderr():
    answer = run(ApiState.fresh(), "get pods")
    assert (answer.stdout, answer.stderr, answer.exit_code) == (
        "",
        "No resources found in default namespace.\n",
        0,
    )


@pytest.mark.parametrize(
    ("first", "shown"),
    [
        ("kubernetes", "NAME         CIDRS\nextra        10.200.0.0/24\nkubernetes   10.50.0.0/16\n"),
        (
            "own",
            "NAME         CIDRS\nextra        10.200.0.0/24\nkubernetes   10.96.0.0/16\nown          10.50.0.0/16\n",
        ),
    ],
)
def test_the_service_cidrs_of_the_files_are_shown_beside_the_clusters_own(first, shown):
    cidr = (
        "apiVersion: networking.k8s.io/v1\nkind: ServiceCIDR\nmetadata: {{name: {}}}\nspec: {{cidrs: [{}]}}\n"
    )
    kubeadm = "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nnetworking: {serviceSubnet: 10.96.0.0/16}\n"
    cluster = loads(kubeadm, cidr.format(first, "10.50.0.0/16"), cidr.format("extra", "10.200.0.0/24"))
    columns = "custom-columns=NAME:.metadata.name,CIDRS:.spec.cidrs[0]"
    assert run(cluster.state, f"kubectl get servicecidrs -o {columns}").stdout == shown
    one = run(cluster.state, "kubectl get servicecidr extra")
    assert one.stdout.splitlines()[1].split()[:2] == ["extra", "10.200.0.0/24"]
