"""Two settings side by side: both answers, and their moments in one table with what differs marked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

from svcnotes.errors import QuestionError
from svcnotes.packet import Packet, Step, endpoint_text
from svcnotes.scenarios.changes import backing_pods, find_service
from svcnotes.trace import Path, Trace
from svcnotes.views.cast import Cast, cast_of
from svcnotes.views.compare import (
    Change,
    accord,
    answer_changes,
    counterpart,
    deciding_name,
    deciding_rules,
    value,
)
from svcnotes.views.headline import choice, headline
from svcnotes.views.marks import names_of, short_name
from svcnotes.views.prose import Prose, code, plain, prose, strong
from svcnotes.views.story import Moment, Story, rule_name, tell

if TYPE_CHECKING:
    import pandas as pd

    from svcnotes.control_plane.cluster import Cluster

SAME, DIFFERS, ONLY = "same", "differs", "only"
FIELDS = ("where", "source", "destination", "rule")


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two settings: its words, its path told as a story, who stands in its picture."""

    title: str
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


@dataclass(frozen=True, slots=True)
class Row:
    """What stands in one line: the same thing done on both sides, or a thing done on one side only.

    `differs` names those of `FIELDS` that are not the same on both sides; `deciding` says that the rule is
    one that only this setting's walk met.
    """

    left: Moment | None
    right: Moment | None
    differs: frozenset[str] = frozenset()
    deciding: bool = False

    @property
    def kind(self) -> str:
        """One of same, differs, only."""
        if self.left is None or self.right is None:
            return ONLY
        return DIFFERS if self.differs else SAME

    @property
    def direction(self) -> str:
        """`there` or `back`."""
        moment = self.left or self.right
        return moment.direction if moment else ""


@dataclass(frozen=True, slots=True)
class SideBySide:
    """Two answers in one frame: `changes` are the fields of the answer that differ.

    `only_left` and `only_right` are the rules that decided something on one side and were not met on the
    other, by the names to call them. Prints as text; shows itself as pictures and a table.
    """

    left: Side
    right: Side
    rows: tuple[Row, ...]
    changes: tuple[Change, ...]
    only_left: Mapping[str, Step]
    only_right: Mapping[str, Step]

    @property
    def sides(self) -> tuple[Side, Side]:
        """Both sides, the left one first."""
        return self.left, self.right

    def __str__(self) -> str:
        return "\n".join(_text(self))

    def table(self) -> pd.DataFrame:
        """Give the table of moments as pandas has it: one row a moment, both sides' fields."""
        from svcnotes.views.frames import frame

        columns = [f"{side.title}: {name}" for side in self.sides for name in ("step", *FIELDS)]
        rows = [
            [
                row.kind,
                *(
                    value
                    for side, moment in zip(self.sides, (row.left, row.right), strict=True)
                    for value in _values(side, moment)
                ),
            ]
            for row in self.rows
        ]
        return frame(rows, ["", *columns])


def beside(
    settings: Mapping[str, Trace | Story],
    *,
    cluster: Cluster | Mapping[str, Cluster] | None = None,
    path: int | None = None,
    pod: str = "",
    service: str = "",
) -> SideBySide:
    """Put two answers side by side: `settings` gives each, a Trace or a Story, under its setting in words.

    `cluster` gives addresses their owners' names and the pictures all Nodes; a mapping with the same keys
    gives each side its own. Of a Trace with several paths `path` chooses one by its index on the left side
    and the one to the same pod on the right, `pod` (its name) the one to a pod; without both, one to a pod
    that both sides reach. `service` (`namespace/name`) names the Service whose Pods the pictures show.
    Raises QuestionError for anything but two settings, or a path or pod that is not there.
    """
    if len(settings) != 2:
        raise QuestionError(
            f"beside: {len(settings)} settings given, two are wanted. Write {{words: trace, ...}}"
        )
    titles = list(settings)
    clusters = [cluster.get(title) if isinstance(cluster, Mapping) else cluster for title in titles]
    left, right = _paths(list(settings.values()), path, pod)
    stories = [
        _story(given, chosen, one)
        for given, chosen, one in zip(settings.values(), (left, right), clusters, strict=True)
    ]
    shown = {hop.host for story in stories for hop in story.path.hops if hop.kind == "pod"}
    sides = [
        Side(title, story, _cast(story, one, shown, service))
        for title, story, one in zip(titles, stories, clusters, strict=True)
    ]
    old, new = (deciding_rules(story) for story in stories)
    only_left = {name: step for name, step in old.items() if name not in new}
    only_right = {name: step for name, step in new.items() if name not in old}
    rows = tuple(_aligned(sides[0], sides[1], {*only_left, *only_right}))
    return SideBySide(sides[0], sides[1], rows, tuple(answer_changes(*stories)), only_left, only_right)


def _paths(given: list[Trace | Story], path: int | None, pod: str) -> tuple[Path, Path]:
    first, second = (one.paths if isinstance(one, Trace) else (one.path,) for one in given)
    if path is not None:
        if not 0 <= path < len(first):
            raise QuestionError(f"path: {path} is none; the left side has paths 0 to {len(first) - 1}")
        return first[path], counterpart(first[path], second)
    if pod:
        found = [
            next((one for one in paths if short_name(one.pod or "") == short_name(pod)), None)
            for paths in (first, second)
        ]
        if found == [None, None]:
            names = sorted({short_name(one.pod) for one in (*first, *second) if one.pod})
            raise QuestionError(f'pod: no path leads to "{pod}". Pods reached: {", ".join(names) or "none"}')
        return found[0] or first[0], found[1] or second[0]
    common = {one.pod for one in second} - {None}
    chosen = next((one for one in first if one.pod in common), first[0])
    return chosen, counterpart(chosen, second)


def _story(given: Trace | Story, path: Path, cluster: Cluster | None) -> Story:
    return given if isinstance(given, Story) else tell(given, path, names_of(given, cluster))


def _cast(story: Story, cluster: Cluster | None, shown: set[str], service: str) -> Cast:
    """Both pictures show the pods that either path meets, so that they can be compared."""
    if cluster is None:
        return cast_of(replace(story.trace, paths=(story.path,)))
    known = backing_pods(cluster, find_service(cluster, service)) if service else ()
    cast = cast_of(replace(story.trace, paths=(story.path,)), cluster, frozenset({*shown, *known}))
    return replace(cast, complete=bool(service))


def _aligned(left: Side, right: Side, only: set[str]) -> Iterator[Row]:
    """Pair the moments in which the same kind of thing is done by the same kind of host."""
    for direction in ("there", "back"):
        one, other = (
            [moment for moment in side.story.moments if moment.direction == direction]
            for side in (left, right)
        )
        matcher = SequenceMatcher(None, [_key(m) for m in one], [_key(m) for m in other], autojunk=False)
        for word, start, end, begin, stop in matcher.get_opcodes():
            if word == "equal":
                for mine, yours in zip(one[start:end], other[begin:stop], strict=True):
                    yield Row(mine, yours, _differing(left, mine, right, yours))
                continue
            for moment in one[start:end]:
                yield Row(moment, None, deciding=left.field(moment, "rule") in only)
            for moment in other[begin:stop]:
                yield Row(None, moment, deciding=right.field(moment, "rule") in only)


def _key(moment: Moment) -> tuple[str, ...]:
    """What makes two moments comparable; connection tracking puts back one end, or the other, or both."""
    return moment.host_kind, moment.kind, *(moment.changed if moment.kind == "undo" else ())


def _differing(left: Side, mine: Moment, right: Side, yours: Moment) -> frozenset[str]:
    there = mine.direction == "there"
    ends = {
        name: [_end(moment.after, name, port=there == (name == "destination")) for moment in (mine, yours)]
        for name in ("source", "destination")
    }
    ends |= {name: [left.field(mine, name), right.field(yours, name)] for name in ("where", "rule")}
    return frozenset(name for name, (one, other) in ends.items() if one != other)


def _end(packet: Packet, name: str, *, port: bool) -> str:
    """An end of a packet as far as it is to be compared: a caller's port is chosen at random."""
    address = str(getattr(packet, name))
    return f"{address} {getattr(packet, f'{name}_port')}" if port else address


def _values(side: Side, moment: Moment | None) -> list[object]:
    if moment is None:
        return [""] * (1 + len(FIELDS))
    glyph = side.story.names.glyph
    marks = {name: f"{glyph(getattr(moment.after, name))} " for name in ("source", "destination")}
    return [moment.number, *(f"{marks.get(name, '')}{side.field(moment, name)}" for name in FIELDS)]


def difference_lines(shown: SideBySide) -> list[Prose]:
    """Say what differs, a sentence for each thing: fields of the answer first, then rules."""
    lines = [
        prose(
            strong(change.field),
            ": ",
            value(shown.left.story, change.before),
            " ≠ ",
            value(shown.right.story, change.after),
        )
        for change in shown.changes
    ]
    for side, rules in ((shown.left, shown.only_left), (shown.right, shown.only_right)):
        if rules:
            named = [prose(", " if index else "", code(name)) for index, name in enumerate(rules)]
            lines.append(prose(strong(f"rules that decided only under {side.title}"), ": ", *named))
    nothing = prose("Nothing that the pod or the client could notice.")
    return lines or [accord(shown.left.story, shown.right.story) or nothing]


def _text(shown: SideBySide) -> Iterator[str]:
    wide = max(len("both"), *(len(side.title) for side in shown.sides))
    for side in shown.sides:
        share = f" ({side.share})" if side.share else ""
        yield f"{side.title + ':':<{wide + 1}} {plain(side.sentence)}{share}"
    yield "what differs"
    yield from (f"  {plain(line)}" for line in difference_lines(shown))
    direction = ""
    for row in shown.rows:
        if row.direction != direction:
            direction = row.direction
            yield "there" if direction == "there" else "and back"
        if row.kind == SAME and row.left and row.right:
            number = str(row.left.number)
            if row.right.number != row.left.number:
                number += f"|{row.right.number}"
            yield f"  =  {'both':<{wide}}  {_line(shown.left, row.left, row, number)}"
            continue
        sign = "≠" if row.kind == DIFFERS else "+"
        for side, moment in zip(shown.sides, (row.left, row.right), strict=True):
            if moment is not None:
                yield f"  {sign}  {side.title:<{wide}}  {_line(side, moment, row, str(moment.number))}"


def _line(side: Side, moment: Moment, row: Row, number: str) -> str:
    glyph = side.story.names.glyph

    def value(name: str) -> str:
        mark = f"{glyph(getattr(moment.after, name))} " if name in {"source", "destination"} else ""
        return f"{'≠ ' if name in row.differs else ''}{mark}{side.field(moment, name)}"

    rule = f", by {value('rule')}" if side.field(moment, "rule") else ""
    where = "≠ " if "where" in row.differs else ""
    return f"{number:>5} {where}{moment.title}: {value('source')} → {value('destination')}{rule}"
