"""Source ports: what MASQUERADE keeps, what it takes instead, and when none is left."""

from dataclasses import replace

import pytest

from svcnotes.netfilter import Conntrack, Context, Ruleset, walk
from svcnotes.packet import Packet

NODE, ENDPOINT = "172.18.0.11", "10.244.2.10"
TEXT = "*nat\n:PREROUTING ACCEPT\n:INPUT ACCEPT\n:OUTPUT ACCEPT\n:POSTROUTING ACCEPT\n{}\nCOMMIT\n"
RANGE = "-A POSTROUTING -p tcp -j MASQUERADE --to-ports 2000-2001"


def syn(client, port=40112, destination=ENDPOINT, protocol="tcp", **more):
    return Packet(protocol, client, port, destination, 8080, flags="SYN" if protocol == "tcp" else "", **more)


def forward(rule, packet, table=None):
    """Send a packet through PREROUTING and POSTROUTING of a node: the walk that ended it, or the last."""
    rules = Ruleset.parse(TEXT.format(rule)).check()
    context = Context(
        conntrack=table or Conntrack(), out_interface="eth0", masquerade_address=lambda *_: NODE
    )
    (came,) = walk(rules, "PREROUTING", packet, context)
    if came.verdict != "accept":
        return came
    (left,) = walk(
        rules,
        "POSTROUTING",
        came.packet,
        replace(context, conntrack=came.conntrack, connection=came.connection),
    )
    return left


def source(walked):
    return walked.packet.source, walked.packet.source_port


def test_masquerade_keeps_the_clients_port_while_it_is_free():
    assert source(forward("-A POSTROUTING -j MASQUERADE", syn("192.0.2.10"))) == (NODE, 40112)


@pytest.mark.parametrize("more", ["", " --random-fully"])
def test_two_clients_with_one_source_port_get_different_ports_to_one_endpoint(more):
    rule = f"-A POSTROUTING -j MASQUERADE{more}"
    one = forward(rule, syn("192.0.2.10"))
    two = forward(rule, syn("192.0.3.10"), one.conntrack)
    assert source(one)[0] == source(two)[0] == NODE
    assert source(one)[1] != source(two)[1]
    assert len(two.conntrack) == 2


def test_one_port_serves_two_endpoints_at_once():
    rule = "-A POSTROUTING -j MASQUERADE"
    one = forward(rule, syn("192.0.2.10"))
    two = forward(rule, syn("192.0.3.10", destination="10.244.3.10"), one.conntrack)
    assert source(one)[1] == source(two)[1] == 40112


def test_random_fully_takes_another_port_than_the_clients():
    found = {
        source(forward("-A POSTROUTING -j MASQUERADE --random-fully", syn("192.0.2.10", port)))[1] - port
        for port in range(40000, 40050)
    }
    assert 0 not in found
    assert len(found) > 40


@pytest.mark.parametrize(
    ("port", "low", "high"),
    [(100, 1, 511), (511, 1, 511), (512, 600, 1023), (1000, 600, 1023), (1024, 1024, 65535)],
)
def test_a_privileged_port_stays_privileged(port, low, high):
    (_, found) = source(forward("-A POSTROUTING -j MASQUERADE --random-fully", syn("192.0.2.10", port)))
    assert low <= found <= high


@pytest.mark.parametrize("more", ["", " --random-fully"])
@pytest.mark.parametrize("clients_port", [40112, 2000])
def test_of_a_range_of_two_ports_the_third_connection_to_one_endpoint_is_dropped(more, clients_port):
    table, ports = Conntrack(), set()
    for client in ("192.0.2.10", "192.0.2.11"):
        walked = forward(RANGE + more, syn(client, clients_port), table)
        assert walked.verdict == "accept"
        table = walked.conntrack
        ports.add(source(walked)[1])
    assert ports == {2000, 2001}
    third = forward(RANGE + more, syn("192.0.2.12", clients_port), table)
    assert third.verdict == "drop"
    assert third.steps[-1].rule.startswith("no free source port: another connection has 172.18.0.11:200")
    assert len(third.conntrack) == 2
    elsewhere = forward(RANGE + more, syn("192.0.2.12", clients_port, destination="10.244.3.10"), table)
    assert elsewhere.verdict == "accept"


def test_a_port_is_free_again_when_its_connection_is_forgotten():
    table = Conntrack()
    for client in ("192.0.2.10", "192.0.2.11"):
        table = forward(RANGE, syn(client), table).conntrack
    gone = next(entry for entry in table if entry.original.source == "192.0.2.10")
    assert forward(RANGE, syn("192.0.2.12"), table.without_entry(gone)).verdict == "accept"


def test_the_second_packet_of_a_connection_takes_no_second_port():
    table = Conntrack()
    for client in ("192.0.2.10", "192.0.2.11"):
        table = forward(RANGE, syn(client), table).conntrack
    again = forward(RANGE, syn("192.0.2.10"), table)
    assert (again.verdict, len(again.conntrack)) == ("accept", 2)


def echo(client, identifier, icmp="icmp-echo-request"):
    return Packet("icmp", client, identifier, "198.51.100.5", 0, icmp=icmp)


def test_pings_of_one_identifier_are_told_apart_behind_one_address():
    rule = "-A POSTROUTING -j MASQUERADE"
    one = forward(rule, echo("10.244.1.10", 7))
    two = forward(rule, echo("10.244.1.11", 7), one.conntrack)
    assert source(one) == (NODE, 7)
    assert source(two)[1] not in (0, 7)


def test_a_stray_echo_reply_is_invalid():
    walked = forward("", echo("198.51.100.9", 7, "icmp-echo-reply"))
    assert (walked.connection.state, len(walked.conntrack)) == ("INVALID", 0)
