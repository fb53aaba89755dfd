"""Interfaces, addresses, routes and neighbours, by netlink.

Source: include/uapi/linux/rtnetlink.h, if_link.h, neighbour.h.
"""

from __future__ import annotations

import errno
import socket
import struct
from ipaddress import ip_address, ip_network

from svcnotes.kernel.netlink import (
    APPEND,
    CREATE,
    EXCLUSIVE,
    REPLACE,
    Netlink,
    attribute,
    attributes,
    nested,
    number,
    text,
)

_NEWLINK, _DELLINK, _GETLINK, _NEWADDR, _NEWROUTE, _DELROUTE, _NEWNEIGH, _DELNEIGH = (
    16,
    17,
    18,
    20,
    24,
    25,
    28,
    29,
)
_UP = 1
_OPERSTATE, _OPERATES = 16, 6
_ADDRESS, _NAME, _MASTER, _LINKINFO, _NS_FD, _AF_SPEC = 1, 3, 10, 18, 28, 26
_KIND, _DATA, _SLAVE_KIND, _SLAVE_DATA = 1, 2, 4, 5
_FAMILY = {4: socket.AF_INET, 6: socket.AF_INET6}
KINDS = {"unicast": 1, "blackhole": 6, "unreachable": 7}
_NODAD, _NOPREFIXROUTE = 0x02, 0x200


def _link(index: int = 0, *, up: bool = False) -> bytes:
    return struct.pack("=BxHiII", 0, 0, index, _UP if up else 0, _UP if up else 0)


def hardware(mac: str) -> bytes:
    """The six bytes of a MAC address."""
    return bytes.fromhex(mac.replace(":", ""))


End = tuple[int, str, str]  # an interface: its index, its name, its MAC address


def _named(end: End) -> bytes:
    index, name, mac = end
    return _link(index) + text(_NAME, name) + attribute(_ADDRESS, hardware(mac))


def add_pair(net: Netlink, here: End, there: End, there_fd: int) -> None:
    """A veth pair, both ends down: `here` in the socket's namespace, `there` in that of the descriptor."""
    peer = attribute(1, _named(there) + number(_NS_FD, there_fd))
    net.send(_NEWLINK, _named(here) + nested(_LINKINFO, text(_KIND, "veth"), nested(_DATA, peer)))


def add_bridge(net: Netlink, end: End) -> None:
    """A bridge without multicast snooping, so that neighbour discovery passes at once."""
    snooping = attribute(23, b"\0")
    net.send(_NEWLINK, _named(end) + nested(_LINKINFO, text(_KIND, "bridge"), nested(_DATA, snooping)))


def add_vxlan(net: Netlink, end: End, local: str, port: int = 8472) -> None:
    """A vxlan device that learns nothing: its table is written by the network's installer."""
    own = (
        attribute(4, socket.inet_aton(local)) if ":" not in local else attribute(17, ip_address(local).packed)
    )
    data = nested(_DATA, number(1, 1), own, attribute(7, b"\0"), attribute(15, struct.pack(">H", port)))
    net.send(_NEWLINK, _named(end) + nested(_LINKINFO, text(_KIND, "vxlan"), data))


def set_up(net: Netlink, index: int) -> None:
    """Switch an interface on."""
    net.send(_NEWLINK, _link(index, up=True), 0)


def carriers_up(net: Netlink) -> bool:
    """Whether every cable of the namespace carries; a bridge's port passes nothing before the kernel has noticed that."""
    states = [dict(attributes(body[16:])) for _, body in net.dump(_GETLINK, _link())]
    cables = (one for one in states if b"veth" in one.get(_LINKINFO, b""))
    return all(one.get(_OPERSTATE, b"") == bytes([_OPERATES]) for one in cables)


def set_port(net: Netlink, index: int, master: int, *, hairpin: bool) -> None:
    """Plug an interface into a bridge, its hairpin mode on or off."""
    net.send(_NEWLINK, _link(index) + number(_MASTER, master), 0)
    mode = attribute(4, bytes([hairpin]))
    net.send(
        _NEWLINK, _link(index) + nested(_LINKINFO, text(_SLAVE_KIND, "bridge"), nested(_SLAVE_DATA, mode)), 0
    )


def add_address(net: Netlink, index: int, address: str) -> None:
    """An address with its length (`10.244.1.1/24`), usable at once, and no route beside it."""
    plain, _, bits = address.partition("/")
    packed = ip_address(plain)
    body = struct.pack("=BBBBi", _FAMILY[packed.version], int(bits), 0, 0, index)
    body += attribute(1, packed.packed) + attribute(2, packed.packed) + number(8, _NODAD | _NOPREFIXROUTE)
    net.send(_NEWADDR, body, CREATE | REPLACE)


def route(
    net: Netlink,
    destination: str,
    *,
    kind: str = "unicast",
    index: int = 0,
    gateway: str = "",
    remove: bool = False,
) -> None:
    """Add, replace or remove a route of the main table."""
    to = ip_network(destination, strict=False)
    scope = 0 if gateway or kind != "unicast" else 253
    onlink = 4 if gateway else 0
    body = struct.pack(
        "=BBBBBBBBI", _FAMILY[to.version], to.prefixlen, 0, 0, 254, 4, scope, KINDS[kind], onlink
    )
    body += attribute(1, to.network_address.packed) + number(6, 100 if to.version == 6 else 0)
    if index and kind == "unicast":
        body += number(4, index)
    if gateway:
        body += attribute(5, ip_address(gateway).packed)
    if remove:
        net.maybe(_DELROUTE, body, 0, forgive=(errno.ESRCH,))
    else:
        net.send(_NEWROUTE, body, CREATE | REPLACE)


def neighbour(net: Netlink, index: int, address: str, mac: str, *, remove: bool = False) -> None:
    """A permanent entry of the neighbour table, or none."""
    packed = ip_address(address)
    body = struct.pack("=BxxxiHBB", _FAMILY[packed.version], index, 0x80, 0, 1) + attribute(1, packed.packed)
    if remove:
        net.maybe(_DELNEIGH, body, 0, forgive=(errno.ENOENT,))
    else:
        net.send(_NEWNEIGH, body + attribute(2, hardware(mac)), CREATE | REPLACE)


def forwarding_entry(net: Netlink, index: int, mac: str, via: str) -> None:
    """Where a vxlan device sends frames for a MAC address."""
    body = struct.pack("=BxxxiHBB", 7, index, 0x80, 0x02, 0)
    net.send(
        _NEWNEIGH, body + attribute(2, hardware(mac)) + attribute(1, ip_address(via).packed), CREATE | APPEND
    )


def remove_link(net: Netlink, index: int) -> None:
    """Take an interface (and its other end) away."""
    net.send(_DELLINK, _link(index), 0)


__all__ = [
    "EXCLUSIVE", "add_address", "add_bridge", "add_pair", "add_vxlan", "carriers_up", "forwarding_entry", "hardware",
    "neighbour", "remove_link", "route", "set_port", "set_up",
]  # fmt: skip
