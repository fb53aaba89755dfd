"""A question for DNS is a packet: it takes the way that the rules give it, and may not come back."""

from pathlib import Path

import pytest

from svcnotes.control_plane.load import load
from svcnotes.errors import QuestionError
from svcnotes.toolbox.asking import look_up, resolv_conf
from svcnotes.toolbox.dig import dig, run_dig
from svcnotes.views.lookup import lookup, lookup_html

CLUSTER = load(str(Path(__file__).parent.parent / "data" / "dig" / "cluster.yaml"))
SHELL, NAME = "pod/default/shell", "my-db.default.svc.cluster.local"


def test_a_node_asks_another_server_and_the_name_is_unknown():
    assert "status: NXDOMAIN" in dig(CLUSTER, "node/node-1", NAME)
    assert "SERVER: 192.0.2.53#53" in dig(CLUSTER, "node/node-1", NAME)
    assert dig(CLUSTER, "client", f"{NAME} +short") == ""


def test_a_node_that_asks_the_clusters_server_by_its_address_gets_the_name():
    assert dig(CLUSTER, "node/node-1", f"@10.96.0.10 {NAME} +short") == "db.example.com.\n192.0.2.50\n"


def test_outside_the_clusters_server_is_out_of_reach():
    printed = run_dig(CLUSTER, "client", f"@10.96.0.10 {NAME}")
    assert printed.exit_code == 9
    assert printed.text.startswith(";; communications error to 10.96.0.10#53: timed out\n" * 3)


def test_without_ready_dns_pods_the_question_is_refused_by_a_rule():
    broken = CLUSTER.patch(
        "service", "kube-dns", "spec: {selector: {k8s-app: nobody}}", namespace="kube-system"
    )
    printed = run_dig(broken, SHELL, NAME)
    assert printed.exit_code == 9
    assert "communications error to 10.96.0.10#53: connection refused" in printed.text
    assert [rung.reply.code for rung in look_up(broken, SHELL, "web")] == ["connection refused"] * 2


def test_a_question_to_a_dns_pod_itself_is_answered_and_to_another_pod_is_not():
    pod = next(pod for pod in CLUSTER.pods.values() if pod.namespace == "kube-system")
    web = CLUSTER.pods["default/peers-0"]
    assert dig(CLUSTER, SHELL, f"@{pod.addresses[0]} {NAME} +short").endswith("192.0.2.50\n")
    assert "connection refused" in dig(CLUSTER, SHELL, f"@{web.addresses[0]} {NAME}")
    assert "timed out" in dig(
        CLUSTER, "pod/default/peers-0", f"@{CLUSTER.pods['default/shell'].addresses[0]} x"
    )


def test_a_packet_that_is_dropped_is_waited_for():
    rules = "*filter\n:OUTPUT ACCEPT\n-A OUTPUT -p udp --dport 53 -j DROP\nCOMMIT\n"
    assert "timed out" in dig(CLUSTER.with_rules("node-1", rules), "node/node-1", f"@10.96.0.10 {NAME}")


def test_a_pod_with_no_server_reaches_none():
    cluster = CLUSTER.apply(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: alone}\nspec: {nodeName: node-2, dnsPolicy: 'None'}\n"
    )
    assert resolv_conf(cluster, "pod/default/alone") == ""
    assert run_dig(cluster, "pod/default/alone", NAME).exit_code == 9


@pytest.mark.parametrize("words", ["x 'y", "@10.96.0.10 'x"])
def test_an_open_quotation_mark_is_refused(words):
    with pytest.raises(QuestionError, match="close the quotation mark"):
        dig(CLUSTER, SHELL, words)


def test_an_unknown_place_is_refused():
    with pytest.raises(QuestionError, match="no Pod 'default/nobody'"):
        dig(CLUSTER, "pod/default/nobody", NAME)


@pytest.mark.parametrize("words", ["+trace x", "+multiline x"])
def test_an_option_that_is_left_out_is_said_so(words):
    printed = run_dig(CLUSTER, SHELL, words)
    assert printed.text.startswith("# +")
    assert printed.exit_code == 1


def test_the_ladder_is_a_table_and_a_text():
    found = lookup(CLUSTER, SHELL, "db.example.com")
    table = found.table()
    assert list(table.columns) == ["asked for", "A", "AAAA"]
    assert list(table["A"]) == ["✕ NXDOMAIN"] * 3 + ["✓ 192.0.2.50"]
    assert list(table["AAAA"])[-1] == "✕ NOERROR, no address"
    assert str(lookup(CLUSTER, SHELL, "my-db")).splitlines() == [
        "pod/default/shell looks up my-db",
        f"  1  {NAME}.  A     ✓ db.example.com → 192.0.2.50",
        f"  2  {NAME}.  AAAA  ✕ db.example.com → no address",
    ]


def test_the_ladder_shows_the_endings_and_lets_no_markup_through():
    page = lookup_html(lookup(CLUSTER, SHELL, "db.example.com"))
    assert "<code>db.example.com<strong>.default.svc.cluster.local.</strong></code>" in page
    assert "<code>db.example.com<strong>.</strong></code>" in page
    assert page.count("✕ NXDOMAIN") == 6
    assert "<b>" not in lookup_html(lookup(CLUSTER, SHELL, "<b>x"))


def test_a_notebook_shows_the_ladder_as_a_table():
    from IPython.core.interactiveshell import InteractiveShell

    from svcnotes.views.display import register

    shell = InteractiveShell()
    assert register(shell)
    data, _ = shell.display_formatter.format(lookup(CLUSTER, SHELL, "web"))
    assert data["text/html"].startswith("<table>")
    assert data["text/plain"].startswith("pod/default/shell looks up web")
