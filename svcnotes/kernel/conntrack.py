"""Read a namespace's UDP flows from conntrack, and delete some, as kube-proxy does after a sync.

Sources: include/uapi/linux/netfilter/nfnetlink_conntrack.h, nf_conntrack_common.h; pkg/proxy/conntrack of Kubernetes.
"""

from __future__ import annotations

import errno
import socket
import struct
from typing import Any

from svcnotes.kernel.netlink import Netlink, attribute, attributes, nested

_GET, _DELETE = 1 << 8 | 1, 1 << 8 | 2
_ORIGINAL, _REPLY, _STATUS, _TIMEOUT = 1, 2, 3, 7
_IP, _PROTO = 1, 2
_ENDS = {socket.AF_INET: (1, 2), socket.AF_INET6: (3, 4)}
_NUMBER, _SOURCE_PORT, _DESTINATION_PORT = 1, 2, 3
UDP = 17


def flows(net: Netlink) -> list[list[Any]]:
    """The UDP flows of the socket's namespace: [first packet's ends, answer's ends, status, seconds left].

    Ends are [source, port, destination, port], each as the packet arrives here.
    """
    found = []
    # Both IP families at once: the kernel looks through the whole machine's table for each list.
    for _, body in net.dump(_GET, bytes(4)):
        said = dict(attributes(body[4:]))
        first, answer = (_ends(said[which], body[0]) for which in (_ORIGINAL, _REPLY))
        if first and answer:
            status, left = (int.from_bytes(said.get(what, b""), "big") for what in (_STATUS, _TIMEOUT))
            found.append([first, answer, status, left])
    return found


def _ends(data: bytes, family: int) -> list[Any]:
    """The ends of a tuple (nf_conntrack_tuple); none where it is not of UDP."""
    said = dict(attributes(data))
    ip, proto = dict(attributes(said[_IP])), dict(attributes(said[_PROTO]))
    if proto[_NUMBER][0] != UDP:
        return []
    source, destination = (socket.inet_ntop(family, ip[end]) for end in _ENDS[socket.AddressFamily(family)])
    ports = [struct.unpack(">H", proto[port])[0] for port in (_SOURCE_PORT, _DESTINATION_PORT)]
    return [source, ports[0], destination, ports[1]]


def delete(net: Netlink, first: list[Any]) -> None:
    """Delete the UDP flow whose first packet had these ends; one that is gone already is no harm."""
    source, source_port, destination, destination_port = first
    family = socket.AF_INET6 if ":" in source else socket.AF_INET
    at, to = _ENDS[family]
    ends = nested(
        _IP,
        attribute(at, socket.inet_pton(family, source)),
        attribute(to, socket.inet_pton(family, destination)),
    )
    kind = nested(
        _PROTO,
        attribute(_NUMBER, bytes([UDP])),
        attribute(_SOURCE_PORT, struct.pack(">H", source_port)),
        attribute(_DESTINATION_PORT, struct.pack(">H", destination_port)),
    )
    body = bytes([family, 0, 0, 0]) + nested(_ORIGINAL, ends, kind)
    net.maybe(_DELETE, body, 0, forgive=(errno.ENOENT,))
