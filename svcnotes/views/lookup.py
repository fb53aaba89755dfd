"""The questions of one look-up: a ladder of full names from top to bottom, and what DNS said to each."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from svcnotes.control_plane.cluster import Cluster
from svcnotes.control_plane.dns import Reply, Rung
from svcnotes.toolbox.asking import look_up

if TYPE_CHECKING:
    import pandas as pd

FOUND, MISSING = "✓", "✕"
ASKED_FOR = "asked for"


@dataclass(frozen=True, slots=True)
class Lookup:
    """All questions of one look-up of `name` where `source` is, in order; shows itself as a table.

    Each rung is one question, for a full name and one kind of address, with the server's reply.
    """

    name: str
    source: str
    rungs: tuple[Rung, ...]

    def __str__(self) -> str:
        """The ladder as text, one question a line."""
        names = [f"{rung.name}." for rung in self.rungs]
        wide = max(map(len, names), default=0)
        lines = [f"{self.source} looks up {self.name}"]
        lines += [
            f"{number:>3}  {name:<{wide}}  {rung.kind:<4}  {answer_text(rung.reply)}"
            for number, (name, rung) in enumerate(zip(names, self.rungs, strict=True), start=1)
        ]
        return "\n".join(lines) + "\n"

    @property
    def rows(self) -> dict[str, dict[str, str]]:
        """By full name, what was said to each kind of question, in words."""
        found: dict[str, dict[str, str]] = {}
        for rung in self.rungs:
            found.setdefault(f"{rung.name}.", {})[rung.kind] = answer_text(rung.reply)
        return found

    def table(self) -> pd.DataFrame:
        """The ladder as pandas has it: one row for each full name, one column for each kind of address."""
        import pandas as pd

        rows = [{ASKED_FOR: name, **said} for name, said in self.rows.items()]
        return pd.DataFrame(rows, index=pd.RangeIndex(1, len(rows) + 1))


def lookup(cluster: Cluster, source: str, name: str) -> Lookup:
    """Look a name up where the source is, as in `svcnotes.trace`. Raises QuestionError for an unknown source."""
    return Lookup(name, source, look_up(cluster, source, name))


def answer_text(reply: Reply) -> str:
    """A reply in a few words: `✓ db.example.com → 192.0.2.50`, `✕ NXDOMAIN`, `✕ NOERROR, no address`."""
    if not reply.answer:
        return f"{MISSING} {'NOERROR, no address' if reply.code == 'NOERROR' else reply.code}"
    steps = [*reply.aliases, ", ".join(reply.addresses) or "no address"]
    return f"{FOUND if reply.addresses else MISSING} {' → '.join(steps)}"


def lookup_html(found: Lookup) -> str:
    """Write a look-up as an HTML table: what was typed, and behind it the ending that was tried."""
    kinds = list(dict.fromkeys(rung.kind for rung in found.rungs))
    left = 'style="text-align:left"'
    heads = "".join(f'<th scope="col" {left}>{escape(head)}</th>' for head in ("", ASKED_FOR, *kinds))
    body = ""
    for number, (name, said) in enumerate(found.rows.items(), start=1):
        typed = found.name.rstrip(".").lower()
        ending = name.removeprefix(typed)
        shown = f"{escape(typed)}<strong>{escape(ending)}</strong>" if ending != name else escape(name)
        cells = "".join(f"<td {left}>{escape(said.get(kind, ''))}</td>" for kind in kinds)
        body += f'<tr><th scope="row">{number}</th><td {left}><code>{shown}</code></td>{cells}</tr>'
    caption = f"{escape(found.source)} looks up {escape(found.name)}"
    return (
        f'<table><caption style="text-align:left">{caption}</caption>'
        f"<thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"
    )
