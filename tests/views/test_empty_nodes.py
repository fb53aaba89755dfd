"""A picture says "no endpoint here" only where it knows."""

import svcnotes
from svcnotes import scenarios
from svcnotes.views.cast import cast_of


def test_a_trace_shown_without_its_service_does_not_say_that_a_node_has_no_pod():
    cluster = scenarios.load("nodeport")
    trace = svcnotes.trace(cluster, source="192.0.2.10", to="172.18.0.11:30081")
    assert not cast_of(trace).complete
    assert not cast_of(trace, cluster).complete
    assert cast_of(trace, cluster, frozenset()).complete
