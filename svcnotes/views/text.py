"""A trace as plain text: the answer, then every step there and back, then the rules that decided."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from svcnotes.trace import Path, Trace
from svcnotes.views.headline import choice, headline
from svcnotes.views.marks import Names, names_of
from svcnotes.views.prose import plain
from svcnotes.views.story import Moment, Story, tell

if TYPE_CHECKING:
    from svcnotes.control_plane.cluster import Cluster


def trace_text(trace: Trace, cluster: Cluster | None = None) -> str:
    """Write a trace for a terminal; `cluster` gives addresses their owners' names."""
    via = f", by way of {trace.via}" if trace.via else ""
    title = f"{trace.source} → {trace.to} ({trace.protocol}, kube-proxy mode {trace.proxy_mode}{via})"
    names = names_of(trace, cluster)
    return "\n\n".join([title, *(path_text(trace, path, names) for path in trace.paths)]) + "\n"


def path_text(trace: Trace, path: Path, names: Names) -> str:
    """Write one path: its sentence, its share, its moments, its rules."""
    story = tell(trace, path, names)
    share = choice(story)
    lines = [f"{plain(headline(story))}{f' ({share})' if share else ''}"]
    direction = ""
    for moment in story.moments:
        if moment.direction != direction:
            direction = moment.direction
            lines.append("  there" if direction == "there" else "  and back")
        lines += _moment(moment, names)
    return "\n".join([*lines, *_rules(story), *_not_understood(path)])


def _moment(moment: Moment, names: Names) -> list[str]:
    after = moment.after
    packet = str(after)
    for address in dict.fromkeys((after.source, after.destination)):
        if address:
            # 10.244.1.1 is no part of 10.244.1.10, nor fd00::1 of fd00::1:2
            end = r"(?![\w:])" if ":" in address else r"(?!\w|\.\d)"
            glyph = names.glyph(address)
            packet = re.sub(rf"(?<![\w.:]){re.escape(address)}{end}", f"{glyph} {address}", packet, count=1)
    return [f"  {moment.number:>3}  {plain(moment.sentence)}", f"       {packet}"]


def _not_understood(path: Path) -> list[str]:
    said = path.not_understood
    return (
        ["  rules on the way that are not understood", *(f"       {text}" for text in said)] if said else []
    )


def _rules(story: Story) -> list[str]:
    deciding = [moment for moment in story.moments if moment.rule and moment.rule.chain]
    if not deciding:
        return []
    lines = ["  the rules that decided"]
    lines += [f"  {m.number:>3}  {m.host}, table {m.rule.table}: {m.rule.told}" for m in deciding if m.rule]
    return lines
