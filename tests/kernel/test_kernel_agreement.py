"""A bounded sample of `make conformance`: recorded scenarios, random worlds, and every case that once differed."""

import json
from collections import Counter
from pathlib import Path

import conformance
import planted_faults
import pytest
import random_worlds
from conformance import KEPT, Tally, ask_case
from hypothesis import HealthCheck, Phase, given, seed, settings
from recorded_worlds import KINDS, MODES, recorded
from replay import cluster

from svcnotes.kernel.agreement import compare, difference
from svcnotes.kernel.tracer import questions
from svcnotes.kube_proxy import rules
from svcnotes.netfilter.editing import edited_rules
from svcnotes.trace import trace

EVERY = 83  # of the recorded flows of a mode
CASES, FLOWS = 12, 16


@pytest.mark.parametrize("mode", MODES)
def test_a_sample_of_the_recorded_flows_is_the_same_in_the_kernel_in_the_model_and_in_the_record(lab, mode):
    wrong, counts = [], Counter()
    for flow in [one for one in recorded() if one.mode == mode][::EVERY]:
        foretold = flow.foretold()
        asked = flow.questions(foretold)
        got = compare(lab, foretold, asked)
        of_record = flow.differs_from_simulation(foretold) or flow.differs_from_kernel(got.paths, foretold)
        counts[flow.rules] += 1
        counts["rules matched"] += got.rules
        if got.difference or of_record:
            wrong.append(f"{flow}: {got.difference or of_record}")
    assert wrong == []
    assert min(counts[rules] for rules in KINDS) > 10
    print(dict(counts))


@pytest.mark.parametrize("mode", MODES)
def test_random_worlds_go_in_the_kernel_as_the_model_foretells(lab, mode):
    tally = Tally()

    @seed(36)
    @settings(
        max_examples=CASES,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(random_worlds.cases(FLOWS, mode))
    def agree(case):
        ask_case(lab, case, tally, one_in=20)

    agree()
    print(dict(tally.counts))
    assert tally.counts[f"mode {mode}"] > 50


@pytest.mark.parametrize("path", sorted(KEPT.glob("*.json")), ids=lambda path: Path(path).stem)
def test_a_case_that_once_differed_agrees(lab, path):
    kept = json.loads(path.read_text(encoding="utf-8"))
    ask_case(lab, kept["case"], Tally(), one_in=1 if "odds: " in kept["why"] else 1000)


def test_a_difference_is_made_small_and_kept_as_a_test(lab, tmp_path, monkeypatch):
    monkeypatch.setattr(conformance, "KEPT", tmp_path)
    monkeypatch.setattr(conformance, "SHRINK", 2.0)
    tally = Tally()
    with planted_faults.wrong_masquerade():
        for start in range(20):
            conformance._batch(lab, tally, start)
            if tally.differences:
                break
        (path,) = tmp_path.glob("*.json")
        assert tally.differences[0].startswith(f"kept as {path}: ")
        kept = json.loads(path.read_text(encoding="utf-8"))
        assert len(kept["case"]["flows"]) == 1
        with pytest.raises(conformance.DiffersError):
            ask_case(lab, kept["case"], Tally())
    ask_case(lab, kept["case"], Tally())


def test_the_comparison_can_fail(lab):
    where = cluster("nodeport-cluster")
    asked = questions(where, "client", "172.18.0.11:30080")
    got = compare(lab, trace(where, "client", "172.18.0.11:30080"), asked)
    assert got.difference == ""
    assert "end: kernel" in difference(trace(where, "client", "172.18.0.12:30080"), got.paths[0])
    other = trace(
        where.with_world(faults=[{"name": "rule-missing", "node": "node-1", "text": "--ctstate INVALID"}]),
        "client",
        "172.18.0.11:30080",
    )
    assert "rules: " in difference(other, got.paths[0])


@pytest.mark.parametrize(("mode", "outcome"), [("iptables", "timeout"), ("nftables", "connected")])
def test_a_node_that_sees_no_answers_finds_the_ack_invalid_and_iptables_mode_drops_it(lab, mode, outcome):
    """The router sends the client's packets through node-1, node-3's answers go straight home."""
    asked = (cluster("nodeport-cluster"), "192.0.2.10", "172.18.0.13:30080", "tcp", "node-1", mode)
    foretold = trace(*asked)
    assert {path.outcome for path in foretold.paths} == {outcome}
    assert all("the ACK that follows was lost: node-1" in path.reason for path in foretold.paths) == (
        mode == "iptables"
    )
    assert compare(lab, foretold, questions(*asked)).difference == ""


def test_a_packet_from_localhost_is_translated_and_dropped_where_nobody_may_see_what_it_became(lab):
    where, add = cluster("nodeport-cluster"), "add element ip kube-proxy nodeport-ips { 127.0.0.1 }"
    text = edited_rules(rules(where, "node-1", "nftables"), add)
    asked = (where.with_rules("node-1", text), "node/node-1", "127.0.0.1:30080", "tcp", None, "nftables")
    foretold = trace(*asked)
    assert {path.outcome for path in foretold.paths} == {"timeout"}
    assert compare(lab, foretold, questions(*asked)).difference == ""
