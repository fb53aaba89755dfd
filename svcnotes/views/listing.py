"""The rules that a packet met at one hook of one node, in the order in which it met their chains."""

from __future__ import annotations

from dataclasses import dataclass

from svcnotes.netfilter.telling import Chains, chain_heading, heading
from svcnotes.packet import Step
from svcnotes.trace import Hop

KEEP = 2  # rules shown on either side of one that matched, in a long chain
LONG = 12  # a chain of more rules than this is shortened


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a listing: `steps` are the indices (in the hop) of the steps in which it matched.

    `text` is as the node prints it, and below a rule that asked a set or map what it found there. Lines of what was left out have no `steps` and `kind` "gap".
    """

    text: str
    kind: str = "rule"
    steps: tuple[int, ...] = ()


def listing(hop: Hop, hook: str, chains: Chains) -> tuple[Line, ...]:
    """List the chains that the packet met at a hook of this hop; `chains` may be empty.

    Without the node's rules only those that matched are listed, which the trace itself knows.
    """
    met: dict[tuple[str, str], list[tuple[int, Step]]] = {}
    for index, step in enumerate(hop.steps):
        if step.hook == hook and step.chain:
            met.setdefault((step.table, step.chain), []).append((index, step))
    lines: list[Line] = []
    table = ""
    for (in_table, chain), steps in met.items():
        if in_table != table:
            lines.append(Line(heading(in_table), "table"))
            table = in_table
        if begun := chain_heading(in_table, chain):
            lines.append(Line(begun, "table"))
        lines += _chain(steps, chains.get((in_table, chain), ()))
    return tuple(lines)


def _chain(steps: list[tuple[int, Step]], rules: tuple[str, ...]) -> list[Line]:
    matched: dict[int, list[int]] = {}
    for index, step in steps:
        matched.setdefault(step.number, []).append(index)
    if not rules or any(number > len(rules) for number in matched):
        return [line for index, step in steps for line in _told(step.rule, step.element, (index,))]
    lines: list[Line] = []
    skipped = 0
    for number, text in enumerate(rules, start=1):
        if len(rules) > LONG and not any(abs(number - near) <= KEEP for near in matched):
            skipped += 1
            continue
        lines += _gap(skipped)
        skipped = 0
        found = next((step.element for _, step in steps if step.number == number), "")
        lines += _told(text, found, tuple(matched.get(number, ())))
    lines += _gap(skipped)
    if 0 in matched:
        policy = next(step for _, step in steps if step.number == 0)
        lines.append(Line(policy.rule, "rule", tuple(matched[0])))
    return lines


def _told(text: str, element: str, steps: tuple[int, ...]) -> list[Line]:
    """A rule, and below it what it found in a set or map."""
    return [Line(text, "rule", steps), *([Line(f"    found: {element}", "rule", steps)] if element else [])]


def _gap(count: int) -> list[Line]:
    return [Line(f"… {count} more rule{'s' if count > 1 else ''} of this chain", "gap")] if count else []
