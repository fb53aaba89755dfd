"""A console: a place to choose, a line to type, and what the simulated machine prints."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from svcnotes.errors import SvcnotesError
from svcnotes.exercises import dojo
from svcnotes.toolbox import Output, Terminal
from svcnotes.toolbox.places import places

HERE = Path(__file__).parent
KEPT = 40
"""How many commands the console shows with their outputs; older ones are let go."""
MOST_PLACES = 40
LONGEST = 20_000
"""The longest output that is shown, in characters."""
_LISTENS = re.compile(r"\s*(?:sudo\s+)?tcpdump\b")
_WAITS = "# tcpdump listens. Send something now, at this place or at another: what passes is shown then.\n"


class Console(anywidget.AnyWidget):
    """Type commands at the hosts of a terminal or of a case of the dojo, without a cell for each.

    `session` is a `svcnotes.toolbox.Terminal`, or what `dojo.open_case` gives; `title` is the heading, which
    is the complaint for a case. `type` does from Python what the keyboard does. Nothing runs on the real
    machine. Commands typed here and in cells go to the same session. A `tcpdump` listens until the next
    command, wherever that is typed, and shows then what passed.
    """

    _esm = HERE / "console.js"
    _css = HERE / "console.css"

    message = traitlets.Dict().tag(sync=True)
    typed = traitlets.Dict().tag(sync=True)

    def __init__(self, session: Terminal | dojo.Session, title: str = "") -> None:
        self._session = session
        self._watch: Callable[[str, str, str, str], Output]
        if isinstance(session, dojo.Session):
            self._watch, self._title = session.watch, title or str(session)
        else:
            self._watch, self._title = session.capture, title
        self._log: list[dict[str, Any]] = []
        self._at = "laptop"
        self._listening: tuple[str, str] | None = None
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
        listening, self._listening = self._listening, None
        self._at = at
        if _LISTENS.match(command):
            self._listening = (at, command)
            said = self._print(at, command, _WAITS, 0)
        elif listening is not None:
            said = self._watched(listening, at, command)
        else:
            said = self._printed(at, command)
        self._show()
        return said

    def _printed(self, at: str, command: str) -> str:
        try:
            output = self._session.run(at, command)
        except SvcnotesError as error:
            return self._print(at, command, f"{error}\n", 1)
        return self._print(at, command, str(output), output.exit_code)

    def _watched(self, listening: tuple[str, str], at: str, command: str) -> str:
        """Run a command while a tcpdump listens: first what it prints itself, then what tcpdump saw."""
        try:
            seen = self._watch(*listening, at, command)
        except SvcnotesError as error:
            return self._print(at, command, f"{error}\n", 1)
        said = "".join(
            self._print(at, command, str(run), run.exit_code) for run in seen.runs or (Output(""),)
        )
        return said + self._print(*listening, str(seen), seen.exit_code)

    def _print(self, at: str, command: str, said: str, code: int) -> str:
        if len(said) > LONGEST:
            said = f"{said[:LONGEST]}\n# … and {len(said) - LONGEST} characters more: put `| head` or `| grep` behind it\n"
        number = self._log[-1]["number"] + 1 if self._log else 1
        self._log.append({"number": number, "at": at, "command": command, "text": said, "code": code})
        del self._log[:-KEPT]
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
