"""The picture of a real packet is that of the simulated one, where the kernel tells nothing too."""

from dataclasses import replace

import pytest
from replay import cluster

from svcnotes.kernel import trace as real_trace
from svcnotes.kernel.agreement import difference, turns
from svcnotes.trace import trace

SERVICE = "10.96.0.10:80"
TWO_HOSTS = ("default/web-a", "default/web-c")


def both(lab, where, source, pod=None, to=SERVICE):
    """The path to a Pod (None: that without one), real and foretold."""
    foretold, real = trace(where, source, to), real_trace(where, source, to, lab=lab, packets=60)
    return [next(path for path in found.paths if path.pod == pod) for found in (real, foretold)], foretold


@pytest.mark.parametrize("pod", TWO_HOSTS)
def test_a_node_that_asks_a_service_takes_the_answer_as_the_services(lab, pod):
    (real, foretold), _ = both(lab, cluster("nodeport-cluster"), "node/node-1", pod)
    for path in (real, foretold):
        last = [step for step in path.hops[-1].steps if step.verdict == "translate"][-1]
        assert last.hook == "INPUT"
        assert (last.before.source_text, last.after.source_text) == (f"{address(pod)}:8080", SERVICE)
    assert turns(real.hops) == turns(foretold.hops)


def address(pod):
    return cluster("nodeport-cluster").pods[pod].addresses[0]


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_a_refusal_that_a_node_hears_is_the_services_too(lab, protocol):
    where = cluster("clusterip-tcp-udp")
    port = next(p.port for p in where.services["default/dns"].ports if p.protocol == protocol.upper())
    closed = [{"name": "listens-on-loopback", "pod": pod} for pod in where.pods if "web" in pod]
    where = where.with_world(faults=closed)
    foretold = trace(where, "node/node-1", f"10.96.0.53:{port}", protocol)
    found = real_trace(where, "node/node-1", f"10.96.0.53:{port}", protocol, lab=lab)
    for path in found.paths:
        assert (path.outcome, difference(foretold, path)) == ("refused", "")
        step = path.hops[-1].steps[-1]
        assert (step.hook, step.after.source) == ("INPUT", "10.96.0.53")


def test_a_dnat_is_drawn_though_the_bridge_lets_nothing_out_afterwards(lab):
    where = cluster("nodeport-cluster").with_world(faults=[{"name": "hairpin-off"}])
    (real, foretold), _ = both(lab, where, "pod/default/web-a")
    for path in (real, foretold):
        assert path.outcome == "timeout"
        (dnat,) = [step for step in path.hops[-1].steps if step.verdict == "dnat"]
        assert dnat.after.destination_text == "10.244.1.10:8080"
    assert turns(real.hops) == turns(foretold.hops)


def test_a_bridge_is_where_a_packet_came_in_not_its_port(lab):
    (real, foretold), _ = both(lab, cluster("nodeport-cluster"), "pod/default/web-a", "default/web-b")
    assert [hop.in_interface for hop in real.hops] == [hop.in_interface for hop in foretold.hops]


def test_the_comparison_misses_no_turn_of_nat(lab):
    (real, _), foretold = both(lab, cluster("nodeport-cluster"), "node/node-1", "default/web-a")
    assert difference(foretold, real) == ""
    last = real.hops[-1]
    without = replace(real, hops=(*real.hops[:-1], replace(last, steps=last.steps[:-1])))
    assert "nat: " in difference(foretold, without)
