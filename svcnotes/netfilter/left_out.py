"""Real extensions of iptables that this Linux leaves out, each with what it does, so that an error can say so."""

from __future__ import annotations

from collections.abc import Mapping

REMEDY = "take the line out, or load the text with strict=False: such a rule then"

MATCHES: Mapping[str, str] = {
    "ah": "IPsec's AH header",
    "bpf": "a BPF program looks at the packet",
    "cgroup": "the control group of the process that sends",
    "cluster": "shares packets among machines of a cluster",
    "connbytes": "how much a connection has carried",
    "connlabel": "labels on a connection",
    "connlimit": "how many connections an address holds",
    "cpu": "the processor at work",
    "dccp": "DCCP's ports and types",
    "devgroup": "the group of an interface",
    "ecn": "congestion bits",
    "esp": "IPsec's ESP header",
    "helper": "which helper a connection belongs to",
    "ipv6header": "IPv6's extension headers",
    "length": "the packet's length",
    "mac": "the sender's Ethernet address",
    "mh": "Mobile IPv6",
    "osf": "the sender's operating system, guessed",
    "owner": "the user or group of the process that sends",
    "quota": "a number of bytes until it stops to match",
    "rateest": "a rate of packets",
    "realm": "the realm of the route",
    "rt": "IPv6's routing header",
    "string": "a text in the packet",
    "tcpmss": "the segment size that a SYN offers",
    "time": "the time of day",
    "u32": "bytes of the packet",
    "udplite": "UDP-Lite's ports",
}
TARGETS: Mapping[str, str] = {
    "AUDIT": "writes to the audit log",
    "CLUSTERIP": "shares an address among machines",
    "CONNSECMARK": "SELinux labels of connections",
    "DNPT": "IPv6 prefix translation",
    "ECN": "clears congestion bits",
    "HL": "changes the hop limit",
    "HMARK": "a mark made of a hash",
    "IDLETIMER": "tells when an interface is idle",
    "LED": "lights a lamp",
    "NETMAP": "translates a whole network",
    "NFQUEUE": "hands the packet to a program, which decides",
    "QUEUE": "hands the packet to a program, which decides",
    "RATEEST": "measures a rate",
    "SECMARK": "SELinux labels",
    "SET": "puts an address into an IP set",
    "SNPT": "IPv6 prefix translation",
    "SYNPROXY": "answers SYNs in a server's stead",
    "TCPOPTSTRIP": "takes TCP options away",
    "TEE": "sends a copy elsewhere",
    "TPROXY": "hands the packet to a proxy's socket on the host, addresses unchanged",
    "TTL": "changes the TTL",
    "ULOG": "logs to a program",
}


def match_left_out(name: str) -> str:
    """Say that a match is left out; empty for a name that is none of these."""
    if name not in MATCHES:
        return ""
    return f"the match {name} ({MATCHES[name]}) is not part of this Linux: {REMEDY} never matches"


def target_left_out(name: str) -> str:
    """Say that a target is left out; empty for a name that is none of these."""
    if name not in TARGETS:
        return ""
    return f"the target {name} ({TARGETS[name]}) is not part of this Linux: {REMEDY} does nothing"
