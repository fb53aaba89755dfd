"""A rule as `iptables -L` shows it: columns, then each match and target in words.

Sources: iptables 1.8.11, iptables/xshared.c and the `print` functions of extensions/libxt_*.c.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from svcnotes.netfilter.rule import Clause, Option, Rule

ANYWHERE = {4: "0.0.0.0/0", 6: "::/0"}
_HOST = {4: "/32", 6: "/128"}
_NAMES = {
    "0.0.0.0/0": "anywhere",
    "::/0": "anywhere",
    "127.0.0.0/8": "loopback/8",
}  # the latter from /etc/networks


def columns(rule: Rule, family: int, *, verbose: bool, numeric: bool) -> str:
    """Target, protocol, interfaces where `verbose`, addresses, and the rest in words."""
    target = rule.target.name if rule.target else ""
    protocol = _header(rule, "-p")
    negated = "!" if protocol and protocol.negated else " "
    words = f"{target:<9} {negated}{protocol.values[0] if protocol else 'all':<5}-- "
    if verbose:
        words += f" {_interface(rule, '-i'):<6} {_interface(rule, '-o'):<6} "
    words += " ".join(_address(rule, option, family, numeric=numeric) for option in ("-s", "-d"))
    goes = " [goto] " if rule.target and rule.target.flag == "-g" else ""
    rest = [text for match in rule.matches if (text := _match(match, rule))]
    rest += [text for text in (_target(rule.target),) if text]
    return words + " " + goes + "".join(f" {text}" for text in rest)


def _header(rule: Rule, name: str) -> Option | None:
    return next((option for option in rule.header if option.name == name), None)


def _interface(rule: Rule, name: str) -> str:
    option = _header(rule, name)
    return "*" if option is None else f"{'!' * option.negated}{option.values[0]}"


def _address(rule: Rule, name: str, family: int, *, numeric: bool) -> str:
    option = _header(rule, name)
    value = ANYWHERE[family] if option is None else option.values[0].removesuffix(_HOST[family])
    shown = value if numeric else _NAMES.get(value, value)
    return f"{'!' if option is not None and option.negated else ' '}{shown:<19}"


def _ports(clause: Clause, rule: Rule) -> str:
    del rule
    words = [clause.name]
    for option in clause.options:
        no = "!" * option.negated
        if option.name in ("--sport", "--dport"):
            low, colon, high = option.values[0].partition(":")
            kind = f"{option.name[2]}pt{'s' * bool(colon)}"
            words.append(f"{kind}:{no}{low}{f':{high}' if colon else ''}")
        else:
            words.append(f"{no}{_plain(option)}")
    return " ".join(words)


def _conntrack(clause: Clause, rule: Rule) -> str:
    del rule
    return " ".join(f"{'! ' * o.negated}{o.name[2:]} {' '.join(o.values)}" for o in clause.options)


def _addrtype(clause: Clause, rule: Rule) -> str:
    del rule
    words = [f"{'!' * o.negated}{o.name[2:]} {' '.join(o.values)}".strip() for o in clause.options]
    return f"ADDRTYPE match {' '.join(words)}"


def _mark(clause: Clause, rule: Rule) -> str:
    del rule
    option = clause.options[0]
    return f"mark match {'! ' * option.negated}{option.values[0]}"


def _statistic(clause: Clause, rule: Rule) -> str:
    del rule
    words = [f"{'! ' * o.negated}{o.name[2:]} {o.values[0]}" for o in clause.options]
    return f"statistic {' '.join(words)}"


def _recent(clause: Clause, rule: Rule) -> str:
    del rule
    action = {"--set": "SET", "--rcheck": "CHECK", "--update": "UPDATE", "--remove": "REMOVE"}
    words = [f"{'! ' * o.negated}{action[o.name]}" for o in clause.options if o.name in action]
    for name in ("--seconds", "--reap", "--hitcount", "--name"):
        option = clause.get(name)
        if option is not None:
            key = {"--hitcount": "hit_count:", "--reap": "reap"}.get(name, f"{name[2:]}:")
            words.append(" ".join([key, *option.values]))
    side = "dest" if clause.get("--rdest") else "source"
    mask = clause.value("--mask", "255.255.255.255")
    return f"recent: {' '.join(words)} side: {side} mask: {mask}"


def _comment(clause: Clause, rule: Rule) -> str:
    del rule
    return f"/* {clause.value('--comment')} */"


def _nfacct(clause: Clause, rule: Rule) -> str:
    del rule
    return f"nfacct-name  {clause.value('--nfacct-name')}"


def _multiport(clause: Clause, rule: Rule) -> str:
    del rule
    return "multiport " + " ".join(f"{o.name[2:]} {'!' * o.negated}{o.values[0]}" for o in clause.options)


def _plain(option: Option) -> str:
    return " ".join([option.name[2:], *option.values])


_MATCHES: Mapping[str, Callable[[Clause, Rule], str]] = {
    "tcp": _ports,
    "udp": _ports,
    "sctp": _ports,
    "conntrack": _conntrack,
    "addrtype": _addrtype,
    "mark": _mark,
    "statistic": _statistic,
    "recent": _recent,
    "comment": _comment,
    "nfacct": _nfacct,
    "multiport": _multiport,
}


def _match(clause: Clause, rule: Rule) -> str:
    show = _MATCHES.get(clause.name)
    if show is not None:
        return show(clause, rule)
    return " ".join([clause.name, *(f"{'! ' * o.negated}{_plain(o)}" for o in clause.options)])


def _target(target: Clause | None) -> str:
    if target is None:
        return ""
    if target.name in ("DNAT", "SNAT"):
        to = target.value("--to-destination") or target.value("--to-source")
        more = [o.name[2:] for o in target.options if not o.values]
        return " ".join([f"to:{to}", *more])
    if target.name == "REDIRECT":
        return f"redir ports {target.value('--to-ports')}".removesuffix(" redir ports ")
    if target.name == "REJECT":
        return f"reject-with {target.value('--reject-with', 'icmp-port-unreachable')}"
    if target.name == "MARK":
        return f"MARK {_marks(target.options[0])}" if target.options else ""
    return " ".join(_plain(option) for option in target.options)


def _marks(option: Option) -> str:
    """What a MARK target does to the mark: `--set-xmark A/A` sets bits, `A/0` turns them over."""
    value, _, mask = option.values[0].partition("/")
    if option.name != "--set-xmark":
        return f"{option.name[2:].removesuffix('-mark')} {option.values[0]}"
    if mask in ("", "0xffffffff"):
        return f"set {value}"
    if mask == value:
        return f"or {value}"
    if int(mask, 16) == 0:
        return f"xor {value}"
    return f"xset {value}/{mask}"
