"""The questions of one look-up, as a table: a ladder of full names, and what DNS said to each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from svcnotes.control_plane.cluster import Cluster
from svcnotes.control_plane.dns import Reply
from svcnotes.toolbox.asking import look_up

if TYPE_CHECKING:
    import pandas as pd


def answer_text(reply: Reply) -> str:
    """A reply in a few words: `→ db.example.com → 192.0.2.50`, `NXDOMAIN`, `NOERROR, no address`."""
    if not reply.answer:
        return "NOERROR, no address" if reply.code == "NOERROR" else reply.code
    steps = [*reply.aliases, *([", ".join(reply.addresses)] if reply.addresses else ["no address"])]
    return " ".join(f"→ {step}" for step in steps)


def lookup_rows(cluster: Cluster, source: str, name: str) -> list[dict[str, str]]:
    """One row for each full name that was asked for: `asked for`, then the kinds of address, in order."""
    rows: dict[str, dict[str, str]] = {}
    for rung in look_up(cluster, source, name):
        row = rows.setdefault(rung.name, {"asked for": f"{rung.name}."})
        row[rung.kind] = answer_text(rung.reply)
    return list(rows.values())


def lookup_text(cluster: Cluster, source: str, name: str) -> str:
    """The ladder as plain text, one question a line."""
    rows = lookup_rows(cluster, source, name)
    lines = [
        (str(number), row["asked for"], kind, said)
        for number, (row, kind, said) in enumerate(
            ((row, kind, said) for row in rows for kind, said in row.items() if kind != "asked for"), start=1
        )
    ]
    widths = [max(len(line[column]) for line in lines) for column in range(3)]
    return "".join(
        "  ".join([*(cell.ljust(width) for cell, width in zip(line, widths, strict=False)), line[3]]) + "\n"
        for line in lines
    )


def lookup_table(cluster: Cluster, source: str, name: str) -> pd.DataFrame:
    """The ladder as a table: one row for each full name, one column for each kind of address.

    `source` is as in `svcnotes.trace`. Raises QuestionError for an unknown one.
    """
    import pandas as pd

    rows = lookup_rows(cluster, source, name)
    return pd.DataFrame(rows, index=pd.RangeIndex(1, len(rows) + 1))
