"""Which pod is reached by which node, how likely, and whom it sees: one table of all answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from svcnotes.scenarios.changes import find_service
from svcnotes.trace import Path
from svcnotes.views.entries import Entry, each_node, endpoint_hosts
from svcnotes.views.marks import Names, names_of, short_name

if TYPE_CHECKING:
    import pandas as pd

    from svcnotes.control_plane.cluster import Cluster

NOBODY = "nobody"
NEVER = "–"


@dataclass(frozen=True, slots=True)
class Cell:
    """What becomes of the packets that enter by one node and (may) reach one endpoint.

    `probability` is their exact share of all that enter there. `seen` are the source addresses that the
    endpoint sees; `ends` says in words how it ends for the caller, `connected` alone where all is well.
    """

    probability: Fraction
    seen: tuple[str, ...] = ()
    ends: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Matrix:
    """A table of answers: a row for each node entered, a column for each endpoint and one for `nobody`.

    `question` is what was asked, in words; `columns` are hosts' names in hops (`namespace/name` for a Pod),
    `homes` the nodes they run on; `cells` are by (node, column), none where no packet gets. `entries` hold
    the traces. Prints as text, shows itself as an HTML table.
    """

    question: str
    nodes: tuple[str, ...]
    columns: tuple[str, ...]
    homes: Mapping[str, str]
    cells: Mapping[tuple[str, str], Cell]
    names: Names
    entries: tuple[Entry, ...]

    def cell(self, node: str, endpoint: str) -> Cell:
        """Give one cell, by the node's name and the endpoint's (a Pod's short name will do)."""
        column = next((name for name in self.columns if endpoint in {name, short_name(name)}), endpoint)
        return self.cells.get((node, column), Cell(Fraction(0)))

    def head(self, column: str) -> str:
        """Write a column's head: the endpoint's name, and where it runs."""
        home = self.homes.get(column, "")
        return f"{short_name(column)} ({home})" if home else short_name(column)

    def words(self, node: str, column: str) -> str:
        """Write a cell in words: its share, whom the endpoint sees, how it ends where that is not well."""
        cell = self.cells.get((node, column))
        if cell is None:
            return NEVER
        parts = [str(cell.probability), *([self._sees(cell)] if cell.seen else []), *troubles(cell)]
        return ", ".join(parts)

    def _sees(self, cell: Cell) -> str:
        return "sees " + " or ".join(f"{self.names.glyph(address)} {address}" for address in cell.seen)

    def __str__(self) -> str:
        return "\n".join(_text(self))

    def table(self) -> pd.DataFrame:
        """Give the table as pandas has it, the cells in words."""
        import pandas as pd

        from svcnotes.views.frames import frame

        rows = [[self.words(node, column) for column in self.columns] for node in self.nodes]
        heads = [self.head(column) for column in self.columns]
        return frame(rows, heads, pd.Index(self.nodes, name="entered by"))


def matrix(
    cluster: Cluster,
    service: str,
    port: int | str | None = None,
    source: str = "192.0.2.10",
    protocol: str = "",
    to: str = "",
) -> Matrix:
    """Ask for a Service by way of each Node and put the answers into one table.

    Arguments as for `each_node`: without `to` each Node's nodePort is dialled; an address in `to` (clusterIP,
    externalIP, a load balancer's) is handed to each Node in turn by the router. Raises what it raises.
    """
    entries = each_node(cluster, service, port, source, protocol, to)
    found = find_service(cluster, service)
    homes = endpoint_hosts(cluster, found)
    paths = [(entry.node, path) for entry in entries for path in entry.trace.paths]
    met = {who(path) for _, path in paths} - {NOBODY}
    pods = [key for key in cluster.pods if key in {*homes, *met}]
    homes |= {key: cluster.pods[key].node for key in pods}
    columns = (*pods, *sorted({*homes, *met} - set(pods)), NOBODY)
    cells = {
        (node, column): _cell(here)
        for node in dict.fromkeys(entry.node for entry in entries)
        for column in columns
        if (here := [path for at, path in paths if at == node and who(path) == column])
    }
    names: dict[str, Names] = {entry.node: names_of(entry.trace, cluster) for entry in entries}
    merged = {address: named for one in names.values() for address, named in one.by_address.items()}
    first = entries[0].trace
    aim = f"handed to each node: {first.to}" if to else "its nodePort at each node"
    question = (
        f"{first.source} → Service {service}, {aim} ({first.protocol}, kube-proxy mode {first.proxy_mode})"
    )
    nodes = tuple(entry.node for entry in entries)
    return Matrix(question, nodes, columns, homes, cells, Names(merged), entries)


def who(path: Path) -> str:
    """Name the host that got the packet, `nobody` where none did."""
    return path.pod or path.answered_by or NOBODY


def troubles(cell: Cell) -> list[str]:
    """Say how a cell ends for the caller; nothing where every packet has its answer."""
    return [] if set(cell.ends) == {"connected"} else [f"✕ {end}" for end in cell.ends if end != "connected"]


def ending(path: Path) -> str:
    """Say in a few words how a path ends for the caller."""
    how = f" ({path.how})" if path.how else ""
    if path.outcome == "timeout" and path.source_seen:
        return "timeout: the answer is lost"
    return {"external": "leaves the cluster"}.get(path.outcome, path.outcome) + how


def _cell(paths: list[Path]) -> Cell:
    seen = dict.fromkeys(path.source_seen for path in paths if path.source_seen)
    ends = dict.fromkeys(ending(path) for path in paths)
    return Cell(sum((path.probability for path in paths), Fraction(0)), tuple(seen), tuple(ends))


def _text(shown: Matrix) -> Iterator[str]:
    yield shown.question
    heads = ["entered by", *(shown.head(column) for column in shown.columns)]
    rows = [[node, *(shown.words(node, column) for column in shown.columns)] for node in shown.nodes]
    widths = [max(len(row[at]) for row in [heads, *rows]) for at in range(len(heads))]
    for row in (heads, *rows):
        yield "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
