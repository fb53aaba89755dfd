"""The slider over the number of Services: what they cost one node, in each proxy mode, at once."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from svcnotes.kube_proxy.modes import MODES
from svcnotes.scenarios.scale import LATER, NODE_PORT, NONE, PACKETS, STEPS, Cost, costs, counted
from svcnotes.scenarios.scale_ahead import count_ahead
from svcnotes.views.curves import BOTTOM, HEIGHT, TOP, WIDTH, Curves, Frame, drawing, plain
from svcnotes.views.display import register
from svcnotes.views.html import page
from svcnotes.views.scale import (
    CHANGE,
    HEADS,
    MEASURES,
    OF_A_CHANGE,
    VISITED,
    scale_curves,
    scale_row,
    scale_sentence,
    style_of,
)

HERE = Path(__file__).parent
STYLE = "\n".join((HERE / name).read_text(encoding="utf-8") for name in ("stage.css", "scale.css"))
QUESTION = "A packet comes to a node. How many rules does it try, before it knows where to go?"
BUTTONS: Mapping[str, str] = {
    "first": "first Service",
    "last": "last Service",
    NODE_PORT: "last Service's nodePort",
    NONE: "no Service",
    LATER: "not the first packet",
}
"""The packets of `PACKETS`, as short as buttons are."""
AT_ONCE = 100
"""Up to so many Services (and for the number shown first) the answer is there at once; more are counted meanwhile."""


class Scale(anywidget.AnyWidget):
    """Show what a number of Services costs a node: rules that a packet tries, rules held, work of one change.

    `services` is one of `steps`, `packet` one of `PACKETS`, `measure` one of `MEASURES`; `question` stands on top.
    All numbers are counted from the rules that are written for them. Few Services are counted at once, more of them
    in the background, and the widget says so where one looks there early; `wait` waits for all. A setting that is
    not there raises TraitError.
    """

    _esm = HERE / "scale.js"
    _css = STYLE

    # One text of JSON, as the stage has it.
    message = traitlets.Unicode().tag(sync=True)
    services = traitlets.Int().tag(sync=True)
    packet = traitlets.Enum(tuple(PACKETS)).tag(sync=True)
    measure = traitlets.Enum(tuple(MEASURES)).tag(sync=True)

    def __init__(
        self,
        services: int = 100,
        packet: str = "last",
        measure: str = VISITED,
        question: str = QUESTION,
        steps: Sequence[int] = STEPS,
        packets: Sequence[str] = tuple(PACKETS),
        measures: Sequence[str] = tuple(MEASURES),
    ) -> None:
        register()
        self._question = question
        self._steps = tuple(sorted(steps))
        self._packets, self._measures = tuple(packets), tuple(measures)
        self._known: dict[int, Mapping[str, Cost]] = {}
        for step in self._steps:
            if step <= AT_ONCE or step == services or counted(step):
                self._known[step] = costs(step)
        super().__init__(services=services, packet=packet, measure=measure)
        self._show()
        later = [step for step in self._steps if step not in self._known]
        self._loop = _running_loop()
        self._counting = count_ahead(later, self._arrived) if later else None

    @traitlets.validate("services")
    def _one_of_the_steps(self, proposal: Any) -> int:
        if proposal["value"] not in self._steps:
            raise traitlets.TraitError(
                f"services: {proposal['value']} is none of {', '.join(map(str, self._steps))}"
            )
        return int(proposal["value"])

    def wait(self) -> Scale:
        """Wait until every number of Services is counted, and give the widget back."""
        if self._counting is not None:
            self._counting.join()
        self._show()
        return self

    @property
    def sentence(self) -> str:
        """The sentence that is shown."""
        known = self._known.get(self.services)
        return scale_sentence(known, self.measure, self.packet) if known else self._not_yet(self.services)

    @property
    def costs(self) -> Mapping[str, Cost]:
        """What the number of Services shown costs, by mode."""
        return costs(self.services)

    @property
    def curves(self) -> Curves:
        """The curves shown, as far as they are counted."""
        return self._curves(self.measure, self.packet)

    def save_html(self, path: str | Path) -> Path:
        """Write the widget, with all its answers, as one HTML page that asks nobody."""
        self.wait()
        target = Path(path)
        scripts = [(HERE / name).read_text(encoding="utf-8") for name in ("scale.js", "scale-page.js")]
        state = {name: getattr(self, name) for name in ("services", "packet", "measure")}
        data = {**state, "message": self.message}
        text = page(self._question, "\n".join(scripts), STYLE, data, self.text)
        target.write_text(text, encoding="utf-8")
        return target

    @property
    def text(self) -> str:
        """All that is shown, in words and numbers."""
        rows = [
            self._told(HEADS),
            *self._rows(self._known.get(self.services, {}), self.packet),
        ]
        return "\n".join(
            [self._question, self.sentence, *(" | ".join(row) for row in rows), "", str(self.curves)]
        )

    def _repr_mimebundle_(self, **options: Any) -> Any:
        shown = super()._repr_mimebundle_(**options)
        bundle = shown[0] if isinstance(shown, tuple) else shown
        if bundle:
            bundle["text/plain"] = self.text
        return shown

    def _arrived(self, step: int) -> None:
        """Take in what another thread has counted, and show it from this kernel's own."""
        self._known[step] = costs(step)
        if self._loop is not None:  # else `wait` shows it
            with contextlib.suppress(RuntimeError):  # the loop has ended: nobody looks any more
                self._loop.call_soon_threadsafe(self._show)

    def _not_yet(self, services: int) -> str:
        return f"{plain(services)} Services: their rules are being written and counted. A few seconds more."

    def _told(self, row: Sequence[str]) -> list[str]:
        """The cells of a row that answer what is asked here: who is to guess what a change costs is not told yet."""
        return [
            cell
            for head, cell in zip(HEADS, row, strict=True)
            if head not in OF_A_CHANGE or CHANGE in self._measures
        ]

    def _rows(self, by_mode: Mapping[str, Cost], packet: str) -> list[list[str]]:
        return [self._told(scale_row(cost, packet)) for cost in by_mode.values()]

    def _curves(self, measure: str, packet: str) -> Curves:
        found = [cost for _, by_mode in sorted(self._known.items()) for cost in by_mode.values()]
        return scale_curves(found, measure, packet, self._steps)

    def _show(self) -> None:
        views = [
            (m, p) for m in self._measures for p in (self._packets if m == VISITED else self._packets[:1])
        ]
        known = dict(sorted(self._known.items()))
        self.message = json.dumps(
            {
                "question": self._question,
                "steps": self._steps,
                "words": [plain(step) for step in self._steps],
                "packets": [[one, BUTTONS[one]] for one in self._packets],
                "measures": [[one, MEASURES[one].label] for one in self._measures],
                "byPacket": VISITED,
                "modes": [[mode, style_of(mode)] for mode in MODES],
                "heads": self._told(HEADS),
                "sentences": {
                    f"{step}|{m}|{p}": scale_sentence(by_mode, m, p)
                    for step, by_mode in known.items()
                    for m, p in views
                },
                "rows": {
                    f"{step}|{p}": self._rows(by_mode, p)
                    for step, by_mode in known.items()
                    for p in self._packets
                },
                "notYet": {str(step): self._not_yet(step) for step in self._steps if step not in known},
                "plots": {f"{m}|{p}": _packed(self._curves(m, p), self._steps) for m, p in views},
            }
        )


def _packed(curves: Curves, steps: Sequence[int]) -> dict[str, Any]:
    """A drawing for the script: its elements, the words, the table, and where each number of Services lies."""
    frame = Frame.around(curves)  # the same for all packets: what is compared must not jump
    return {
        "title": curves.title,
        "up": curves.up,
        "label": f"{curves.title}. {curves.sentence}",
        "size": [WIDTH, HEIGHT, TOP, HEIGHT - BOTTOM],
        "elements": [[one.tag, dict(one.attributes), one.text] for one in drawing(curves)],
        "at": {str(step): frame.at(step, 10 ** frame.y[0])[0] for step in steps},
        "legend": [[one.title, one.glyph, one.colour] for one in curves.series],
        "heads": [curves.across, *(one.title for one in curves.series)],
        "table": [[x, *cells] for x, cells in curves.rows()],
    }


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
