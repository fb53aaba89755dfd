"""Words, tables, pictures: all from one trace and one layout."""

import itertools
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hand_made import cluster_policy, local_policy_drop, local_policy_kept

from svcnotes.trace import Trace
from svcnotes.views.cast import cast_of
from svcnotes.views.display import register
from svcnotes.views.html import page, trace_html
from svcnotes.views.layout import NARROW, WIDE, layout
from svcnotes.views.marks import names_of
from svcnotes.views.pack import pack
from svcnotes.views.story import tell
from svcnotes.views.text import trace_text

SCRIPT = "<script>alert(1)</script>"
TRACES = [cluster_policy(), local_policy_drop(), local_policy_kept()]


def evil() -> Trace:
    trace = cluster_policy()
    path = trace.paths[0]
    hops = tuple(replace(h, host=SCRIPT) if h.host == "node-2" else h for h in path.hops)
    hops = tuple(
        replace(
            h, steps=tuple(replace(s, rule=s.rule + f' -m comment --comment "{SCRIPT}"') for s in h.steps)
        )
        for h in hops
    )
    hops = tuple(replace(h, host=f"x/{SCRIPT}") if h.kind == "pod" else h for h in hops)
    path = replace(path, hops=hops, pod=f"x/{SCRIPT}", answered_by=f"x/{SCRIPT}")
    return replace(trace, paths=(path,))


@pytest.mark.parametrize("width", [NARROW, WIDE])
@pytest.mark.parametrize("trace", TRACES, ids=["cluster", "drop", "kept"])
def test_every_moment_has_a_route_and_nothing_leaves_the_canvas(trace, width):
    story = tell(trace, trace.paths[0], names_of(trace))
    picture = layout(story, cast_of(trace), width)
    assert len(picture.routes) == len(story.moments)
    points = [point for route in picture.routes for point in route]
    for shape in picture.shapes:
        points += [*shape.points, (shape.x, shape.y), (shape.x + shape.width, shape.y + shape.height)]
    assert all(0 <= x <= picture.width and 0 <= y <= picture.height + 30 for x, y in points)


@pytest.mark.parametrize("width", [NARROW, WIDE])
def test_badges_do_not_overlap(width):
    trace = cluster_policy()
    picture = layout(tell(trace, trace.paths[0], names_of(trace)), cast_of(trace), width)
    badges = sorted((s.y, s.x, s.x + s.width) for s in picture.shapes if s.kind == "badge")
    assert len(badges) == 4
    assert all(a[2] < b[1] for a, b in itertools.pairwise(badges) if a[0] == b[0])


def test_the_same_picture_is_drawn_as_a_figure():
    matplotlib = pytest.importorskip("matplotlib.figure")
    from svcnotes.views.figure import figure

    drawn = figure(cluster_policy())
    assert isinstance(drawn, matplotlib.Figure)
    words = {text.get_text() for text in drawn.axes[0].texts}
    assert {"web-1", "node-2", "4 SNAT", "▲", "●", "■", "✓ connected"} <= words


def test_a_figure_takes_a_dollar_sign_for_a_dollar_sign():
    from svcnotes.views.figure import figure

    trace = cluster_policy()
    hops = tuple(replace(h, host="x/a$b_c$") if h.kind == "pod" else h for h in trace.paths[0].hops)
    drawn = figure(replace(trace, paths=(replace(trace.paths[0], hops=hops, pod="x/a$b_c$"),)))
    drawn.canvas.draw()


def test_tables_hold_exact_fractions_marks_and_rules():
    from svcnotes.views import table

    trace = cluster_policy()
    assert table.paths_table(trace).iloc[0]["whose"] == "node-2"
    steps = table.steps_table(trace)
    assert steps.iloc[3]["source"] == "● 172.18.0.12:23817"
    assert steps.iloc[3]["rule"] == "KUBE-POSTROUTING … MASQUERADE"
    assert list(table.hops_table(trace)["where"][:3]) == ["client", "router", "node-2"]
    assert "drop" in set(table.rules_table(local_policy_drop())["verdict"])


def test_the_text_holds_the_answer_every_step_and_the_rules():
    text = trace_text(cluster_policy())
    assert "web-1 sees 172.18.0.12 (node-2), not the client 192.0.2.10." in text
    assert "  and back" in text
    assert "-A KUBE-POSTROUTING -j MASQUERADE --random-fully" in text


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.scripts = []

    def handle_starttag(self, tag, attributes):
        if tag == "script":
            self.scripts.append(dict(attributes))


def scripts_in(html):
    tags = Tags()
    tags.feed(html)
    return tags.scripts


def test_names_with_markup_stay_words_in_html():
    html = trace_html(evil())
    assert scripts_in(html) == []
    assert "&lt;script&gt;alert(1)" in html


def test_names_with_markup_cannot_leave_the_data_of_a_page():
    html = page(SCRIPT, "1", "", {"story": pack(evil())}, trace_text(evil()))
    assert scripts_in(html) == [{"type": "application/json", "id": "svcnotes-data"}, {"type": "module"}]
    assert SCRIPT not in html


def test_a_page_allows_nothing_but_its_own_script_and_style():
    html = page("title", "1", "", {}, "")
    policy = html.split('http-equiv="Content-Security-Policy" content="')[1].split('"')[0]
    assert policy.startswith("default-src &#x27;none&#x27;")
    assert "unsafe" not in policy
    assert "http" not in html.split("</head>")[1]


def test_a_trace_shows_itself_in_ipython_as_picture_and_words():
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell()
    assert register(shell)
    shown, _ = shell.display_formatter.format(cluster_policy())
    assert 'role="img"' in shown["text/html"]
    assert shown["text/plain"].startswith("192.0.2.10 → 172.18.0.12:30080")
    plain, _ = shell.display_formatter.format(cluster_policy().paths[0])
    assert plain["text/plain"].startswith("1: connected, pod default/web-1")


def test_without_ipython_running_nothing_is_registered():
    assert register() is False
