"""Long runs of like rules, found by their key instead of one by one.

Rules such as `-d A/32 -p P --dport N -j CHAIN` exclude each other by what they ask for: of a run of
them only those whose key is the packet's can match. The rules found are still tried in full and keep
their numbers, so that what matches, and how many rules a kernel would have tried, stays the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Sequence
from itertools import groupby
from operator import attrgetter

from svcnotes.addresses import number
from svcnotes.netfilter.compile import Compiled
from svcnotes.netfilter.skb import PROTOCOLS, Skb

SHORTEST_RUN = 8
SHAPE = re.compile(
    r"-A \S+ (?:-d (?:([0-9a-f.:]+)/(32|128)|(127\.0\.0\.0/8)) )?-p (tcp|udp|sctp) "
    r'(?:-m comment --comment (?:"[^"\\]{1,255}"|[-\w]{1,255}) )?-m (tcp|udp|sctp) --dport (\d{1,5}) '
    r"(?:-m nfacct --nfacct-name  [-\w]{1,31} )?-j ([-\w]+)",
    re.ASCII,
)
BY_ADDRESS = attrgetter("dst", "protocol", "dport")
BY_PORT = attrgetter("protocol", "dport")

Key = tuple[int, ...]
Compile = Callable[[int], Compiled]


def key_of(text: str, family: int, chains: Container[str]) -> Key:
    """The key of a rule that could stand in a run; empty for any other rule.

    Only a rule that is certain to compile has one, since a rule of a run is compiled when it is hit.
    """
    found = SHAPE.fullmatch(text)
    if found is None:
        return ()
    address, length, loopback, protocol, match, port, target = found.groups()
    if protocol != match or int(port) > 65535 or target not in chains or (loopback and family == 6):
        return ()
    if address is None:
        return PROTOCOLS[protocol], int(port)
    if (length == "128") != (family == 6) or (":" in address) != (family == 6):
        return ()
    try:
        return number(address), PROTOCOLS[protocol], int(port)
    except ValueError:
        return ()


class Run:
    """A run of rules of one shape: key → the numbers of the rules that ask for it."""

    __slots__ = ("_compile", "_found", "_key", "_numbers")

    def __init__(self, keys: Sequence[Key], first: int, compile_number: Compile) -> None:
        self._key: Callable[[Skb], Key] = BY_ADDRESS if len(keys[0]) == 3 else BY_PORT
        self._compile = compile_number
        self._found: dict[Key, tuple[Compiled, ...]] = {}
        numbers: dict[Key, list[int]] = {}
        for position, key in enumerate(keys, first):
            numbers.setdefault(key, []).append(position)
        self._numbers = numbers

    def rules(self, s: Skb) -> tuple[Compiled, ...]:
        """The rules of the run that this packet could match, in order."""
        key = self._key(s)
        found = self._found.get(key)
        if found is None:
            numbers = self._numbers.get(key)
            if numbers is None:
                return ()
            found = self._found[key] = tuple(map(self._compile, numbers))
        return found


def program(
    texts: Sequence[str], family: int, chains: Container[str], compile_number: Compile
) -> list[Compiled | Run]:
    """A chain's rules, numbered from 1, with each long run of like rules folded into one `Run`."""
    if len(texts) < SHORTEST_RUN:
        return [compile_number(number) for number in range(1, len(texts) + 1)]
    keys = [key_of(text, family, chains) for text in texts]
    parts: list[Compiled | Run] = []
    first = 1
    for length, group in groupby(keys, len):
        run = list(group)
        if length and len(run) >= SHORTEST_RUN:
            parts.append(Run(run, first, compile_number))
        else:
            parts += [compile_number(number) for number in range(first, first + len(run))]
        first += len(run)
    return parts
