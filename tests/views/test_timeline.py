"""A flow's story as a table: the same words in text, pandas and HTML."""

import json
import re

import pytest

import svcnotes
from svcnotes.views.display import flow_html, flow_text
from svcnotes.views.timeline import HAPPENS, NEW, OPEN, SECONDS, timeline, timeline_html


@pytest.fixture(scope="module")
def flow(data):
    before = svcnotes.load(data / "oracle" / "clusterip-tcp-udp" / "cluster.yaml")
    (key,) = (key for key in before.objects if key[0] == "EndpointSlice")
    piece = json.loads(json.dumps(before.objects[key]))
    piece["endpoints"] = piece["endpoints"][1:]
    left = before.replace(json.dumps(piece))
    gone = left.delete("service", "dns")
    opened = svcnotes.flow.open(before, "pod/default/tool-1", "10.96.0.53:53", "udp", pod="default/web-a")
    moved = opened.after(left, 5, "web-a's <endpoint> leaves").send("default/web-c").send()
    return moved.after(gone, 10, "the Service is deleted").send().after(gone, 500, "nobody sends").send()


def test_the_story_says_who_decided_and_where_a_new_flow_would_go(flow):
    rows = timeline(flow).rows
    assert [row.seconds for row in rows] == [0, 5, 5, 5, 15, 15, 515, 515]
    assert rows[0].open_flow == "web-a, by the rules, 1 of 3 ways"
    assert rows[0].new_flow == "web-a 1/3, web-b 1/3, web-c 1/3"
    assert rows[1].happens == (
        "web-a's <endpoint> leaves; kube-proxy deletes node-1's UDP entry to 10.244.1.10:5353"
    )
    assert rows[1].new_flow == "web-b 1/2, web-c 1/2"
    assert rows[2].open_flow == "web-c, by the rules, 1 of 2 ways"
    assert rows[3].open_flow == rows[5].open_flow == "web-c, by what the hosts remember"
    assert rows[4].new_flow.startswith("✕ leaves the cluster")
    assert rows[7].open_flow.startswith("✕ leaves the cluster (icmp-net-unreachable), by the rules")


def test_only_a_packet_without_an_answer_is_unhappy(flow):
    assert [row.unhappy for row in timeline(flow).rows] == [False] * 7 + [True]


def test_text_table_and_html_say_the_same(flow):
    shown = timeline(flow)
    table = shown.table()
    assert list(table.columns) == [SECONDS, HAPPENS, OPEN, NEW]
    html = timeline_html(shown)
    assert flow_html(flow) == html
    assert flow_text(flow) == str(shown)
    words = re.sub(r"<[^>]+>", "\n", html).replace("&lt;", "<").replace("&gt;", ">").replace("&#x27;", "'")
    for row in shown.rows:
        for text in (row.happens, row.open_flow, row.new_flow):
            assert text in words
            assert text in str(shown)


def test_what_a_note_says_is_never_markup(flow):
    assert "<endpoint>" not in timeline_html(timeline(flow))
    assert "&lt;endpoint&gt;" in timeline_html(timeline(flow))


def test_a_list_of_affinity_that_goes_is_named(data):
    where = svcnotes.load(data / "oracle" / "affinity-clusterip" / "cluster.yaml")
    service = next(s for s in where.services.values() if s.session_affinity == "ClientIP")
    to = f"{service.cluster_ips[0]}:{service.ports[0].port}"
    flow = svcnotes.flow.open(where, "pod/default/tool-1", to)
    last = timeline(flow.after(where.delete("service", service.name))).rows[-1]
    assert re.search(r"the cluster changes; node-1's list KUBE-SEP-\w+ goes with its last rule", last.happens)
