"""Compile snat, dnat, masquerade and redirect (nft_nat.c, nft_masq.c, nft_redir.c)."""

from __future__ import annotations

from collections.abc import Callable

from svcnotes.addresses import number
from svcnotes.errors import RuleError
from svcnotes.netfilter.addresses import EVERYTHING
from svcnotes.netfilter.nat import Range, change_destination, change_source, dice, read_range
from svcnotes.netfilter.nftables.comparing import FindTable, value_getter
from svcnotes.netfilter.nftables.fields import WITH_PORTS
from svcnotes.netfilter.nftables.kinds import kinds_of
from svcnotes.netfilter.nftables.syntax import Braces, Concat, Expression, Mapped, Nat, Word
from svcnotes.netfilter.nftables.types import Bounds
from svcnotes.netfilter.nftables.verdicts import BREAK, Act, Result
from svcnotes.netfilter.skb import Skb
from svcnotes.netfilter.targets import DROP

HOOKS = {
    "dnat": ("PREROUTING", "OUTPUT"),
    "redirect": ("PREROUTING", "OUTPUT"),
    "snat": ("POSTROUTING", "INPUT"),
    "masquerade": ("POSTROUTING",),
}
Aim = Callable[[Skb], "Range | None"]
AS_IT_IS = Range(None, None)


def nat_act(nat: Nat, table_family: str, tables: FindTable) -> Act:
    """Compile a NAT statement; the packet is then accepted in this chain, and no other nat chain is asked."""
    family = {"ip": 4, "ip6": 6}.get(nat.family or table_family, 0)
    if not family and nat.kind in ("snat", "dnat"):
        raise RuleError(f"{nat.kind} in a table of inet needs the family: write `{nat.kind} ip to` or `ip6`")
    aim = _aim(nat.to, nat.kind, family, tables, table_family)
    afresh = any("random" in flag for flag in nat.flags)
    hooks = HOOKS[nat.kind]
    do = {"dnat": _dnat, "redirect": _redirect, "snat": _snat, "masquerade": _masquerade}[nat.kind]

    def act(s: Skb) -> Result:
        if s.hook not in hooks:
            raise RuleError(f"{nat.kind} works only in {' and '.join(hooks)}, and {s.hook} leads to `{nat}`")
        if family and s.family != family:
            return BREAK
        to = aim(s)
        return BREAK if to is None else do(s, to, afresh)

    return act


def _aim(to: Expression | None, kind: str, family: int, tables: FindTable, table_family: str) -> Aim:
    if to is None:
        return lambda _: AS_IT_IS
    only_port = kind in ("masquerade", "redirect")
    if isinstance(to, Mapped):
        return _looked_up(to, family, tables, table_family, only_port=only_port)
    if isinstance(to, Word):
        found = read_range(to.text, family or 4)
        return lambda _: found
    if isinstance(to, Concat) and len(to.parts) == 2 and all(isinstance(p, Word) for p in to.parts):
        address, port = map(str, to.parts)
        both = read_range(f"[{address}]:{port}" if family == 6 else f"{address}:{port}", family)
        return lambda _: both
    raise RuleError(f"{kind} to `{to}`: write ADDRESS, ADDRESS:PORT, or a map of them")


def _looked_up(to: Mapped, family: int, tables: FindTable, table_family: str, *, only_port: bool) -> Aim:
    kind = "ipv6_addr" if family == 6 else "ipv4_addr"
    values: tuple[str, ...] = ("inet_service",) if only_port else (kind,)
    if isinstance(to.table, Braces) and isinstance(to.table.elements[0].value, Concat):
        values = (kind, "inet_service")
    keys = kinds_of(to.key, table_family)
    table = tables(to.table, keys, values)
    get = value_getter(to.key, table_family)
    known: dict[str, Range] = {}

    def aim(s: Skb) -> Range | None:
        entry = table.find(s, get(s))
        if entry is None:
            return None
        found = known.get(entry.text)
        if found is None:
            found = known[entry.text] = _range(table.ends(entry), only_port=only_port)
        return found

    return aim


def _range(fields: tuple[Bounds, ...], *, only_port: bool) -> Range:
    ends = [(int(low), int(high)) for low, high in fields]
    if only_port:
        return Range(None, ends[0])
    return Range(ends[0], ends[1] if len(ends) > 1 else None)


def _one(s: Skb, ends: tuple[int, int]) -> int:
    low, high = ends
    return low if low == high else low + dice(s, high - low + 1)


def _has_ports(s: Skb, to: Range) -> bool:
    return to.ports is None or s.protocol in WITH_PORTS


def _dnat(s: Skb, to: Range, afresh: bool) -> Result:
    del afresh
    if not _has_ports(s, to):
        return BREAK
    return change_destination(s, _one(s, to.addresses) if to.addresses else s.dst, to.ports)


def _snat(s: Skb, to: Range, afresh: bool) -> Result:
    if not _has_ports(s, to):
        return BREAK
    return change_source(s, _one(s, to.addresses) if to.addresses else s.src, to.ports, afresh=afresh)


def _masquerade(s: Skb, to: Range, afresh: bool) -> Result:
    context = s.context
    source = context.masquerade_address(s.as_packet(), context.out_interface)
    return DROP if source is None else change_source(s, number(source), to.ports, afresh=afresh)


def _redirect(s: Skb, to: Range, afresh: bool) -> Result:
    del afresh
    context = s.context
    if s.hook == "OUTPUT":
        return change_destination(s, number("127.0.0.1" if s.family == 4 else "::1"), to.ports)
    here = context.masquerade_address(s.as_packet(), context.in_interface)
    return DROP if here is None else change_destination(s, number(here) & EVERYTHING[s.family], to.ports)
