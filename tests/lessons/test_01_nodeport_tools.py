"""What the lesson on NodePort claims of kubectl, the API server and the tools, cell by cell."""

import re

import ledger
import pytest

import svcnotes
from svcnotes import scenarios
from svcnotes.control_plane.kubectl.printers import get
from svcnotes.errors import ApiError
from svcnotes.exercises import nodeport
from svcnotes.toolbox import Terminal

LESSON = "01-nodeport"
CLIENT, BY_2 = "192.0.2.10", "172.18.0.12:30080"
EVERY = ("172.18.0.11:30080", BY_2, "172.18.0.13:30080")
POD_1, POD_2 = "default/my-nginx-1", "default/my-nginx-2"
LETTERS = "SV7AMNAGZFKZEMQ4"


def whole():
    return scenarios.load("nodeport")


def empty():
    return scenarios.load("nodeport-empty")


def broken():
    return scenarios.load("nodeport-refused")


def test_kubectl_prints_pods_and_service_as_the_lesson_says():
    """cast, three-ports, practice: selector, labels, ports, nodes."""
    printed = get(whole().state, ["Pod", "Service"], "wide", all_namespaces=False)
    assert "8080:30080/TCP,443:30443/TCP" in printed
    assert "run=my-nginx" in printed
    assert re.search(r"my-nginx-1 .*10\.244\.1\.10 +node-1", printed)
    assert re.search(r"my-nginx-2 .*10\.244\.2\.10 +node-2", printed)
    terminal = Terminal(whole())
    for command, shows in [
        ("kubectl get svc my-nginx -o wide", ["NodePort", "8080:30080/TCP", "run=my-nginx"]),
        (
            "kubectl get endpointslices -l kubernetes.io/service-name=my-nginx",
            ["10.244.1.10,10.244.2.10", "80"],
        ),
        ("kubectl get pods -l run=my-nginx -o wide", ["node-1", "node-2"]),
    ]:
        assert command in ledger.cells(LESSON)["practice"][1]
        said = str(terminal.run(command))
        assert all(words in said for words in shows), said


def test_a_service_finds_its_pods_by_their_labels():
    """three-ports, practice: without the label there are no endpoints."""
    assert whole().pods[POD_1].labels["run"] == "my-nginx"
    bare = whole().patch("pod", "my-nginx-1", "metadata: {labels: {run: other}}")
    found = [e.pod for one in bare.endpoint_slices if one.service == "my-nginx" for e in one.endpoints]
    assert found == [POD_2]
    said = str(Terminal(empty()).run("kubectl get endpointslices -l kubernetes.io/service-name=my-nginx"))
    assert "<unset>" in said


def create(ports, **more):
    extra = "".join(f", {name}: {value}" for name, value in more.items())
    return whole().create(
        f"apiVersion: v1\nkind: Service\nmetadata: {{name: another}}\n"
        f"spec: {{type: NodePort, selector: {{run: my-nginx}}, ports: [{ports}]{extra}}}\n"
    )


# cell, the ports of a new Service, what the API server says
REFUSED = [
    ("three-ports", "{port: 80}, {port: 81}", "name: Required value"),
    ("three-ports", "{port: 80, nodePort: 29999}", "The range of valid ports is 30000-32767"),
    ("three-ports", "{port: 80, nodePort: 32768}", "The range of valid ports is 30000-32767"),
    ("three-ports", "{port: 80, nodePort: 8080}", "provided port is not in the valid range"),
    ("exercise-repair-text", "{nodePort: 30081}", "port: Invalid value: 0"),
]


@pytest.mark.parametrize(("cell", "ports", "words"), REFUSED)
def test_the_api_server_refuses_what_the_lesson_says(cell, ports, words):
    assert cell in ledger.cells(LESSON)
    with pytest.raises(ApiError, match=re.escape(words)):
        create(ports)


def test_a_number_asked_for_is_given_and_another_picked_where_none_is():
    """three-ports, round1, recap"""
    for asked in (30000, 32767):
        assert (
            create(f"{{port: 80, nodePort: {asked}}}").services["default/another"].ports[0].node_port == asked
        )
    service = create("{port: 80}").services["default/another"]
    (port,) = service.ports
    assert 30000 <= port.node_port <= 32767
    assert port.node_port not in (30080, 30443)
    assert port.target_port == port.port == 80
    assert service.cluster_ips[0].startswith("10.96.")


@pytest.mark.parametrize(("node", "status"), [("node-1", 200), ("node-3", 503)])
def test_a_health_check_tells_which_nodes_have_a_pod(node, status):
    """refused-timeout: how a load balancer learns whom to leave alone."""
    balanced = whole().patch(
        "service", "my-nginx", "spec: {type: LoadBalancer, externalTrafficPolicy: Local}"
    )
    port = balanced.services["default/my-nginx"].health_check_node_port
    to = f"{balanced.nodes[node].addresses[0]}:{port}"
    assert svcnotes.trace(balanced, CLIENT, to, protocol="http").paths[0].status == status


def test_the_pods_of_the_debug_round_are_running_and_ready():
    """debug"""
    said = str(Terminal(broken()).run("kubectl get pods"))
    assert said.count("1/1") == said.count("Running") == 2


def test_a_container_port_opens_nothing():
    """debug-found: a pod that lists 8080 and serves 80 refuses at 8080."""
    told = broken().patch(
        "pod",
        "my-nginx-1",
        'metadata: {annotations: {svcnotes/listens: "80"}}\nspec: {containers: [{name: nginx, ports: [{containerPort: 8080}]}]}',
    )
    to = f"{told.pods[POD_1].addresses[0]}"
    assert svcnotes.trace(told, CLIENT, f"{to}:8080").paths[0].how == "rst"
    assert svcnotes.trace(told, CLIENT, f"{to}:80").paths[0].outcome == "connected"


def test_the_fix_of_the_debug_round_works_by_every_node_and_finds_its_entry_by_the_port():
    """debug-found, debug-fix"""
    fix = ledger.cells(LESSON)["debug-fix"][1].splitlines()[0].split('"')[1]
    assert "targetPort: 8080" in fix
    mended = broken().patch("service", "my-nginx", fix.replace("targetPort: 8080", "targetPort: 80"))
    assert [port.node_port for port in mended.services["default/my-nginx"].ports] == [30080, 30443]
    for to in EVERY:
        assert {path.outcome for path in svcnotes.trace(mended, CLIENT, to).paths} == {"connected"}
    with pytest.raises(ApiError):
        broken().patch("service", "my-nginx", "spec: {ports: [{port: 9090, targetPort: 80}]}")


def test_the_patch_and_the_greps_of_practice_do_what_their_remarks_say():
    """practice"""
    text = ledger.cells(LESSON)["practice"][1]
    terminal = Terminal(whole())
    for command in (
        'kubectl patch svc my-nginx -p \'{"spec":{"externalTrafficPolicy":"Local"}}\'',
        "iptables-save -t nat | grep my-nginx",
        "conntrack -L -p tcp --dport 30080",
        "curl localhost:10249/proxyMode",
    ):
        assert command in text
    terminal.run("client", "curl -sS -m 2 172.18.0.11:30080")
    assert "dport=30080" in str(terminal.run("node-1", "conntrack -L -p tcp --dport 30080"))
    assert str(terminal.run("node-1", "curl localhost:10249/proxyMode")).strip().endswith("iptables")
    assert f"KUBE-EXT-{LETTERS}" in str(terminal.run("node-1", "iptables-save -t nat | grep my-nginx"))
    terminal.run('kubectl patch svc my-nginx -p \'{"spec":{"externalTrafficPolicy":"Local"}}\'')
    assert terminal.cluster.services["default/my-nginx"].external_traffic_policy == "Local"


def test_local_keeps_the_address_that_arrives_be_it_a_load_balancers():
    """practice"""
    balanced = scenarios.load("loadbalancer").with_world(cloud="proxying")
    balanced = balanced.patch("service", "my-nginx", "spec: {externalTrafficPolicy: Local}")
    seen = {path.source_seen for path in svcnotes.trace(balanced, CLIENT, "203.0.113.1:80").paths}
    assert seen == {"203.0.113.1"}


def test_other_plugins_give_other_addresses_to_a_pod_on_the_same_node():
    """practice"""
    assert (
        svcnotes.trace(whole().with_world(cni="routed"), CLIENT, BY_2).paths[1].source_seen == "172.18.0.12"
    )
    assert svcnotes.trace(whole(), CLIENT, BY_2).paths[1].source_seen == "10.244.2.1"


def test_the_manifest_of_practice_makes_a_nodeport_that_answers_by_every_node():
    """practice"""
    text = ledger.cells(LESSON)["practice"][1].partition("```yaml\n")[2].partition("```")[0]
    cluster = svcnotes.loads(text)
    for node in cluster.nodes.values():
        assert {p.outcome for p in svcnotes.trace(cluster, CLIENT, f"{node.addresses[0]}:30080").paths} == {
            "connected"
        }


def test_the_manifest_of_the_course_is_refused_for_one_thing_after_the_other():
    """exercise-repair-text: each refusal teaches something."""
    text, said = nodeport.MANIFEST, []
    for old, new in [
        ("", ""),
        ("8080", "30080"),
        ("443", "30443"),
        ("{nodePort: 30080", "{port: 80, nodePort: 30080"),
        ("{nodePort: 30443", "{port: 443, nodePort: 30443"),
    ]:
        text = text.replace(old, new, 1) if old else text
        said.append(nodeport.repair.check(text))
    assert ["valid range" in verdict.said for verdict in said] == [True, True, False, False, False]
    assert "port: Invalid value: 0" in said[2].said
    assert "Duplicate value" in said[2].said
    assert said[4].ok


@pytest.mark.parametrize("node", ["11", "12", "13"])
def test_curl_says_that_it_was_refused_and_at_once(node):
    """debug"""
    said = str(Terminal(broken()).run("client", f"curl -v -m 5 http://172.18.0.{node}:30080/"))
    assert f"connect to 172.18.0.{node} port 30080 failed: Connection refused" in said
    assert "after 0 ms" in said
