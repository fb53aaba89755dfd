"""What type a value is of: an address, a port, a mark, ..., so that constants beside it can be read."""

from __future__ import annotations

from svcnotes.errors import RuleError
from svcnotes.netfilter.nftables.grammar import CT, FIB_RESULTS, META, PAYLOAD
from svcnotes.netfilter.nftables.syntax import Binary, Concat, Expression, Mapped, Selector

_CT_ENDS = {
    "proto-src": "inet_service",
    "proto-dst": "inet_service",
    "protocol": "inet_proto",
    "l3proto": "nf_proto",
}


def kind_of(selector: Selector) -> str:
    """The type of what a selector gives; an address of conntrack without its family is `address`."""
    words = selector.words
    match words[0]:
        case "meta":
            return META[words[1]]
        case "fib":
            return FIB_RESULTS[words[-1]]
        case "numgen":
            return "integer"
        case "ct":
            if words[1] in CT:
                return CT[words[1]]
            if words[-1] in _CT_ENDS:
                return _CT_ENDS[words[-1]]
            return {"ip": "ipv4_addr", "ip6": "ipv6_addr"}.get(words[2], "address")
    if len(words) == 1:
        return META[words[0]]
    return PAYLOAD[words[0]][words[1]]


def kinds_of(expression: Expression, table_family: str = "") -> tuple[str, ...]:
    """The types of a value, field by field; raises RuleError where it has none of its own (a constant)."""
    match expression:
        case Selector():
            kind = kind_of(expression)
            if kind == "address":
                kind = "ipv6_addr" if table_family == "ip6" else "ipv4_addr"
            return (kind,)
        case Concat():
            return tuple(kind for part in expression.parts for kind in kinds_of(part, table_family))
        case Binary():
            return kinds_of(expression.left, table_family)
        case Mapped():
            raise RuleError(
                f"`{expression}`: a map's value cannot be compared here; write one match for each"
            )
    raise RuleError(f"`{expression}` asks nothing of the packet: begin with such as `ip daddr`")
