"""What the tools tell of a cluster: each tell-tale is read off the model, so it moves with it."""

from __future__ import annotations

import re

import pytest

from svcnotes import scenarios
from svcnotes.control_plane.load import loads
from svcnotes.toolbox import Terminal

POD1, POD2 = "pod/default/my-nginx-1", "pod/default/my-nginx-2"


def at(name, **world):
    cluster = scenarios.load(name)
    return Terminal(cluster.with_world(**world) if world else cluster)


def lines(output):
    return output.text.splitlines()


def flags(output):
    """The flags of the TCP segments in a capture, with the packet's ends."""
    found = re.findall(r"IP (\S+)\.\d+ > (\S+)\.\d+: Flags \[(\S+)\]", output.text)
    return [(source, destination, word) for source, destination, word in found]


# The client


def test_the_page_names_the_source_that_the_pod_saw_and_its_log_says_the_same():
    terminal = at("nodeport")
    page = terminal.run("client", "curl -s http://172.18.0.13:30080/hello", times=10)
    assert set(lines(page)) == {f"Hello from my-nginx-{n}, you are 172.18.0.13" for n in (1, 2)}
    logged = [
        *lines(terminal.run("kubectl logs my-nginx-1")),
        *lines(terminal.run("kubectl logs my-nginx-2")),
    ]
    assert len(logged) == 10
    assert all(line.startswith("172.18.0.13 - - [22/Nov/2026:12:") for line in logged)
    assert all('] "GET /hello HTTP/1.1" 200 43 "-" "curl/7.88.1" "-"' in line for line in logged)


def test_a_log_ends_where_tail_says():
    terminal = at("nodeport-local")
    terminal.run("client", "curl -s http://172.18.0.11:30080", times=3)
    assert len(lines(terminal.run("kubectl logs my-nginx-1 --tail=2"))) == 2
    assert len(lines(terminal.run("kubectl logs -l run=my-nginx"))) == 3


def test_a_port_scan_leaves_no_line_in_the_log():
    terminal = at("nodeport-local")
    assert terminal.run("client", "nc -vz 172.18.0.11 30080").exit_code == 0
    assert terminal.run("kubectl logs my-nginx-1").text == ""


def test_a_name_of_the_cluster_is_known_in_its_pods_and_nowhere_else():
    terminal = at("nodeport")
    url = "http://my-nginx.default.svc.cluster.local:8080/"
    assert terminal.run(POD1, f"curl -s {url}").exit_code == 0
    assert terminal.run(POD1, "curl -s my-nginx:8080").exit_code == 0
    for host in ("client", "node-1", "laptop"):
        output = terminal.run(host, f"curl -sS {url}")
        assert output.text == "curl: (6) Could not resolve host: my-nginx.default.svc.cluster.local\n"
        assert output.exit_code == 6


KUBE_DNS = """
apiVersion: v1
kind: Service
metadata: {name: kube-dns, namespace: kube-system}
spec:
  clusterIP: 10.96.0.10
  selector: {k8s-app: kube-dns}
  ports: [{name: dns, port: 53, protocol: UDP}]
"""


def test_where_no_dns_pod_is_ready_no_name_is_found():
    terminal = at("nodeport")
    terminal.run("laptop", "kubectl apply -f -", stdin=KUBE_DNS)
    output = terminal.run(POD1, "curl -sS my-nginx:8080")
    assert output.text == "curl: (6) Could not resolve host: my-nginx\n"
    assert "connection refused" in terminal.run(POD1, "dig my-nginx.default.svc.cluster.local").text


def test_a_port_that_speaks_tls_is_heard_to():
    terminal = at("nodeport-local")
    assert terminal.run("client", "curl -sSk https://172.18.0.11:30443/").text.startswith("Hello from")
    unchecked = terminal.run("client", "curl -sS https://172.18.0.11:30443/")
    assert lines(unchecked)[0] == "curl: (60) SSL certificate problem: self-signed certificate"
    plain = terminal.run("client", "curl -s -o /dev/null -w '%{http_code}' http://172.18.0.11:30443/")
    assert plain.text == "400"


def test_an_alias_brings_neither_the_certificate_nor_the_site_along():
    terminal = at(
        "externalname", hosts=[{"name": "db.example.com", "address": "203.0.113.50", "serves": [80, 443]}]
    )
    pod = "pod/default/shop"
    wrong = terminal.run(pod, "curl -sS https://my-db/")
    said = "curl: (60) SSL: no alternative certificate subject name matches target host name 'my-db'"
    assert lines(wrong)[0] == said
    assert terminal.run(pod, "curl -sS https://db.example.com/").exit_code == 0
    status = "curl -s -o /dev/null -w '%{http_code}' http://my-db/"
    assert terminal.run(pod, status).text == "404"
    assert terminal.run(pod, f"{status} -H 'Host: db.example.com'").text == "200"


def test_a_proxying_balancer_hides_the_client_and_says_who_it_was():
    terminal = at("loadbalancer", cloud="proxying")
    page = terminal.run("client", "curl -s http://203.0.113.1/")
    assert "(X-Forwarded-For: 192.0.2.10)" in page.text
    assert "you are 192.0.2.10" not in page.text
    logged = [
        line
        for pod in terminal.cluster.pods.values()
        for line in lines(terminal.run(f"kubectl logs {pod.name}"))
    ]
    assert [line.rpartition(" ")[2] for line in logged] == ['"192.0.2.10"']


def test_a_pass_through_balancer_adds_nothing():
    terminal = at("loadbalancer", cloud="pass-through")
    assert "X-Forwarded-For" not in terminal.run("client", "curl -s http://203.0.113.1/").text


def test_a_health_check_answers_503_where_no_endpoint_is():
    terminal = at("loadbalancer")
    terminal.run("laptop", 'kubectl patch svc my-nginx -p \'{"spec": {"externalTrafficPolicy": "Local"}}\'')
    port = terminal.run("laptop", "kubectl get svc my-nginx -o jsonpath={.spec.healthCheckNodePort}").text
    seen = {
        node: terminal.run(
            "client", f"curl -s -w '%{{http_code}}' http://{one.addresses[0]}:{port}/healthz"
        ).text
        for node, one in terminal.cluster.nodes.items()
    }
    assert seen["node-3"].endswith('\t"localEndpoints": 0,\n\t"serviceProxyHealthy": true\n}503')
    assert seen["node-1"].endswith('\t"localEndpoints": 1,\n\t"serviceProxyHealthy": true\n}200')


def test_kube_proxy_tells_its_mode_to_its_own_node_only():
    terminal = at("nodeport")
    assert terminal.run("node-1", "curl -s http://localhost:10249/proxyMode").text == "iptables"
    assert terminal.run("client", "curl -s http://172.18.0.11:10249/proxyMode").exit_code == 7
    assert terminal.run("node-1", "curl -s http://localhost:10256/healthz").exit_code == 0


def test_a_kube_proxy_that_stopped_answers_no_more():
    terminal = at("nodeport", faults=[{"name": "kube-proxy-stopped", "node": "node-1"}])
    assert terminal.run("node-1", "curl -s http://localhost:10256/healthz").exit_code == 7
    assert ":10256" not in terminal.run("node-1", "ss -lnt").text
    assert ":10250" in terminal.run("node-1", "ss -lnt").text


# What listens


def test_no_process_listens_on_a_node_port():
    terminal = at("nodeport")
    assert "30080" not in terminal.run("node-1", "ss -lnt").text
    assert "30080" not in terminal.run("node-1", "netstat -lnt").text
    assert "10256" in terminal.run("node-1", "ss -lnt").text


def test_what_is_said_to_listen_on_a_node_answers_and_nothing_else_does():
    terminal = at("nodeport")
    listed = set(re.findall(r"(?:\*|0\.0\.0\.0):(\d+) ", terminal.run("node-1", "ss -lnt4").text))
    assert listed == {"22", "10250", "10256"}
    for port in ("21", "22", "10248", "10249", "10250", "10256"):
        code = terminal.run("client", f"nc -z 172.18.0.11 {port}").exit_code
        assert (code == 0) == (port in listed), port


def test_an_app_on_loopback_is_seen_by_ss_and_refuses_everybody_else():
    terminal = at("nodeport", faults=[{"name": "listens-on-loopback", "pod": "default/my-nginx-1"}])
    assert "127.0.0.1:80 " in terminal.run(POD1, "ss -lnt").text
    assert "0.0.0.0:80 " in terminal.run(POD2, "ss -lnt").text
    assert terminal.run(POD1, "curl -s localhost").exit_code == 0
    assert terminal.run(POD2, "curl -s 10.244.1.10").exit_code == 7


def test_a_pod_that_declares_no_port_is_said_to_answer_everywhere():
    text = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, image: x}]}\n"
    assert "# this Pod declares no port" in Terminal(loads(text)).run("pod/p", "ss -lnt").text


# The node's rules and memory


def test_a_drop_counter_that_moves_tells_where_the_client_was_dropped():
    terminal = at("nodeport-local")
    rule = "iptables-save -c -t filter | grep 'my-nginx:http has no local endpoints'"
    assert terminal.run("node-3", rule).text.startswith("[0:0] ")
    assert terminal.run("client", "curl -s -m 3 172.18.0.13:30080").exit_code == 28
    assert terminal.run("node-3", rule).text.startswith("[3:180] "), "a SYN of 60 bytes each second"
    assert terminal.run("node-3", "iptables -Z; " + rule).text.startswith("[0:0] ")


def test_counters_count_the_way_there_and_the_answers():
    terminal = at("nodeport-local")
    terminal.run("client", "curl -s 172.18.0.11:30080")
    counted = terminal.run("node-1", "iptables -t nat -L KUBE-NODEPORTS -nv").text
    assert re.search(r"^ +1 +60 KUBE-EXT-\S+ +tcp .* tcp dpt:30080$", counted, re.MULTILINE)
    forwarded = terminal.run("node-1", "iptables -L KUBE-FORWARD -nv").text
    assert re.search(r"^ +9 +\d+ ACCEPT .*ctstate RELATED,ESTABLISHED$", forwarded, re.MULTILINE)


def test_conntrack_shows_both_translations_of_a_connection():
    terminal = at("nodeport", cni="bridge")
    terminal.run("client", "curl -s 172.18.0.13:30080")
    (entry, _) = lines(terminal.run("node-3", "conntrack -L -p tcp --dport 30080"))
    pattern = (
        r"tcp      6 11\d TIME_WAIT src=192.0.2.10 dst=172.18.0.13 sport=\d+ dport=30080 "
        r"src=10.244.[12].10 dst=172.18.0.13 sport=80 dport=\d+ \[ASSURED\] mark=0 use=1"
    )
    assert re.fullmatch(pattern, entry)


def test_a_connection_that_was_refused_is_forgotten_at_once():
    terminal = at("nodeport-refused")
    assert terminal.run("client", "curl -s -m 2 172.18.0.11:30080").exit_code == 7
    assert terminal.run("node-1", "conntrack -C").text == "0\n"


def test_without_snat_the_answer_meets_a_client_that_resets_it():
    terminal = at("snat")
    for node in terminal.cluster.nodes:
        terminal.run(node, "iptables -t nat -F KUBE-MARK-MASQ")
    seen = terminal.capture("client", "tcpdump -ni eth0 tcp", "client", "curl -sS -m 2 172.18.0.12:30080")
    once = [
        ("192.0.2.10", "172.18.0.12", "S"),
        ("10.244.1.10", "192.0.2.10", "S."),
        ("192.0.2.10", "10.244.1.10", "R"),
    ]
    assert flags(seen) == once * 2
    assert seen.runs[0].text == "curl: (28) Connection timed out after 2000 milliseconds\n"
    assert "SYN_SENT" in terminal.run("node-2", "conntrack -L").text
    assert "[UNREPLIED]" in terminal.run("node-2", "conntrack -L").text


def test_a_full_table_drops_and_says_so_in_three_places():
    terminal = at("nodeport", faults=[{"name": "conntrack-full", "node": "node-1"}])
    assert terminal.run("client", "curl -s -m 2 172.18.0.11:30080").exit_code == 28
    assert " drop=2 " in terminal.run("node-1", "conntrack -S").text
    assert lines(terminal.run("node-1", "dmesg"))[-1].endswith(
        "nf_conntrack: nf_conntrack: table full, dropping packet"
    )
    count = "sysctl -n net.netfilter.nf_conntrack_count net.netfilter.nf_conntrack_max"
    assert len(set(lines(terminal.run("node-1", count)))) == 1
    assert terminal.run("node-2", "dmesg").text == ""


def test_a_rule_taken_out_is_missing_for_the_next_packet():
    terminal = at("nodeport-local")
    found = terminal.run(
        "node-1", "iptables-save -t nat | grep -- '-A KUBE-NODEPORTS -p tcp' | grep 30080"
    ).text
    rule = found.strip().removeprefix("-A ")
    assert terminal.run("node-1", f"iptables -t nat -C {rule}").exit_code == 0
    assert terminal.run("node-1", f"iptables -t nat -D {rule}").exit_code == 0
    assert terminal.run("client", "curl -s -m 2 172.18.0.11:30080").exit_code == 7
    assert terminal.run("node-1", "systemctl restart kube-proxy").exit_code == 0
    assert terminal.run("client", "curl -s -m 2 172.18.0.11:30080").exit_code == 0


def test_policy_drop_in_forward_stops_what_bears_no_mark():
    terminal = at("nodeport-local")
    terminal.run("node-1", "iptables -P FORWARD DROP")
    assert terminal.run("client", "curl -s -m 2 172.18.0.11:30080").exit_code == 28
    assert re.search(r"policy DROP 2 packets", terminal.run("node-1", "iptables -L FORWARD -nv").text)
    terminal.run("node-1", "iptables -P FORWARD ACCEPT")
    assert terminal.run("client", "curl -s -m 2 172.18.0.11:30080").exit_code == 0


def test_saved_rules_can_be_restored():
    terminal = at("nodeport")
    terminal.run("node-1", "iptables-save > rules; iptables -t nat -F")
    assert terminal.run("client", "curl -s -m 2 172.18.0.11:30080").exit_code == 7
    assert terminal.run("node-1", "iptables-restore < rules").exit_code == 0
    assert terminal.run("client", "curl -s -m 2 172.18.0.11:30080").exit_code == 0
    refused = terminal.run("node-1", "echo nonsense | iptables-restore")
    assert refused.exit_code == 2
    assert "line 1" in refused.text


def test_stale_udp_entries_go_when_their_endpoint_goes_and_only_then():
    terminal = Terminal(loads(UDP))
    call = "echo hi | nc -u -w 1 -p 5000 172.18.0.11 30053"
    first = terminal.run("client", call, times=5)
    assert len(set(map(str, first.runs))) == 1, "one port of the client's is one connection: one pod"
    assert " sport=5000 dport=30053 " in terminal.run("node-1", "conntrack -L -p udp").text
    pod = first.text.split()[2].rstrip(",")
    terminal.run("laptop", "kubectl label node node-2 colour=blue")
    assert terminal.run("client", call).text == first.runs[0].text
    terminal.run("laptop", f"kubectl label pod {pod} app-")
    assert terminal.run("node-1", "conntrack -L -p udp").text.startswith("conntrack v1.4.7")
    assert terminal.run("client", call).text not in ("", first.runs[0].text)


UDP = """
apiVersion: v1
kind: Pod
metadata: {name: a, labels: {app: dns}}
spec: {nodeName: node-1, containers: [{name: c, image: dns, ports: [{containerPort: 53, protocol: UDP}]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: b, labels: {app: dns}}
spec: {nodeName: node-2, containers: [{name: c, image: dns, ports: [{containerPort: 53, protocol: UDP}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: dns}
spec:
  type: NodePort
  selector: {app: dns}
  ports: [{port: 53, protocol: UDP, nodePort: 30053}]
"""


# The network


def test_a_pod_that_picks_itself_without_hairpin_waits_for_ever():
    terminal = at("nodeport", faults=[{"name": "hairpin-off"}])
    outputs = terminal.run(POD1, "curl -s -m 1 my-nginx:8080", times=20).runs
    assert {one.exit_code for one in outputs} == {0, 28}
    assert all("my-nginx-2" in one.text for one in outputs if one.exit_code == 0)
    assert "hairpin off" in terminal.run("node-1", "bridge -d link").text
    assert terminal.run("node-1", "cat /sys/class/net/veth-my-nginx-1/brport/hairpin_mode").text == "0\n"
    assert "hairpin on" in at("nodeport").run("node-1", "bridge -d link").text


def test_a_lost_route_is_missing_in_the_table_and_shows_in_the_answer():
    terminal = at("nodeport", faults=[{"name": "route-missing", "on": "node-1", "to": "10.244.2.0/24"}])
    assert "10.244.2.0/24" not in terminal.run("node-1", "ip route").text
    assert "10.244.2.0/24" in terminal.run("node-3", "ip route").text
    assert terminal.run("node-1", "ip route get 10.244.2.10").text.startswith(
        "10.244.2.10 via 172.18.0.1 dev eth0"
    )


@pytest.mark.parametrize(
    ("cni", "line"),
    [
        ("bridge", "10.244.2.0/24 via 172.18.0.12 dev eth0 "),
        ("vxlan", "10.244.2.0/24 via 10.244.2.0 dev flannel.1 onlink "),
        ("routed", "10.244.1.10 dev veth-my-nginx-1 scope link "),
    ],
)
def test_the_routes_are_those_of_the_cni(cni, line):
    assert line in lines(at("nodeport", cni=cni).run("node-1", "ip route"))


def test_the_router_has_a_route_for_an_external_ip_only_where_the_world_says_so():
    assert "80.11.12.10 via 172.18.0.11 dev eth0 " in lines(at("dojo").run("router", "ip route"))
    without = at("dojo", routes={})
    assert "80.11.12.10" not in without.run("router", "ip route").text
    seen = without.capture("node-1", "tcpdump -ni any host 80.11.12.10", "client", "curl -s -m 2 80.11.12.10")
    assert "\n0 packets captured\n" in seen.text


def test_a_cluster_ip_does_not_answer_to_ping():
    terminal = at("nodeport")
    output = terminal.run(POD1, "ping -c 2 10.96.0.80")
    assert "2 packets transmitted, 0 received" in output.text
    assert output.exit_code == 1
    assert terminal.run(POD1, "ping -c 1 10.244.2.10").exit_code == 0


def test_traceroute_names_the_hosts_on_the_way():
    text = at("nodeport").run("client", "traceroute -n -q 1 10.244.2.10").text
    assert re.findall(r"^ \d  (\S+)", text, re.MULTILINE) == ["172.18.0.1", "172.18.0.12", "10.244.2.10"]


def test_a_capture_on_every_interface_shows_the_translation_of_a_node():
    terminal = at("nodeport-local")
    seen = terminal.capture("node-1", "tcpdump -ni any tcp", "client", "curl -s 172.18.0.11:30080")
    first = [line.split(": Flags")[0].split()[1:] for line in lines(seen) if "[S]" in line]
    assert [(words[0], words[1], words[-1].rpartition(".")[0]) for words in first] == [
        ("eth0", "In", "172.18.0.11"),
        ("cni0", "Out", "10.244.1.10"),
        ("veth-my-nginx-1", "Out", "10.244.1.10"),
    ]
    assert seen.runs[0].text == "Hello from my-nginx-1, you are 192.0.2.10\n"


def test_a_capture_ends_after_as_many_packets_as_were_asked_for():
    terminal = at("nodeport-local")
    seen = terminal.capture("node-1", "tcpdump -c 1 -ni eth0", "client", "curl -s 172.18.0.11:30080")
    assert "\n1 packet captured\n" in seen.text
    assert len(flags(seen)) == 1


def test_tcpdump_by_itself_sees_nothing():
    assert "\n0 packets captured\n" in at("nodeport").run("node-1", "tcpdump -ni any").text


# kubectl


def test_a_change_by_kubectl_is_what_the_next_packet_meets():
    terminal = at("nodeport-local")
    assert terminal.run("client", "curl -s -m 1 172.18.0.13:30080").exit_code == 28
    patch = """kubectl patch svc my-nginx -p '{"spec": {"externalTrafficPolicy": "Cluster"}}'"""
    assert terminal.run("laptop", patch).text == "service/my-nginx patched\n"
    assert terminal.run("client", "curl -s -m 1 172.18.0.13:30080").exit_code == 0
    assert terminal.cluster.services["default/my-nginx"].external_traffic_policy == "Cluster"


def test_a_refused_change_leaves_the_cluster_alone():
    terminal = at("nodeport")
    before = terminal.cluster
    patch = """kubectl patch svc my-nginx --type=json -p '[{"op": "replace", "path": "/spec/ports/0/nodePort", "value": 80}]'"""
    output = terminal.run("laptop", patch)
    assert "provided port is not in the valid range" in output.text
    assert output.exit_code == 1
    assert terminal.cluster is before


def test_a_manifest_comes_by_standard_input_by_a_file_or_in_the_line():
    manifest = "apiVersion: v1\nkind: Service\nmetadata: {name: NAME}\nspec: {selector: {run: my-nginx}, ports: [{port: 80}]}\n"
    terminal = at("nodeport")
    assert (
        terminal.run("kubectl apply -f -", stdin=manifest.replace("NAME", "one")).text
        == "service/one created\n"
    )
    terminal.files["two.yaml"] = manifest.replace("NAME", "two")
    assert terminal.run("kubectl apply -f two.yaml").text == "service/two created\n"
    line = f"kubectl apply -f - <<'EOF'\n{manifest.replace('NAME', 'three')}EOF"
    assert terminal.run(line).text == "service/three created\n"
    assert terminal.run("kubectl apply -f four.yaml").text == 'error: the path "four.yaml" does not exist\n'


def test_what_is_new_is_young_and_what_was_there_is_not():
    terminal = at("nodeport")
    terminal.run("kubectl apply -f -", stdin=KUBE_DNS)
    terminal.wait(30)
    assert re.search(r"kube-dns .* 3\ds$", terminal.run("kubectl get svc -n kube-system").text, re.MULTILINE)
    assert re.search(r"my-nginx .* 10m$", terminal.run("kubectl get svc").text, re.MULTILINE)


def test_exec_runs_a_command_in_the_pod():
    terminal = at("nodeport")
    assert terminal.run("kubectl exec my-nginx-1 -- ip route").text == terminal.run(POD1, "ip route").text
    inside = terminal.run("kubectl exec -it my-nginx-1 -- sh -c 'curl -s localhost | grep -c Hello'")
    assert inside.text == "1\n"
    failed = terminal.run("kubectl exec svc/my-nginx -- curl -s -m 1 10.9.9.9")
    assert (failed.text, failed.exit_code) == ("command terminated with exit code 28\n", 28)
    assert (
        terminal.run("kubectl exec nope -- ls").text
        == 'Error from server (NotFound): pods "nope" not found\n'
    )
    assert "Use exec [POD] -- [COMMAND] instead" in terminal.run("kubectl exec my-nginx-1 ls").text


def test_a_load_balancer_tells_by_its_events_who_served_it():
    served, pending = at("loadbalancer", cloud="pass-through"), at("loadbalancer", cloud="none")
    assert re.search(
        r"Normal  EnsuredLoadBalancer +10m +service-controller",
        served.run("kubectl describe svc my-nginx").text,
    )
    assert "Events:                   <none>" in pending.run("kubectl describe svc my-nginx").text
    assert pending.run("kubectl get events").text == "No resources found in default namespace.\n"
    assert "EnsuredLoadBalancer" in served.run("kubectl get events").text


def test_a_scaled_workload_has_more_pods():
    terminal = at("dojo")
    assert terminal.run("kubectl scale statefulset web --replicas=4").text == "statefulset.apps/web scaled\n"
    assert len(lines(terminal.run("kubectl get pods -l app=web --no-headers"))) == 4


def test_a_verb_that_is_not_known_here_is_named_with_those_that_are():
    output = at("nodeport").run("kubectl port-forward svc/my-nginx 8080")
    assert output.text.startswith("error: kubectl port-forward: not known here. Known are create, apply,")
    assert output.exit_code == 1


# Two families


def test_the_tools_speak_ipv6():
    terminal = Terminal(loads(SIX))
    assert terminal.run("client", "curl -s http://[fd00:18::11]:30080/").text.startswith(
        "Hello from web, you are fd00:"
    )
    assert (
        "default via fd00:18::1 dev eth0 metric 1024 pref medium"
        in terminal.run("node-1", "ip -6 route").text
    )
    assert "src=2001:db8:2::10" in terminal.run("node-1", "conntrack -L").text
    assert "-A KUBE-NODEPORTS" in terminal.run("node-1", "ip6tables-save -t nat").text
    seen = terminal.capture("node-1", "tcpdump -ni eth0 ip6", "client", "curl -s http://[fd00:18::11]:30080/")
    assert " IP6 2001:db8:2::10." in seen.text
    assert terminal.run("client", "ping -c 1 fd00:18::11").exit_code == 0


SIX = """
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
networking: {podSubnet: "fd00:244::/48", serviceSubnet: "fd00:96::/112"}
---
apiVersion: v1
kind: Node
metadata: {name: node-1}
spec: {podCIDR: "fd00:244:0:1::/64"}
status: {addresses: [{type: InternalIP, address: "fd00:18::11"}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec: {nodeName: node-1, containers: [{name: web, image: nginx, ports: [{containerPort: 80}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  type: NodePort
  selector: {app: web}
  ports: [{port: 80, nodePort: 30080}]
"""
