"""Load nftables text with the real nft, as kube-proxy does: one transaction, which keeps what packets taught a set.

Beside it stands a table of the lab's own: it marks every packet for the kernel's tracing before any other chain sees
it, and its chains before and behind NAT have the kernel tell of the whole packet there, whatever rules there are
(tracing itself shows 20 bytes behind the IP header). Sources: nft(8), nfnetlink.h and nf_tables.h of include/uapi/linux/netfilter.
"""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field

from svcnotes.kernel.load import PLACES, Load, finished, given, tried
from svcnotes.kernel.netlink import Netlink, attributes, text
from svcnotes.kernel.nft_pieces import pieces

LANGUAGE = "nft"
OWN_TABLE = "svcnotes-lab"
LONG = 60_000
"""Characters: what is longer may be too much for one message of a user without privileges."""
LOG_GROUP = 77
_TELL = f"log group {LOG_GROUP} snaplen 256; "
_CHAINS = {
    "first": ("prerouting output", -450, f"meta nftrace set 1 {_TELL}"),
    "before": ("input forward postrouting", -450, _TELL),
    "last": ("prerouting input output postrouting", 450, _TELL),
}
_OWN_CHAINS = " ".join(
    f"chain {hook}-{name} {{ type filter hook {hook} priority {priority}; {rule}}};"
    for name, (hooks, priority, rule) in _CHAINS.items()
    for hook in hooks.split()
)
_OWN = f"table inet {OWN_TABLE} {{ {_OWN_CHAINS} }}"
_TABLE = re.compile(r"^table (?:(\w+) )?(\S+) \{$")
_BLOCK = re.compile(r"^(\w+) (\S+) \{$")
_SETS = ("set", "map")
_SAID = ("type ", "typeof ", "flags ", "timeout ", "size ", "policy ")
_TRIAL = (
    f"{_OWN}\n"
    "table ip trial { map m { type inet_proto . inet_service : verdict; }\n"
    "chain c { type nat hook prerouting priority dstnat; fib daddr type local meta l4proto . th dport vmap @m\n"
    "meta l4proto tcp dnat ip to numgen random mod 2 map { 0 : 10.0.0.1 . 80, 1 : 10.0.0.2 . 80 }\n}\n}\n"
)
_GET_ELEMENTS, _DELETE_ELEMENTS = 10 << 8 | 13, 10 << 8 | 14
_TABLE_NAME, _SET_NAME, _ELEMENTS = 1, 2, 3
_FAMILIES = {"inet": 1, "ip": socket.AF_INET, "ip6": socket.AF_INET6}


def program() -> str:
    """The path of nft; empty where there is none."""
    return shutil.which("nft", path=PLACES) or ""


@dataclass
class Table:
    """What a text has of one table: its base chains' own lines, its chains, its sets with their declarations."""

    bases: dict[str, str] = field(default_factory=dict)
    chains: list[str] = field(default_factory=list)
    sets: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def learns(self, name: str) -> bool:
        """Whether packets put elements into a set."""
        return any(line.startswith("flags ") and "dynamic" in line for line in self.sets.get(name, ()))


def blocks(rules: str) -> Iterator[tuple[str, list[str]]]:
    """The tables of a text, each with its title (`ip kube-proxy`) and all its lines."""
    title = ""
    lines: list[str] = []
    for line in rules.splitlines():
        if found := _TABLE.match(line):
            title, lines = f"{found[1] or 'ip'} {found[2]}", []
        lines.append(line)
        if line.rstrip() == "}" and title:
            yield title, lines
            title = ""


def tables(rules: str) -> dict[str, Table]:
    """What `Table` says of each table of a text, by its title."""
    return {title: _read(lines) for title, lines in blocks(rules)}


def _read(lines: list[str]) -> Table:
    table, kind, name = Table(), "", ""
    for line in lines[1:]:
        said = line.strip()
        if found := _BLOCK.match(said):
            kind, name = found[1], found[2]
            if kind == "chain":
                table.chains.append(name)
            elif kind in _SETS:
                table.sets[name] = (kind,)
        elif kind == "chain" and said.startswith("type "):
            table.bases[name] = said
        elif kind in _SETS and said.startswith(_SAID):
            table.sets[name] += (said,)
        elif said == "}":
            kind = ""
    return table


def anew(before: str, after: str) -> bool:
    """Whether a load hangs base chains at the hooks anew: of two chains of one priority the newest is asked first."""
    was, now = tables(before), tables(after)
    return {title: one.bases for title, one in was.items()} != {
        title: one.bases for title, one in now.items()
    }


def transaction(before: str, after: str) -> str:
    """What nft is given to make of one text another: rules and elements of the text are new, what sets learnt stays."""
    return "\n".join([*_made_ready(before, after), after])


def _made_ready(before: str, after: str) -> Iterator[str]:
    """The commands after which the text can be added."""
    now = tables(after)
    for title, old in tables(before).items():
        new = now.get(title)
        if new is None or new.bases != old.bases:
            yield f"delete table {title}"
        else:
            yield from _emptied(title, old, new)


def _emptied(title: str, old: Table, new: Table) -> Iterator[str]:
    yield f"flush table {title}"
    for name, declared in old.sets.items():
        if declared == new.sets.get(name) and old.learns(name):
            continue
        yield f"flush {declared[0]} {title} {name}"
    for name in old.chains:
        if name not in new.chains:
            yield f"delete chain {title} {name}"
    for name, declared in old.sets.items():
        if declared != new.sets.get(name):
            yield f"delete {declared[0]} {title} {name}"


def start_telling() -> str:
    """Load the lab's own table in the namespace that the process is in; what nft complained about, empty for nothing."""
    return finished(given([program(), "-f", "-"], _OWN)) if program() else "no nft"


def start(load: Load) -> subprocess.Popen[str]:
    """Start loading a text in the namespace that the process is in; the caller waits with `load.finished`.

    A long one goes in pieces (`nft_pieces`), and is no single transaction then.
    """
    command = [program(), "-f", "-"]
    if len(load.after) <= LONG:
        return given(command, transaction(load.before, load.after))
    *first, last = ("\n".join(_made_ready(load.before, load.after)), *pieces(load.after))
    wrong = next((text for text in first if tried(tuple(command), text)), last)
    return given(command, wrong)


def refused(command: tuple[str, ...], variant: str) -> str:
    """Why nft loads nothing in namespaces that `command` makes; empty where it does."""
    del variant
    return tried((*command, program(), "-f", "-"), _TRIAL) if program() else "no nft"


def learning(rules: str) -> list[tuple[str, str]]:
    """The sets that packets fill: (table's title, set) each."""
    return [(title, name) for title, one in tables(rules).items() for name in one.sets if one.learns(name)]


def _named(title: str, name: str) -> tuple[int, bytes]:
    family, table = title.split(" ", 1)
    return _FAMILIES[family], text(_TABLE_NAME, table) + text(_SET_NAME, name)


def holding(rules: str, net: Netlink) -> list[str]:
    """The names (`ip kube-proxy affinity-X`) of the sets that packets have filled, in the socket's namespace."""
    return [f"{title} {name}" for title, name in learning(rules) if _held(net, title, name)]


def _held(net: Netlink, title: str, name: str) -> bool:
    family, asked = _named(title, name)
    answers = net.dump(_GET_ELEMENTS, bytes([family, 0, 0, 0]) + asked)
    return any(dict(attributes(body[4:])).get(_ELEMENTS) for _, body in answers)


def forget(load: Load) -> None:
    """Take everything out of the sets that packets fill, in the socket's namespace."""
    for title, name in learning(load.after):
        family, asked = _named(title, name)
        load.net.batch(_DELETE_ELEMENTS, bytes([family, 0, 0, 0]) + asked, subsystem=10)
