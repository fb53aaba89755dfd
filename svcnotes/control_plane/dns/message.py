"""DNS messages as they stand on the wire, by dnspython; it loads only when a message is asked for.

Sources: RFC 1035 (the message), RFC 6891 (the OPT record), RFC 7873 (cookies: CoreDNS sends a client's back as it came).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

from svcnotes.control_plane.dns.records import Record, Reply, full
from svcnotes.errors import QuestionError

if TYPE_CHECKING:
    from dns.message import Message, QueryMessage
    from dns.rrset import RRset

PAYLOAD = 1232
"""Bytes that a UDP answer may have: what dig asks for, and what CoreDNS grants."""


def question(name: str, kind: str, *, cookie: bool = True) -> QueryMessage:
    """The message that dig sends. Its number and cookie are made from the name, so that they stay the same.

    Raises QuestionError for a name that no message can hold.
    """
    import dns.edns
    import dns.exception
    import dns.flags
    import dns.message
    import dns.name

    seed = hashlib.sha256(f"{name} {kind}".encode()).digest()
    options: list[dns.edns.Option] = [dns.edns.CookieOption(seed[2:10], b"")] if cookie else []
    try:
        asked = dns.name.from_text(full(name))
        message = dns.message.make_query(
            asked, kind, use_edns=0, payload=PAYLOAD, options=options, id=int.from_bytes(seed[:2], "big")
        )
    except (dns.exception.DNSException, UnicodeError) as error:
        raise QuestionError(
            f"name {name!r}: no DNS message can hold it ({error}); labels have 63 characters at most, a name 253"
        ) from None
    message.flags |= dns.flags.RD | dns.flags.AD
    return message


def response(asked: QueryMessage, reply: Reply) -> Message:
    """The message that carries a reply to that question, as read from its bytes on the wire."""
    import dns.flags
    import dns.message
    import dns.rcode

    made = dns.message.make_response(asked, recursion_available=reply.recursion, our_payload=PAYLOAD)
    if asked.edns >= 0:
        made.use_edns(0, payload=PAYLOAD, options=list(asked.options))
    made.set_rcode(dns.rcode.from_text(reply.code))
    if reply.authoritative:
        made.flags |= dns.flags.AA
    made.answer += _sets(reply.answer)
    made.authority += _sets(reply.authority)
    made.additional += _sets(reply.additional)
    return dns.message.from_wire(made.to_wire(want_shuffle=False))


def _sets(records: Iterable[Record]) -> list[RRset]:
    import dns.rrset

    return [
        dns.rrset.from_text(record.name, record.ttl, "IN", record.kind, record.data) for record in records
    ]
