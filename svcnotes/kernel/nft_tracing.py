"""Hear the tracing of a node whose iptables is the nf_tables variant: rules by handle, which a list of them numbers.

The headers come with the first word of each base chain; what follows it there has the same id.
Sources: net/netfilter/nf_tables_core.c (nft_do_chain), nf_tables_trace.c, include/uapi/linux/netfilter/nf_tables.h.
"""

from __future__ import annotations

from typing import Any

from svcnotes.kernel.capture import telling
from svcnotes.kernel.dissect import dissect
from svcnotes.kernel.netlink import NETFILTER, Netlink, attributes, messages

_GETRULE, _TRACE, _GROUP = 10 << 8 | 7, 10 << 8 | 17, 9
_ADD_MEMBERSHIP, _SOL_NETLINK = 1, 270
_TABLE, _CHAIN, _HANDLE, _TYPE, _ID = 1, 2, 3, 4, 6
_NETWORK, _TRANSPORT, _IN, _OUT, _MARK = 8, 9, 10, 12, 14
_KINDS = {1: "policy", 2: "return", 3: "rule"}
_HOOKS = ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING")
_FAMILIES = {4: 2, 6: 10}
END = 1 << 30  # the number of what stands behind a chain's last rule


def _number(value: bytes) -> int:
    return int.from_bytes(value, "big")


def _text(value: bytes) -> str:
    return value.rstrip(b"\0").decode()


class NftTracing:
    """As `Tracing`, for the nf_tables variant; `learn` after each load of rules."""

    def __init__(self, host: str, names: dict[int, str]) -> None:
        self.host = host
        self.names = names
        self.net = Netlink(NETFILTER)
        self.net.socket.setsockopt(_SOL_NETLINK, _ADD_MEMBERSHIP, _GROUP)
        self.net.socket.setsockopt(1, 8, 1 << 20)
        self.net.socket.setblocking(False)
        self._numbers: dict[tuple[int, str, str, int], int] = {}
        self._about: dict[bytes, dict[str, Any]] = {}

    def learn(self, family: int) -> None:
        """List the rules of a family, to know the number of each handle."""
        asking = Netlink(NETFILTER)
        kind = _FAMILIES[family]
        counts: dict[tuple[str, str], int] = {}
        self._numbers = {key: number for key, number in self._numbers.items() if key[0] != kind}
        for _, body in asking.dump(_GETRULE, bytes([kind, 0, 0, 0])):
            said = dict(attributes(body[4:]))
            where = (_text(said[_TABLE]), _text(said[_CHAIN]))
            counts[where] = counts.get(where, 0) + 1
            self._numbers[(kind, *where, _number(said[_HANDLE]))] = counts[where]
        asking.close()

    def drain(self) -> list[dict[str, Any]]:
        """What was heard since the last time, in order, in the words of `Tracing.drain`."""
        found: list[dict[str, Any]] = []
        self._about.clear()
        while True:
            try:
                data = self.net.socket.recv(1 << 17)
            except BlockingIOError:
                return found
            for kind, body in messages(data):
                one = self._read(body[0], dict(attributes(body[4:]))) if kind == _TRACE else None
                if one is not None:
                    found.append(one)

    def _read(self, family: int, said: dict[int, bytes]) -> dict[str, Any] | None:
        table, chain = _text(said[_TABLE]), _text(said[_CHAIN])
        if _NETWORK in said:
            whole = dissect(said[_NETWORK] + said.get(_TRANSPORT, b""))
            names = {
                key: self.names.get(_number(said[key]), "") if key in said else "" for key in (_IN, _OUT)
            }
            heard: dict[str, Any] = {"hook": chain, "packet": whole, "in": names[_IN], "out": names[_OUT]}
            self._about[said[_ID]] = heard
        about = self._about.get(said[_ID], {})
        packet: dict[str, Any] | None = about.get("packet")
        if packet is None or not telling(packet) or about["hook"] not in _HOOKS:
            return None
        kind = _KINDS.get(_number(said[_TYPE]), "")
        if kind == "rule" and _HANDLE not in said:
            kind = "return"  # the end of a chain, which is no rule of the list
        if kind == "return" and chain in _HOOKS:
            return None  # the policy follows
        number = END
        if kind == "rule":
            number = self._numbers.get((family, table, chain, _number(said[_HANDLE])), 0)
        mark = _number(said[_MARK]) if _MARK in said else 0
        return {
            **about,
            "host": self.host,
            "table": table,
            "chain": chain,
            "kind": kind,
            "number": number,
            "packet": {**packet, "mark": mark},
        }
