"""Real traces of recorded clusters: every outcome is told honestly, and has a picture."""

import pytest

from svcnotes.control_plane.load import load
from svcnotes.trace import trace
from svcnotes.views.cast import cast_of
from svcnotes.views.headline import headline
from svcnotes.views.layout import NARROW, WIDE, layout
from svcnotes.views.marks import names_of
from svcnotes.views.pack import pack
from svcnotes.views.prose import plain
from svcnotes.views.story import tell
from svcnotes.views.text import trace_text

CASES = {
    "a pod that reaches itself sees its node's bridge": (
        "affinity-clusterip", "pod/default/web-a", "10.96.0.10:80", None,
        "web-a sees 10.244.1.1 (node-1), not its own address 10.244.1.10. Changed at step 4 by KUBE-POSTROUTING … MASQUERADE.",
    ),
    "a pod's own address is kept towards a clusterIP": (
        "nodeport-cluster", "pod/default/tool-3", "10.96.0.10:80", None,
        "web-a sees 10.244.3.100, tool-3 itself. No rule changed the source.",
    ),
    "an answer that comes from the wrong address": (
        "extip-local", "pod/default/tool-1", "172.18.0.12:30080", None,
        "Timeout: web-a answers tool-1 directly, from 10.244.1.10:8080. tool-1 had dialled 172.18.0.12:30080: "
        "its connection knows no such peer. It answers RST and waits in vain.",
    ),
    "a loop between router and node": (
        "extip-cluster", "192.0.2.10", "198.51.100.10:12345", "node-1",
        "Unreachable: the packet goes in circles between router and node-1: nobody owns 198.51.100.10:12345",
    ),
    "an endpoint outside the cluster": (
        "clusterip-manual-endpoints", "192.0.2.10", "10.96.0.10:80", "node-1",
        "192.0.3.10 sees 172.18.0.11 (node-1), not the client 192.0.2.10.",
    ),
    "no endpoints at all": (
        "nodeport-no-endpoints", "192.0.2.10", "172.18.0.12:30080", None,
        "Refused: node-2 rejects the packet at once, with icmp-port-unreachable. No pod sees anything. Rejected at step 2 by",
    ),
    "an address that nobody has": (
        "extip-no-endpoints", "node/node-1", "198.51.100.77:80", None,
        "The packet leaves the cluster for 198.51.100.77:",
    ),
    "IPv6": (
        "ipv6-nodeport", "2001:db8:2::10", "[fd00:18::12]:30080", None,
        "web-a sees fd00:18::12 (node-2), not the client 2001:db8:2::10.",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_every_outcome_is_told_and_drawn(case, data):
    scenario, source, to, via, words = CASES[case]
    cluster = load(data / "oracle" / scenario / "cluster.yaml")
    found = trace(cluster, source, to, via=via)
    names = names_of(found, cluster)
    story = tell(found, found.paths[0], names)
    assert plain(headline(story)).startswith(words)
    assert plain(headline(story)) in trace_text(found, cluster)
    packed = pack(found, cluster)
    for path, told in zip(found.paths, packed["paths"], strict=True):
        story = tell(found, path, names)
        assert 1 <= told["deciding"] <= len(story.moments)
        for width in (NARROW, WIDE):
            picture = layout(story, cast_of(found, cluster), width)
            assert len(picture.routes) == len(story.moments)
            points = [point for route in picture.routes for point in route]
            assert all(0 <= x <= picture.width and 0 <= y <= picture.height + 20 for x, y in points)
