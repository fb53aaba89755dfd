"""Every picture can be read: no words on words, nothing cut off, no line through a box or through words."""

import json
from dataclasses import replace
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import pytest
from geometry import badges, faults, rects, texts

from svcnotes.control_plane.load import load
from svcnotes.scenarios.changes import backing_pods, without_rule
from svcnotes.trace import trace
from svcnotes.views.cast import cast_of
from svcnotes.views.layout import COMPACT, NARROW, WIDE, layout
from svcnotes.views.marks import names_of
from svcnotes.views.story import tell

WIDTHS = (COMPACT, NARROW, WIDE)
CLIENT, VIP, CLUSTER_IP = "192.0.2.10", "203.0.113.10:80", "10.96.0.10:80"
CLIENTS = {
    "client": {4: CLIENT, 6: "2001:db8:2::10"},
    "client-2": {4: "192.0.3.10", 6: "2001:db8:3::10"},
}


@lru_cache(maxsize=64)
def recorded(data, scenario):
    return load(data / "oracle" / scenario / "cluster.yaml")


def source_of(cluster, flow):
    if flow["from"] in CLIENTS:
        return CLIENTS[flow["from"]][6 if flow["dst"].startswith("[") else 4]
    return f"node/{flow['from']}" if flow["from"] in cluster.nodes else f"pod/default/{flow['from']}"


def flows(data, scenario):
    """The questions of a recording, each once."""
    found = {}
    for line in (data / "oracle" / scenario / "flows.jsonl").read_text(encoding="utf-8").splitlines():
        flow = json.loads(line)
        if flow["mode"] == "iptables" and "variant" not in flow:
            found[flow["from"], flow["dst"], flow["protocol"], flow.get("via")] = flow
    return found.values()


def pictures(cluster, found, *, paths=None, known=True):
    """The pictures of a trace, in every width."""
    pods = frozenset(pod for service in cluster.services.values() for pod in backing_pods(cluster, service))
    cast = cast_of(found, cluster, pods) if known else cast_of(found)
    names = names_of(found, cluster if known else None)
    for path in paths or found.paths:
        story = tell(found, path, names)
        for width in WIDTHS:
            yield story, layout(story, cast, width)


def check(cluster, found, **how):
    for story, picture in pictures(cluster, found, **how):
        assert faults(picture) == [], (found.source, found.to, story.path.pod, picture.width)
        assert len(picture.routes) == len(story.moments)
        assert all(
            0 <= x <= picture.width and 0 <= y <= picture.height for route in picture.routes for x, y in route
        )


ORACLE = Path(__file__).parent.parent / "data" / "oracle"
SCENARIOS = sorted(path.parent.name for path in ORACLE.glob("*/flows.jsonl"))


def test_there_are_recordings_to_look_at():
    assert len(SCENARIOS) > 50


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_recorded_flow_has_a_picture_that_can_be_read(data, scenario):
    cluster = recorded(data, scenario)
    looked_at = 0
    for flow in flows(data, scenario):
        found = trace(
            cluster, source_of(cluster, flow), flow["dst"], flow["protocol"].lower(), flow.get("via")
        )
        check(cluster, found, paths=found.paths[:1] + found.paths[1:][-1:])
        looked_at += 1
    assert looked_at > 2


def world(data, scenario, **changes):
    return recorded(data, scenario).with_world(**changes)


CASES = {
    "flannel.1 beside cni0": lambda data: (world(data, "nodeport-cluster", cni="vxlan"), CLIENT, "172.18.0.12:30080"),
    "cables without addresses": lambda data: (world(data, "nodeport-cluster", cni="routed"), CLIENT, "172.18.0.12:30080"),
    "a balancer that hands packets on": lambda data: (world(data, "lb-cluster", cloud="pass-through"), CLIENT, VIP),
    "a balancer that connects anew": lambda data: (world(data, "lb-local", cloud="proxying"), CLIENT, VIP),
    "a balancer that connects to pods": lambda data: (world(data, "lb-cluster", cloud="pods"), CLIENT, VIP),
    "nobody routes the address": lambda data: (recorded(data, "extip-cluster"), CLIENT, "198.51.100.10:80"),
    "an address with a route": lambda data: (
        world(data, "extip-cluster", routes={"198.51.100.10": "node-2"}), CLIENT, "198.51.100.10:80",
    ),
    "without SNAT": lambda data: (
        without_rule(recorded(data, "nodeport-cluster"), "-j MASQUERADE"), CLIENT, "172.18.0.12:30080",
    ),
    "no hairpin": lambda data: (
        world(data, "nodeport-cluster", faults=["hairpin-off"]), "pod/default/web-a", CLUSTER_IP,
    ),
    "long names, six nodes": lambda data: (load(data / "views" / "long-names.yaml"), CLIENT, "172.18.0.12:30080"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_world_with_other_networks_and_names_has_pictures_that_can_be_read(data, case):
    cluster, source, to = CASES[case](data)
    found = trace(cluster, source, to)
    check(cluster, found)
    check(cluster, found, known=False)


def one(data, scenario, source, to, pod="", *, width=NARROW, **changes):
    """The story and the picture of one path, by the pod that it comes to."""
    cluster = recorded(data, scenario).with_world(**changes)
    found = trace(cluster, source, to)
    path = next(path for path in found.paths if (path.pod or "").endswith(pod))
    return next(
        (story, picture)
        for story, picture in pictures(cluster, found, paths=[path])
        if picture.width == width
    )


def words_in(picture, style):
    """The words in the first box of a style."""
    box = next(area for area, kind in rects(picture) if kind == style)
    return [area.what for area in texts(picture) if box.holds(area)]


def lines(picture, style):
    return [shape.points for shape in picture.shapes if shape.kind == "line" and shape.style == style]


@pytest.mark.parametrize("width", WIDTHS)
def test_a_hairpins_way_out_and_back_in_touch_the_same_box_four_times(data, width):
    _, picture = one(data, "nodeport-cluster", "pod/default/web-a", CLUSTER_IP, "web-a", width=width)
    (there,), (back,) = lines(picture, "there"), lines(picture, "back")
    box = next(area for area, kind in rects(picture) if kind == "pod")
    ends = [there[0], there[-1], back[0], back[-1]]
    assert {x for x, _ in ends} == {box.left}
    heights = sorted(y for _, y in ends)
    assert all(lower - upper >= 12 for upper, lower in pairwise(heights))
    assert box.top < heights[0] < heights[-1] < box.bottom
    for way in (there, back):  # each turns at the left of the badges
        assert min(x for x, _ in way) < min(area.left for area, _ in badges(picture))


def test_a_pod_that_asks_says_whom_it_dials_and_how_that_ends(data):
    _, picture = one(data, "nodeport-cluster", "pod/default/tool-1", CLUSTER_IP, "web-c")
    assert words_in(picture, "pod") == [
        "tool-1",
        "10.244.1.100",
        "dials",
        "10.96.0.10",
        "port 80",
        "✓ connected",
    ]


def test_a_process_on_a_node_has_a_box_of_its_own(data):
    _, picture = one(data, "nodeport-cluster", "node/node-3", CLUSTER_IP, "web-a")
    assert words_in(picture, "process")[:3] == ["a process", "172.18.0.13", "dials"]


def test_a_pass_through_balancer_says_to_which_node_it_hands_the_packet(data):
    _, picture = one(data, "lb-local", CLIENT, VIP, "web-c", cloud="pass-through")
    assert words_in(picture, "service") == ["load balancer", "203.0.113.10", "hands it to", "node-2"]


def test_a_proxys_second_connection_is_a_line_of_its_own(data):
    _, picture = one(data, "lb-local", CLIENT, VIP, "web-c", cloud="proxying")
    first, second = lines(picture, "there")
    client = next(area for area, kind in rects(picture) if kind == "client")
    balancer = next(area for area, kind in rects(picture) if kind == "service")
    assert (first[0][1], first[-1][1]) == (client.bottom, balancer.top)
    assert second[0][0] == balancer.right


def test_an_address_without_a_route_ends_at_the_router(data):
    _, picture = one(data, "extip-cluster", CLIENT, "198.51.100.10:80")
    assert words_in(picture, "router") == ["router", "198.51.100.10", "✕ nobody has it"]


def test_an_answer_from_a_stranger_is_heard_and_not_taken(data):
    cluster = without_rule(recorded(data, "nodeport-cluster"), "-j MASQUERADE")
    found = trace(cluster, CLIENT, "172.18.0.12:30080")
    path = next(path for path in found.paths if path.pod == "default/web-a")
    _, picture = next(pictures(cluster, found, paths=[path]))
    said = words_in(picture, "client")
    assert said[said.index("hears ✕") :] == ["hears ✕", "10.244.1.10", "port 8080", "✕ timeout"]


@pytest.mark.parametrize(
    ("cni", "shown"),
    [("bridge", ["cni0"]), ("vxlan", ["cni0", "flannel.1"]), ("routed", [])],
)
def test_a_node_shows_the_interfaces_that_its_network_gives_it(data, cni, shown):
    _, picture = one(data, "nodeport-cluster", CLIENT, "172.18.0.12:30080", "web-c", cni=cni)
    said = {area.what for area in texts(picture)}
    assert [name for name in ("cni0", "flannel.1") if name in said] == shown


def test_badges_lose_their_marks_before_their_words_where_there_is_little_room(data):
    _, roomy = one(data, "ipv6-nodeport", "2001:db8:2::10", "[fd00:18::12]:30080", "web-a", width=WIDE)
    _, tight = one(data, "ipv6-nodeport", "2001:db8:2::10", "[fd00:18::12]:30080", "web-a", width=NARROW)
    assert [shape.text for _, shape in badges(roomy)] == [shape.text for _, shape in badges(tight)]
    assert any(shape.glyphs for _, shape in badges(roomy))
    assert not any(shape.glyphs for _, shape in badges(tight))


def test_the_measure_finds_faults_where_there_are_some(data):
    _, picture = one(data, "nodeport-cluster", CLIENT, "172.18.0.12:30080", "web-c")
    moved = [replace(s, x=s.x + 60) if s.kind == "text" else s for s in picture.shapes]
    kinds = {fault.split(":")[0] for fault in faults(replace(picture, shapes=tuple(moved)))}
    assert {"words cross an edge", "outside the picture"} <= kinds
    squeezed = [replace(s, x=30) if s.kind == "badge" else s for s in picture.shapes]
    assert any(f.startswith("badge on badge") for f in faults(replace(picture, shapes=tuple(squeezed))))
