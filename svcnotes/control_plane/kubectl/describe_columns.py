"""The layout of `kubectl describe`: lines of cells, columns as Go's text/tabwriter sets them (padding 2).

Sources: kubectl's pkg/describe/describe.go; Go's text/tabwriter.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from svcnotes.control_plane.kubectl.ages import age
from svcnotes.control_plane.kubectl.tables import printable

Object = Mapping[str, Any]
NONE = "<none>"
UNSET = "<unset>"
PADDING = 2
LONGEST_ANNOTATION = 140
_NOT_SHOWN = ("kubectl.kubernetes.io/last-applied-configuration",)


@dataclass(frozen=True, slots=True)
class Event:
    """One of an object's events; `at` is an RFC 3339 time."""

    reason: str
    message: str
    source: str
    at: str
    kind: str = "Normal"


def aligned(lines: Sequence[str]) -> str:
    """Set columns: a tab ends a cell, and a column goes on as long as each next line has it."""
    rows = [line.split("\t") for line in lines]
    widths: list[list[int]] = [[] for _ in rows]
    _columns(rows, widths, 0, 0, len(rows))
    return "".join(
        "".join(cell.ljust(width) for cell, width in zip(row, wide, strict=False)) + row[-1] + "\n"
        for row, wide in zip(rows, widths, strict=True)
    )


def _columns(rows: list[list[str]], widths: list[list[int]], column: int, start: int, end: int) -> None:
    line = start
    while line < end:
        if len(rows[line]) <= column + 1:
            line += 1
            continue
        last = line
        while last < end and len(rows[last]) > column + 1:
            last += 1
        width = max(len(row[column]) for row in rows[line:last]) + PADDING
        for one in widths[line:last]:
            one.append(width)
        _columns(rows, widths, column + 1, line, last)
        line = last


def text(value: Any) -> str:
    """A value that cannot steer a terminal."""
    return printable(str(value))


def selector(labels: Mapping[str, Any] | None) -> str:
    """Labels in one line: `a=b,c=d`."""
    return ",".join(f"{key}={labels[key]}" for key in sorted(labels)) if labels else NONE


def head(obj: Object) -> Iterator[str]:
    """Name, namespace, labels, annotations."""
    metadata = obj["metadata"]
    yield f"Name:\t{text(metadata['name'])}"
    yield f"Namespace:\t{text(metadata.get('namespace') or '')}"
    yield from labels("Labels", metadata.get("labels"))
    yield from notes(metadata.get("annotations"))


def labels(title: str, found: Mapping[str, Any] | None) -> Iterator[str]:
    """Labels, one a line."""
    lines = [text(f"{key}={found[key]}") for key in sorted(found)] if found else [NONE]
    yield f"{title}:\t{lines[0]}"
    yield from (f"\t{line}" for line in lines[1:])


def notes(found: Mapping[str, Any] | None) -> Iterator[str]:
    """Annotations, one a line; a long one begins on a line of its own and is cut."""
    shown = {key: str(found[key]) for key in sorted(found) if key not in _NOT_SHOWN} if found else {}
    lines: list[str] = []
    for key, value in shown.items():
        if len(key) + len(value) + 2 > LONGEST_ANNOTATION or "\n" in value.rstrip("\n"):
            lines.append(f"{text(key)}:")
            lines += [f"  {_short(line)}" for line in value.rstrip("\n").split("\n")]
        else:
            lines.append(text(f"{key}: {value}"))
    lines = lines or [NONE]
    yield f"Annotations:\t{lines[0]}"
    yield from (f"\t{line}" for line in lines[1:])


def _short(value: str) -> str:
    most = LONGEST_ANNOTATION - 2
    return text(value if len(value) <= most else value[: most - 3] + "...")


def events(found: Sequence[Event], now: datetime | None) -> Iterator[str]:
    """The table of events, or that there are none."""
    if not found:
        yield f"Events:\t{NONE}"
        return
    yield "Events:"
    yield "  Type\tReason\tAge\tFrom\tMessage"
    yield "  ----\t------\t----\t----\t-------"
    yield from (f"  {e.kind}\t{e.reason}\t{age(e.at, now)}\t{e.source}\t{e.message}" for e in found)


def when(timestamp: Any) -> str:
    """A time as Go's RFC1123Z writes it."""
    try:
        return datetime.fromisoformat(str(timestamp)).strftime("%a, %d %b %Y %H:%M:%S %z")
    except ValueError:
        return str(timestamp)
