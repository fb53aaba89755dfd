"""Which endpoints a node may use: a table of claims."""

from pathlib import Path

import pytest
import yaml

from svcnotes.control_plane.objects import LOCAL, Endpoint, Service, ServicePort
from svcnotes.kube_proxy.endpoints import pools
from svcnotes.kube_proxy.service_ports import ServiceEndpoint, ServicePortInfo

TABLE = Path(__file__).parent.parent / "data" / "kube_proxy" / "endpoint-policy.yaml"
CLAIMS = yaml.safe_load(TABLE.read_text(encoding="utf-8"))
ZONES = {"node-1": "zone-a", "node-2": "zone-b", "node-3": ""}
STATES = {  # ready, serving, terminating
    "ready": (True, True, False),
    "draining": (False, True, True),
    "dying": (False, False, True),
    "unready": (False, False, False),
}


def endpoint(text):
    where, state, *hints = text.split()
    name, node = where.split("@")
    ready, serving, terminating = STATES[state]
    given = dict(hint.split("=") for hint in hints)
    read = Endpoint(
        addresses=(name,),
        ready=ready,
        serving=serving,
        terminating=terminating,
        node=node,
        for_nodes=(given["nodes"],) if "nodes" in given else None,
        for_zones=(given["zones"],) if "zones" in given else None,
    )
    return ServiceEndpoint(name, name, 80, read)


def info(endpoints, *, node_port=30080, external_local=True, internal_local=False):
    return ServicePortInfo(
        service=Service("default", "web", type="NodePort", external_traffic_policy=LOCAL),
        port=ServicePort("", "TCP", 80, 8080, node_port),
        name="default/web",
        protocol="tcp",
        cluster_ip="10.96.0.10",
        external_ips=(),
        vips=(),
        source_ranges=(),
        health_check_node_port=0,
        external_local=external_local,
        internal_local=internal_local,
        endpoints=tuple(endpoint(text) for text in endpoints),
    )


def names(endpoints):
    return "".join(sorted(item.text for item in endpoints))


@pytest.mark.parametrize("row", CLAIMS, ids=lambda row: row["claim"])
def test_the_table_of_claims(row):
    nodes = [key for key in row if key.startswith("node-")]
    assert nodes
    for node in nodes:
        found = pools(info(row["endpoints"]), node, ZONES[node])
        expected = row[node]
        assert names(found.cluster) == expected["cluster"]
        assert names(found.local) == expected["local"]
        assert found.anywhere == expected["anywhere"]
        assert names(found.reachable) == "".join(sorted({*expected["cluster"], *expected["local"]}))


def test_without_any_policy_local_there_is_no_local_pool():
    found = pools(info(["a@node-1 ready"], external_local=False), "node-1", "")
    assert (names(found.cluster), names(found.local)) == ("a", "")


def test_internal_policy_local_alone_needs_no_endpoint_of_another_node():
    found = pools(
        info(["a@node-1 ready", "b@node-2 ready"], node_port=0, external_local=False, internal_local=True),
        "node-1",
        "",
    )
    assert (names(found.cluster), names(found.local), names(found.reachable)) == ("", "a", "a")


def test_internal_policy_local_knows_that_another_node_has_endpoints():
    found = pools(
        info(["b@node-2 ready"], node_port=0, external_local=False, internal_local=True), "node-1", ""
    )
    assert found.anywhere
    assert names(found.reachable) == ""
