"""A console: a place to choose, a line to type, and what the simulated machine prints."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import anywidget
import traitlets

from svcnotes.control_plane.cluster import Cluster
from svcnotes.errors import SvcnotesError
from svcnotes.exercises import dojo
from svcnotes.toolbox import Output
from svcnotes.toolbox.places import places

HERE = Path(__file__).parent
KEPT = 40
"""How many commands the console shows with their outputs; older ones are let go."""
MOST_PLACES = 40
LONGEST = 20_000
"""The longest output that is shown, in characters."""


class Typist(Protocol):
    """What a console types at: a Terminal, or a case of the dojo."""

    @property
    def cluster(self) -> Cluster:
        """The cluster as it is now."""

    def run(self, host: str, command: str, /) -> Output:
        """Type a command at a host."""


class Console(anywidget.AnyWidget):
    """Type commands at the hosts of a terminal or of a case of the dojo, without a cell for each.

    `session` is a `svcnotes.toolbox.Terminal`, or what `dojo.open_case` gives; `title` is the heading, which
    is the complaint for a case. `type` does from Python what the keyboard does. Nothing runs on the real
    machine. Commands typed here and in cells go to the same session.
    """

    _esm = HERE / "console.js"
    _css = HERE / "console.css"

    message = traitlets.Dict().tag(sync=True)
    typed = traitlets.Dict().tag(sync=True)

    def __init__(self, session: Typist, title: str = "") -> None:
        self._session = session
        self._title = title or (str(session) if isinstance(session, dojo.Session) else "")
        self._log: list[dict[str, Any]] = []
        self._at = "laptop"
        super().__init__()
        self._show()
        self.observe(self._heard, "typed")

    def type(self, at: str, command: str) -> str:
        """Type a command at a place, and give what it prints."""
        return self._run(at, command)

    @property
    def text(self) -> str:
        """All that stands on the console, as text."""
        lines = [self._title] if self._title else []
        for one in self._log:
            lines += [f"{one['at']}$ {one['command']}", one["text"].rstrip("\n")]
        return "\n".join(lines)

    def _heard(self, _: Any) -> None:
        at, command = self.typed.get("at"), self.typed.get("command")
        if isinstance(at, str) and isinstance(command, str) and command.strip():
            self._run(at, command)

    def _run(self, at: str, command: str) -> str:
        try:
            output = self._session.run(at, command)
            said, code = str(output), output.exit_code
        except SvcnotesError as error:
            said, code = f"{error}\n", 1
        if len(said) > LONGEST:
            said = f"{said[:LONGEST]}\n# … and {len(said) - LONGEST} characters more: put `| head` or `| grep` behind it\n"
        self._at = at
        number = self._log[-1]["number"] + 1 if self._log else 1
        self._log.append({"number": number, "at": at, "command": command, "text": said, "code": code})
        del self._log[:-KEPT]
        self._show()
        return said

    def _show(self) -> None:
        named = [
            place for place in places(self._session.cluster, MOST_PLACES) if not place.startswith("and ")
        ]
        self.message = {
            "title": self._title,
            "places": named,
            "at": self._at if self._at in named else named[0],
            "log": list(self._log),
        }
