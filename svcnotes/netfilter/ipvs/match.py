"""-m ipvs: whether IPVS has taken the packet, and for which virtual server.

Source: net/netfilter/xt_ipvs.c. Simplified: a control connection (--vportctl, FTP) is none of these.
"""

from __future__ import annotations

from svcnotes.addresses import number
from svcnotes.errors import RuleError
from svcnotes.netfilter.addresses import network
from svcnotes.netfilter.header import Test, protocol_number
from svcnotes.netfilter.matches import Place
from svcnotes.netfilter.reading import port
from svcnotes.netfilter.rule import Clause, Option
from svcnotes.netfilter.skb import PROTOCOLS, Skb

DIRECTIONS = {"ORIGINAL": "original", "REPLY": "reply"}
METHODS = ("GATE", "IPIP", "MASQ")


def taken(clause: Clause, place: Place) -> list[Test]:
    """The tests of a rule's -m ipvs; with more than --ipvs, a packet that IPVS has not taken never matches."""
    if not clause.options:
        raise RuleError("-m ipvs needs an option such as --vaddr")
    return [_option(option, place.family) for option in clause.options]


def _option(option: Option, family: int) -> Test:
    word, negated = option.values[0] if option.values else "", option.negated
    if option.name == "--ipvs":
        return lambda s: (s.served is not None) != negated
    if option.name == "--vproto":
        wanted = protocol_number(word)
        return lambda s: (
            s.served is not None and (PROTOCOLS.get(s.served.request.protocol) == wanted) != negated
        )
    if option.name == "--vaddr":
        value, mask = network(word, family)
        return lambda s: (
            s.served is not None and (number(s.served.request.destination) & mask == value) != negated
        )
    if option.name == "--vport":
        asked = port(word)
        return lambda s: s.served is not None and (s.served.request.destination_port == asked) != negated
    if option.name == "--vdir":
        if word not in DIRECTIONS:
            raise RuleError(f"--vdir {word}: write ORIGINAL or REPLY")
        return lambda s: s.served is not None and (_direction(s) == DIRECTIONS[word]) != negated
    if word not in METHODS:
        raise RuleError(f"{option.name} {word} is not understood: --vmethod takes {', '.join(METHODS)}")
    return lambda s: s.served is not None and (word == "MASQ") != negated


def _direction(s: Skb) -> str:
    return s.connection.direction if s.connection else ""
