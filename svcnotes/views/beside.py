"""Two or three settings side by side: their answers, and their moments in one table with what differs marked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from svcnotes.errors import QuestionError
from svcnotes.scenarios.changes import backing_pods, find_service
from svcnotes.trace import Path, Trace
from svcnotes.views.beside_rows import DIFFERS, ENDS, FIELDS, SAME, Row, Side, aligned
from svcnotes.views.cast import Cast, cast_of
from svcnotes.views.compare import Difference, accord, counterpart, differences, value
from svcnotes.views.marks import names_of, short_name
from svcnotes.views.prose import Prose, code, plain, prose, strong
from svcnotes.views.story import Moment, Story, tell

if TYPE_CHECKING:
    import pandas as pd

    from svcnotes.control_plane.cluster import Cluster

MOST = 3


@dataclass(frozen=True, slots=True)
class SideBySide:
    """Two or three answers in one frame: `differences` are the fields of the answer that are not all the same.

    Prints as text; shows itself as pictures and a table.
    """

    sides: tuple[Side, ...]
    rows: tuple[Row, ...]
    differences: tuple[Difference, ...]

    def __str__(self) -> str:
        return "\n".join(_text(self))

    def rules_apart(self) -> dict[tuple[int, ...], tuple[str, ...]]:
        """Give the rules that decided something on some sides and not on all, by the numbers (from 0) of those sides."""
        every = [side.rules for side in self.sides]
        found: dict[tuple[int, ...], dict[str, None]] = {}
        for name in (name for rules in every for name in rules):
            met = tuple(number for number, rules in enumerate(every) if name in rules)
            if len(met) < len(every):
                found.setdefault(met, {})[name] = None
        return {met: tuple(found[met]) for met in sorted(found, key=lambda met: (len(met), met))}

    def table(self) -> pd.DataFrame:
        """Give the table of moments as pandas has it: one row a moment, each side's fields."""
        from svcnotes.views.frames import frame

        columns = [f"{side.title}: {name}" for side in self.sides for name in ("step", *FIELDS)]
        rows = [
            [
                row.kind,
                *(
                    value
                    for side, moment in zip(self.sides, row.moments, strict=True)
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
    """Put two or three answers side by side: `settings` gives each, a Trace or a Story, under its setting in words.

    `cluster` gives addresses their owners' names and the pictures all Nodes; a mapping with the same keys
    gives each side its own. Of a Trace with several paths `path` chooses one by its index on the first side
    and those to the same pod on the others, `pod` (its name) the one to a pod; without both, one to a pod
    that all sides reach. `service` (`namespace/name`) names the Service whose Pods the pictures show.
    Raises QuestionError for anything but two or three settings, or a path or pod that is not there.
    """
    if not 2 <= len(settings) <= MOST:
        raise QuestionError(
            f"beside: {len(settings)} settings given, two or three are wanted. Write {{words: trace, ...}}"
        )
    titles = list(settings)
    clusters = [cluster.get(title) if isinstance(cluster, Mapping) else cluster for title in titles]
    chosen = _paths(list(settings.values()), path, pod)
    stories = [
        given if isinstance(given, Story) else tell(given, one, names_of(given, world))
        for given, one, world in zip(settings.values(), chosen, clusters, strict=True)
    ]
    shown = {hop.host for story in stories for hop in story.path.hops if hop.kind == "pod"}
    sides = tuple(
        Side(title, label, story, _cast(story, world, shown, service))
        for title, label, story, world in zip(titles, labels(titles), stories, clusters, strict=True)
    )
    return SideBySide(sides, tuple(aligned(sides)), differences(*stories))


def labels(titles: Sequence[str]) -> list[str]:
    """Shorten titles such as `mode: ipvs` to the words after those that all begin with; a number alone says too little."""
    parts = [title.partition(": ") for title in titles]
    same = len({before for before, _, _ in parts}) == 1 and all(after[:1].isalpha() for _, _, after in parts)
    return [after for _, _, after in parts] if same else list(titles)


def listed(words: Sequence[str]) -> str:
    """Join words as one says them: `a`, `a and b`, `a, b and c`."""
    return " and ".join([*([", ".join(words[:-1])] if words[1:] else []), *words[-1:]])


def _paths(given: Sequence[Trace | Story], path: int | None, pod: str) -> list[Path]:
    first, *others = (one.paths if isinstance(one, Trace) else (one.path,) for one in given)
    if path is None and pod:
        found = [
            next((one for one in paths if short_name(one.pod or "") == short_name(pod)), None)
            for paths in (first, *others)
        ]
        if not any(found):
            names = sorted({short_name(one.pod) for paths in (first, *others) for one in paths if one.pod})
            raise QuestionError(f'pod: no path leads to "{pod}". Pods reached: {", ".join(names) or "none"}')
        return [one or paths[0] for one, paths in zip(found, (first, *others), strict=True)]
    if path is None:
        common = set.intersection(*({one.pod for one in paths} for paths in others)) - {None}
        chosen = next((one for one in first if one.pod in common), first[0])
    elif 0 <= path < len(first):
        chosen = first[path]
    else:
        raise QuestionError(f"path: {path} is none; the first side has paths 0 to {len(first) - 1}")
    return [chosen, *(counterpart(chosen, paths) for paths in others)]


def _cast(story: Story, cluster: Cluster | None, shown: set[str], service: str) -> Cast:
    """All pictures show the pods that any of the paths meets, so that they can be compared."""
    if cluster is None:
        return cast_of(replace(story.trace, paths=(story.path,)))
    known = backing_pods(cluster, find_service(cluster, service)) if service else ()
    cast = cast_of(replace(story.trace, paths=(story.path,)), cluster, frozenset({*shown, *known}))
    return replace(cast, complete=bool(service))


def _values(side: Side, moment: Moment | None) -> list[object]:
    if moment is None:
        return [""] * (1 + len(FIELDS))
    return [moment.number, *(f"{_glyph(side, moment, name)}{side.field(moment, name)}" for name in FIELDS)]


def _glyph(side: Side, moment: Moment, name: str) -> str:
    return f"{side.story.names.glyph(getattr(moment.after, name))} " if name in ENDS else ""


def difference_lines(shown: SideBySide) -> list[Prose]:
    """Say what differs, a sentence for each thing: fields of the answer first, then rules."""
    return [*answer_lines(shown), *rule_lines(shown)]


def answer_lines(shown: SideBySide) -> list[Prose]:
    """Say which fields of the answer differ; where none does, say so."""
    if shown.differences:
        return [prose(strong(one.field), ": ", *_told_apart(shown, one)) for one in shown.differences]
    if shown.rules_apart():
        return [_same_end(shown)]
    first, *others = (side.story for side in shown.sides)
    said = next((said for other in others if (said := accord(first, other))), ())
    return [said or prose("Nothing that the pod or the client could notice.")]


def rule_lines(shown: SideBySide) -> list[Prose]:
    """Name the rules that decided something on some sides only."""
    lines = []
    for met, rules in shown.rules_apart().items():
        named = [prose(", " if index else "", code(name)) for index, name in enumerate(rules)]
        under = listed([shown.sides[number].label for number in met])
        lines.append(prose(strong(f"rules that decided only under {under}"), ": ", *named))
    return lines


def _told_apart(shown: SideBySide, difference: Difference) -> list[Prose]:
    """What each side has; sides that agree are named together, where there are more than two."""
    parts: list[Prose] = []
    for text in dict.fromkeys(difference.values):
        having = [side for side, has in zip(shown.sides, difference.values, strict=True) if has == text]
        named = f" ({listed([side.label for side in having])})" if len(shown.sides) > 2 else ""
        parts.append(prose(" ≠ " if parts else "", value(having[0].story, text), named))
    return parts


def _same_end(shown: SideBySide) -> Prose:
    """Other rules, and nobody at the ends could tell."""
    story = shown.sides[0].story
    words = prose(strong(f"The same end in {'both' if len(shown.sides) == 2 else 'all three'}"), ": ")
    if story.path.outcome == "connected" and story.path.pod and story.path.source_seen:
        pod, seen = short_name(story.path.pod), story.names.run(story.path.source_seen)
        return prose(words, f"{pod} answers, and has seen ", seen, ".")
    return prose(words, story.path.outcome, ".")


def _text(shown: SideBySide) -> Iterator[str]:
    every = "both" if len(shown.sides) == 2 else "all"
    title = max(len(side.title) for side in shown.sides)
    wide = max(len(every), *(len(side.label) for side in shown.sides))
    for side in shown.sides:
        share = f" ({side.share})" if side.share else ""
        yield f"{side.title + ':':<{title + 1}} {plain(side.sentence)}{share}"
    yield "what differs"
    yield from (f"  {plain(line)}" for line in difference_lines(shown))
    direction = ""
    for row in shown.rows:
        if row.direction != direction:
            direction = row.direction
            yield "there" if direction == "there" else "and back"
        if row.kind == SAME:
            first = shown.sides[0]
            ends = [f"{_glyph(first, row.first, name)}{row.shared_end(shown.sides, name)}" for name in ENDS]
            rule = first.field(row.first, "rule")
            by = f", by {rule}" if rule else ""
            yield f"  =  {every:<{wide}}  {row.number:>5} {row.first.title}: {' → '.join(ends)}{by}"
            continue
        sign = "≠" if row.kind == DIFFERS else "+"
        for side, moment, odd in zip(shown.sides, row.moments, row.odd, strict=True):
            if moment is None:
                continue
            yield f"  {sign}  {side.label:<{wide}}  {_line(side, moment, odd, at='where' in row.differs)}"
            if "rule" in row.differs and moment.rule:
                yield f"{'':>{wide + 13}}{moment.rule.rule}"


def _line(side: Side, moment: Moment, odd: frozenset[str], *, at: bool) -> str:
    def value(name: str) -> str:
        return f"{'≠ ' if name in odd else ''}{_glyph(side, moment, name)}{side.field(moment, name)}"

    rule = f", by {value('rule')}" if side.field(moment, "rule") else ""
    where = "≠ " if "where" in odd else ""
    hook = f" ({moment.hook})" if at else ""
    return f"{moment.number:>5} {where}{moment.title}{hook}: {value('source')} → {value('destination')}{rule}"
