"""Connections through real rules, timed: they come to the pods, the worker keeps its time, and no lab is a sentence."""

import time

import pytest

from svcnotes.kernel import latency
from svcnotes.kernel.nft_pieces import AT_ONCE, pieces
from svcnotes.kube_proxy.modes import MODES
from svcnotes.network.node_rules import rules_text
from svcnotes.scenarios.scale import NODE, address, many
from svcnotes.scenarios.scale_live import Live, live

LISTED = [mode for mode, one in MODES.items() if not one.dummy]


@pytest.mark.usefixtures("kernel_lab")
@pytest.mark.parametrize("mode", LISTED)
def test_connections_are_timed_through_the_rules_of_a_mode(mode):
    found = live((10, 300), budget=20, connects=20, modes=(mode,))
    assert found.notes == ()
    assert {packet for _, packet in found.micros} == {"first", "last", "nodeport", "none"}
    for points in found.micros.values():
        assert [services for services, _ in points] == [10, 300]
        assert all(1 < micros < 1e5 for _, micros in points)


@pytest.mark.usefixtures("kernel_lab")
def test_rules_that_lead_nowhere_are_a_note_and_no_wait():
    begun = time.monotonic()
    with latency.Stopwatch() as watch:
        empty = "*nat\n:PREROUTING ACCEPT [0:0]\nCOMMIT\n"
        assert list(watch.measure([(1, empty, [(address(0), 80)])], connects=1)) == []
        assert "Not measured with 1 Services" in watch.why
    assert time.monotonic() - begun < 5


@pytest.mark.usefixtures("kernel_lab")
def test_what_takes_longer_than_the_budget_is_broken_off():
    begun = time.monotonic()
    with latency.Stopwatch() as watch:
        rules = rules_text(many(10), NODE, "iptables", 4)
        assert list(watch.measure([(10, rules, [(address(0), 80)])], budget=1.0, connects=10**9)) == []
        assert "The 1 seconds were over" in watch.why
    assert time.monotonic() - begun < 6


@pytest.mark.usefixtures("kernel_lab")
def test_a_text_that_the_tool_refuses_is_a_note():
    with latency.Stopwatch() as watch:
        assert list(watch.measure([(1, "*nat\n-A NOWHERE -j GONE\nCOMMIT\n", [(address(0), 80)])])) == []
        assert "Not measured" in watch.why


def test_where_there_is_no_lab_a_sentence_says_why(monkeypatch):
    why = "The kernel lab needs Linux; this is plan9."
    monkeypatch.setattr(latency, "available", lambda: why)
    monkeypatch.setattr("svcnotes.scenarios.scale_live.available", lambda: why)
    assert live((10,)) == Live(notes=(why,))


def test_a_long_nftables_text_comes_in_pieces_that_declare_before_they_use():
    text = rules_text(many(300), NODE, "nftables", 4)
    found = list(pieces(text))
    assert max(piece.count("\n") for piece in found) < 6 * AT_ONCE
    whole = "".join(found)
    assert whole.count("add rule") == 3 * 300 + 22
    assert whole.index("chain services {") < whole.index("add element") < whole.index("add rule")
    assert whole.count(" : goto service-") == 300
