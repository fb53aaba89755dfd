"""Where everything stands: one layout for every picture, narrow or wide.

Outside hosts stand on the left, Nodes in rows on the right, each with its Pods at its right edge. A row has
two lanes: the upper for the way there, the lower for the way back.
"""

from __future__ import annotations

from dataclasses import dataclass

from svcnotes.packet import endpoint_text
from svcnotes.views.cast import Cast, NodeActor, PodActor
from svcnotes.views.marks import CLIENT, NODE, OUTSIDE, POD, bare, short_name
from svcnotes.views.route import draw_route
from svcnotes.views.shapes import Picture, Point, Shape
from svcnotes.views.story import Story

NARROW, WIDE = 580, 840  # pixels; each is drawn at this size or larger, so that 12 px type stays 12 px
MONO, SANS = 7.3, 7.0  # width of a letter of 12 px type
THERE, BACK = 44, 80  # the lanes, below a row's top
TOP = 28


@dataclass(frozen=True, slots=True)
class Places:
    """The points that a route goes through; keys are the hosts' names in hops."""

    outside: dict[str, Point]
    rows: dict[str, float]
    pods: dict[str, Point]
    left: float
    spine: float
    outside_right: float

    def lane(self, host: str, direction: str) -> float:
        """Give the y of a Node's lane."""
        return self.rows[host] + (THERE if direction == "there" else BACK)


def layout(story: Story, cast: Cast, width: int) -> Picture:
    """Lay one path out on a picture of that width (pixels): `NARROW` or `WIDE`."""
    wide = width >= WIDE
    pods = [pod for node in cast.nodes for pod in node.pods]
    pod_text = max((len(_serves(pod, wide=wide)) for pod in pods), default=11)
    seen_text = 2 + len(story.path.source_seen or "") + (5 if wide else 0)
    # The same width whatever the outcome, so that a changed setting moves nothing.
    pod_width = max(pod_text, seen_text, 20 if wide else 14) * MONO + 19
    outside_width = max(114.0, *(len(address) * MONO + 24 for _, address in cast.outside or [("", "")]))
    left = 4 + outside_width + (64 if wide else 32) if cast.outside else 8.0
    pod_left = width - 14 - pod_width
    pod_height = 58 if wide else 74

    shapes: list[Shape] = []
    rows: dict[str, float] = {}
    pod_points: dict[str, Point] = {}
    y: float = TOP
    entry = next((hop.host for hop in story.path.hops if hop.kind == "node"), "")
    for node in cast.nodes:
        height = max(104, 32 + len(node.pods) * (pod_height + 6) + 2 + (16 if node.more else 0))
        rows[node.host] = y
        style = "node entered" if node.host == entry else "node"
        shapes.append(Shape("rect", style, left, y, width - 4 - left, height))
        shapes += _node_words(node, left + 12, y + 19, width - 12, _first_interface(story, cast))
        for slot, pod in enumerate(node.pods):
            top = y + 32 + slot * (pod_height + 6)
            pod_points[pod.host] = (pod_left, top + 12)
            shapes += _pod(story, pod, pod_left, top, pod_width, pod_height, wide=wide)
        if not node.pods and cast.complete:
            shapes.append(Shape("text", "faint", width - 24, y + 66, text="no pod here", anchor="end"))
        if node.more:
            shapes.append(
                Shape("text", "faint", width - 24, y + height - 8, text=f"and {node.more} more", anchor="end")
            )
        y += height + 10
    if cast.more:
        shapes.append(Shape("text", "soft", left + 12, y + 8, text=f"and {cast.more} more nodes"))
        y += 18
    middle = (TOP + y - 10) / 2 + 10  # with three rows its lanes meet the middle row's
    outside: dict[str, Point] = {}
    for index, (host, address) in enumerate(cast.outside):
        centre = middle + (index - (len(cast.outside) - 1) / 2) * 128
        outside[host] = (4 + outside_width, centre)
        shapes += _outside(story, host, address, 4, centre - 36, outside_width, wide=wide)
        y = max(y, centre + 36 + 64)  # what it dials stands below it
    if cast.outside:
        border = 4 + outside_width + (left - 4 - outside_width) / 2
        shapes.insert(0, Shape("line", "border", points=((border, 8), (border, y - 10))))
        shapes.append(Shape("text", "soft", 4, 16, text="outside"))
    shapes.append(Shape("text", "soft", left + 4, 16, text="cluster"))
    edge = 4 + outside_width if cast.outside else left - 6
    places = Places(outside, rows, pod_points, left, pod_left - (36 if wide else 28), edge)
    route_shapes, routes = draw_route(story, places)
    # Boxes lie under lines, lines under words and badges.
    depth = {"rect": 0, "line": 1, "text": 2, "badge": 3}
    ordered = sorted([*shapes, *route_shapes], key=lambda shape: depth[shape.kind])
    return Picture(width, y, tuple(ordered), routes)


def _serves(pod: PodActor, *, wide: bool) -> str:
    return endpoint_text(pod.address, pod.port) if wide and pod.port else pod.address


def _first_interface(story: Story, cast: Cast) -> str:
    """The name of the interface whose address the pod sees, empty where it sees another's."""
    interfaces = (one for node in cast.nodes for one in node.interfaces)
    return next((name for name, address in interfaces if address == story.path.source_seen), "")


def _node_words(node: NodeActor, x: float, y: float, right: float, first: str) -> list[Shape]:
    """The node's name and addresses in one line, as many as there is room for; `first` names the interface that counts."""
    words = [Shape("text", "name", x, y, text=node.host)]
    x += len(node.host) * SANS + 16
    if node.address:
        words.append(Shape("text", "address", x, y, text=node.address, glyphs=(NODE,)))
        x += (len(node.address) + 2) * MONO + 16
    for name, address in sorted(node.interfaces, key=lambda one: one[0] != first):
        end = x + (len(name) + 1 + len(address) + 2) * MONO
        if end <= right:
            words.append(Shape("text", "soft address", x, y, text=name))
            start = x + (len(name) + 1) * MONO
            words.append(Shape("text", "soft address", start, y, text=address, glyphs=(NODE,)))
            x = end + 16
    return words


def _pod(
    story: Story, pod: PodActor, x: float, y: float, width: float, height: float, *, wide: bool
) -> list[Shape]:
    on_path = any(hop.host == pod.host for hop in story.path.hops)
    shapes = [
        Shape("rect", "pod" if on_path else "pod idle", x, y, width, height),
        Shape("text", "name", x + 11, y + 17, text=short_name(pod.host), glyphs=(POD,)),
        Shape("text", "address", x + 11, y + 33, text=_serves(pod, wide=wide)),
    ]
    seen = story.path.source_seen
    if seen and pod.host == (story.path.pod or story.path.answered_by):
        role = story.names.of(seen).role
        moment = next((m.number for m in story.moments if m.kind == "receive"), 0)
        if wide:
            shapes.append(Shape("text", "seen", x + 11, y + 50, text="sees", moment=moment))
            x += 5 * MONO
        else:
            shapes.append(Shape("text", "seen", x + 11, y + 49, text="sees", moment=moment))
            y += 15
        shapes.append(Shape("text", "seen address", x + 11, y + 50, text=seen, glyphs=(role,), moment=moment))
    return shapes


def _outside(
    story: Story, host: str, address: str, x: float, y: float, width: float, *, wide: bool
) -> list[Shape]:
    role = story.names.of(address or bare(story.trace.destination)).role
    role = role if role in {CLIENT, OUTSIDE} else OUTSIDE
    shapes = [
        Shape("rect", role, x, y, width, 72),
        Shape("text", "name", x + 11, y + 21, text=short_name(host), glyphs=(role,)),
        Shape("text", "address", x + 11, y + 40, text=address),
    ]
    if story.path.hops and host == story.path.hops[0].host:
        good = story.path.outcome == "connected"
        word = f"{'✓' if good else '✕'} {story.path.outcome}"
        shapes.append(Shape("text", "good" if good else "bad", x + 11, y + 60, text=word))
        shapes += _dials(story, x, y + 92, wide=wide)
    return shapes


def _dials(story: Story, x: float, y: float, *, wide: bool) -> list[Shape]:
    """Say what the client dials, below it; a narrow picture has room for the address alone in a line."""
    packet = story.path.hops[0].packet
    whole = endpoint_text(packet.destination, packet.destination_port)
    first = whole if wide else packet.destination
    role = story.names.of(packet.destination).role
    shapes = [
        Shape("text", "soft", x, y, text="dials"),
        Shape("text", "address", x, y + 17, text=first, glyphs=(role,)),
    ]
    if not wide:
        port = Shape("text", "address", x, y + 33, text=f"port {packet.destination_port}")
        shapes.append(port)
    return shapes
