"""Each target as what it does: a verdict, a mark, a new address."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address

from svcnotes.errors import RuleError
from svcnotes.netfilter.interim.skb import Skb
from svcnotes.netfilter.walk import Mapping
from svcnotes.netfilter.interim.matches import masked
from svcnotes.netfilter.interim.rule import Rule

Action = Callable[[Skb], None]

# Verdicts: what follows a rule that matched.
CONTINUE, ACCEPT, DROP, RETURN, REJECT, TRANSLATE, JUMP, GOTO = (
    "continue", "accept", "drop", "return", "reject", "translate", "jump", "goto",
)  # fmt: skip

REJECTS = {
    4: ("icmp-net-unreachable", "icmp-host-unreachable", "icmp-port-unreachable", "icmp-proto-unreachable",
        "icmp-net-prohibited", "icmp-host-prohibited", "icmp-admin-prohibited", "tcp-reset"),
    6: ("icmp6-no-route", "icmp6-adm-prohibited", "icmp6-addr-unreachable", "icmp6-port-unreachable", "tcp-reset"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Target:
    """What a rule does: the verdict, its argument (a chain, a kind of refusal), and an action."""

    verdict: str
    argument: str = ""
    action: Action | None = None


def compile_target(rule: Rule, table: str, family: int) -> Target:
    """Read a rule's target; raises RuleError for what Linux would refuse to load."""
    name = rule.target
    options = {o.name: (o.values[0] if o.values else "") for o in rule.options}
    if rule.jumps:
        return Target(GOTO if rule.goto else JUMP, name)
    if name in ("", "LOG", "NFLOG", "TRACE"):
        return Target(CONTINUE)
    if name in ("ACCEPT", "DROP", "RETURN"):
        return Target(name.lower())
    if name == "REJECT":
        kind = options.get(
            "--reject-with", "icmp-port-unreachable" if family == 4 else "icmp6-port-unreachable"
        )
        if kind not in REJECTS[family]:
            raise RuleError(f"--reject-with {kind}: choose one of {', '.join(REJECTS[family])}")
        if table != "filter":
            raise RuleError("REJECT is for the filter table only")
        return Target(REJECT, kind)
    if name == "MARK":
        return Target(CONTINUE, "", _mark(options))
    if name in ("NOTRACK", "CT"):
        return Target(CONTINUE, "", _untrack)
    if table != "nat":
        raise RuleError(f"{name} is for the nat table only")
    return Target(TRANSLATE, name.lower(), _translation(name, options, family))


def _untrack(skb: Skb) -> None:
    skb.untracked = True


def _mark(options: dict[str, str]) -> Action:
    if not options:
        raise RuleError("MARK wants --set-xmark VALUE/MASK")
    (name, text), *_ = options.items()
    value, mask = masked(text)
    if name == "--set-mark":
        keep, flip = ~(mask | value) if "/" in text else 0, value
    elif name == "--or-mark":
        keep, flip = ~value, value
    elif name == "--and-mark":
        keep, flip = value, 0
    elif name == "--xor-mark":
        keep, flip = 0xFFFFFFFF, value
    else:  # --set-xmark: clear the mask's bits, then flip the value's (xt_mark.c)
        keep, flip = ~mask, value

    def action(skb: Skb) -> None:
        skb.mark = ((skb.mark & keep) ^ flip) & 0xFFFFFFFF

    return action


def _translation(name: str, options: dict[str, str], family: int) -> Action:
    if name == "DNAT":
        address, port = _endpoint(options.get("--to-destination", ""), "--to-destination", family)

        def dnat(skb: Skb) -> None:
            skb.nat = Mapping("dnat", address or skb.packet.destination, port or skb.destination_port)

        return dnat
    if name == "SNAT":
        address, port = _endpoint(options.get("--to-source", ""), "--to-source", family)
        random = "--random-fully" in options or "--random" in options

        def snat(skb: Skb) -> None:
            chosen = port or (random_port(skb) if random else skb.source_port)
            skb.nat = Mapping("snat", address or skb.packet.source, chosen)

        return snat
    if name == "REDIRECT":
        to = int(options["--to-ports"].split("-")[0]) if "--to-ports" in options else 0

        def redirect(skb: Skb) -> None:
            loopback = "127.0.0.1" if family == 4 else "::1"
            inside = skb.context.in_interface
            address = (skb.context.masquerade_address(skb.packet, inside) if inside else loopback) or loopback
            skb.nat = Mapping("dnat", address, to or skb.destination_port)

        return redirect
    random = "--random-fully" in options or "--random" in options

    def masquerade(skb: Skb) -> None:
        address = skb.context.masquerade_address(skb.packet, skb.context.out_interface)
        if address is None:
            return  # no address to write: the kernel drops the packet (nf_nat_masquerade.c)
        skb.nat = Mapping("snat", address, random_port(skb) if random else skb.source_port)

    return masquerade


def random_port(skb: Skb) -> int:
    """A port that stands for the one that `--random-fully` would draw.

    Simplification: the kernel's draw cannot be known, so the model takes a fixed one, made from the
    packet's addresses, never the port that it had.
    """
    text = f"{skb.source}/{skb.source_port}/{skb.destination}/{skb.destination_port}"
    drawn = 1024 + int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") % 64511
    return drawn if drawn != skb.source_port else 1024 + (drawn - 1023) % 64511


def _endpoint(text: str, option: str, family: int) -> tuple[str, int]:
    address, port = text, ""
    if text.startswith("["):
        address, _, port = text[1:].partition("]")
        port = port.removeprefix(":")
    elif text.count(":") == 1:
        address, _, port = text.partition(":")
    # Of a range the model takes the first: which one the kernel takes depends on its hash.
    address, port = address.split("-")[0], port.split("-")[0]
    try:
        if address and ip_address(address).version != family:
            raise RuleError(f"{option} {text}: not an IPv{family} address")
        number = int(port) if port else 0
    except ValueError:
        raise RuleError(f"{option} {text}: want ADDRESS, ADDRESS:PORT or [V6]:PORT") from None
    if not (address or number) or not 0 <= number <= 65535:
        raise RuleError(f"{option} {text}: want ADDRESS, ADDRESS:PORT or [V6]:PORT")
    return (str(ip_address(address)) if address else ""), number
