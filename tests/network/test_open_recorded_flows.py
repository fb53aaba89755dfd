"""Every recorded flow, held open: its next packets go where its first one went, and a sync alone changes nothing."""

import pytest
from replay import asked, cluster, flows, scenarios

import svcnotes.flow


def connected(scenario):
    where = cluster(scenario, None)
    for record in flows(scenario):
        if not record.get("variant") and record["protocol"] in ("TCP", "UDP"):
            found = asked(where, record)
            yield from (
                (where, record, found.source, path) for path in found.paths if path.outcome == "connected"
            )


@pytest.mark.parametrize("scenario", scenarios())
def test_an_open_flow_goes_on_to_the_pod_that_got_its_first_packet(scenario):
    for where, record, source, first in connected(scenario):
        flow = svcnotes.flow.open(
            where, source, record["dst"], record["protocol"], record.get("via"), pod=first.pod
        )
        (path,) = flow.next().paths
        assert (path.outcome, path.pod, path.source_seen) == ("connected", first.pod, first.source_seen), (
            record
        )
        synced = flow.send().after(where, 1)
        # kube-proxy takes any address with a nodePort's number for a node's: an entry without NAT may go.
        assert not any(entry.dnat for _, entry in synced.event.entries), record
        assert synced.event.lists == ()
        assert synced.send().pod == first.pod, record


def test_there_are_recorded_flows_to_hold_open():
    assert sum(1 for scenario in scenarios() for _ in connected(scenario)) > 2000
