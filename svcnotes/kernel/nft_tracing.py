"""Hear nf_tables' tracing of a node: rules by handle, which a list of them numbers; chains by their hook and priority.

It tells of nft's own tables and of those that the nf_tables variant of iptables writes, in the kernel's order. The
headers come with the first word of each base chain; what follows it there has the same id. The lab's own chains log the
packets whole.
Sources: net/netfilter/nf_tables_core.c (nft_do_chain), nf_tables_trace.c, include/uapi/linux/netfilter/nf_tables.h.
"""

from __future__ import annotations

import struct
from typing import Any, NamedTuple

from svcnotes.kernel.capture import telling
from svcnotes.kernel.dissect import dissect
from svcnotes.kernel.netlink import NETFILTER, Netlink, attributes, messages
from svcnotes.kernel.nft import LOG_GROUP, OWN_TABLE, start_telling
from svcnotes.kernel.tracing import PAYLOAD, hear_group, logged

_GETCHAIN, _GETRULE, _TRACE, _GROUP = 10 << 8 | 4, 10 << 8 | 7, 10 << 8 | 17, 9
_ADD_MEMBERSHIP, _SOL_NETLINK = 1, 270
_TABLE, _CHAIN, _HANDLE, _TYPE, _ID, _VERDICT = 1, 2, 3, 4, 6, 5
_CHAIN_TABLE, _CHAIN_NAME, _CHAIN_HOOK, _HOOK_NUMBER, _HOOK_PRIORITY = 1, 3, 4, 1, 2
_VERDICT_CODE, _VERDICT_CHAIN = 1, 2
_NETWORK, _TRANSPORT, _IN, _OUT, _MARK = 8, 9, 10, 12, 14
_KINDS = {1: "policy", 2: "return", 3: "rule"}
_WORDS = {0: "drop", 1: "accept", -1: "continue", -3: "jump", -4: "goto", -5: "return"}
_HOOKS = ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING")
_FAMILIES = {1: "inet", 2: "ip", 10: "ip6"}
_OF_IPTABLES = ("raw", "mangle", "nat", "filter", "security")
END = 1 << 30  # the number of what stands behind a chain's last rule

Place = tuple[int, str, str]


class Base(NamedTuple):
    """Where a base chain hangs."""

    hook: str
    priority: int


def _number(value: bytes) -> int:
    return int.from_bytes(value, "big")


def _signed(value: bytes) -> int:
    return int(struct.unpack(">i", value)[0])


def _text(value: bytes) -> str:
    return value.rstrip(b"\0").decode()


def table_name(family: int, table: str) -> str:
    """A table as steps name it: those of iptables by their name, others with their family (`ip kube-proxy`)."""
    return table if table in _OF_IPTABLES else f"{_FAMILIES.get(family, '')} {table}"


class NftTracing:
    """As `Tracing`, for nf_tables; `learn` after each load of rules."""

    def __init__(self, host: str, names: dict[int, str]) -> None:
        self.host = host
        self.names = names
        self.net = Netlink(NETFILTER)
        self.net.socket.setsockopt(_SOL_NETLINK, _ADD_MEMBERSHIP, _GROUP)
        self.net.socket.setsockopt(1, 8, 1 << 20)
        self.net.socket.setblocking(False)
        start_telling()  # without nft there is less to hear: what tracing itself shows of a packet
        self._logged = Netlink(NETFILTER)
        hear_group(self._logged, LOG_GROUP)
        self._wholes: list[bytes] = []
        self._numbers: dict[tuple[int, str, str, int], int] = {}
        self._bases: dict[Place, Base] = {}
        self._about: dict[bytes, dict[str, Any]] = {}

    def learn(self) -> None:
        """List chains and rules, to know where a chain hangs and the number of each handle."""
        asking = Netlink(NETFILTER)
        self._bases = {}
        for _, body in asking.dump(_GETCHAIN, bytes(4)):
            said = dict(attributes(body[4:]))
            if _CHAIN_HOOK in said:
                hook = dict(attributes(said[_CHAIN_HOOK]))
                where = (body[0], _text(said[_CHAIN_TABLE]), _text(said[_CHAIN_NAME]))
                at = _HOOKS[_number(hook[_HOOK_NUMBER])]
                self._bases[where] = Base(at, _signed(hook[_HOOK_PRIORITY]))
        counts: dict[Place, int] = {}
        self._numbers = {}
        for _, body in asking.dump(_GETRULE, bytes(4)):
            said = dict(attributes(body[4:]))
            where = (body[0], _text(said[_TABLE]), _text(said[_CHAIN]))
            counts[where] = counts.get(where, 0) + 1
            self._numbers[(*where, _number(said[_HANDLE]))] = counts[where]
        asking.close()

    def drain(self) -> list[dict[str, Any]]:
        """What was heard since the last time, in order, in the words of `Tracing.drain`.

        `priority` is the base chain's, `verdict` what followed a rule (`jump CHAIN`, `continue`, ...).
        """
        found: list[dict[str, Any]] = []
        self._about.clear()
        self._wholes = [said.get(PAYLOAD, b"") for said in logged(self._logged)]
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
        place = (family, table, chain)
        if _NETWORK in said:
            seen = said[_NETWORK] + said.get(_TRANSPORT, b"")
            whole = self._whole(seen) if table == OWN_TABLE else self._known(said[_ID], seen)
            names = {
                key: self.names.get(_number(said[key]), "") if key in said else "" for key in (_IN, _OUT)
            }
            base = self._bases.get(place, Base("", 0))
            self._about[said[_ID]] = {
                "hook": base.hook,
                "priority": base.priority,
                "packet": dissect(whole),
                "whole": whole,
                "in": names[_IN],
                "out": names[_OUT],
            }
        about = self._about.get(said[_ID], {})
        packet: dict[str, Any] | None = about.get("packet")
        if packet is None or not telling(packet) or not about["hook"]:
            return None
        kind, verdict = _KINDS.get(_number(said[_TYPE]), ""), _verdict(said.get(_VERDICT, b""))
        if kind != "policy":
            # The end of a chain is no rule of the list; a rule that says `return` is.
            kind = "rule" if _HANDLE in said else "return"
        if (kind == "return" and place in self._bases) or (kind == "rule" and table == OWN_TABLE):
            return None  # the policy follows
        number = self._numbers.get((*place, _number(said[_HANDLE])), 0) if kind == "rule" else END
        mark = _number(said[_MARK]) if _MARK in said else 0
        return {
            **{key: about[key] for key in ("hook", "priority", "in", "out")},
            "host": self.host,
            "table": table_name(family, table),
            "chain": chain,
            "kind": kind,
            "number": number,
            "verdict": verdict,
            "packet": {**packet, "mark": mark},
        }

    def _whole(self, seen: bytes) -> bytes:
        """The packet of which tracing saw the headers, as it was logged there."""
        for at, whole in enumerate(self._wholes):
            if whole.startswith(seen):
                return self._wholes.pop(at)
        return seen

    def _known(self, packet_id: bytes, seen: bytes) -> bytes:
        """The packet as the lab's own chain at this hook saw it, if it is the same still."""
        before: bytes = self._about.get(packet_id, {}).get("whole", b"")
        return before if before.startswith(seen) else seen

    def close(self) -> None:
        """Close the sockets."""
        self.net.close()
        self._logged.close()


def _verdict(data: bytes) -> str:
    said = dict(attributes(data))
    if _VERDICT_CODE not in said:
        return ""
    word = _WORDS.get(_signed(said[_VERDICT_CODE]), "")
    return f"{word} {_text(said[_VERDICT_CHAIN])}" if _VERDICT_CHAIN in said else word
