"""One rule as a value: its matches and its target, read from the words of its line."""

from __future__ import annotations

from dataclasses import dataclass

from svcnotes.errors import RuleError

# How many values follow an option, by module ("" is iptables' own). None: a flag.
OPTIONS: dict[str, dict[str, int]] = {
    "": {"-s": 1, "-d": 1, "-i": 1, "-o": 1, "-p": 1},
    "comment": {"--comment": 1},
    "tcp": {"--sport": 1, "--dport": 1, "--tcp-flags": 2, "--syn": 0},
    "udp": {"--sport": 1, "--dport": 1},
    "sctp": {"--sport": 1, "--dport": 1},
    "multiport": {"--sports": 1, "--dports": 1, "--ports": 1},
    "conntrack": {"--ctstate": 1, "--ctstatus": 1, "--ctdir": 1, "--ctorigdst": 1, "--ctorigsrc": 1,
                  "--ctorigdstport": 1, "--ctproto": 1},
    "state": {"--state": 1},
    "mark": {"--mark": 1},
    "statistic": {"--mode": 1, "--probability": 1, "--every": 1, "--packet": 1},
    "recent": {"--set": 0, "--rcheck": 0, "--update": 0, "--remove": 0, "--seconds": 1, "--reap": 0,
               "--hitcount": 1, "--name": 1, "--mask": 1, "--rsource": 0, "--rdest": 0},
    "addrtype": {"--src-type": 1, "--dst-type": 1, "--limit-iface-in": 0, "--limit-iface-out": 0},
    "nfacct": {"--nfacct-name": 1},
    "physdev": {"--physdev-in": 1, "--physdev-out": 1, "--physdev-is-in": 0, "--physdev-is-out": 0,
                "--physdev-is-bridged": 0},
    "icmp": {"--icmp-type": 1},
    "icmp6": {"--icmpv6-type": 1},
    "iprange": {"--src-range": 1, "--dst-range": 1},
}  # fmt: skip

TARGET_OPTIONS: dict[str, dict[str, int]] = {
    "ACCEPT": {},
    "DROP": {},
    "RETURN": {},
    "REJECT": {"--reject-with": 1},
    "MARK": {"--set-xmark": 1, "--set-mark": 1, "--or-mark": 1, "--and-mark": 1, "--xor-mark": 1},
    "DNAT": {"--to-destination": 1, "--random": 0, "--persistent": 0},
    "SNAT": {"--to-source": 1, "--random": 0, "--random-fully": 0, "--persistent": 0},
    "MASQUERADE": {"--to-ports": 1, "--random": 0, "--random-fully": 0},
    "REDIRECT": {"--to-ports": 1, "--random": 0},
    "LOG": {"--log-prefix": 1, "--log-level": 1, "--log-tcp-sequence": 0, "--log-tcp-options": 0,
            "--log-ip-options": 0, "--log-uid": 0},
    "NFLOG": {"--nflog-prefix": 1, "--nflog-group": 1, "--nflog-size": 1, "--nflog-threshold": 1},
    "TRACE": {},
    "NOTRACK": {},
    "CT": {"--notrack": 0},
}  # fmt: skip

_LONG_NAMES = {
    "--source": "-s", "--src": "-s", "--destination": "-d", "--dst": "-d", "--in-interface": "-i",
    "--out-interface": "-o", "--protocol": "-p", "--proto": "-p", "--match": "-m", "--jump": "-j", "--goto": "-g",
    "--source-port": "--sport", "--destination-port": "--dport", "--source-ports": "--sports",
    "--destination-ports": "--dports",
}  # fmt: skip
# `-p tcp --dport 80` loads the match module of the protocol without saying so.
_IMPLIED = {
    "tcp": "tcp",
    "udp": "udp",
    "sctp": "sctp",
    "icmp": "icmp",
    "ipv6-icmp": "icmp6",
    "icmpv6": "icmp6",
}


@dataclass(frozen=True, slots=True)
class Option:
    """One option of a match or target: `! --mark 0x4000/0x4000`."""

    name: str
    values: tuple[str, ...] = ()
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Match:
    """One match with its options; `module` is empty for iptables' own (-s, -d, -p, -i, -o)."""

    module: str
    options: tuple[Option, ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule has matches and a target; `target` is empty for a rule that only counts.

    `goto` marks `-g`: the called chain returns to the caller's caller.
    """

    matches: tuple[Match, ...] = ()
    target: str = ""
    goto: bool = False
    options: tuple[Option, ...] = ()

    @property
    def jumps(self) -> bool:
        """Whether the target is a chain of the user's."""
        return bool(self.target) and self.target not in TARGET_OPTIONS


def parse(parts: tuple[str, ...]) -> Rule:
    """Read the words behind `-A CHAIN` into a Rule; raises RuleError for anything unknown."""
    matches: list[tuple[str, list[Option]]] = []
    loaded: dict[str, int] = {}
    target, goto, target_options = "", False, []
    protocol = ""
    index, negated = 0, False

    def value(count: int) -> tuple[str, ...]:
        nonlocal index
        taken = parts[index : index + count]
        if len(taken) < count:
            raise RuleError(f"{parts[index - 1]} wants {count} value{'s' if count > 1 else ''}")
        index += count
        return taken

    while index < len(parts):
        word = _LONG_NAMES.get(parts[index], parts[index])
        index += 1
        if word == "!":
            negated = True
            continue
        if word == "-m":
            (module,) = value(1)
            if module not in OPTIONS or not module:
                raise RuleError(f"unknown match -m {module}; known are {_known(OPTIONS)}")
            loaded[module] = len(matches)
            matches.append((module, []))
        elif word in ("-j", "-g"):
            (target,) = value(1)
            goto = word == "-g"
        elif target and word in TARGET_OPTIONS.get(target, {}):
            target_options.append(Option(word, value(TARGET_OPTIONS[target][word]), negated))
        elif word in OPTIONS[""]:
            values = value(1)
            protocol = values[0].lower() if word == "-p" else protocol
            matches.append(("", [Option(word, values, negated)]))
        else:
            module = next((m for m in reversed(list(loaded)) if word in OPTIONS[m]), "")
            if not module and word in OPTIONS.get(_IMPLIED.get(protocol, ""), {}):
                module = _IMPLIED[protocol]
                loaded[module] = len(matches)
                matches.append((module, []))
            if not module:
                known = _known(TARGET_OPTIONS[target]) if target in TARGET_OPTIONS else "none here"
                raise RuleError(
                    f"unknown option {word}" + (f" of target {target} (known: {known})" if target else "")
                )
            matches[loaded[module]][1].append(Option(word, value(OPTIONS[module][word]), negated))
        negated = False
    if negated:
        raise RuleError("a ! stands before nothing")
    made = tuple(Match(module, tuple(options)) for module, options in matches)
    return Rule(made, target, goto, tuple(target_options))


def unparse(rule: Rule) -> tuple[str, ...]:
    """Write a Rule as words: the inverse of `parse` for what iptables-save prints."""
    out: list[str] = []
    for match in rule.matches:
        if match.module:
            out += ["-m", match.module]
        for option in match.options:
            out += [*(["!"] if option.negated else []), option.name, *option.values]
    if rule.target:
        out += ["-g" if rule.goto else "-j", rule.target]
    for option in rule.options:
        out += [*(["!"] if option.negated else []), option.name, *option.values]
    return tuple(out)


def _known(table: dict[str, object] | dict[str, dict[str, int]] | dict[str, int]) -> str:
    return ", ".join(sorted(name for name in table if name)) or "none"
