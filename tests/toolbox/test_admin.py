"""An administrator's commands change the model as they change a machine, and say what the real tools say."""

from pathlib import Path

import pytest
import yaml

from svcnotes import scenarios, trace
from svcnotes.toolbox import Terminal

RECORDED = yaml.safe_load((Path(__file__).parent / "data" / "admin.yaml").read_text(encoding="utf-8"))


@pytest.fixture
def terminal():
    return Terminal(scenarios.load("dojo"))


def ends(terminal, source, to):
    return {path.outcome for path in trace(terminal.cluster, source, to).paths}


def said(output):
    """The output without svcnotes' own remarks."""
    return "".join(line for line in str(output).splitlines(keepends=True) if not line.startswith("# "))


@pytest.mark.parametrize("host", RECORDED)
def test_the_words_and_exit_statuses_are_those_of_the_real_tools(terminal, host):
    for one in RECORDED[host]:
        output = terminal.run(host, one["run"])
        assert (said(output), output.exit_code) == (one["said"], one["code"]), one["run"]


def test_pods_to_which_nobody_knows_a_route_are_not_reached_until_it_is_put_back(terminal):
    terminal.run("router", "ip route del 10.244.1.0/24")
    terminal.run("node-3", "ip route del 10.244.1.0/24")
    assert ends(terminal, "192.0.2.10", "172.18.0.13:30080") == {"connected", "unreachable"}
    terminal.run("node-3", "ip route add 10.244.1.0/24 via 172.18.0.11")
    assert ends(terminal, "192.0.2.10", "172.18.0.13:30080") == {"connected"}


def test_a_route_on_the_router_leads_an_external_ip_to_a_node(terminal):
    terminal.run("router", "ip route del 80.11.12.10")
    assert ends(terminal, "192.0.2.10", "80.11.12.10:80") == {"external"}
    terminal.run("router", "ip route add 80.11.12.10 via 172.18.0.12")
    assert ends(terminal, "192.0.2.10", "80.11.12.10:80") == {"connected"}


def test_a_switch_of_the_kernel_takes_effect(terminal):
    terminal.run("node-1", "sysctl -w net.ipv4.conf.all.route_localnet=0")
    assert "connected" not in ends(terminal, "node/node-1", "127.0.0.1:30080")


def test_the_hairpin_flag_goes_off_and_on(terminal):
    terminal.run("node-2", "bridge link set dev veth-web-1 hairpin off")
    assert "timeout" in ends(terminal, "pod/default/web-1", "10.96.0.80:80")
    terminal.run("node-2", "bridge link set dev veth-web-1 hairpin on")
    assert ends(terminal, "pod/default/web-1", "10.96.0.80:80") == {"connected"}


def test_a_stopped_kube_proxy_leaves_its_rules_and_follows_no_change_until_it_starts(terminal):
    terminal.run("node-2", "systemctl stop kube-proxy")
    assert terminal.run("node-2", "systemctl is-active kube-proxy").exit_code == 3
    terminal.run("kubectl scale statefulset web --replicas=1")
    assert "connected" in ends(terminal, "192.0.2.10", "172.18.0.12:30080")
    assert ends(terminal, "192.0.2.10", "172.18.0.12:30080") != {"connected"}
    terminal.run("node-2", "systemctl start kube-proxy")
    assert ends(terminal, "192.0.2.10", "172.18.0.12:30080") == {"connected"}


def test_editing_a_rule_does_not_start_a_kube_proxy_that_is_stopped(terminal):
    terminal.run("node-2", "systemctl stop kube-proxy")
    terminal.run("node-2", "iptables -I INPUT -s 198.51.100.7 -j DROP")
    assert terminal.run("node-2", "systemctl is-active kube-proxy").exit_code == 3


def test_starting_kube_proxy_writes_its_rules_after_a_flush(terminal):
    terminal.run("node-1", "iptables -t nat -F")
    assert ends(terminal, "192.0.2.10", "172.18.0.11:30080") == {"refused"}
    terminal.run("node-1", "systemctl restart kube-proxy")
    assert ends(terminal, "192.0.2.10", "172.18.0.11:30080") == {"connected"}


def test_a_rule_of_ones_own_stays_when_kube_proxy_follows_a_change_of_the_pods(terminal):
    terminal.run("node-1", "iptables -I INPUT -s 198.51.100.7 -j DROP")
    terminal.run("kubectl scale statefulset web --replicas=1")
    saved = str(terminal.run("node-1", "iptables-save"))
    assert "-A INPUT -s 198.51.100.7" in saved
    assert "10.244.2.10:8080" not in saved
    assert "10.244.1.10:8080" in saved


def test_the_program_in_the_pods_listens_where_its_variable_says(terminal):
    terminal.run("kubectl set env statefulset/web LISTEN=127.0.0.1")
    assert ends(terminal, "192.0.2.10", "172.18.0.11:30080") == {"refused"}
    assert "LISTEN:  127.0.0.1" in str(terminal.run("kubectl describe pod web-0"))
    terminal.run("kubectl set env statefulset/web LISTEN=0.0.0.0")
    assert ends(terminal, "192.0.2.10", "172.18.0.11:30080") == {"connected"}


def test_a_restart_gives_the_pods_their_names_again(terminal):
    assert str(terminal.run("kubectl rollout restart statefulset web")) == "statefulset.apps/web restarted\n"
    assert {"default/web-0", "default/web-1", "default/web-2"} <= set(terminal.cluster.pods)


def test_helm_brings_a_controller_where_there_was_none(terminal):
    terminal.cluster = terminal.cluster.with_world(cloud="none")
    assert not terminal.cluster.services["default/web-public"].ingress
    assert "STATUS: deployed" in str(terminal.run("helm install metallb metallb/metallb -n metallb-system"))
    assert terminal.cluster.services["default/web-public"].ingress


WRONG = [
    ("node-1", "systemctl restart kubelet", 5, "Unit kubelet.service not found."),
    ("node-1", "systemctl frob kube-proxy", 1, "Unknown command verb 'frob'."),
    ("node-1", "systemctl", 1, "Too few arguments."),
    ("laptop", "helm install", 1, "requires 2 arguments"),
    ("laptop", "helm install x nginx/nginx", 1, "repo nginx not found"),
    ("laptop", "systemctl status kube-proxy", 127, "command not found"),
    ("laptop", "kubectl set env statefulset/web", 1, "at least one environment variable must be provided"),
    ("laptop", "kubectl set env statefulset/nobody A=1", 1, '"nobody" not found'),
    ("laptop", "kubectl set env service/web A=1", 1, "has no template"),
    ("laptop", "kubectl rollout restart daemonset kube-proxy -n kube-system", 1, '"kube-proxy" not found'),
    ("router", "ip route add 10.244.2.0/24 via 172.18.0.13", 2, "File exists"),
]


@pytest.mark.parametrize(("host", "command", "code", "words"), WRONG)
def test_a_command_that_cannot_be_done_says_so_and_changes_nothing(terminal, host, command, code, words):
    before = terminal.cluster
    output = terminal.run(host, command)
    assert output.exit_code == code
    assert words in str(output)
    assert terminal.cluster is before
