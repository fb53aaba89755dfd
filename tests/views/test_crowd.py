"""The crowd: exact shares and a seeded sample, per pod, per node entered, per outcome."""

from dataclasses import replace
from fractions import Fraction

import pytest

import svcnotes
from svcnotes import scenarios
from svcnotes.control_plane.load import load
from svcnotes.errors import QuestionError
from svcnotes.views.crowd import crowd
from svcnotes.views.crowd_figure import crowd_html

CLIENT, VIP = "192.0.2.10", "203.0.113.10:80"


@pytest.fixture(scope="module")
def cluster(data):
    """Policy Local behind a balancer that spreads evenly over nodes: two pods on node-1, one on node-2."""
    return load(data / "oracle" / "lb-local" / "cluster.yaml").with_world(cloud="pass-through")


@pytest.fixture(scope="module")
def balanced(cluster):
    return crowd(svcnotes.trace(cluster, CLIENT, VIP), "default/web", cluster=cluster)


def shares(counts):
    return {count.name: count.share for count in counts}


def test_under_policy_local_pods_that_share_a_node_share_its_half_of_the_load(balanced):
    assert shares(balanced.pods) == {
        "web-a (node-1)": Fraction(1, 4),
        "web-b (node-1)": Fraction(1, 4),
        "web-c (node-2)": Fraction(1, 2),
    }
    assert shares(balanced.nodes) == {"node-1": Fraction(1, 2), "node-2": Fraction(1, 2), "node-3": 0}
    assert balanced.sentence == "Uneven: web-c (node-2) gets 1/2 of the clients, web-a (node-1) only 1/4."


def test_each_panel_counts_every_client_once_exactly_and_in_the_sample(balanced):
    for _, counts in balanced.panels:
        assert sum(count.exact for count in counts) == 1000
        assert sum(count.sampled for count in counts) == 1000


def test_a_sample_is_near_the_exact_count_and_the_seed_fixes_it(cluster, balanced):
    trace = svcnotes.trace(cluster, CLIENT, VIP)
    again = crowd(trace, "default/web", cluster=cluster, seed=1)
    other = crowd(trace, "default/web", cluster=cluster, seed=2)
    assert again == balanced
    assert [count.sampled for count in other.pods] != [count.sampled for count in balanced.pods]
    for count in (*other.pods, *balanced.pods):
        deviation = (count.exact * (1 - count.share)) ** 0.5
        assert abs(count.sampled - count.exact) < 5 * deviation


def test_a_cluster_is_asked_by_every_node_in_turn_and_those_without_a_pod_serve_nobody():
    local = scenarios.load("nodeport").patch("service", "my-nginx", "spec: {externalTrafficPolicy: Local}")
    shown = crowd(local, "default/my-nginx", clients=300)
    assert shares(shown.pods)["nobody"] == Fraction(1, 3)
    assert shares(shown.outcomes) == {"connected": Fraction(2, 3), "timeout": Fraction(1, 3)}
    assert shown.sentence.endswith("1/3 of the clients come to nobody.")
    assert [count.well for count in shown.pods] == [True, True, False]


def test_under_policy_cluster_every_pod_gets_the_same(data):
    shown = crowd(load(data / "oracle" / "nodeport-cluster" / "cluster.yaml"), "default/web")
    assert shown.sentence == "Even: every pod gets 1/3 of the clients."


def test_traces_may_have_weights():
    cluster = scenarios.load("nodeport")
    local = cluster.patch("service", "my-nginx", "spec: {externalTrafficPolicy: Local}")
    one, two = (svcnotes.trace(local, CLIENT, f"172.18.0.1{n}:30080") for n in (1, 2))
    assert shares(crowd([(3, one), (1, two)]).pods) == {
        "my-nginx-1": Fraction(3, 4),
        "my-nginx-2": Fraction(1, 4),
    }
    assert shares(crowd([one, two]).nodes) == {"node-1": Fraction(1, 2), "node-2": Fraction(1, 2)}


def test_an_address_can_be_handed_to_every_node_in_turn(cluster):
    shown = crowd(cluster, "default/web", to="203.0.113.10")
    assert shares(shown.pods)["nobody"] == Fraction(1, 3)


def test_a_packet_that_meets_no_node_is_counted_under_no_node(cluster):
    silent = cluster.with_world(cloud="none")
    shown = crowd(svcnotes.trace(silent, CLIENT, VIP))
    assert shares(shown.nodes) == {"no node": 1}
    assert shown.sentence == "No pod gets any client. 1 of the clients come to nobody."


@pytest.mark.parametrize(
    ("asked", "settings", "words"),
    [
        ([], {}, "no trace has any weight"),
        (None, {"clients": 0}, "clients: 0 make no crowd"),
    ],
)
def test_a_crowd_of_nobody_is_refused(cluster, asked, settings, words):
    trace = svcnotes.trace(cluster, CLIENT, VIP)
    with pytest.raises(QuestionError, match=words):
        crowd(trace if asked is None else asked, **settings)


def test_a_weight_below_nothing_is_refused(cluster):
    with pytest.raises(QuestionError, match="a weight of -1 is no share"):
        crowd([(-1, svcnotes.trace(cluster, CLIENT, VIP))])


def test_the_text_twin_holds_every_number_of_the_picture(balanced):
    text = str(balanced)
    for count in (*balanced.pods, *balanced.nodes):
        line = next(line for line in text.splitlines() if line.strip().startswith(count.name))
        assert line.split()[-3:] == [str(count.sampled), str(count.exact), str(count.share)]
    assert "seed 1" in text


def test_the_figure_has_filled_bars_for_the_sample_and_hollow_marks_for_the_exact_counts(balanced):
    drawn = balanced.figure()
    assert drawn.get_figwidth() * drawn.dpi == 700
    pods, nodes = drawn.axes
    assert [bar.get_width() for bar in pods.patches] == [count.sampled for count in balanced.pods]
    assert [bar.get_width() for bar in nodes.patches] == [count.sampled for count in balanced.nodes]
    mark = pods.lines[-1]
    assert list(mark.get_xdata()) == [250, 250, 500]
    assert mark.get_markerfacecolor() == "none"
    words = {text.get_text() for axes in drawn.axes for text in axes.texts}
    assert f"{balanced.pods[2].sampled}   exactly 500 = 1/2" in words


def test_no_words_of_the_figure_are_cut_off_or_smaller_than_12_pixels(balanced):
    long = replace(
        balanced,
        pods=(replace(balanced.pods[0], name="a-very-long-name-of-a-pod-7c5ddbdf54-x2x9k (node-1)"),),
    )
    for shown in (balanced, crowd(scenarios.load("nodeport"), "default/my-nginx"), long):
        drawn = shown.figure()
        drawn.canvas.draw()
        for axes in drawn.axes:
            for text in (*axes.texts, *axes.get_yticklabels(), axes.title):
                box = text.get_window_extent()
                assert box.x0 >= 0, text
                assert box.x1 <= 700, text
                assert text.get_fontsize() * drawn.dpi / 72 >= 12


def test_it_shows_itself_as_an_image_with_words_and_a_table_of_numbers(balanced):
    from IPython.core.interactiveshell import InteractiveShell

    from svcnotes.views.display import register

    shell = InteractiveShell()
    assert register(shell)
    formats, _ = shell.display_formatter.format(balanced)
    assert 'alt="Uneven: web-c (node-2) gets 1/2' in formats["text/html"]
    assert formats["text/html"].count('scope="row"') == 7
    assert formats["text/plain"] == str(balanced)


def test_names_with_markup_stay_words(cluster):
    trace = svcnotes.trace(cluster, CLIENT, VIP)
    paths = tuple(replace(path, pod="x/<script>a$b_") for path in trace.paths)
    assert "<script" not in crowd_html(crowd(replace(trace, paths=paths)))
