"""A pod that calls itself, and its neighbour on the bridge, fare as in a real kernel (tests/data/hairpin)."""

import csv
from pathlib import Path

import pytest

from svcnotes import scenarios
from svcnotes.scenarios.changes import without_rule
from svcnotes.trace import trace

MEASURED = Path(__file__).parents[1] / "data" / "hairpin" / "measured.csv"
ROWS = list(csv.DictReader(MEASURED.read_text(encoding="utf-8").splitlines()))
AIM = {"anna": "10.244.1.10", "bert": "10.244.1.11"}


def name_of(row):
    return "-".join(
        [row["called"], f"rule-{row['rule']}", f"nf-{row['bridge_nf']}", f"flag-{row['hairpin']}"]
    )


def in_the_model(row):
    """The path by which anna's packet is led to the pod that the row names."""
    cluster = scenarios.load("hairpin").with_world(
        sysctls={"net.bridge.bridge-nf-call-iptables": row["bridge_nf"]},
        faults=["hairpin-off"] if row["hairpin"] == "off" else [],
    )
    if row["rule"] == "out":
        cluster = without_rule(cluster, "-s 10.244.1.10/32", ["node-1"])
    paths = trace(cluster, "pod/default/anna", "10.96.0.80:80").paths
    given = [
        [step.after for hop in path.hops for step in hop.steps if step.verdict == "dnat"] for path in paths
    ]
    return next(
        p for p, [packet] in zip(paths, given, strict=True) if packet.destination == AIM[row["called"]]
    )


@pytest.mark.parametrize("row", ROWS, ids=name_of)
def test_a_hairpin_ends_as_it_does_in_a_real_kernel(row):
    path = in_the_model(row)
    assert path.outcome == row["outcome"]
    if row["outcome"] == "connected":
        assert path.source_seen == row["source_seen"]
    done = {step.verdict for hop in path.hops for step in hop.steps}
    assert ("masquerade" in done) == (row["masqueraded"] == "yes")
