"""Whose chain is asked first at a hook: that of the lower priority, and of two of one priority the one made last."""

import pytest

from svcnotes.netfilter import Context, read_rules, walk
from svcnotes.packet import Packet

HEAD = "table ip {0} {{\n\tchain {0} {{\n\t\ttype filter hook input priority {1}; policy accept;\n\t\ttcp dport 80 drop\n\t}}\n}}\n"
SAVED = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n-A INPUT -p tcp -j DROP\nCOMMIT\n"
PACKET = Packet("tcp", "192.0.2.10", 40000, "172.18.0.11", 80)


def who_drops(text):
    (way,) = walk(read_rules(text), "INPUT", PACKET, Context())
    return way.steps[-1].chain


@pytest.mark.parametrize(("one", "other", "first"), [(0, 0, "other"), (-1, 0, "one"), (0, -1, "other")])
def test_of_two_chains_of_one_priority_the_later_one_of_the_text_is_asked_first(one, other, first):
    assert who_drops(HEAD.format("one", one) + HEAD.format("other", other)) == first


def test_chains_of_iptables_are_the_newest_of_their_priority():
    assert who_drops(HEAD.format("one", 0) + SAVED) == who_drops(SAVED + HEAD.format("one", 0)) == "INPUT"


@pytest.mark.parametrize(
    ("priority", "first"), [("srcnat - 5", "own"), ("srcnat", "POSTROUTING"), ("srcnat + 5", "POSTROUTING")]
)
def test_iptables_nat_of_sources_has_the_priority_srcnat(priority, first):
    own = f"table ip other {{\n\tchain own {{\n\t\ttype nat hook postrouting priority {priority}; policy accept;\n\t\tmasquerade\n\t}}\n}}\n"
    saved = "*nat\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:POSTROUTING ACCEPT [0:0]\n-A POSTROUTING -j MASQUERADE\nCOMMIT\n"
    stops = [chain.name for stop in read_rules(own + saved).stops("POSTROUTING") for chain in stop.chains]
    assert stops[0] == first
