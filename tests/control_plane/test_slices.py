"""EndpointSlices as kube-controller-manager 1.36.2 wrote them, recorded."""

import json
from collections import Counter
from pathlib import Path

import pytest

from svcnotes.control_plane.endpoint_slices import all_slices, mirrored, slices_for

RECORDS = [
    json.loads(line)
    for line in (Path(__file__).parent.parent / "data/slices/recorded.jsonl").read_text().splitlines()
]
# What an input alone cannot tell: these depend on what the controller had written before.
HISTORY = {
    ("selector-change", 3): "the slices of before stay",
    ("to-externalname", 2): "the slices of before stay",
    ("delete-service", 1): "no garbage collector ran there",
    ("node-zone-relabel", 1): "the zone of before stays",
    ("no-selector-slice", 1): "the slice is written by hand",
}
# Which endpoint is the one that goes elsewhere is the controller's throw of dice.
CHANCE = {("topology-mode-skewed", 1), ("many", 1)}
NAMES = [f"{r['case']}.{r['step']}" for r in RECORDS]
TRIGGER = "endpoints.kubernetes.io/last-change-trigger-time"


def plain(slices):
    """The slices without names, order and times."""
    copies = json.loads(json.dumps(slices))
    for one in copies:
        metadata = one["metadata"]
        del metadata["name"]
        annotations = metadata.get("annotations") or {}
        annotations.pop(TRIGGER, None)
        if not annotations:
            metadata.pop("annotations", None)
        if one["endpoints"]:
            one["endpoints"].sort(key=lambda endpoint: endpoint["addresses"])
    return sorted(copies, key=lambda one: json.dumps(one, sort_keys=True))


def made(record):
    kinds = {kind: [o for o in record["input"] if o["kind"] == kind] for kind in ("Service", "Pod", "Node")}
    return list(all_slices(kinds["Service"], kinds["Pod"], kinds["Node"]))


@pytest.mark.parametrize("record", RECORDS, ids=NAMES)
def test_slices_equal_the_recorded_ones(record):
    key = (record["case"], record["step"])
    if key in HISTORY:
        assert plain(made(record)) != plain(record["slices"])
    elif key in CHANCE:
        assert shape(made(record)) == shape(record["slices"])
    else:
        assert plain(made(record)) == plain(record["slices"])


def shape(slices):
    """How many endpoints each slice has, and how many are meant for each zone."""
    sizes = sorted(len(one["endpoints"]) for one in slices)
    zones = Counter(json.dumps(e.get("hints")) for one in slices for e in one["endpoints"])
    addresses = sorted(a for one in slices for e in one["endpoints"] for a in e["addresses"])
    return sizes, zones, addresses


def test_most_records_follow_from_their_input_alone():
    assert len(RECORDS) - len(HISTORY) - len(CHANCE) == 54


def test_a_service_that_loses_its_selector_gets_its_addresses_mirrored():
    before, after = (r for r in RECORDS if r["case"] == "selector-change" and r["step"] in (2, 3))
    service = after["services"][0]
    kept = made(before)
    assert plain(kept + mirrored(service, kept)) == plain(after["slices"])


def test_generated_names_are_the_same_each_time_and_differ_between_slices():
    record = next(r for r in RECORDS if r["case"] == "many")
    first, second = ([one["metadata"]["name"] for one in made(record)] for _ in range(2))
    assert first == second
    assert len(set(first)) == 2
    assert all(name.startswith("web-") and len(name) == 9 for name in first)


def test_a_name_of_63_letters_is_cut_for_its_slices():
    record = next(r for r in RECORDS if r["case"] == "long-name")
    assert [len(one["metadata"]["name"]) for one in made(record)] == [63]


def test_preferring_the_same_node_needs_no_zone():
    service = {
        "metadata": {"name": "web"},
        "spec": {"selector": {"a": "b"}, "trafficDistribution": "PreferSameNode"},
    }
    pod = {
        "metadata": {"name": "p", "labels": {"a": "b"}},
        "spec": {"nodeName": "n"},
        "status": {"podIP": "10.0.0.1"},
    }
    (one,) = slices_for(service, [pod], [{"metadata": {"name": "n"}}])
    assert one["endpoints"][0]["hints"] == {"forNodes": [{"name": "n"}]}
