"""A host's virtual servers of one IP family, as one more language of rules: what `ipvsadm -Sn` prints."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from svcnotes.errors import RuleError
from svcnotes.netfilter.balancing import Balancing, server_name
from svcnotes.netfilter.ipvs.hooks import ANSWERS_AT, EVERY, REQUESTS_AT, TABLE, Answers, Requests
from svcnotes.netfilter.ipvs.serving import with_leaving
from svcnotes.netfilter.stops import ALL_HOOKS, Stop, Way, in_order, way_through
from svcnotes.virtual_servers import OPTIONS, UNTUNED, Tuning, VirtualServer, read_saved

_SERVICE = re.compile(r"^-A (\S+ \S+)", re.MULTILINE)
_PROTOCOLS = {option: protocol for protocol, option in OPTIONS.items()}


@dataclass(frozen=True, slots=True)
class IpvsRuleset:
    """Virtual servers: a text, each of them read when it is first asked for. Two are equal if text, family and tuning are.

    Make one with `IpvsRuleset.parse`; keep it, since it remembers what it has read.
    """

    text: str
    family: int
    tuning: Tuning
    _at: dict[str, tuple[int, int]] = field(repr=False, compare=False)
    _read: dict[str, VirtualServer] = field(repr=False, compare=False, default_factory=dict)
    _stops: dict[str, tuple[Stop, ...]] = field(repr=False, compare=False, default_factory=dict)
    _ways: dict[tuple[str, ...], Way] = field(repr=False, compare=False, default_factory=dict)

    @classmethod
    def parse(cls, text: str, family: int = 4, tuning: Tuning = UNTUNED) -> IpvsRuleset:
        """Find the virtual servers in what `ipvsadm -S -n` printed; a line is read when a packet first needs it."""
        heads = list(_SERVICE.finditer(text))
        ends = [*(head.start() for head in heads[1:]), len(text)]
        places = {head[1]: (head.start(), end) for head, end in zip(heads, ends, strict=True)}
        found = cls(text, family, tuning, places)
        for hook in ALL_HOOKS:
            chains: list[Answers | Requests] = []
            if hook in ANSWERS_AT:
                chains.append(Answers("answers", ANSWERS_AT[hook], found))
            if hook in REQUESTS_AT:
                chains.append(Requests("requests", REQUESTS_AT[hook], found))
            found._stops[hook] = in_order(hook, chains)
        return found

    def __str__(self) -> str:
        return self.text

    @property
    def tables(self) -> dict[str, tuple[str, ...]]:
        """The one table, with its virtual servers as ipvsadm is told of them: `-t 10.96.0.80:80`."""
        return {TABLE: tuple(self._at)}

    def find(self, name: str, balancing: Balancing) -> VirtualServer | None:
        """A virtual server by its name (`tcp 10.96.0.80:80`), those real ones included that are leaving."""
        found = self._read.get(name)
        if found is None:
            protocol, _, where = name.partition(" ")
            option = f"{OPTIONS[protocol]} {where}"
            if option not in self._at:
                return None
            found = self._read[name] = self._parsed(option)
        return with_leaving(found, balancing)

    def _parsed(self, option: str) -> VirtualServer:
        start, end = self._at[option]
        try:
            return read_saved(self.text[start:end])[0]
        except RuleError as error:
            line = self.text.count("\n", 0, start) + error.line
            raise RuleError(str(error), line=line, text=error.text) from None

    def stops(self, hook: str) -> tuple[Stop, ...]:
        """What a packet passes at a hook, in order of priority."""
        return self._stops[hook]

    def way(self, hooks: tuple[str, ...]) -> Way:
        """IPVS's functions that a packet passes at these hooks, in order."""
        found = self._ways.get(hooks)
        if found is None:
            found = self._ways[hooks] = way_through(self, hooks)
        return found

    def rules(self, table: str, chain: str) -> tuple[str, ...]:
        """A virtual server with its real ones, as `ipvsadm -Sn` prints them; empty for one that is not there."""
        if table != TABLE:
            return ()
        if chain == EVERY:
            return (f"{len(self._at)} virtual servers, found by protocol, address and port",)
        start, end = self._at.get(chain, (0, 0))
        return tuple(self.text[start:end].splitlines())

    def memories(self) -> frozenset[str]:
        """None: what IPVS remembers is its own."""
        return frozenset()

    def check(self) -> IpvsRuleset:
        """Read everything now, and give the virtual servers back; raises RuleError that names the line."""
        for one in read_saved(self.text):
            self._read[server_name(one.protocol, one.address, one.port)] = one
        return self

    def problems(self) -> list[RuleError]:
        """The first line that is not understood, if any."""
        try:
            self.check()
        except RuleError as error:
            return [error]
        return []

    def check_loops(self) -> None:
        """Virtual servers lead to no other."""
