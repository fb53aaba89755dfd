"""Open flows where the recordings do not reach: Pods that really go, time, balancers, wrong questions."""

import json
from dataclasses import replace

import pytest
from transitions import READY, cluster, with_endpoints

import svcnotes
import svcnotes.flow
from svcnotes.errors import QuestionError
from svcnotes.toolbox import Terminal

TOOL, CLUSTER_IP = "pod/default/tool-1", "10.96.0.53:53"
CLOUD = """
apiVersion: v1
kind: Pod
metadata: {name: a, labels: {app: web}}
spec: {nodeName: node-1, containers: [{name: c, image: web, ports: [{containerPort: 80}]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: b, labels: {app: web}}
spec: {nodeName: node-2, containers: [{name: c, image: web, ports: [{containerPort: 80}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {type: LoadBalancer, selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: svcnotes/v1
kind: World
cloud: CLOUD
"""


def opened(protocol, pod="default/web-a", **options):
    return svcnotes.flow.open(cluster(), TOOL, CLUSTER_IP, protocol, pod=pod, **options)


def test_the_rules_are_not_asked_again_for_an_open_connection():
    rules = [step for hop in opened("tcp").send().path.hops for step in hop.steps if step.table == "nat"]
    assert rules == []


def test_data_goes_to_the_process_that_holds_the_connection_even_where_it_listens_no_more():
    flow = opened("tcp")
    pod = json.loads(json.dumps(cluster().objects["Pod", "default", "web-a"]))
    pod["metadata"].setdefault("annotations", {})["svcnotes/listens"] = ""
    later = flow.after(cluster().with_state(cluster().state.with_object(pod)))
    assert not later.cluster.pods["default/web-a"].answers("TCP", 5353)
    assert later.send().path.outcome == "connected"
    assert {p.pod for p in later.another().paths if p.outcome == "connected"} == {
        "default/web-b",
        "default/web-c",
    }


@pytest.mark.parametrize(("protocol", "outcome"), [("tcp", "unreachable"), ("udp", "connected")])
def test_when_the_pod_itself_is_gone_tcp_hears_an_error_and_udp_moves_on(protocol, outcome):
    flow = opened(protocol).after(cluster().delete("pod", "web-a"))
    assert {path.outcome for path in flow.next().paths} == {outcome}


def test_a_new_pod_at_the_old_address_resets_a_tcp_connection_that_it_never_made():
    pod = json.dumps(cluster().objects["Pod", "default", "web-a"])
    gone = cluster().delete("pod", "web-a")
    flow = opened("tcp").after(gone).after(gone.create(pod))
    (path,) = flow.next().paths
    assert (path.outcome, path.how, path.pod) == ("refused", "rst", "default/web-a")
    assert "no process there has this connection open" in path.reason


def test_a_tcp_connection_is_remembered_for_a_day_and_a_udp_flow_for_half_a_minute_or_two_minutes():
    """kube-proxy has conntrack forget TCP after 24 hours (conntrack.tcpEstablishedTimeout); of itself it waits five days."""
    gone = cluster().delete("service", "dns")
    assert opened("tcp").after(gone, 86_000).send().path.outcome == "connected"
    assert opened("tcp").after(gone, 87_000).send().path.outcome != "connected"
    assert opened("udp").after(gone, 29).send().path.outcome == "connected"
    assert opened("udp").after(gone, 31).send().path.outcome == "external"
    stream = opened("udp").after(gone, 3).send()
    assert stream.after(gone, 121).send().path.outcome == "external"
    assert stream.after(gone, 100).send().after(gone, 100).send().path.outcome == "connected", (
        "each datagram begins the time anew"
    )


SAID = "apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\nconntrack: "


def test_the_times_are_those_of_kube_proxys_configuration_and_0_leaves_the_kernels():
    assert svcnotes.loads(SAID + "{}").proxy == svcnotes.loads("").proxy
    kernels = svcnotes.loads(SAID + "{tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}").proxy
    long = svcnotes.loads(SAID + "{udpTimeout: 2m, udpStreamTimeout: 1h0m0s}").proxy
    told = [where.conntrack_timeouts for where in (svcnotes.loads("").proxy, kernels, long)]
    assert told == [(86_400, 3_600, 0, 0), (0, 0, 0, 0), (86_400, 3_600, 120, 3_600)]
    where = {name: replace(cluster(), proxy=proxy) for name, proxy in (("kernels", kernels), ("long", long))}
    gone = {name: one.delete("service", "dns") for name, one in where.items()}
    tcp, udp = (
        svcnotes.flow.open(where[n], TOOL, CLUSTER_IP, p) for n, p in (("kernels", "tcp"), ("long", "udp"))
    )
    assert tcp.after(gone["kernels"], 400_000).send().path.outcome == "connected"
    assert udp.after(gone["long"], 110).send().path.outcome == "connected"
    names = "net.netfilter.nf_conntrack_tcp_timeout_established net.netfilter.nf_conntrack_udp_timeout"
    assert [str(Terminal(one).run("node-1", f"sysctl -n {names}")) for one in (*where.values(), cluster())] == [
        "432000\n30\n", "86400\n120\n", "86400\n30\n",
    ]  # fmt: skip


def test_affinity_ends_when_its_time_is_over():
    flow = svcnotes.flow.open(cluster("ClientIP"), TOOL, CLUSTER_IP, pod="default/web-b")
    assert {p.pod for p in flow.after(flow.cluster, 10_000).another().paths} == {"default/web-b"}
    assert len(flow.after(flow.cluster, 10_801).another().paths) == 3


def test_where_kube_proxy_has_stopped_udp_goes_on_to_the_endpoint_that_left():
    left = with_endpoints(cluster(), {"web-b": READY})
    stopped = left.with_stale_rules("node-1", cluster())
    assert opened("udp").after(left).send().pod == "default/web-b"
    assert opened("udp").after(stopped).send().pod == "default/web-a"


def test_kube_proxy_deletes_only_entries_of_udp_and_says_which():
    left = with_endpoints(cluster(), {"web-b": READY})
    assert opened("tcp").after(left).story[-1].entries == ()
    ((node, entry),) = opened("udp").after(left, note="web-a leaves").story[-1].entries
    assert (node, entry.reply.source) == ("node-1", "10.244.1.10")


def test_a_port_that_moves_is_an_endpoint_that_left():
    (key,) = (key for key in cluster().objects if key[0] == "EndpointSlice")
    piece = json.loads(json.dumps(cluster().objects[key]))
    for port in piece["ports"]:
        port["port"] = 8080
    assert len(opened("udp").after(cluster().replace(json.dumps(piece))).story[-1].entries) == 1


@pytest.mark.parametrize("cloud", ["pass-through", "proxying", "pods"])
def test_a_balancer_keeps_to_what_it_chose_for_an_open_connection(cloud):
    where = svcnotes.loads(CLOUD.replace("CLOUD", cloud))
    vip = where.services["default/web"].ingress[0].ip
    flow = svcnotes.flow.open(where, "192.0.2.10", f"{vip}:80", pod="default/b")
    for _ in range(2):
        assert [(p.pod, p.probability) for p in flow.next().paths] == [("default/b", 1)]
        flow = flow.send()
    drained = flow.after(where.apply(json.dumps(unlabelled(where, "b"))))
    assert [(p.pod, p.outcome) for p in drained.next().paths] == [("default/b", "connected")]
    assert {p.pod for p in drained.another().paths} == {"default/a"}
    gone = flow.after(where.delete("pod", "b"))
    assert {p.outcome for p in gone.next().paths} == {"unreachable"}


def unlabelled(where, name):
    pod = json.loads(json.dumps(where.objects["Pod", "default", name]))
    pod["metadata"]["labels"] = {"app": "drained"}
    return pod


def test_a_flow_is_a_value():
    flow = opened("udp")
    flow.send()
    flow.after(cluster().delete("service", "dns"))
    assert len(flow.story) == 1
    assert flow.cluster is cluster()


@pytest.mark.parametrize(
    ("ask", "says"),
    [
        (lambda: opened("sctp"), "protocol 'sctp': a flow stays open with one of tcp, udp"),
        (lambda: opened("tcp", "default/nobody"), "it may get to: default/web-a, default/web-b"),
        (lambda: opened("tcp").after(cluster(), -1), "-1 seconds cannot pass"),
        (
            lambda: svcnotes.flow.open(with_endpoints(cluster(), {}), TOOL, CLUSTER_IP),
            "can be opened: node-1: KUBE-SERVICES rule",
        ),
    ],
)
def test_a_question_that_cannot_be_asked_says_what_to_do(ask, says):
    with pytest.raises(QuestionError, match=says):
        ask()
