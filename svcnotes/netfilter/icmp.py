"""ICMP types by the names that iptables uses (RFC 792, RFC 4443): name → (type, codes)."""

from __future__ import annotations

from collections.abc import Mapping

from svcnotes.errors import RuleError

Codes = tuple[int, int]
ANY: Codes = (0, 255)

ICMP: Mapping[str, tuple[int, Codes]] = {
    "echo-reply": (0, ANY),
    "destination-unreachable": (3, ANY),
    "network-unreachable": (3, (0, 0)),
    "host-unreachable": (3, (1, 1)),
    "protocol-unreachable": (3, (2, 2)),
    "port-unreachable": (3, (3, 3)),
    "fragmentation-needed": (3, (4, 4)),
    "network-prohibited": (3, (9, 9)),
    "host-prohibited": (3, (10, 10)),
    "communication-prohibited": (3, (13, 13)),
    "redirect": (5, ANY),
    "echo-request": (8, ANY),
    "time-exceeded": (11, ANY),
    "ttl-zero-during-transit": (11, (0, 0)),
    "parameter-problem": (12, ANY),
}
ICMP6: Mapping[str, tuple[int, Codes]] = {
    "destination-unreachable": (1, ANY),
    "no-route": (1, (0, 0)),
    "communication-prohibited": (1, (1, 1)),
    "address-unreachable": (1, (3, 3)),
    "port-unreachable": (1, (4, 4)),
    "packet-too-big": (2, ANY),
    "time-exceeded": (3, ANY),
    "ttl-zero-during-transit": (3, (0, 0)),
    "parameter-problem": (4, ANY),
    "echo-request": (128, ANY),
    "echo-reply": (129, ANY),
    "router-solicitation": (133, ANY),
    "router-advertisement": (134, ANY),
    "neighbour-solicitation": (135, ANY),
    "neighbour-advertisement": (136, ANY),
}
# What REJECT may send, and what a Packet's `icmp` may be: name → (type, code).
REJECT_WITH: Mapping[int, Mapping[str, tuple[int, int]]] = {
    4: {
        "icmp-net-unreachable": (3, 0),
        "icmp-host-unreachable": (3, 1),
        "icmp-proto-unreachable": (3, 2),
        "icmp-port-unreachable": (3, 3),
        "icmp-net-prohibited": (3, 9),
        "icmp-host-prohibited": (3, 10),
        "icmp-admin-prohibited": (3, 13),
    },
    6: {
        "icmp6-no-route": (1, 0),
        "icmp6-adm-prohibited": (1, 1),
        "icmp6-addr-unreachable": (1, 3),
        "icmp6-port-unreachable": (1, 4),
        "icmp6-policy-fail": (1, 5),
        "icmp6-reject-route": (1, 6),
    },
}
OTHERS: Mapping[str, tuple[int, int]] = {
    "icmp-echo-request": (8, 0),
    "icmp-echo-reply": (0, 0),
    "icmp-frag-needed": (3, 4),
    "icmp-ttl-exceeded": (11, 0),
    "icmp6-echo-request": (128, 0),
    "icmp6-echo-reply": (129, 0),
    "icmp6-packet-too-big": (2, 0),
    "icmp6-ttl-exceeded": (3, 0),
}
# The shorter names that REJECT also understands.
REJECT_SHORT = {
    "net-unreach": "icmp-net-unreachable",
    "host-unreach": "icmp-host-unreachable",
    "proto-unreach": "icmp-proto-unreachable",
    "port-unreach": "icmp-port-unreachable",
    "net-prohib": "icmp-net-prohibited",
    "host-prohib": "icmp-host-prohibited",
    "admin-prohib": "icmp-admin-prohibited",
    "tcp-rst": "tcp-reset",
    "no-route": "icmp6-no-route",
    "adm-prohibited": "icmp6-adm-prohibited",
    "addr-unreach": "icmp6-addr-unreachable",
}


def type_and_code(name: str) -> tuple[int, int]:
    """The numbers of a Packet's `icmp`; (-1, -1) for a name that no rule can ask for."""
    short = name.replace("unreachable", "unreach")
    name = REJECT_SHORT.get(short, name)
    for names in (*REJECT_WITH.values(), OTHERS):
        if name in names:
            return names[name]
    return -1, -1


def wanted(word: str, family: int) -> tuple[int, Codes] | None:
    """Read `--icmp-type`: a name, TYPE or TYPE/CODE; None for `any`; raises RuleError otherwise."""
    names = ICMP if family == 4 else ICMP6
    if word == "any":
        return None
    if word in names:
        return names[word]
    kind, slash, code = word.partition("/")
    if kind.isdigit() and int(kind) <= 255 and (not slash or (code.isdigit() and int(code) <= 255)):
        return int(kind), (int(code), int(code)) if slash else ANY
    raise RuleError(f"unknown ICMP type `{word}`: write TYPE, TYPE/CODE or one of {', '.join(names)}")
