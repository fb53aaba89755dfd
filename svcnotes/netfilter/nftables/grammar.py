"""The words of the nft language that this Linux knows, and those that it leaves out, each with what it does."""

from __future__ import annotations

from collections.abc import Mapping

REMEDY = "take the line out, or load the text with strict=False: such a rule then is passed by"

# selector → the type of its value (see `types`)
PAYLOAD: Mapping[str, Mapping[str, str]] = {
    "ip": {
        "saddr": "ipv4_addr",
        "daddr": "ipv4_addr",
        "protocol": "inet_proto",
        "ttl": "integer",
        "dscp": "dscp",
        "version": "integer",
    },
    "ip6": {
        "saddr": "ipv6_addr",
        "daddr": "ipv6_addr",
        "nexthdr": "inet_proto",
        "hoplimit": "integer",
        "dscp": "dscp",
        "version": "integer",
    },
    "tcp": {"sport": "inet_service", "dport": "inet_service", "flags": "tcp_flag"},
    "udp": {"sport": "inet_service", "dport": "inet_service"},
    "sctp": {"sport": "inet_service", "dport": "inet_service"},
    "th": {"sport": "inet_service", "dport": "inet_service"},
    "icmp": {"type": "icmp_type", "code": "icmp_code"},
    "icmpv6": {"type": "icmpv6_type", "code": "icmpv6_code"},
}
META: Mapping[str, str] = {
    "mark": "mark",
    "iif": "iface",
    "oif": "iface",
    "iifname": "ifname",
    "oifname": "ifname",
    "l4proto": "inet_proto",
    "nfproto": "nf_proto",
    "protocol": "ether_type",
    "pkttype": "pkt_type",
    "nftrace": "integer",
    "priority": "classid",
}
CT: Mapping[str, str] = {
    "state": "ct_state",
    "status": "ct_status",
    "direction": "ct_dir",
    "mark": "mark",
    "protocol": "inet_proto",
    "l3proto": "nf_proto",
    "zone": "integer",
}
CT_ENDS = ("saddr", "daddr", "proto-src", "proto-dst", "protocol", "l3proto")
FIB_KEYS = ("saddr", "daddr", "mark", "iif", "oif")
FIB_RESULTS = {"type": "fib_addrtype", "oif": "iface", "oifname": "ifname", "check": "boolean"}

NOT_SELECTORS: Mapping[str, str] = {
    "ah": "IPsec's AH header",
    "arp": "ARP",
    "comp": "compressed packets",
    "dccp": "DCCP",
    "dst": "IPv6's destination options",
    "esp": "IPsec's ESP header",
    "ether": "Ethernet addresses",
    "exthdr": "IPv6's extension headers",
    "frag": "fragments",
    "geneve": "a tunnel",
    "gre": "a tunnel",
    "hbh": "IPv6's hop-by-hop options",
    "ibrname": "the bridge that a packet came in by",
    "igmp": "IGMP",
    "ipsec": "what IPsec made of the packet",
    "jhash": "a hash of the packet",
    "mh": "Mobile IPv6",
    "obrname": "the bridge that a packet goes out by",
    "osf": "the sender's operating system, guessed",
    "rt": "the route of the packet",
    "socket": "the socket that the packet is for",
    "symhash": "a hash of the packet",
    "tunnel": "a tunnel",
    "udplite": "UDP-Lite",
    "vlan": "VLAN tags",
    "vxlan": "a tunnel",
    "xt": "an extension of iptables; this table is iptables-nft's own: give its rules as iptables-save prints them",
}
NOT_STATEMENTS: Mapping[str, str] = {
    "dup": "sends a copy elsewhere",
    "flow": "takes a flow past the rules, over a flowtable",
    "fwd": "sends the packet out by another interface",
    "queue": "hands the packet to a program, which decides",
    "quota": "a number of bytes until it stops to match",
    "synproxy": "answers SYNs in a server's stead",
    "tproxy": "hands the packet to a proxy's socket on the host, addresses unchanged",
}
NOT_META = (
    "cgroup", "cpu", "day", "hour", "ibrname", "iifgroup", "iiftype", "length", "obrname", "oifgroup",
    "oiftype", "random", "rtclassid", "sdif", "sdifname", "secmark", "secpath", "skgid", "skuid", "time",
)  # fmt: skip
NOT_CT = (
    "avgpkt", "bytes", "count", "event", "expiration", "helper", "id", "label", "packets", "secmark", "timeout",
)  # fmt: skip


def left_out(what: str, does: str) -> str:
    """Say that a real word of nft is not part of this Linux."""
    said = f" ({does})" if does else ""
    return f"`{what}`{said} is not part of this Linux: {REMEDY}"
