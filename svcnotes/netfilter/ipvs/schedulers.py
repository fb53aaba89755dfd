"""IPVS's schedulers: which real server gets a new connection, and what the scheduler knows afterwards.

Each gives the choice with what it goes by, and what it knows afterwards: its place. Chance comes in where the
kernel's answer hangs on what nobody can see from outside:

* rr and wrr go round. Where they stand hangs on every connection before; so the first choice that is made here is as
  likely for each place in the round, and from then on the next one is certain.
* lc, wlc, sed, nq, lblc and lblcr compare numbers of connections. Among equals the kernel takes the first of its own
  list, whose order no tool shows (ipvsadm sorts); so equals are equally likely.
* sh and dh hash addresses, the kernel's hash; the order of the list is taken as ipvsadm prints it. mh hashes too, here
  by a hash of our own: the kernel's is another, as hard to foresee, and as steady.

Sources: ip_vs_rr.c, ip_vs_wrr.c, ip_vs_lc.c, ip_vs_wlc.c, ip_vs_sed.c, ip_vs_nq.c, ip_vs_sh.c, ip_vs_dh.c, ip_vs_lblc.c,
ip_vs_lblcr.c, ip_vs_mh.c. Simplified: lblc and lblcr never forget a server that has been idle for long.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import reduce
from math import gcd
from typing import NamedTuple

from svcnotes.errors import RuleError
from svcnotes.netfilter.skb import Skb
from svcnotes.virtual_servers import RealServer, VirtualServer

Place = tuple[object, ...]
GOLDEN_RATIO = 0x61C88647  # hash_32 of include/linux/hash.h
BUCKETS = 256
WORD = 0xFFFFFFFF


class Choice(NamedTuple):
    """The real server, None where none may be had; what decided, in a few words; what is known afterwards."""

    real: RealServer | None
    why: str
    place: Place = ()


NOBODY = Choice(None, "no real server with a weight above 0")
Schedule = Callable[[VirtualServer, Place, Skb], Choice]


def schedule(server: VirtualServer, place: Place, s: Skb) -> Choice:
    """Choose for a new connection; the server's real ones hold how many connections each has now.

    Raises RuleError for a scheduler that is not known.
    """
    chosen_by = SCHEDULERS.get(server.scheduler)
    if chosen_by is None:
        raise RuleError(
            f"virtual server {server.option}: the scheduler `{server.scheduler}` is not known here; "
            f"it may be {', '.join(SCHEDULERS)}"
        )
    return chosen_by(server, place, s)


def _toss(s: Skb, count: int) -> int:
    """A number below `count`, each as likely."""
    for number in range(count - 1):
        left = count - number
        if s.toss(Fraction(1, left), 1 / left):
            return number
    return count - 1


def _able(reals: Sequence[RealServer]) -> list[RealServer]:
    return [one for one in reals if one.weight > 0]


# ---- in turn ------------------------------------------------------------------------------------------------------


def _rr(server: VirtualServer, place: Place, s: Skb) -> Choice:
    """The next in the round with a weight above 0."""
    able = _able(server.real_servers)
    if not able:
        return NOBODY
    texts = [one.text for one in server.real_servers]
    if place and place[0] in texts:
        at = texts.index(str(place[0])) + 1
        turned = (*server.real_servers[at:], *server.real_servers[:at])
        real = _able(turned)[0]
        return Choice(real, f"in turn: after {place[0]}", (real.text,))
    real = able[_toss(s, len(able))]
    return Choice(real, _any_of(len(able)), (real.text,))


def _wrr(server: VirtualServer, place: Place, s: Skb) -> Choice:
    """The next in a round in which each stands as often as its weight says."""
    able = _able(server.real_servers)
    if not able:
        return NOBODY
    step = reduce(gcd, (one.weight for one in able))
    most = max(one.weight for one in able)
    round_ = [(one, level) for level in range(most, 0, -step) for one in able if one.weight >= level]
    names = [(one.text, level) for one, level in round_]
    if place in names:
        at = (names.index((str(place[0]), int(str(place[1])))) + 1) % len(round_)
        return Choice(round_[at][0], f"in turn: after {place[0]}", names[at])
    at = _toss(s, len(round_))
    return Choice(round_[at][0], _any_of(len(round_)), names[at])


def _any_of(count: int) -> str:
    return "in turn: the only one" if count == 1 else f"in turn: any of {count}, who was last is not known"


# ---- by numbers of connections ------------------------------------------------------------------------------------


def _connections(one: RealServer) -> int:
    """What a real server has to do (ip_vs_dest_conn_overhead): one that is active counts as 256 that are not."""
    return one.active * 256 + one.inactive


def _least(reals: Sequence[RealServer], load: Callable[[RealServer], Fraction], s: Skb, what: str) -> Choice:
    able = _able(reals)
    if not able:
        return NOBODY
    least = min(map(load, able))
    equal = [one for one in able if load(one) == least]
    why = f"the fewest {what}" if len(equal) == 1 else f"any of {len(equal)} with the fewest {what}"
    return Choice(equal[_toss(s, len(equal))], why)


def _weighted(one: RealServer) -> Fraction:
    return Fraction(_connections(one), one.weight)


def _expected(one: RealServer) -> Fraction:
    return Fraction(one.active + 1, one.weight)


def _lc(server: VirtualServer, place: Place, s: Skb) -> Choice:
    del place
    return _least(server.real_servers, lambda one: Fraction(_connections(one)), s, "connections")


def _wlc(server: VirtualServer, place: Place, s: Skb) -> Choice:
    del place
    return _least(server.real_servers, _weighted, s, "connections for its weight")


def _sed(server: VirtualServer, place: Place, s: Skb) -> Choice:
    del place
    return _least(server.real_servers, _expected, s, "active connections for its weight")


def _nq(server: VirtualServer, place: Place, s: Skb) -> Choice:
    """One that is idle, else as sed does."""
    idle = [one for one in _able(server.real_servers) if not one.active]
    if not idle:
        return _sed(server, place, s)
    real = idle[_toss(s, len(idle))]
    return Choice(real, "idle" if len(idle) == 1 else f"any of {len(idle)} that are idle")


def _overloaded(one: RealServer, reals: Sequence[RealServer]) -> bool:
    """More active connections than its weight, while another has fewer than half of its own."""
    return one.active > one.weight and any(other.active * 2 < other.weight for other in reals)


def _lblc(server: VirtualServer, place: Place, s: Skb) -> Choice:
    """The server that this address had before, unless it is overloaded; else as wlc does."""
    for one in _able(server.real_servers):
        if place == (one.text,) and not _overloaded(one, server.real_servers):
            return Choice(one, "the one that has had this address before", place)
    found = _wlc(server, (), s)
    return found if found.real is None else found._replace(place=(found.real.text,))


def _lblcr(server: VirtualServer, place: Place, s: Skb) -> Choice:
    """The least busy of the servers that this address had before; where it is overloaded, one more joins them."""
    known = [one for one in _able(server.real_servers) if one.text in place]
    if known:
        found = _least(known, _weighted, s, "connections of those that have had this address")
        if found.real is not None and not _overloaded(found.real, server.real_servers):
            return found._replace(place=place)
    found = _wlc(server, (), s)
    if found.real is None:
        return found
    return found._replace(place=tuple(sorted({*map(str, place), found.real.text})))


# ---- by addresses -------------------------------------------------------------------------------------------------


def _folded(address: int) -> int:
    """An address as 32 bits: IPv6's four words are put over each other."""
    return reduce(lambda left, right: left ^ right, (address >> shift & WORD for shift in (0, 32, 64, 96)))


def _hash_32(value: int) -> int:
    """The kernel's hash_32 with 8 bits."""
    return ((value & WORD) * GOLDEN_RATIO & WORD) >> 24


def _sh(server: VirtualServer, place: Place, s: Skb) -> Choice:
    """By the client's address: each server stands in as many of the buckets as its weight says.

    A client whose bucket holds a server of weight 0 is refused: kube-proxy does not ask for the flag sh-fallback.
    """
    del place
    if not server.real_servers:
        return NOBODY
    table = [one for one in server.real_servers for _ in range(max(1, one.weight))]
    bucket = _hash_32(_folded(s.src) + (s.sport if "sh-port" in server.flags else 0))
    return _if_able(table[bucket % len(table)], f"by the source address {s.source()}")


def _dh(server: VirtualServer, place: Place, s: Skb) -> Choice:
    """By the address that was dialled: so one virtual server always has the same real one."""
    del place
    if not server.real_servers:
        return NOBODY
    bucket = _hash_32(_folded(s.dst))
    return _if_able(
        server.real_servers[bucket % len(server.real_servers)], f"by the address {s.destination()}"
    )


def _mh(server: VirtualServer, place: Place, s: Skb) -> Choice:
    """By the client's address, and its port with mh-port; a server that goes moves no other's clients."""
    del place
    able = _able(server.real_servers)
    if not able:
        return NOBODY
    by_port = "mh-port" in server.flags
    who = f"{s.source()} {s.sport}" if by_port else s.source()
    real = max(able, key=lambda one: hashlib.blake2b(f"{who} {one.text}".encode(), digest_size=8).digest())
    return Choice(real, f"by the source address{' and port' if by_port else ''}")


def _if_able(real: RealServer, why: str) -> Choice:
    if real.weight > 0:
        return Choice(real, why)
    return Choice(None, f"{why} it would be {real.text}, whose weight is 0")


SCHEDULERS: Mapping[str, Schedule] = {
    "rr": _rr, "wrr": _wrr, "lc": _lc, "wlc": _wlc, "sed": _sed, "nq": _nq,
    "lblc": _lblc, "lblcr": _lblcr, "sh": _sh, "dh": _dh, "mh": _mh,
}  # fmt: skip
"""By the name that `ipvsadm -s` takes."""
