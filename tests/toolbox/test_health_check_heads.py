"""A health check's answer has the headers that a load balancer may go by."""

import pytest

from svcnotes import scenarios
from svcnotes.toolbox import Terminal


@pytest.mark.parametrize(
    ("node", "status", "weight"), [("node-1", "200 OK", 2), ("node-3", "503 Service Unavailable", 0)]
)
def test_the_weight_is_the_number_of_ready_endpoints_on_the_node(node, status, weight):
    terminal = Terminal(scenarios.load("dojo"))
    port = terminal.cluster.services["default/web-public"].health_check_node_port
    head = str(terminal.run(node, f"curl -i http://localhost:{port}/healthz")).split("\n\n")[0].splitlines()
    assert head[0] == f"HTTP/1.1 {status}"
    assert f"X-Load-Balancing-Endpoint-Weight: {weight}" in head
