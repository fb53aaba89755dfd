"""The boxes of a picture, each a few lines of words: pods, processes, hosts outside, the router."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from svcnotes.packet import Packet, endpoint_text
from svcnotes.trace import Path
from svcnotes.views.cast import Cast, OutsideActor, PodActor
from svcnotes.views.marks import NODE, POD, ROUTER, SERVICE, bare, short_name
from svcnotes.views.measure import GLYPH, MONO_GLYPH, fit, mono, sans
from svcnotes.views.shapes import Shape
from svcnotes.views.story import Story, stray

LINE, FIRST, FOOT, PAD = 16.0, 17.0, 9.0, 11.0  # between lines; to the first, below the last; at the sides


@dataclass(frozen=True, slots=True)
class Words:
    """A line in a box: words in fixed-width type with a mark before them where `address`, after a `prefix`."""

    text: str
    style: str
    role: str = ""
    moment: int = 0
    prefix: str = ""

    @property
    def address(self) -> bool:
        """Whether it is in fixed-width type."""
        return "address" in self.style

    @property
    def glyph(self) -> float:
        """How wide its mark is, in pixels."""
        return 0.0 if not self.role else MONO_GLYPH if self.address else GLYPH

    @property
    def width(self) -> float:
        """How wide it is, in pixels."""
        own = mono(self.text) if self.address else sans(self.text, bold=not self.style.startswith("soft"))
        return own + self.glyph + (sans(self.prefix + " ", bold=True) if self.prefix else 0)


def height_of(lines: int) -> float:
    """Give the height of a box of so many lines."""
    return FIRST + (lines - 1) * LINE + FOOT


def draw(lines: Sequence[Words], style: str, x: float, y: float, width: float, height: float) -> list[Shape]:
    """Draw a box at (x, y) around its lines."""
    shapes = [Shape("rect", style, x, y, width, height)]
    room = width - 2 * PAD
    for number, words in enumerate(lines):
        at, base = x + PAD, y + FIRST + number * LINE
        style_of_prefix = words.style.split(" ", maxsplit=1)[0]
        if words.prefix:
            shapes.append(Shape("text", style_of_prefix, at, base, text=words.prefix, moment=words.moment))
            at += sans(words.prefix + " ", bold=True)
        rest = room - (at - x - PAD) - words.glyph
        text = fit(words.text, rest, bold=True, fixed=words.address)
        glyphs = (words.role,) if words.role else ()
        shapes.append(Shape("text", words.style, at, base, text=text, glyphs=glyphs, moment=words.moment))
    return shapes


def pod_lines(story: Story, cast: Cast, pod: PodActor, *, wide: bool) -> list[Words]:
    """Write what stands in a pod's box: name, address, and what it dials or sees."""
    serves = endpoint_text(pod.address, pod.port) if wide and pod.port else pod.address
    lines = [Words(pod.name, "name", NODE if pod.process else POD)]
    if serves:
        lines.append(Words(serves, "address"))
    if pod.host == cast.asker:
        lines += asks(story, wide=wide)
    return lines + sees(story, pod, wide=wide)


def outside_lines(story: Story, cast: Cast, actor: OutsideActor, *, wide: bool) -> list[Words]:
    """Write what stands in the box of a host outside."""
    lines = [Words(actor.name, "name", actor.role)]
    if actor.host == ROUTER:
        return lines + _hands_on(story, actor)
    lines.append(Words(actor.address, "address"))
    if actor.host == cast.asker:
        return lines + asks(story, wide=wide)
    if actor.role == SERVICE:
        return [*lines, Words("a connection", "soft"), Words("of its own", "soft")]
    return lines + _sees(story, actor.host, wide=wide)


def asks(story: Story, *, wide: bool) -> list[Words]:
    """Write whom the asker dials, how that ends, and who answers instead where somebody else does."""
    path = story.path
    lines = _end(story, "dials", _dialled(story), "soft", wide=wide)
    if stray(path):
        last = path.hops[-1].packet
        moment = story.moments[-1].number
        lines += _end(story, "hears ✕", (last.source, last.source_port), "bad", wide=wide, moment=moment)
    good = path.outcome == "connected" and (path.status or 200) < 400
    status = f" {path.status}" if path.status else ""
    return [*lines, Words(f"{'✓' if good else '✕'} {path.outcome}{status}", "good" if good else "bad")]


def sees(story: Story, pod: PodActor, *, wide: bool) -> list[Words]:
    """Write which source a pod, or a process on a node, sees."""
    return _sees(story, pod.host.removeprefix("@"), wide=wide)


def rows_wanted(cast: Cast, paths: Sequence[Path], pod: PodActor, *, wide: bool) -> int:
    """Count the lines to keep free in a pod's box, whatever path is shown."""
    if pod.host != cast.asker:
        return 3 if wide else 4
    rows = 2 + (2 if wide else 3) + 1
    host = pod.host.removeprefix("@")
    if any(host in {path.pod, path.answered_by} for path in paths):
        rows += 1 if wide else 2
    return rows + (2 if wide else 3) if any(stray(path) for path in paths) else rows


def _dialled(story: Story) -> tuple[str, int]:
    if not story.path.hops:
        return story.trace.destination, 0
    packet: Packet = story.path.hops[0].packet
    return packet.destination, 0 if packet.icmp else packet.destination_port


def _end(
    story: Story, verb: str, end: tuple[str, int], style: str, *, wide: bool, moment: int = 0
) -> list[Words]:
    address, port = end
    role = story.names.of(address).role if story.path.hops else ""
    whole = endpoint_text(address, port) if port else address
    lines = [Words(verb, style, moment=moment)]
    if wide or not port:
        return [*lines, Words(whole, "address", role, moment)]
    return [*lines, Words(address, "address", role, moment), Words(f"port {port}", "address", "", moment)]


def _sees(story: Story, host: str, *, wide: bool) -> list[Words]:
    seen = story.path.source_seen
    if not seen or host not in {story.path.pod, story.path.answered_by}:
        return []
    role = story.names.of(seen).role
    moment = next((m.number for m in story.moments if m.kind == "receive"), 0)
    if wide:
        return [Words(seen, "seen address", role, moment, prefix="sees")]
    return [Words("sees", "seen", moment=moment), Words(seen, "seen address", role, moment)]


def _hands_on(story: Story, actor: OutsideActor) -> list[Words]:
    lines = [Words(actor.address, "address", story.names.of(actor.address).role)] if actor.address else []
    there = [hop for hop in story.path.hops if hop.direction == "there"]
    place = next((at for at, hop in enumerate(there) if hop.host == ROUTER), -1)
    following = there[place + 1].host if 0 <= place < len(there) - 1 else ""
    if following:
        return [*lines, Words("hands it to", "soft"), Words(short_name(following), "name", NODE)]
    if there and there[-1].kind == "router":
        last = there[-1].packet.destination
        if last != bare(story.trace.destination) or not actor.address:
            lines.append(Words(last, "address", story.names.of(last).role))
        return [
            *lines,
            Words("✕ no route" if story.path.outcome == "unreachable" else "✕ nobody has it", "bad"),
        ]
    return lines
