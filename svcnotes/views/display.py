"""How values show themselves in a notebook: registered with IPython, so that no value knows HTML."""

from __future__ import annotations

from typing import Any

from svcnotes.flow import Flow
from svcnotes.scenarios.sweep import Sweep
from svcnotes.trace import Hop, Path, Trace
from svcnotes.views.beside import SideBySide
from svcnotes.views.beside_html import beside_html
from svcnotes.views.crowd import Crowd
from svcnotes.views.curves import Curves, curves_html
from svcnotes.views.html import trace_html
from svcnotes.views.lookup import Lookup, lookup_html
from svcnotes.views.matrix import Matrix
from svcnotes.views.matrix_html import matrix_html
from svcnotes.views.sweep import sweep_html
from svcnotes.views.text import trace_text
from svcnotes.views.timeline import Timeline, timeline, timeline_html


def register(shell: Any = None) -> bool:
    """Teach IPython's formatters to show traces and what is made of them as pictures and words; tell whether there is an IPython.

    `shell` is the running IPython by default. To call it again changes nothing.
    """
    if shell is None:
        try:
            from IPython.core.getipython import get_ipython
        except ImportError:
            return False
        shell = get_ipython()
    if shell is None:
        return False
    formatters = shell.display_formatter.formatters
    pages: dict[type, Any] = {
        Trace: trace_html,
        SideBySide: beside_html,
        Matrix: matrix_html,
        Crowd: crowd_html,
        Curves: curves_html,
        Lookup: lookup_html,
        Sweep: sweep_html,
        Timeline: timeline_html,
        Flow: flow_html,
    }
    texts: dict[type, Any] = {Trace: trace_text, Hop: hop_line, Path: path_line, Flow: flow_text}
    texts |= dict.fromkeys((SideBySide, Matrix, Crowd, Curves, Lookup, Sweep, Timeline), str)
    # By name, so that pandas loads with the first table and not before.
    formatters["text/html"].for_type_by_name("svcnotes.views.frames", "Table", _table_html)
    for kind, write in pages.items():
        formatters["text/html"].for_type(kind, write)
    for kind, write in texts.items():
        formatters["text/plain"].for_type(kind, _pretty(write))
    return True


def crowd_html(crowd: Crowd) -> str:
    """Write a crowd as HTML; its module, which draws, loads when a crowd is shown."""
    from svcnotes.views import crowd_figure

    return crowd_figure.crowd_html(crowd)


def flow_text(flow: Flow) -> str:
    """Write an open flow's story for a terminal."""
    return str(timeline(flow))


def flow_html(flow: Flow) -> str:
    """Write an open flow's story as a table."""
    return timeline_html(timeline(flow))


def _table_html(table: Any) -> str:
    from svcnotes.views.frames import table_html

    return table_html(table)


def hop_line(hop: Hop) -> str:
    """Write a hop in one line."""
    left = "" if hop.leaves is None or hop.leaves == hop.packet else f", leaves as {hop.leaves}"
    ended = f" ({hop.ended})" if hop.ended else ""
    return f"{hop.host}, {hop.direction}: {hop.packet}{left}{ended}; {len(hop.steps)} steps"


def path_line(path: Path) -> str:
    """Write a path in one line."""
    how = f" ({path.how})" if path.how else ""
    pod = f", pod {path.pod}" if path.pod else ""
    seen = f", source seen {path.source_seen}" if path.source_seen else ""
    return f"{path.probability}: {path.outcome}{how}{pod}{seen}; {len(path.hops)} hops"


def _pretty(write: Any) -> Any:
    def show(value: Any, printer: Any, cycle: bool) -> None:  # noqa: ARG001 - IPython's signature
        printer.text(write(value).rstrip("\n"))

    return show
