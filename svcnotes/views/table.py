"""A trace as pandas tables: paths, hops, steps. pandas loads when a table is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from svcnotes.packet import Packet, endpoint_text
from svcnotes.trace import Path, Trace
from svcnotes.views.marks import names_of, short_name
from svcnotes.views.story import rule_name, tell

if TYPE_CHECKING:
    import pandas as pd

    from svcnotes.control_plane.cluster import Cluster

PATHS = ["probability", "outcome", "how", "pod", "source seen", "whose", "reason"]
HOPS = ["path", "hop", "where", "direction", "source", "destination", "leaves from", "leaves to", "ended"]
STEPS = ["path", "step", "where", "hook", "source", "destination", "what changed", "rule"]
RULES = ["path", "hop", "where", "hook", "table", "chain", "number", "passed", "verdict", "rule"]


def paths_table(trace: Trace, cluster: Cluster | None = None) -> pd.DataFrame:
    """One row a path; probabilities are exact fractions."""
    names = names_of(trace, cluster)
    rows = [
        (
            path.probability,
            path.outcome,
            path.how,
            path.pod or "",
            path.source_seen or "",
            names.of(path.source_seen).label if path.source_seen else "",
            path.reason,
        )
        for path in trace.paths
    ]
    return _frame(rows, PATHS)


def hops_table(trace: Trace) -> pd.DataFrame:
    """One row a hop: the packet as it came, and as it left."""
    rows = [
        (
            number,
            index,
            short_name(hop.host),
            hop.direction,
            _source(hop.packet),
            _destination(hop.packet),
            _source(hop.leaves) if hop.leaves else "",
            _destination(hop.leaves) if hop.leaves else "",
            hop.ended,
        )
        for number, path in enumerate(trace.paths, start=1)
        for index, hop in enumerate(path.hops, start=1)
    ]
    return _frame(rows, HOPS)


def steps_table(trace: Trace, cluster: Cluster | None = None) -> pd.DataFrame:
    """One row for each thing that happened to the packet, numbered as on the stage."""
    names = names_of(trace, cluster)
    rows = [
        (
            number,
            moment.number,
            short_name(moment.host),
            moment.hook,
            f"{names.glyph(moment.after.source)} {_source(moment.after)}",
            f"{names.glyph(moment.after.destination)} {_destination(moment.after)}",
            ", ".join(moment.changed),
            rule_name(moment.rule)
            if moment.rule and moment.rule.chain
            else moment.rule.table
            if moment.rule
            else "",
        )
        for number, path in enumerate(trace.paths, start=1)
        for moment in tell(trace, path, names).moments
    ]
    return _frame(rows, STEPS)


def rules_table(trace: Trace, path: Path | None = None) -> pd.DataFrame:
    """One row for each rule that matched, and each thing that the kernel did, of one path or all."""
    rows = [
        (
            number,
            index,
            short_name(hop.host),
            step.hook,
            step.table,
            step.chain,
            step.number,
            step.passed,
            step.verdict,
            step.told,
        )
        for number, shown in enumerate(trace.paths, start=1)
        if path is None or shown == path
        for index, hop in enumerate(shown.hops, start=1)
        for step in hop.steps
    ]
    return _frame(rows, RULES)


def _frame(rows: Sequence[tuple[object, ...]], columns: list[str]) -> pd.DataFrame:
    from svcnotes.views.frames import frame

    return frame(rows, columns)


def _source(packet: Packet) -> str:
    return endpoint_text(packet.source, packet.source_port) if packet.source_port else packet.source


def _destination(packet: Packet) -> str:
    port = packet.destination_port
    return endpoint_text(packet.destination, port) if port else packet.destination
