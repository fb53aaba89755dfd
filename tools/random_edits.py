"""Edits of a node's rules that tools/random_worlds.py draws: one rule less, one more, or a table of somebody else's."""

# ruff: noqa: INP001 - a program to run, no package

from __future__ import annotations

from typing import Any

from svcnotes.control_plane.cluster import Cluster
from svcnotes.netfilter.languages import nft_rules
from svcnotes.netfilter.save import BASE_CHAINS
from svcnotes.network.node_rules import rules_text

Case = dict[str, Any]

_V6_TEXT = {"10.244.0.0/16": "fd00:244::/32", "192.0.2.0/24": "2001:db8:2::/64", "172.18.0.12/32": "fd00:18::12/128",
            "10.244.2.0/24": "fd00:244:2::/64", "10.244.1.0/24": "fd00:244:1::/64",
            "172.18.0.0/24": "fd00:18::/64", "0.0.0.0/0": "::/0",
            "icmp-host-prohibited": "icmp6-adm-prohibited"}  # fmt: skip
FIREWALLS: dict[str, tuple[str, ...]] = {
    "reset before the others": (
        "type filter hook forward priority filter - 5; policy accept;",
        "tcp dport 8080 reject with tcp reset",
    ),
    "closed but for some": (
        "type filter hook input priority filter; policy drop;",
        "ct state established,related accept",
        "meta l4proto { icmp, ipv6-icmp } accept",
        "tcp dport { 30080, 32000-32001 } accept",
    ),
    "marks early": (
        "type filter hook prerouting priority mangle; policy accept;",
        "tcp dport { 80, 30080 } meta mark set 0x00004000",
    ),
    "no translation for some": (
        "type nat hook prerouting priority dstnat - 5; policy accept;",
        "meta l4proto . th dport vmap { tcp . 80 : accept, tcp . 30080 : accept }",
    ),
    "raw drop": ("type filter hook prerouting priority raw; policy accept;", "ip saddr 192.0.2.0/24 drop"),
    "masquerades what leaves": (
        "type nat hook postrouting priority srcnat - 5; policy accept;",
        'oifname "eth0" ip saddr 10.244.0.0/16 masquerade',
    ),
    "half of the packets": (
        "type filter hook forward priority filter + 10; policy accept;",
        "ct state new numgen random mod 2 vmap { 0 : drop, 1 : continue }",
    ),
    "remembers": (
        "type filter hook output priority mangle; policy accept;",
        "update @seen { ip daddr }",
        "ip daddr @seen meta mark set meta mark | 0x00010000",
        "ct state invalid drop",
    ),
}
"""Chains that somebody else hangs at a hook, by what they do: the line that says where, then rules as nft prints them."""


def in_family(family: int, text: str) -> str:
    """A text about IPv4 addresses as one about those of IPv6."""
    if family == 6:
        for four, six in _V6_TEXT.items():
            text = text.replace(four, six)
    return text


def edited(case: Case, where: Cluster, edit: dict[str, Any]) -> Cluster:
    """The cluster with the edit made."""
    lines = rules_text(where, edit["node"], None, case["family"]).splitlines()
    places = [at for at, line in enumerate(lines) if line.startswith("-A ")]
    places += [number - 1 for number, _ in nft_rules("\n".join(lines))]
    if edit["drop"] < len(places):
        del lines[places[edit["drop"]]]
    # A vxlan's own packets pass the nodes' INPUT and OUTPUT, which the simulation leaves out: no edit that hits them.
    tunnel = case["world"]["cni"] == "vxlan"
    table, rule = edit["add"] or ("", "")
    if rule in FIREWALLS:
        hook = FIREWALLS[rule][0]
        if not (tunnel and (" input " in hook or " output " in hook)):
            lines = [*_firewall(case["family"], *FIREWALLS[rule]), *lines]
    elif rule and not (tunnel and rule.startswith(("-I INPUT", "-I OUTPUT"))):
        rule = in_family(case["family"], rule)
        kind, chain, rest = rule.split(" ", 2)
        if kind == "-I":
            rest = rest.split(" ", 1)[1]
        written = f"-A {chain} {rest}"
        if f"*{table}" not in lines:
            lines += [f"*{table}", *(f":{hook} ACCEPT" for hook in BASE_CHAINS[table]), "COMMIT"]
        start = lines.index(f"*{table}")
        end = lines.index("COMMIT", start)
        own = [at for at in range(start, end) if lines[at].startswith(f"-A {chain} ")]
        first = next((at for at in range(start, end) if lines[at].startswith("-A ")), end)
        lines.insert(own[0] if own and kind == "-I" else own[-1] + 1 if own else first, written)
    return where.with_rules(edit["node"], "\n".join(lines) + "\n", case["family"])


def _firewall(family: int, hangs: str, *rules: str) -> list[str]:
    """A table of somebody else, as nft prints it; one that remembers has a set for it."""
    word = "ip6" if family == 6 else "ip"
    kind = "ipv6_addr" if family == 6 else "ipv4_addr"
    own = [in_family(family, rule).replace("ip saddr", f"{word} saddr").replace("ip daddr", f"{word} daddr")
           for rule in rules]  # fmt: skip
    seen = [
        "\tset seen {",
        f"\t\ttype {kind}",
        "\t\tsize 100",
        "\t\tflags dynamic,timeout",
        "\t\ttimeout 1h",
        "\t}",
        "",
    ]
    return [
        f"table {word} firewall {{",
        *(seen if any("@seen" in rule for rule in rules) else []),
        "\tchain own {",
        f"\t\t{hangs}",
        *(f"\t\t{rule}" for rule in own),
        "\t}",
        "}",
    ]
