"""The filters of tcpdump, each as a question about packets (pcap-filter(7))."""

from __future__ import annotations

import pytest

from svcnotes.packet import Packet
from svcnotes.toolbox.capture_filter import FilterError, capture_filter

SYN = Packet("tcp", "192.0.2.10", 40112, "172.18.0.11", 30080, flags="SYN")
ANSWER = Packet("tcp", "172.18.0.11", 30080, "192.0.2.10", 40112, flags="SYN,ACK")
QUERY = Packet("udp", "10.244.1.10", 40112, "10.96.0.10", 53)
ERROR = Packet("icmp", "172.18.0.11", 0, "192.0.2.10", 0, icmp="icmp-port-unreachable", inner=SYN)
SIX = Packet("tcp", "2001:db8:2::10", 40112, "fd00:18::11", 30080, flags="SYN")
EVERY = {"syn": SYN, "answer": ANSWER, "query": QUERY, "error": ERROR, "six": SIX}


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        ("", "syn answer query error six"),
        ("tcp", "syn answer six"),
        ("udp", "query"),
        ("icmp", "error"),
        ("ip", "syn answer query error"),
        ("ip6", "six"),
        ("arp", ""),
        ("port 30080", "syn answer six"),
        ("dst port 30080", "syn six"),
        ("src port 30080", "answer"),
        ("tcp port 53", ""),
        ("udp port 53", "query"),
        ("portrange 30000-32767", "syn answer six"),
        ("host 192.0.2.10", "syn answer error"),
        ("src host 192.0.2.10", "syn"),
        ("src 192.0.2.10", "syn"),
        ("192.0.2.10", "syn answer error"),
        ("net 10.0.0.0/8", "query"),
        ("dst net 10.96.0.0/16", "query"),
        ("src or dst port 53", "query"),
        ("not tcp", "query error"),
        ("! tcp", "query error"),
        ("tcp and host 192.0.2.10", "syn answer"),
        ("tcp && dst port 30080 || udp", "syn six query"),
        ("udp or tcp and ip6", "six"),
        ("udp or (tcp and ip6)", "query six"),
        ("not (tcp or udp)", "error"),
        ("port 53 or 30080", "syn answer query six"),
        ("host 10.96.0.10 or 192.0.2.10", "syn answer query error"),
        ("host fd00:18::11", "six"),
        ("tcp[tcpflags] & tcp-syn != 0", "syn answer six"),
        ("tcp[tcpflags] == tcp-syn", "syn six"),
        ("tcp[tcpflags] & (tcp-syn|tcp-ack) == tcp-syn", "syn six"),
        ("tcp[13] & tcp-ack != 0", "answer"),
    ],
)
def test_a_filter_takes_these_packets_and_no_others(text, taken):
    test = capture_filter(text)
    assert {name for name, packet in EVERY.items() if test(packet)} == set(taken.split())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("port", "can't parse filter expression: syntax error"),
        ("port x", "unknown port 'x'"),
        ("foo bar", "can't parse filter expression: syntax error"),
        ("host nowhere", "unknown host 'nowhere'"),
        ("(tcp", "can't parse filter expression: syntax error"),
        ("tcp)", "can't parse filter expression: syntax error"),
        ("and tcp", "can't parse filter expression: syntax error"),
        ("tcp and", "can't parse filter expression: syntax error"),
        ("tcp[tcpflags] tcp-syn", "can't parse filter expression: syntax error"),
        ("tcp[tcpflags] & tcp-foo != 0", "can't parse filter expression: syntax error"),
        ("tcp or " * 200, "expression is too long"),
    ],
)
def test_a_filter_that_cannot_be_read_is_refused(text, said):
    with pytest.raises(FilterError) as refused:
        capture_filter(text)
    assert str(refused.value) == said
