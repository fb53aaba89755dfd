"""The words of the rule language: each match's and target's options, with how many values they take."""

from __future__ import annotations

from collections.abc import Mapping

Options = Mapping[str, int]

HEADER: Options = {"-s": 1, "-d": 1, "-i": 1, "-o": 1, "-p": 1, "-f": 0}
LONG_NAMES = {
    "--source": "-s",
    "--src": "-s",
    "--destination": "-d",
    "--dst": "-d",
    "--in-interface": "-i",
    "--out-interface": "-o",
    "--fragment": "-f",
    "--protocol": "-p",
    "--proto": "-p",
    "--match": "-m",
    "--jump": "-j",
    "--goto": "-g",
    "--source-port": "--sport",
    "--destination-port": "--dport",
    "--source-ports": "--sports",
    "--destination-ports": "--dports",
}

PORTS: Options = {"--sport": 1, "--dport": 1}
CONNTRACK: Options = {
    "--ctstate": 1,
    "--ctproto": 1,
    "--ctorigsrc": 1,
    "--ctorigdst": 1,
    "--ctreplsrc": 1,
    "--ctrepldst": 1,
    "--ctorigsrcport": 1,
    "--ctorigdstport": 1,
    "--ctreplsrcport": 1,
    "--ctrepldstport": 1,
    "--ctstatus": 1,
    "--ctdir": 1,
}

MATCHES: Mapping[str, Options] = {
    "addrtype": {"--src-type": 1, "--dst-type": 1, "--limit-iface-in": 0, "--limit-iface-out": 0},
    "comment": {"--comment": 1},
    "connmark": {"--mark": 1},
    "conntrack": CONNTRACK,
    "dscp": {"--dscp": 1},
    "hashlimit": {
        "--hashlimit-upto": 1,
        "--hashlimit-above": 1,
        "--hashlimit-burst": 1,
        "--hashlimit-mode": 1,
        "--hashlimit-name": 1,
        "--hashlimit-srcmask": 1,
        "--hashlimit-dstmask": 1,
        "--hashlimit-htable-size": 1,
        "--hashlimit-htable-max": 1,
        "--hashlimit-htable-expire": 1,
        "--hashlimit-htable-gcinterval": 1,
    },
    "hl": {"--hl-eq": 1, "--hl-lt": 1, "--hl-gt": 1},
    "icmp": {"--icmp-type": 1},
    "icmp6": {"--icmpv6-type": 1},
    "iprange": {"--src-range": 1, "--dst-range": 1},
    "ipvs": {
        "--ipvs": 0,
        "--vproto": 1,
        "--vaddr": 1,
        "--vport": 1,
        "--vdir": 1,
        "--vmethod": 1,
        "--vportctl": 1,
    },
    "limit": {"--limit": 1, "--limit-burst": 1},
    "mark": {"--mark": 1},
    "multiport": {"--sports": 1, "--dports": 1, "--ports": 1},
    "nfacct": {"--nfacct-name": 1},
    "physdev": {
        "--physdev-in": 1,
        "--physdev-out": 1,
        "--physdev-is-in": 0,
        "--physdev-is-out": 0,
        "--physdev-is-bridged": 0,
    },
    "pkttype": {"--pkt-type": 1},
    "policy": {"--dir": 1, "--pol": 1},
    "recent": {
        "--set": 0,
        "--rcheck": 0,
        "--update": 0,
        "--remove": 0,
        "--seconds": 1,
        "--reap": 0,
        "--hitcount": 1,
        "--name": 1,
        "--mask": 1,
        "--rsource": 0,
        "--rdest": 0,
    },
    "rpfilter": {"--loose": 0, "--validmark": 0, "--accept-local": 0, "--invert": 0},
    "sctp": PORTS,
    "set": {"--match-set": 2, "--return-nomatch": 0, "--update-counters": 0, "--update-subcounters": 0},
    "socket": {"--transparent": 0, "--nowildcard": 0},
    "state": {"--state": 1},
    "statistic": {"--mode": 1, "--probability": 1, "--every": 1, "--packet": 1},
    "tcp": {**PORTS, "--tcp-flags": 2, "--syn": 0},
    "tos": {"--tos": 1},
    "ttl": {"--ttl-eq": 1, "--ttl-lt": 1, "--ttl-gt": 1},
    "udp": PORTS,
}
PROTOCOL_MATCHES = {
    "tcp": "tcp",
    "6": "tcp",
    "udp": "udp",
    "17": "udp",
    "sctp": "sctp",
    "132": "sctp",
    "icmp": "icmp",
    "1": "icmp",
    "ipv6-icmp": "icmp6",
    "icmpv6": "icmp6",
    "58": "icmp6",
}

# A name that is not among these is a chain of the same table.
TARGETS: Mapping[str, Options] = {
    "ACCEPT": {},
    "DROP": {},
    "RETURN": {},
    "CHECKSUM": {"--checksum-fill": 0},
    "CLASSIFY": {"--set-class": 1},
    "CT": {"--notrack": 0, "--helper": 1, "--ctevents": 1},
    "NOTRACK": {},
    "CONNMARK": {
        "--set-mark": 1,
        "--set-xmark": 1,
        "--save-mark": 0,
        "--restore-mark": 0,
        "--nfmask": 1,
        "--ctmask": 1,
        "--mask": 1,
    },
    "DSCP": {"--set-dscp": 1, "--set-dscp-class": 1},
    "DNAT": {"--to-destination": 1, "--random": 0, "--persistent": 0},
    "LOG": {
        "--log-prefix": 1,
        "--log-level": 1,
        "--log-tcp-sequence": 0,
        "--log-tcp-options": 0,
        "--log-ip-options": 0,
        "--log-uid": 0,
        "--log-macdecode": 0,
    },
    "MARK": {"--set-xmark": 1, "--set-mark": 1, "--or-mark": 1, "--and-mark": 1, "--xor-mark": 1},
    "MASQUERADE": {"--to-ports": 1, "--random": 0, "--random-fully": 0},
    "NFLOG": {"--nflog-group": 1, "--nflog-prefix": 1, "--nflog-size": 1, "--nflog-threshold": 1},
    "REDIRECT": {"--to-ports": 1, "--random": 0},
    "REJECT": {"--reject-with": 1},
    "SNAT": {"--to-source": 1, "--random": 0, "--random-fully": 0, "--persistent": 0},
    "TCPMSS": {"--set-mss": 1, "--clamp-mss-to-pmtu": 0},
    "TOS": {"--set-tos": 1},
    "TRACE": {},
}
QUOTED = frozenset({"--comment", "--log-prefix", "--nflog-prefix"})
NOT_NEGATED = frozenset(
    {"--comment", "--nfacct-name", "--mode", "--packet", "--name", "--mask", "--rsource", "--rdest",
     "--seconds", "--reap", "--hitcount", "--limit", "--limit-burst", "--limit-iface-in", "--limit-iface-out",
     "--ctdir", "--return-nomatch", "--dir", "--pol", "--ttl-lt", "--ttl-gt", "--hl-lt", "--hl-gt", "--transparent", "--nowildcard", "--loose", "--validmark", "--accept-local", "--invert"}
)  # fmt: skip
