"""What one change of the cluster makes kube-proxy rewrite, in each mode."""

from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from svcnotes.control_plane.load import load, loads
from svcnotes.control_plane.objects import Endpoint, EndpointPort, EndpointSlice, Service, ServicePort
from svcnotes.errors import QuestionError
from svcnotes.kube_proxy import Counts, counts, partial_sync, rules
from svcnotes.kube_proxy.modes import MODES

ORACLE = Path(__file__).parent.parent / "data" / "oracle"
SCENARIOS = sorted(path.parent.name for path in ORACLE.glob("*/cluster.yaml"))
ALWAYS = {"filter": ["EXTERNAL-SERVICES", "FORWARD", "NODEPORTS", "PROXY-FIREWALL", "SERVICES"],
          "nat": ["MARK-MASQ", "NODEPORTS", "POSTROUTING", "SERVICES"]}  # fmt: skip


def recorded(scenario):
    return load(ORACLE / scenario / "cluster.yaml")


def many(services, *, lost=(), affinity="None"):
    """NodePort Services with five endpoints each, on three nodes; `lost`: (Service, endpoint) pairs that are gone."""
    cluster = replace(recorded("nodeport-cluster"))
    port = ServicePort("", "TCP", 80, 8080)
    found, slices = {}, []
    for number in range(services):
        one = Service(
            "default",
            f"web-{number:05}",
            type="NodePort",
            cluster_ips=(f"10.96.{number >> 8}.{number & 255}",),
            ports=(replace(port, node_port=20000 + number),),
            session_affinity=affinity,
        )
        found[one.key] = one
        endpoints = tuple(
            Endpoint((f"10.244.{number}.{i + 1}",), node=f"node-{1 + i % 3}")
            for i in range(5)
            if (number, i) not in lost
        )
        slices.append(
            EndpointSlice("default", one.name, one.name, endpoints=endpoints, ports=(EndpointPort("", 8080),))
        )
    cluster.__dict__.update(services=found, endpoint_slices=tuple(slices))
    return cluster


# --- how much there is ------------------------------------------------------------------------


@pytest.mark.parametrize("services", [10, 100])
def test_a_cluster_has_as_many_rules_as_was_counted_in_the_real_one(services):
    """The recorded counts: 21 N + 8 rules in nat and 15 in filter; 3 N + 22 rules in 2 N + 15 chains, 2 N elements."""
    cluster = many(services)
    assert counts(cluster, "node-1", "iptables").rules == 21 * services + 8 + 15
    found = counts(cluster, "node-1", "nftables")
    assert (found.rules, found.chains, found.map_elements) == (
        3 * services + 22,
        2 * services + 15,
        2 * services,
    )


# --- one endpoint's change --------------------------------------------------------------------


def test_in_iptables_mode_one_endpoint_costs_the_rules_that_lead_to_every_service():
    sync = partial_sync(many(100), many(100, lost=[(7, 4)]), "node-1", "iptables")
    assert sync.services == ("default/web-00007",)
    assert not sync.full
    # KUBE-SERVICES has a rule for each Service and one more, KUBE-NODEPORTS two for each; four more in nat and four in
    # filter are always there; the Service's own: two to get in, one for the mark, four to pick and eight for endpoints.
    assert sync.written == Counts(rules=101 + 200 + 4 + 4 + 15, chains=10 + 2 + 4)
    assert sync.deleted == Counts(chains=1)
    assert sync.text.count("-X KUBE-SEP-") == 1


def test_in_nftables_mode_one_endpoint_costs_the_rules_of_its_service_however_many_there_are():
    few, lots = (partial_sync(many(n), many(n, lost=[(7, 4)]), "node-1", "nftables") for n in (10, 200))
    assert few.text == lots.text
    assert lots.written == Counts(rules=3, chains=2)
    assert lots.deleted == Counts()
    assert "numgen random mod 4 map" in lots.text


def test_an_endpoint_on_the_node_itself_takes_its_hairpin_along():
    sync = partial_sync(many(3), many(3, lost=[(1, 0)]), "node-1", "nftables")
    assert sync.deleted == Counts(set_elements=1)
    assert sync.text.endswith(
        "delete element ip kube-proxy hairpin-connections { 10.244.1.1 . 10.244.1.1 . tcp . 8080 }\n"
    )


def test_an_element_that_another_service_needs_too_stays():
    cluster = many(2)
    first, second = cluster.endpoint_slices
    shared = replace(cluster)
    shared.__dict__.update(
        services=cluster.services, endpoint_slices=(first, replace(second, endpoints=first.endpoints))
    )
    after = replace(cluster)
    after.__dict__.update(
        services=cluster.services,
        endpoint_slices=(replace(first, endpoints=first.endpoints[1:]), shared.endpoint_slices[1]),
    )
    sync = partial_sync(shared, after, "node-1", "nftables")
    assert sync.services == ("default/web-00000",)
    assert "element" not in sync.text


def test_the_clients_of_an_endpoint_are_forgotten_at_once_and_its_chain_goes_a_little_later():
    before, after = many(2, affinity="ClientIP"), many(2, affinity="ClientIP", lost=[(0, 1)])
    sync = partial_sync(before, after, "node-1", "nftables")
    chains = [line for line in sync.text.splitlines() if "__10.244.0.2/8080" in line]
    assert [line.split("-")[0] for line in chains] == [
        "flush chain ip kube",
        "delete set ip kube",
    ]
    (later,) = sync.later.splitlines()
    assert later.startswith("delete chain ip kube-proxy endpoint-")
    assert later.endswith("-default/web-00000/tcp/__10.244.0.2/8080")


def test_the_last_endpoint_moves_the_service_from_one_map_to_the_other():
    before, after = many(1), many(1, lost=[(0, i) for i in range(5)])
    sync = partial_sync(before, after, "node-1", "nftables")
    assert sync.written == Counts(map_elements=2)
    assert sync.deleted == Counts(chains=2, map_elements=2, set_elements=2)
    assert (
        'add element ip kube-proxy no-endpoint-nodeports { tcp . 20000 comment "default/web-00000" : goto'
        in sync.text
    )
    assert "delete element ip kube-proxy service-nodeports { tcp . 20000 }" in sync.text


def test_a_verdict_that_changes_is_deleted_and_added_again():
    elsewhere = recorded("nodeport-local-no-endpoints")
    before, after = recorded("nodeport-local"), elsewhere
    node = "node-3"  # no endpoint here: dropped while others have one, then refused
    sync = partial_sync(before, after, node, "nftables")
    lines = [line for line in sync.text.splitlines() if "no-endpoint-nodeports" in line]
    assert lines == [
        "delete element ip kube-proxy no-endpoint-nodeports { tcp . 30080 }",
        'add element ip kube-proxy no-endpoint-nodeports { tcp . 30080 comment "default/web" : goto reject-chain }',
    ]


# --- what is no change, and what changes all --------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
def test_the_same_cluster_needs_nothing(mode):
    sync = partial_sync(many(3), many(3), "node-1", mode)
    assert (sync.services, sync.text, sync.later, sync.full) == ((), "", "", False)
    assert sync.written == sync.deleted == Counts()


@pytest.mark.parametrize("mode", MODES)
def test_a_label_of_the_service_is_no_change_to_kube_proxy(mode):
    before = many(2)
    after = replace(before)
    after.__dict__.update(
        services={key: replace(one, labels={"a": "b"}) for key, one in before.services.items()},
        endpoint_slices=before.endpoint_slices,
    )
    assert partial_sync(before, after, "node-1", mode).services == ()


@pytest.mark.parametrize("mode", MODES)
def test_another_setting_writes_everything_again(mode):
    before = many(4)
    after = replace(many(4), proxy=replace(before.proxy, masquerade_bit=7))
    after.__dict__.update(services=before.services, endpoint_slices=before.endpoint_slices)
    sync = partial_sync(before, after, "node-1", mode)
    assert sync.full
    assert sync.services == ()
    assert "0x80" in sync.text or "0x00000080" in sync.text
    if mode != "ipvs":  # there no rule is of one Service
        assert sync.text.count("web-00003") >= 3


def relabelled(kind):
    """A recorded cluster, and the same with one label more on its Service or its slice."""
    text = (ORACLE / "nodeport-cluster" / "cluster.yaml").read_text(encoding="utf-8")
    documents = list(yaml.safe_load_all(text))
    (one,) = [document for document in documents if document["kind"] == kind]
    one["metadata"].setdefault("labels", {})["team"] = "shop"
    return recorded("nodeport-cluster"), loads(yaml.safe_dump_all(documents))


@pytest.mark.parametrize("mode", ["iptables", "nftables"])
def test_any_change_of_a_slice_writes_the_service_again_but_a_label_of_the_service_does_not(mode):
    """esDataChanged in pkg/proxy/endpointslicecache.go compares whole objects, ServiceChangeTracker what it would proxy."""
    sync = partial_sync(*relabelled("EndpointSlice"), "node-1", mode)
    assert (sync.services, sync.full) == (("default/web",), False)
    assert sync.deleted == Counts()
    assert partial_sync(*relabelled("Service"), "node-1", mode).services == ()


@pytest.mark.parametrize("mode", MODES)
def test_a_stopped_kube_proxy_writes_nothing(mode):
    before = recorded("nodeport-local")
    after = recorded("nodeport-local-no-endpoints").with_stale_rules("node-1", before)
    assert partial_sync(before, after, "node-1", mode).text == ""
    assert partial_sync(before, after, "node-2", mode).text


def test_a_node_that_one_of_the_clusters_lacks_is_an_error():
    with pytest.raises(QuestionError, match="node-9"):
        partial_sync(many(1), many(1), "node-9")


# --- iptables: the input on the old rules makes the new ones ----------------------------------


def chains_of(text):
    """The chains of each table; a chain that is deleted (`-X`) is None."""
    tables = {}
    for line in text.splitlines():
        word = line.split()[1] if line.startswith("-") else ""
        if line.startswith("*"):
            current = tables.setdefault(line[1:], {})
        elif line.startswith(":"):
            current[line[1:].split()[0]] = []
        elif line.startswith("-X"):
            current[word] = None
        elif line.startswith("-A"):
            current[word].append(line)
    return tables


def test_a_partial_sync_on_the_old_rules_makes_the_rules_of_the_new_cluster():
    clusters = [recorded(name) for name in SCENARIOS]
    seen = Counter()
    for before, after in pairwise(clusters):
        if before.families != after.families:
            continue
        sync = partial_sync(before, after, "node-1", "iptables")
        have, want = (chains_of(rules(one, "node-1", "iptables")) for one in (before, after))
        for name, chains in chains_of(sync.text).items():
            have[name].update(chains)
            assert [f"KUBE-{chain}" for chain in ALWAYS[name]] == list(chains)[: len(ALWAYS[name])]
        if (
            ":KUBE-FIREWALL" not in sync.text
        ):  # not written where 127.0.0.1 is closed: it may hold the kubelet's rule
            have["filter"].pop("KUBE-FIREWALL")
            want["filter"].pop("KUBE-FIREWALL")
        assert {n: {k: v for k, v in c.items() if v is not None} for n, c in have.items()} == want
        seen[sync.full] += 1
    assert seen[False] > 30
    assert seen[True] > 3


def test_the_rule_that_guards_the_open_loopback_is_written_at_every_sync():
    """syncProxyRules in pkg/proxy/iptables/proxier.go: not only by a full one, and in IPv4 only."""
    sync = partial_sync(many(2), many(2, lost=[(0, 0)]), "node-1", "iptables")
    assert not sync.full
    assert (
        chains_of(sync.text)["filter"]["KUBE-FIREWALL"]
        == chains_of(rules(many(2), "node-1"))["filter"]["KUBE-FIREWALL"]
    )
    closed = [
        replace(many(2, lost=lost), proxy=replace(many(2).proxy, localhost_node_ports=False))
        for lost in ((), [(0, 0)])
    ]
    assert "KUBE-FIREWALL" not in partial_sync(*closed, "node-1", "iptables").text


def test_with_many_endpoints_unused_chains_are_left_for_later():
    before, after = many(201), many(201, lost=[(0, 0)])
    sync = partial_sync(before, after, "node-1", "iptables")
    assert "\n-X " not in sync.text
    assert sync.later.count("-X KUBE-SEP-") == 1
    assert sync.deleted == Counts(chains=1)
