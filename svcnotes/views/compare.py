"""What differs between two traces: the fields, and the rules that decided."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

from svcnotes.kernel import agreement
from svcnotes.packet import Step
from svcnotes.trace import Path
from svcnotes.views.entries import entered
from svcnotes.views.marks import is_address, short_name
from svcnotes.views.prose import Prose, code, plain, prose, strong
from svcnotes.views.story import Moment, Story, caller, rule_name


@dataclass(frozen=True, slots=True)
class Change:
    """One field of the answer that differs: `field` is outcome, pod, source seen, endpoints or address dialled."""

    field: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Difference:
    """A field of the answer that is not the same in two stories or more, and what each has there."""

    field: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """The changes, in order of weight, and the rules that only one of the two walks met."""

    changes: tuple[Change, ...]
    only_before: tuple[Step, ...]
    only_after: tuple[Step, ...]
    sentence: Prose

    def __str__(self) -> str:
        return plain(self.sentence)


def compare(before: Story, after: Story) -> Comparison:
    """Compare two paths, each told as a story; where nothing differs, `changes` is empty."""
    changes = tuple(Change(one.field, *one.values) for one in differences(before, after))
    old, new = deciding_rules(before), deciding_rules(after)
    gone = [name for name in old if name not in new]
    come = [name for name in new if name not in old]
    sentence = _sentence(before, after, changes, gone, come)
    return Comparison(changes, tuple(old[n] for n in gone), tuple(new[n] for n in come), sentence)


def counterpart(path: Path, paths: tuple[Path, ...]) -> Path:
    """Find the path to compare with: to the same pod, and by the same node if possible; else by the same node."""

    def likeness(other: Path) -> tuple[bool, bool]:
        return other.pod == path.pod, entered(other) == entered(path)

    return max(paths, key=likeness)  # the first one of those that are equally like it


def differences(*stories: Story) -> tuple[Difference, ...]:
    """Give the fields of the answer that are not the same in all stories, in order of weight.

    The address dialled is a part of the answer where a name was asked for. Where the question itself gave
    another one, it is told only if nothing else differs.
    """
    paths = [story.path for story in stories]
    rows = [
        ("outcome", [path.outcome for path in paths]),
        (_whom(*paths), [_reached(path) or "none" for path in paths]),
        ("source seen", [path.source_seen or "nobody saw one" for path in paths]),
        ("endpoints", [str(len(met)) for met in _met(stories)]),
    ]
    dialled = ("address dialled", [story.trace.destination for story in stories])
    found = [row for row in rows if len(set(row[1])) > 1]
    if len({story.trace.to for story in stories}) == 1 or not found:
        found += [dialled] if len(set(dialled[1])) > 1 else []
    return tuple(Difference(field, tuple(values)) for field, values in found)


def _reached(path: Path) -> str:
    return short_name(path.pod or path.answered_by)


def _whom(*paths: Path) -> str:
    """What to call those reached: pods, unless one of them is a host outside or a node's own program."""
    return "pod" if all(path.pod or not path.answered_by for path in paths) else "who answers"


def _met(stories: Sequence[Story]) -> list[frozenset[str]]:
    """Whom each story's paths reach; a handful of real packets need not meet every endpoint."""
    met = [frozenset(_reached(path) for path in story.trace.paths if _reached(path)) for story in stories]
    simulated = [who for who, story in zip(met, stories, strict=True) if not story.trace.packets]
    return [
        simulated[0] if story.trace.packets and simulated and who <= simulated[0] else who
        for who, story in zip(met, stories, strict=True)
    ]


def _one_is_real(before: Story, after: Story) -> bool:
    return bool(before.trace.packets) != bool(after.trace.packets)


def accord(before: Story, after: Story) -> Prose:
    """Where a simulated and a real packet met with the same, say whether they did so by the same rules; else nothing."""
    if not _one_is_real(before, after):
        return ()
    simulated, real = (before, after) if after.trace.packets else (after, before)
    ours, kernels = (agreement.rules(agreement.told(one.path)) for one in (simulated, real))
    if ours == kernels:
        count = (
            f"the same {len(ours)} rules matched, in the same order"
            if len(ours) > 1
            else "the same rules matched"
        )
        return prose(
            strong("The kernel did what the simulation says"),
            f": {count}. Only the ports differ that are picked at random.",
        )
    at = next(i for i, (a, b) in enumerate(zip_longest(ours, kernels)) if a != b)
    said, did = (_matched(story, at) for story in (simulated, real))
    return prose(
        strong("The end is the same, the rules are not"),
        f". The first that differs is number {at + 1}: ",
        *(said, " in the simulation, ", did, " in the kernel."),
    )


def _matched(story: Story, at: int) -> Prose:
    """Name one of the rules that matched, in the order of `agreement.rules`."""
    matched = [(hop.host, step) for hop in agreement.told(story.path) for step in hop.steps if step.chain]
    if at >= len(matched):
        return prose("none more")
    host, step = matched[at]
    return prose(code(rule_name(step)), f" on {short_name(host)}")


def deciding_rules(story: Story) -> dict[str, Step]:
    """Give the rules that changed or ended something on the way there, by the name to call them.

    A mark is told by who asked for it, since every Service's rules share the chain that sets it.
    """
    found: dict[str, Step] = {}
    for moment in story.moments:
        name = deciding_name(story, moment)
        if name and moment.rule is not None:
            found.setdefault(name, moment.rule)
    return found


def deciding_name(story: Story, moment: Moment) -> str:
    """Name the rule that decided a moment on the way there; empty where none did."""
    if moment.rule is None or not moment.rule.chain or moment.direction != "there":
        return ""
    sender = caller(story.path.hops[moment.hop].steps, moment.rule) if moment.kind == "mark" else None
    return f"{sender.chain} → {moment.rule.chain}" if sender else rule_name(moment.rule)


def _sentence(
    before: Story,
    after: Story,
    changes: tuple[Change, ...],
    gone: list[str],
    come: list[str],
) -> Prose:
    if not changes:
        same = prose("Nothing that the pod or the client could notice has changed.")
        return accord(before, after) or same
    parts: list[Prose] = []
    for change in changes:
        word = {"source seen": "source", "endpoints": "endpoints in reach"}.get(change.field, change.field)
        ends = (value(before, change.before), " → ", value(after, change.after))
        parts.append(prose(strong(f"{word} "), *ends))
    joined = prose(*(prose("; " if index else "", part) for index, part in enumerate(parts)))
    return prose(joined, ". ", _rules("No longer", gone), _rules("Now", come))


def value(story: Story, text: str) -> Prose:
    """Give what a changed field says: an address, with or without a port, keeps its mark."""
    for address in (text, text.rpartition(":")[0].strip("[]")):
        if is_address(address):
            return prose(story.names.run(address, text))
    return prose(text)


def _rules(word: str, names: list[str]) -> Prose:
    if not names:
        return ()
    listed = [prose(", " if index else "", code(name)) for index, name in enumerate(names)]
    return prose(f"{word}: ", *listed, ". ")
