"""The moments of two or three packets, aligned: one row for each thing done, and which sides do it otherwise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from svcnotes.packet import Packet, Step, endpoint_text
from svcnotes.views.cast import Cast
from svcnotes.views.compare import deciding_name, deciding_rules
from svcnotes.views.headline import choice, headline
from svcnotes.views.marks import short_name
from svcnotes.views.prose import Prose
from svcnotes.views.story import Moment, Story, rule_name

SAME, DIFFERS, ONLY = "same", "differs", "only"
ENDS = ("source", "destination")
FIELDS = ("where", *ENDS, "rule")


@dataclass(frozen=True, slots=True)
class Side:
    """One of the settings: its words, whole and short, its path told as a story, who stands in its picture."""

    title: str
    label: str
    story: Story
    cast: Cast

    @property
    def sentence(self) -> Prose:
        """The sentence that answers the question under this setting."""
        return headline(self.story)

    @property
    def share(self) -> str:
        """How likely the path is, empty where it is the only one."""
        return choice(self.story)

    @property
    def rules(self) -> dict[str, Step]:
        """The rules that decided something on the way there, by the names to call them."""
        return deciding_rules(self.story)

    def field(self, moment: Moment, name: str) -> str:
        """Write one of `FIELDS` of a moment; a rule that a mark was asked for by is named with it."""
        if name == "where":
            return f"{short_name(moment.host)}{f' {moment.hook}' if moment.hook else ''}"
        if name == "rule":
            if moment.rule is None or not moment.rule.chain:
                return ""
            return deciding_name(self.story, moment) or rule_name(moment.rule)
        address = str(getattr(moment.after, name))
        port = int(getattr(moment.after, f"{name}_port"))
        return endpoint_text(address, port) if port else address

    def compared(self, moment: Moment) -> dict[str, str]:
        """Give `FIELDS` of a moment as far as they are to be compared: a caller's port is chosen at random."""
        ports = {name: (moment.direction == "there") == (name == "destination") for name in ENDS}
        ends = {name: _end(moment.after, name, port=port) for name, port in ports.items()}
        return {name: ends.get(name) or self.field(moment, name) for name in FIELDS}


@dataclass(frozen=True, slots=True)
class Row:
    """What stands in one line: the same thing done on all sides, or a thing that not every side does.

    `moments` has one for each side, None where the side does no such thing. `differs` names those of `FIELDS`
    that are not the same wherever it is done; `odd` says for each side in which of them no other agrees with it.
    `deciding` says that its rule is one that no side without this moment met.
    """

    moments: tuple[Moment | None, ...]
    differs: frozenset[str] = frozenset()
    odd: tuple[frozenset[str], ...] = ()
    deciding: bool = False

    @property
    def kind(self) -> str:
        """One of same, differs, only."""
        if None in self.moments:
            return ONLY
        return DIFFERS if self.differs else SAME

    @property
    def first(self) -> Moment:
        """The moment of the first side that has one."""
        return next(moment for moment in self.moments if moment is not None)

    @property
    def number(self) -> str:
        """The moment's number on its path, all of them where they are not the same."""
        numbers = [str(moment.number) for moment in self.moments if moment is not None]
        return "|".join(numbers if len(set(numbers)) > 1 else numbers[:1])

    @property
    def direction(self) -> str:
        """`there` or `back`."""
        return self.first.direction

    def shared_end(self, sides: Sequence[Side], name: str) -> str:
        """Write an end that all sides share, with its port where that is shared, too."""
        found = {side.field(moment, name) for side, moment in zip(sides, self.moments, strict=True) if moment}
        return found.pop() if len(found) == 1 else str(getattr(self.first.after, name))


def aligned(sides: Sequence[Side]) -> Iterator[Row]:
    """Align the moments in which the same kind of thing is done by the same kind of host."""
    for direction in ("there", "back"):
        lists = [[one for one in side.story.moments if one.direction == direction] for side in sides]
        lines: list[list[Moment | None]] = [[moment] for moment in lists[0]]
        for number, moments in enumerate(lists[1:], start=1):
            lines = list(_merged(lines, moments, number))
        for line in lines:
            yield _row(sides, tuple(line))


def _merged(
    lines: list[list[Moment | None]], moments: list[Moment], number: int
) -> Iterator[list[Moment | None]]:
    """Put one more side's moments beside the lines of the `number` sides before it."""
    keys = [next(_key(moment) for moment in line if moment) for line in lines]
    matcher = SequenceMatcher(None, keys, [_key(moment) for moment in moments], autojunk=False)
    for word, start, end, begin, stop in matcher.get_opcodes():
        if word == "equal":
            pairs = zip(lines[start:end], moments[begin:stop], strict=True)
            yield from ([*line, moment] for line, moment in pairs)
            continue
        yield from ([*line, None] for line in lines[start:end])
        yield from ([*[None] * number, moment] for moment in moments[begin:stop])


def _key(moment: Moment) -> tuple[str, ...]:
    """What makes two moments comparable; connection tracking puts back one end, or the other, or both."""
    return moment.host_kind, moment.kind, *(moment.changed if moment.kind == "undo" else ())


def _row(sides: Sequence[Side], moments: tuple[Moment | None, ...]) -> Row:
    values = [side.compared(moment) if moment else {} for side, moment in zip(sides, moments, strict=True)]
    counts = {name: Counter(value[name] for value in values if value) for name in FIELDS}
    differs = frozenset(name for name, count in counts.items() if len(count) > 1)
    odd = tuple(
        frozenset(name for name in differs if value and counts[name][value[name]] == 1) for value in values
    )
    elsewhere = {name for side, value in zip(sides, values, strict=True) if not value for name in side.rules}
    named = {
        value["rule"] for side, value in zip(sides, values, strict=True) if value.get("rule") in side.rules
    }
    return Row(moments, differs, odd, deciding=None in moments and bool(named - elsewhere))


def _end(packet: Packet, name: str, *, port: bool) -> str:
    address = str(getattr(packet, name))
    return f"{address} {getattr(packet, f'{name}_port')}" if port else address
