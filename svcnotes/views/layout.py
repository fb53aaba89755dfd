"""Where everything stands: one layout for every picture, whatever its width.

Outside hosts stand on the left, in the order in which packets meet them; Nodes in rows on the right, each
with its Pods at its right edge. A row has a lane for the way there and one for the way back, and two more
where packets turn.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from svcnotes.packet import endpoint_text
from svcnotes.views.boxes import PAD, Words, draw, height_of, outside_lines, pod_lines, rows_wanted
from svcnotes.views.cast import Cast, NodeActor
from svcnotes.views.marks import NODE
from svcnotes.views.measure import MONO_GLYPH, fit, mono, sans
from svcnotes.views.places import (
    HEAD,
    IN,
    OUT,
    PODS,
    Box,
    Lanes,
    Places,
    lanes_of,
    row_height,
    turning,
    visible_hosts,
)
from svcnotes.views.route import draw_route
from svcnotes.views.shapes import Picture, Shape
from svcnotes.views.story import Story

COMPACT, NARROW, WIDE = (
    500,
    580,
    840,
)  # pixels; each is drawn at this size or larger, so that 12 px type stays 12 px
TOP, MARGIN, EDGE = 26.0, 4.0, 14.0
APART = 34.0  # between two boxes outside, with room for an arrow
LINES = 32.0  # between the ways there and back at a box outside


def layout(story: Story, cast: Cast, width: int) -> Picture:
    """Lay one path out on a picture of that width in pixels: `COMPACT`, `NARROW` or `WIDE`."""
    wide = width >= WIDE
    outside_width = _outside_width(story, cast, width, wide=wide)
    left = MARGIN + outside_width + (60 if wide else 24 + (width - COMPACT) / 14) if cast.outside else 8.0
    pod_width = _pod_width(story, cast, width - left, wide=wide)
    pods_left = width - EDGE - pod_width
    shapes, places, bottom = _nodes(story, cast, width, (left, pods_left), wide=wide)
    y = bottom
    if cast.more:
        shapes.append(Shape("text", "soft", left + 12, y + 8, text=f"and {cast.more} more nodes"))
        y += 20
    shapes.append(Shape("text", "soft", left + 4, 16, text="cluster"))
    if cast.outside:
        boxes, drawn = _outside(story, cast, outside_width, places, bottom, wide=wide)
        places = replace(places, outside=boxes, outside_right=MARGIN + outside_width)
        y = max(y, *(box.bottom + 10 for box in boxes.values()))
        border = MARGIN + outside_width + 4
        shapes = [Shape("line", "border", points=((border, 8), (border, y - 10))), *shapes, *drawn]
        shapes.append(Shape("text", "soft", MARGIN, 16, text="outside"))
    route_shapes, routes = draw_route(story, places)
    # Boxes lie under lines, lines under words and badges.
    depth = {"rect": 0, "line": 1, "text": 2, "badge": 3}
    ordered = sorted([*shapes, *route_shapes], key=lambda shape: depth[shape.kind])
    return Picture(width, y, tuple(ordered), routes)


# ---- widths: of what may stand in a picture, not of what does, so that a changed setting moves nothing


def _outside_width(story: Story, cast: Cast, width: int, *, wide: bool) -> float:
    if not cast.outside:
        return 0.0
    lines = [words for actor in cast.outside for words in outside_lines(story, cast, actor, wide=wide)]
    wanted = max(92.0, *(words.width for words in lines)) + 2 * PAD + (2 if wide else 0)
    return min(wanted, width * (0.34 if wide else 0.38))


def _pod_width(story: Story, cast: Cast, room: float, *, wide: bool) -> float:
    lines = [
        *(Words("0" * (18 if wide else 14), "address"),),
        *(
            words
            for node in cast.nodes
            for pod in node.pods
            for words in pod_lines(story, cast, pod, wide=wide)
        ),
    ]
    addresses = [words.width for words in lines if words.address]
    names = [words.width for words in lines if not words.address]
    bridges = [mono(f"cni0 {node.bridge}") + MONO_GLYPH for node in cast.nodes if node.bridge]
    served = [
        mono(endpoint_text(pod.address, 8080 if wide else 0)) for node in cast.nodes for pod in node.pods
    ]
    # A long name may be shortened, an address may not.
    wanted = max([*addresses, *served, min(max(names, default=0.0), 150.0 if wide else 108.0)]) + 22
    return min(max(wanted, *bridges) if bridges else wanted, room * 0.55)


# ---- nodes


def _nodes(
    story: Story, cast: Cast, width: int, between: tuple[float, float], *, wide: bool
) -> tuple[list[Shape], Places, float]:
    left, pods_left = between
    zone = 44 if wide else 20 + (width - COMPACT) / 14
    paths = story.trace.paths
    shown = visible_hosts(cast)
    turns = turning(paths, shown)
    heights = {
        pod.host: height_of(rows_wanted(cast, paths, pod, wide=wide))
        for node in cast.nodes
        for pod in node.pods
    }
    rows: dict[str, float] = {}
    y = TOP
    tall: dict[str, float] = {}
    for node in cast.nodes:
        below = 16 if _head(node, pods_left - zone - left - 12).below else 0
        rows[node.host] = y
        tall[node.host] = (
            below
            + row_height(node.pods, [heights[pod.host] for pod in node.pods], turns=node.host in turns)
            + (16 if node.more else 0)
        )
        y += tall[node.host] + 8
    lanes: dict[str, Lanes] = {node.host: lanes_of(node.host, story.path, rows, shown) for node in cast.nodes}
    boxes: dict[str, Box] = {}
    home: dict[str, str] = {}
    shapes: list[Shape] = []
    entry = next((hop.host for hop in story.path.hops if hop.kind == "node"), "")
    for node in cast.nodes:
        top, height = rows[node.host], tall[node.host]
        style = "node entered" if node.host == entry else "node"
        shapes.append(Shape("rect", style, left, top, width - MARGIN - left, height))
        shapes += _node_words(node, left + 12, top, height, pods_left, pods_left - zone)
        at = top + PODS
        for pod in node.pods:
            box = Box(pods_left, at, width - EDGE - pods_left, heights[pod.host], at + OUT, at + IN)
            boxes[pod.host], home[pod.host] = box, node.host
            here = pod.host.removeprefix("@")
            on_path = any(hop.host == here for hop in story.path.hops)
            kind = "process" if pod.process else "pod"
            lines = pod_lines(story, cast, pod, wide=wide)
            shapes += draw(lines, kind if on_path else f"{kind} idle", box.x, at, box.width, box.height)
            at += box.height + 6
        end = width - EDGE - 10
        if not node.pods and cast.complete:
            shapes.append(Shape("text", "faint", end, top + 62, text="no endpoint here", anchor="end"))
        if node.more:
            shapes.append(
                Shape("text", "faint", end, top + height - 8, text=f"and {node.more} more", anchor="end")
            )
    return (
        shapes,
        Places({}, rows, lanes, boxes, home, left, pods_left - zone, pods_left, left - 6),
        y - 8 + 10,
    )


@dataclass(frozen=True, slots=True)
class _Head:
    """A node's name and addresses: those in the line at its top, and those for which there is only room below."""

    name: str
    top: tuple[tuple[str, str], ...]
    below: tuple[tuple[str, str], ...]


def _head(node: NodeActor, room: float) -> _Head:
    """Share the room in a node's top line; a name of many labels may be told by its first one."""
    given = [("", node.address), ("flannel.1", node.tunnel)]
    pairs = [(label, address) for label, address in given if address]
    for count in range(len(pairs), -1, -1):
        left = room - sum(_wide(*pair) + 14 for pair in pairs[:count])
        for name in dict.fromkeys((node.host, node.host.split(".", maxsplit=1)[0])):
            if sans(name, bold=True) <= left:
                return _Head(name, tuple(pairs[:count]), tuple(pairs[count:]))
    return _Head(fit(node.host.split(".", maxsplit=1)[0], room, bold=True), (), tuple(pairs))


def _wide(label: str, address: str) -> float:
    return mono(f"{label} {address}" if label else address) + MONO_GLYPH


def _node_words(
    node: NodeActor, x: float, top: float, height: float, pods_left: float, end: float
) -> list[Shape]:
    head = _head(node, end - x)
    y = top + HEAD
    words = [Shape("text", "name", x, y, text=head.name)]
    for row, begin, pairs in (
        (y, x + sans(head.name, bold=True) + 14, head.top),
        (top + height - 9, x, head.below),
    ):
        at = begin
        for label, address in pairs:
            words += _interface(label, address, at, row)
            at += _wide(label, address) + 14
    return [*words, *(_interface("cni0", node.bridge, pods_left, y) if node.bridge else [])]


def _interface(name: str, address: str, x: float, y: float) -> list[Shape]:
    if not name:
        return [Shape("text", "address", x, y, text=address, glyphs=(NODE,))]
    return [
        Shape("text", "soft address", x, y, text=name),
        Shape("text", "soft address", x + mono(name + " "), y, text=address, glyphs=(NODE,)),
    ]


# ---- outside


def _outside(
    story: Story, cast: Cast, width: float, places: Places, bottom: float, *, wide: bool
) -> tuple[dict[str, Box], list[Shape]]:
    contents = {actor.host: outside_lines(story, cast, actor, wide=wide) for actor in cast.outside}
    heights = {host: max(72.0, height_of(len(lines))) for host, lines in contents.items()}
    whole = sum(heights.values()) + APART * (len(heights) - 1)
    last = list(heights)[-1] if len(heights) < 3 else list(heights)[1]
    above = sum(heights[host] + APART for host in list(heights)[: list(heights).index(last)])
    y = max(TOP, min(_level(places, bottom) - heights[last] / 2 - above, bottom - 10 - whole))
    boxes: dict[str, Box] = {}
    shapes: list[Shape] = []
    for actor in cast.outside:
        height = heights[actor.host]
        there = y + height / 2 - LINES / 2
        boxes[actor.host] = Box(MARGIN, y, width, height, there, there + LINES)
        shapes += draw(contents[actor.host], actor.role, MARGIN, y, width, height)
        y += height + APART
    return boxes, shapes


def _level(places: Places, bottom: float) -> float:
    """The height at which arrows run straight: between the lanes of the row in the middle."""
    rows = list(places.rows)
    if not rows:
        return (TOP + bottom) / 2
    middle = rows[len(rows) // 2] if len(rows) % 2 else rows[len(rows) // 2 - 1]
    lanes = places.lanes[middle]
    return places.rows[middle] + (lanes.there + lanes.back) / 2
