"""Every recorded flow, held open: its next packets go where its first one went, and a sync alone changes nothing."""

from itertools import islice

import pytest
from replay import asked, cluster, flows, scenarios

import svcnotes.flow

# How many flows to hold open of each record: conntrack is the same in every mode, so one is enough in the second.
MODES = {"iptables": None, "nftables": 1}


def connected(scenario, mode):
    where = cluster(scenario, None)
    for record in flows(scenario, mode):
        if not record.get("variant") and record["protocol"] in ("TCP", "UDP"):
            found = asked(where, record)
            ways = (path for path in found.paths if path.outcome == "connected")
            yield from ((where, record, found.source, path) for path in islice(ways, MODES[mode]))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("scenario", scenarios())
def test_an_open_flow_goes_on_to_the_pod_that_got_its_first_packet(scenario, mode):
    for where, record, source, first in connected(scenario, mode):
        flow = svcnotes.flow.open(
            where, source, record["dst"], record["protocol"], record.get("via"), mode, pod=first.pod
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
    assert sum(1 for scenario in scenarios() for _ in connected(scenario, "iptables")) > 2000
    assert sum(1 for scenario in scenarios()[:10] for _ in connected(scenario, "nftables")) > 100
