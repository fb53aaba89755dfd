"""The packet, and one step of its way through a host."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_address

from svcnotes.copying import value


@lru_cache(maxsize=65536)
def family_of(address: str) -> int:
    """Tell the IP family of an address text: 4 or 6; raises ValueError for anything else."""
    return ip_address(address).version


def endpoint_text(address: str, port: int) -> str:
    """Write an address and a port as Linux tools do: `10.0.0.1:80`, `[fd00::1]:80`."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


ECHO_REQUEST = {4: "icmp-echo-request", 6: "icmp6-echo-request"}
ECHO_REPLY = {4: "icmp-echo-reply", 6: "icmp6-echo-reply"}
_ECHO = frozenset({*ECHO_REQUEST.values(), *ECHO_REPLY.values()})


@value(frozen=True, slots=True)
class Packet:
    """One packet: addresses are canonical text (RFC 5952 for IPv6), ports are 0 to 65535.

    `protocol` is tcp, udp, sctp or icmp. `flags` holds the TCP flags in order, comma-separated
    (`SYN`, `SYN,ACK`, `RST`, `RST,ACK`), empty for other protocols. An ICMP error has
    `protocol` icmp, `icmp` with its name as iptables' REJECT spells it (`icmp-port-unreachable`,
    `icmp6-no-route`, `icmp-ttl-exceeded`), ports 0, and in `inner` the packet that it complains
    about, as that packet looked to the sender of the error. A ping has `icmp` icmp-echo-request or
    icmp-echo-reply (icmp6-... for IPv6) and no `inner`; its identifier stands where the port of the side
    that pings would, and the other port is 0. `mark` is the kernel's own note on the packet (skb
    mark): it never leaves the host.
    """

    protocol: str
    source: str
    source_port: int
    destination: str
    destination_port: int
    flags: str = ""
    mark: int = 0
    ttl: int = 64
    icmp: str = ""
    inner: Packet | None = None

    @property
    def family(self) -> int:
        """The IP family: 4 or 6."""
        return 6 if ":" in self.destination else 4

    @property
    def is_echo(self) -> bool:
        """Whether it is a ping, or the answer to one."""
        return self.icmp in _ECHO

    @property
    def is_error(self) -> bool:
        """Whether it is an ICMP error about another packet."""
        return bool(self.icmp) and self.icmp not in _ECHO

    def with_ttl(self, ttl: int) -> Packet:
        """The packet with another TTL."""
        return self._as(self.mark, ttl)

    def unmarked(self) -> Packet:
        """The packet as another host gets it: without the mark."""
        return self._as(0, self.ttl) if self.mark else self

    def between(self, source: str, source_port: int, destination: str, destination_port: int) -> Packet:
        """The packet with other ends."""
        return Packet(
            self.protocol,
            source,
            source_port,
            destination,
            destination_port,
            self.flags,
            self.mark,
            self.ttl,
            self.icmp,
            self.inner,
        )

    def _as(self, mark: int, ttl: int) -> Packet:
        # Written out, since every hop of every packet comes by here: dataclasses.replace takes twice as long.
        return Packet(
            self.protocol,
            self.source,
            self.source_port,
            self.destination,
            self.destination_port,
            self.flags,
            mark,
            ttl,
            self.icmp,
            self.inner,
        )

    @property
    def source_text(self) -> str:
        """The source as Linux tools write it: with its port, where the protocol has ports."""
        return self.source if self.icmp else endpoint_text(self.source, self.source_port)

    @property
    def destination_text(self) -> str:
        """The destination as Linux tools write it: with its port, where the protocol has ports."""
        return self.destination if self.icmp else endpoint_text(self.destination, self.destination_port)

    def __str__(self) -> str:
        if self.is_echo:
            echo_id = self.source_port or self.destination_port
            return f"{self.icmp} {self.source} → {self.destination}, id {echo_id}"
        if self.icmp:
            return f"{self.icmp} {self.source} → {self.destination}"
        flags = f" [{self.flags}]" if self.flags else ""
        return f"{self.protocol} {self.source_text} → {self.destination_text}{flags}"


@value(frozen=True, slots=True)
class Step:
    """One thing that a host did with a packet: a rule that matched, or the kernel's own work.

    `hook` is PREROUTING, INPUT, FORWARD, OUTPUT or POSTROUTING, empty where none is passed.
    `table` is raw, mangle, nat or filter for a rule of iptables, `ip kube-proxy` for one of nftables; conntrack,
    routing, bridge or socket for the kernel's own work. `chain` and `number` (1-based; 0 for a chain's policy and for the kernel's
    own work) locate the rule, `rule` is its text as `iptables-save` prints it, or one sentence.
    `passed` counts the rules of this chain that were tried and did not match since the chain was
    entered or since the previous step in it. `verdict` is what followed: `jump CHAIN`,
    `goto CHAIN`, `return`, `continue`, `accept`, `drop`, `reject`, `dnat`, `snat`, `masquerade`,
    or a word of the kernel's own work (`new`, `reply`, `translate`, `local`, `forward`, `deliver`).
    `skip` is a rule with a match that is not understood: it was taken as not matching. `reason` says what is
    not understood in a rule, empty where all is. `element` is what the rule found in a set or map: the element
    as printed, empty where it asked none.
    """

    hook: str
    table: str
    chain: str
    rule: str
    before: Packet
    after: Packet
    verdict: str
    number: int = 0
    passed: int = 0
    reason: str = ""
    element: str = ""

    @property
    def told(self) -> str:
        """The rule, and what it found in a set or map: `ip daddr @cluster-ips drop [10.96.0.10]`."""
        return f"{self.rule} [{self.element}]" if self.element else self.rule

    def __str__(self) -> str:
        where = " ".join(word for word in (self.hook, self.table, self.chain) if word)
        return f"{where}: {self.told} → {self.verdict}"
