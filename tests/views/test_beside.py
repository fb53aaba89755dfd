"""Two or three settings side by side: what is the same is said once, what differs is marked on each side."""

import re

import pytest
from hand_made import cluster_policy, local_policy_drop, local_policy_kept

import svcnotes
from svcnotes import scenarios
from svcnotes.errors import QuestionError
from svcnotes.views.beside import beside, difference_lines, labels
from svcnotes.views.beside_html import beside_html
from svcnotes.views.marks import names_of
from svcnotes.views.prose import plain
from svcnotes.views.story import tell

CLIENT, NODE_2 = "192.0.2.10", "172.18.0.12:30080"


@pytest.fixture(scope="module")
def cluster():
    return scenarios.load("nodeport")


@pytest.fixture(scope="module")
def shown(cluster):
    local = cluster.patch("service", "my-nginx", "spec: {externalTrafficPolicy: Local}")
    settings = {
        "policy Cluster": svcnotes.trace(cluster, CLIENT, NODE_2),
        "policy Local": svcnotes.trace(local, CLIENT, NODE_2),
    }
    return beside(settings, cluster=cluster, service="default/my-nginx")


@pytest.fixture(scope="module")
def three():
    modes = scenarios.load("modes")
    settings = {
        f"mode: {mode}": svcnotes.trace(modes, CLIENT, NODE_2, proxy_mode=mode)
        for mode in ("iptables", "nftables", "ipvs")
    }
    return beside(settings, cluster=modes, service="default/shop")


def test_the_two_sides_show_the_path_to_a_pod_that_both_reach(shown):
    assert {side.story.path.pod for side in shown.sides} == {"default/my-nginx-2"}
    assert plain(shown.sides[0].sentence).startswith("my-nginx-2 sees 10.244.2.1 (node-2), not the client")
    assert plain(shown.sides[1].sentence).startswith("my-nginx-2 sees 192.0.2.10, the client itself")


def test_steps_are_paired_by_what_is_done_in_both_directions(shown):
    rows = [(row.kind, row.direction, row.first.kind) for row in shown.rows]
    assert rows == [
        ("same", "there", "send"),
        ("only", "there", "mark"),
        ("same", "there", "dnat"),
        ("only", "there", "snat"),
        ("differs", "there", "receive"),
        ("differs", "back", "answer"),
        ("only", "back", "undo"),
        ("same", "back", "undo"),
        ("same", "back", "deliver"),
    ]


def test_a_row_names_the_fields_that_differ(shown):
    differs = {row.first.kind: (row.differs, row.odd) for row in shown.rows if row.kind == "differs"}
    assert differs == {
        "receive": ({"source"}, ({"source"}, {"source"})),
        "answer": ({"destination"}, ({"destination"}, {"destination"})),
    }


def test_a_callers_random_port_is_no_difference(cluster):
    settings = {
        f"port {port}": svcnotes.trace(cluster, CLIENT, NODE_2, source_port=port) for port in (40112, 50000)
    }
    assert {row.kind for row in beside(settings, cluster=cluster).rows} == {"same"}


def test_the_rules_that_only_one_side_met_are_named(shown):
    assert shown.rules_apart() == {
        (0,): ("KUBE-EXT-SV7AMNAGZFKZEMQ4 → KUBE-MARK-MASQ", "KUBE-POSTROUTING … MASQUERADE"),
    }
    assert [row.first.kind for row in shown.rows if row.deciding] == ["mark", "snat"]


def test_the_text_twin_has_both_answers_and_signs_for_what_differs(shown):
    text = str(shown)
    assert "policy Cluster: my-nginx-2 sees 10.244.2.1" in text
    assert "source seen: 10.244.2.1 ≠ 192.0.2.10" in text
    assert "rules that decided only under policy Cluster: KUBE-EXT-SV7AMNAGZFKZEMQ4 → KUBE-MARK-MASQ" in text
    assert re.search(r"=  both +1 client sends", text)
    assert re.search(r"≠  policy Local +3 my-nginx-2 receives: ≠ ▲ 192.0.2.10", text)
    assert text.index("\nthere\n") < text.index("\nand back\n")


def test_the_page_marks_differences_by_words_and_frames_and_not_by_colour_alone(shown):
    html = beside_html(shown)
    framed = re.findall(r"<mark [^>]*border:2px[^>]*>(.*?)</mark>", html)
    assert len(framed) == 4
    assert all(text.startswith("≠ ") for text in framed)
    assert html.count("✱ only under policy Cluster") == 2
    assert html.count('role="img"') == 2


def test_names_with_markup_stay_words(cluster):
    trace = svcnotes.trace(cluster, CLIENT, NODE_2)
    html = beside_html(beside({"<script>a": trace, "b": trace}, cluster=cluster))
    assert "<script" not in html


def test_a_packet_that_is_dropped_has_no_way_back_to_compare():
    shown = beside({"Cluster": cluster_policy(), "Local": local_policy_drop()})
    assert shown.rows[-1].moments[1] is None
    assert next(row for row in shown.rows if row.moments[0] is None).first.kind == "drop"
    directions = [row.direction for row in shown.rows]
    assert directions == sorted(directions, reverse=True)
    assert shown.rules_apart()[1,] == ("KUBE-EXTERNAL-SERVICES … DROP",)


def test_nothing_different_is_said_so_in_words():
    shown = beside({"once": cluster_policy(), "again": cluster_policy()})
    assert [plain(line) for line in difference_lines(shown)] == [
        "Nothing that the pod or the client could notice."
    ]
    assert {row.kind for row in shown.rows} == {"same"}


def test_stories_can_be_compared_as_well_as_traces():
    stories = {
        name: tell(trace, trace.paths[0], names_of(trace))
        for name, trace in (("Cluster", cluster_policy()), ("Local", local_policy_kept()))
    }
    assert [one.field for one in beside(stories).differences] == ["source seen"]


def test_a_path_is_chosen_by_number_or_by_pod(cluster):
    trace = svcnotes.trace(cluster, CLIENT, NODE_2)
    other = svcnotes.trace(cluster, CLIENT, "172.18.0.11:30080")
    for chosen in ({"path": 1}, {"pod": "my-nginx-2"}, {"pod": "default/my-nginx-2"}):
        shown = beside({"a": trace, "b": other}, cluster=cluster, **chosen)
        assert [side.story.path.pod for side in shown.sides] == ["default/my-nginx-2"] * 2


@pytest.mark.parametrize(
    ("chosen", "words"),
    [({"path": 7}, "path: 7 is none; the first side has paths 0 to 1"), ({"pod": "nix"}, 'leads to "nix"')],
)
def test_a_path_that_is_not_there_is_refused(cluster, chosen, words):
    trace = svcnotes.trace(cluster, CLIENT, NODE_2)
    with pytest.raises(QuestionError, match=words):
        beside({"a": trace, "b": trace}, cluster=cluster, **chosen)


@pytest.mark.parametrize("count", [1, 4])
def test_one_setting_alone_has_nothing_beside_it_and_four_have_no_room(count):
    with pytest.raises(QuestionError, match=f"{count} settings given, two or three are wanted"):
        beside({f"setting {number}": cluster_policy() for number in range(count)})


def test_it_shows_itself_in_a_notebook_and_as_a_table(shown):
    from IPython.core.interactiveshell import InteractiveShell

    from svcnotes.views.display import register

    shell = InteractiveShell()
    assert register(shell)
    formats, _ = shell.display_formatter.format(shown)
    assert formats["text/html"].startswith("<section")
    assert formats["text/plain"].startswith("policy Cluster:")
    table = shown.table()
    assert list(table["policy Local: source"])[4] == "▲ 192.0.2.10:40112"
    assert list(table[""])[:2] == ["same", "only"]


def test_of_three_sides_a_row_says_which_one_no_other_agrees_with(three):
    odd = {row.first.number: row.odd for row in three.rows if row.kind != "same"}
    rule, place = {"rule"}, {"where"}
    assert odd == {
        2: (rule, rule, rule),
        3: (rule, rule, rule | place),  # IPVS waits at INPUT
        4: (set(), rule, set()),  # iptables and IPVS mode have the same MASQUERADE
        10: (set(), set(), place),
    }
    assert [len(row.moments) for row in three.rows] == [3] * 11


def test_rules_are_told_by_the_sides_that_met_them(three):
    assert list(three.rules_apart()) == [(0,), (1,), (2,), (0, 2)]
    lines = [plain(line) for line in difference_lines(three)]
    assert lines[0] == "The same end in all three: shop-1 answers, and has seen 172.18.0.12."
    assert lines[-1] == "rules that decided only under iptables and ipvs: KUBE-POSTROUTING … MASQUERADE"


def test_the_text_twin_of_three_has_each_rule_in_its_own_language(three):
    text = str(three)
    assert re.search(r"=  all +5 node-1 passes it on", text)
    for said in (
        r"iptables +3 node-2 DNAT \(PREROUTING\): .*, by ≠ KUBE-SEP-\w+ … DNAT\n +-A KUBE-SEP-\w+ .* -j DNAT",
        r"nftables +3 node-2 DNAT \(PREROUTING\): .*, by ≠ service-.* dnat\n +meta l4proto tcp dnat ip to numgen",
        r"ipvs +3 ≠ node-2 DNAT \(INPUT\): .*, by ≠ -t .*\n +-a -t 172.18.0.12:30080 -r 10.244.1.10:8080",
        r"iptables +4 node-2 SNAT: .*, by KUBE-POSTROUTING … MASQUERADE\n",
        r"nftables +4 node-2 SNAT: .*, by ≠ masquerading … masquerade\n",
    ):
        assert re.search(f"≠  {said}", text), said


def test_packets_that_go_the_same_way_share_one_picture(three):
    html = beside_html(three)
    (spoken,) = re.findall(r'role="img" aria-label="(.*?)"', html)
    assert re.fullmatch(
        "mode: iptables and ipvs: shop-1 sees .* MASQUERADE.* mode: nftables: shop-1 .*", spoken
    )
    assert "mode: iptables and ipvs<" in html  # of whom the same is said
    assert 'aria-label="mode: iptables, mode: nftables and mode: ipvs, side by side"' in html


def test_only_what_differs_stands_in_columns_and_each_is_named(three):
    html = beside_html(three)
    columns = re.findall(r'<ul role="list".*?</ul>', html)
    assert len(columns) == 4
    for row in columns:
        assert re.findall(r"<li [^>]*><strong[^>]*>(.*?)</strong>", row) == ["iptables", "nftables", "ipvs"]
    assert [row.count("<mark ") for row in columns] == [3, 4, 1, 1]
    assert html.count("1. client sends") == 1


def test_a_step_that_one_of_three_lacks_is_told_of_the_two_that_have_it():
    shown = beside({"a": cluster_policy(), "b": local_policy_kept(), "c": local_policy_drop()})
    there = [[bool(moment) for moment in row.moments] for row in shown.rows if row.first.kind == "dnat"]
    assert there == [[True, True, False]]
    assert shown.rules_apart()[2,] == ("KUBE-EXTERNAL-SERVICES … DROP",)
    assert plain(difference_lines(shown)[0]) == "outcome: connected (a and b) ≠ timeout (c)"
    html = beside_html(shown)
    assert html.count('role="img"') == 3
    assert "✱ only under a<" in html


@pytest.mark.parametrize(
    ("titles", "short"),
    [
        (["mode: iptables", "mode: ipvs"], ["iptables", "ipvs"]),
        (["mode: ipvs", "policy: Local"], ["mode: ipvs", "policy: Local"]),
        (["setting: 0", "setting: 1"], ["setting: 0", "setting: 1"]),
        (["before", "after"], ["before", "after"]),
    ],
)
def test_a_column_is_named_by_what_its_title_alone_says(titles, short):
    assert labels(titles) == short


WHERE = """() => [...document.querySelectorAll('ul[role=list]')].map(
  (list) => new Set([...list.children].map((item) => Math.round(item.getBoundingClientRect().left))).size)"""


@pytest.mark.browser
@pytest.mark.parametrize(("width", "columns"), [(1080, 3), (828, 3), (624, 3), (372, 1)])
def test_three_stand_in_columns_and_in_a_narrow_notebook_below_each_other(browser, three, width, columns):
    """As wide as JupyterLab leaves it: in a window of 1280 and of 760 pixels, without and with its sidebar."""
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.set_content(f"<style>body {{ margin: 0; font: 14px sans-serif }}</style>{beside_html(three)}")
    assert page.evaluate(WHERE) == [columns] * 4
    assert page.evaluate("() => document.documentElement.scrollWidth") == width
    page.close()
