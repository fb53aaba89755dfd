"""The table of nodes entered and endpoints reached: exact shares, sources seen, and where nobody answers."""

import re
from fractions import Fraction

import pytest

from svcnotes import scenarios
from svcnotes.control_plane.load import load
from svcnotes.errors import QuestionError
from svcnotes.views.matrix import NOBODY, matrix
from svcnotes.views.matrix_html import matrix_html

NODES = ("node-1", "node-2", "node-3")


@pytest.fixture(scope="module")
def cluster():
    return scenarios.load("nodeport")


@pytest.fixture(scope="module")
def local(cluster):
    return cluster.patch("service", "my-nginx", "spec: {externalTrafficPolicy: Local}")


def recorded(data, name):
    return load(data / "oracle" / name / "cluster.yaml")


def test_under_policy_cluster_every_node_leads_to_every_pod_with_equal_shares(cluster):
    shown = matrix(cluster, "default/my-nginx")
    assert shown.nodes == NODES
    assert shown.columns == ("default/my-nginx-1", "default/my-nginx-2", NOBODY)
    for node in NODES:
        assert [shown.cell(node, pod).probability for pod in ("my-nginx-1", "my-nginx-2")] == [
            Fraction(1, 2)
        ] * 2
        assert shown.cell(node, NOBODY).probability == 0
    assert shown.cell("node-1", "my-nginx-1").seen == ("10.244.1.1",)
    assert shown.cell("node-3", "my-nginx-1").seen == ("172.18.0.13",)


def test_under_policy_local_a_node_leads_to_its_own_pod_alone_and_one_without_to_nobody(local):
    shown = matrix(local, "default/my-nginx")
    assert shown.cell("node-2", "my-nginx-2").seen == ("192.0.2.10",)
    assert shown.cell("node-2", "my-nginx-1").probability == 0
    assert shown.cell("node-3", NOBODY).ends == ("timeout",)


@pytest.mark.parametrize("scenario", ["nodeport-cluster", "lb-local", "extip-local", "term-some", "lb-udp"])
def test_the_shares_of_each_row_add_up_to_one(data, scenario):
    shown = matrix(recorded(data, scenario), "default/web")
    for node in shown.nodes:
        assert sum(shown.cell(node, column).probability for column in shown.columns) == 1


@pytest.mark.parametrize(
    ("scenario", "to", "seen"),
    [
        ("extip-local", "198.51.100.10", "192.0.2.10"),
        ("lb-local", "203.0.113.10:80", "192.0.2.10"),
        ("lb-local", "10.96.0.10", "10.244.1.1"),
    ],
)
def test_an_address_is_handed_to_each_node_in_turn(data, scenario, to, seen):
    shown = matrix(recorded(data, scenario), "default/web", to=to)
    assert shown.nodes == NODES
    assert shown.cell("node-1", "web-a").seen == (seen,)
    assert {entry.trace.via for entry in shown.entries} == set(NODES)


def test_ipv6_addresses_are_dialled_by_those_who_have_one(data):
    shown = matrix(recorded(data, "ipv6-nodeport"), "default/web", source="2001:db8:2::10")
    assert shown.cell("node-2", "web-a").seen == ("fd00:18::12",)


def test_an_answer_that_is_lost_is_said_beside_the_pod_that_gave_it(data):
    shown = matrix(recorded(data, "extip-local"), "default/web", source="pod/default/tool-1")
    lost = shown.cell("node-2", "web-a")
    assert (lost.probability, lost.ends) == (Fraction(1, 3), ("timeout: the answer is lost",))
    assert "1/3, sees ■ 10.244.1.100, ✕ timeout: the answer is lost" in str(shown)


def test_without_endpoints_nobody_is_the_only_column_and_says_why(data):
    shown = matrix(recorded(data, "nodeport-no-endpoints"), "default/web")
    assert shown.columns == (NOBODY,)
    assert shown.words("node-1", NOBODY) == "1, ✕ refused (icmp-port-unreachable)"


def test_an_endpoint_outside_the_cluster_has_a_column_too(data):
    shown = matrix(recorded(data, "clusterip-manual-endpoints"), "default/web", to="10.96.0.10")
    assert shown.columns == ("192.0.3.10", NOBODY)


def test_a_service_without_a_nodeport_says_what_may_be_dialled_instead(data):
    with pytest.raises(QuestionError, match=r"has no nodePort for port 80\. Say `to`: 10\.96\.0\.10:80"):
        matrix(recorded(data, "clusterip-manual-endpoints"), "default/web")


def test_its_text_is_a_table_with_the_question_on_top(local):
    lines = str(matrix(local, "default/my-nginx")).splitlines()
    assert lines[0].startswith("192.0.2.10 → Service default/my-nginx, its nodePort at each node (tcp")
    assert re.split(r"  +", lines[1]) == ["entered by", "my-nginx-1 (node-1)", "my-nginx-2 (node-2)", NOBODY]
    assert re.split(r"  +", lines[4]) == ["node-3", "–", "–", "1, ✕ timeout"]


def test_its_page_has_heads_for_rows_and_columns_and_no_markup_from_names(local):
    html = matrix_html(matrix(local, "default/my-nginx"))
    assert html.count('scope="col"') == 4
    assert html.count('scope="row"') == 3
    assert html.count("<caption") == 1
    assert "▲</span> 192.0.2.10" in html
    assert "<strong>✕ timeout</strong>" in html


def test_it_is_a_pandas_table_and_shows_itself(local):
    from IPython.core.interactiveshell import InteractiveShell

    from svcnotes.views.display import register

    shown = matrix(local, "default/my-nginx")
    assert shown.table().loc["node-1", "my-nginx-1 (node-1)"] == "1, sees ▲ 192.0.2.10"
    shell = InteractiveShell()
    assert register(shell)
    formats, _ = shell.display_formatter.format(shown)
    assert formats["text/html"].startswith("<table")
    assert formats["text/plain"] == str(shown)
