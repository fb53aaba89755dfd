"""The exercises of the lesson on debugging: what a probe tells, and what it does not."""

from __future__ import annotations

from collections.abc import Callable

from svcnotes.control_plane.cluster import Cluster
from svcnotes.exercises import dojo
from svcnotes.exercises.asked import Asked, Seen
from svcnotes.exercises.choose import Choice, choose
from svcnotes.exercises.diagnose import Fault, diagnose
from svcnotes.exercises.dojo.case import Command, whole
from svcnotes.exercises.dojo.evidence import plain
from svcnotes.exercises.questions import outcome
from svcnotes.toolbox import Terminal
from svcnotes.trace import Path, trace

__all__ = ["alive", "declared", "localhost", "look", "office", "ping", "sticky", "waiting"]

CLIENT, NEXT_CLIENT = "192.0.2.10", "192.0.3.10"
FRONT, WEB_0 = "pod/default/front", "10.244.1.10"
SERVICE, PUBLIC, LOCALHOST = "10.96.0.80", "203.0.113.1:80", "127.0.0.1:30080"
ADMIN = """\
apiVersion: v1
kind: Service
metadata: {name: admin}
spec:
  clusterIP: 10.96.0.90
  selector: {app: web}
  ports: [{port: 80, targetPort: 9090}]
"""
SECOND_PORT = (
    '{"op": "add", "path": "/spec/template/spec/containers/0/ports/-", "value": {"containerPort": 9090}}'
)


def _broken(number: int) -> Callable[[], Cluster]:
    return lambda: dojo.case(number).broken()


def _declared() -> Cluster:
    return whole().patch("statefulset", "web", f"[{SECOND_PORT}]", style="json").apply(ADMIN)


def _behind_a_proxy() -> Cluster:
    return (
        whole()
        .with_world(cloud="proxying")
        .patch("service", "web-public", "spec: {sessionAffinity: ClientIP}")
    )


def _masqueraded() -> Cluster:
    spec = "spec: {sessionAffinity: ClientIP, externalTrafficPolicy: Cluster}"
    return whole().patch("service", "web-public", spec)


def _ends(*wanted: str) -> Callable[[Seen], bool]:
    """Whether the packets asked about end so, each on every path; `-` stands for anything but connected."""

    def holds(seen: Seen) -> bool:
        return all(
            all(
                (path.outcome != "connected") if want == "-" else path.outcome == want for path in found.paths
            )
            for want, found in zip(wanted, seen.traces, strict=True)
        )

    return holds


def _no_rule(_: Seen) -> str:
    """No rule decides, or none that is worth a look."""
    return ""


ping = choose(
    "ping",
    "Nothing is broken. The pod front pings the cluster address of web, 10.96.0.80, and then calls it with curl. What does it get?",
    (Asked(whole, FRONT, SERVICE, protocol="icmp"), Asked(whole, FRONT, f"{SERVICE}:80")),
    (
        Choice(
            "an answer to both",
            _ends("connected", "connected"),
            "ping-proves-a-service",
            "No machine has 10.96.0.80. kube-proxy's rule is about tcp and port 80, and a ping is neither.",
        ),
        Choice(
            "an answer to neither: what cannot be pinged is not there",
            _ends("-", "-"),
            "ping-tests-a-service",
            "The rule for tcp, port 80, leads curl to a pod. A ping fits no rule, whether the Service is well or not.",
        ),
        Choice("no answer to the ping, but one to curl", _ends("-", "connected")),
        Choice(
            "an answer to the ping, but none to curl",
            _ends("connected", "-"),
            "ping-proves-a-service",
            "It is the other way round: the address is a Service's, and a Service is rules for its ports.",
        ),
    ),
    (
        "Who would answer a ping? Somebody who has the address.",
        "A cluster address is on no interface of any machine: it stands in rules, and nowhere else.",
        "What does kube-proxy's rule for 10.96.0.80 ask of a packet? -p tcp --dport 80.",
    ),
    rule=_no_rule,
)

office = outcome(
    "office",
    "A NetworkPolicy on the pods of web lets in 192.0.2.0/24 (the office), the pod front, and nobody else. The office, 192.0.2.10, dials node-3, port 30080. web's pods are on node-1 and node-2. How does it end?",
    Asked(_broken(6), CLIENT, "172.18.0.13:30080"),
    (
        "The policy is kept on the pod's own node. What has happened to the packet before?",
        "node-3 has no pod, and the policy of the Service is Cluster: the packet is masqueraded there.",
        "The pod's node sees 172.18.0.13. Is that in 192.0.2.0/24?",
    ),
    ideas={
        "connected": (
            "a-policy-sees-the-client",
            "A policy looks at the source that the packet has at the pod's node. node-3 has masqueraded it: it comes from 172.18.0.13, and no rule of the policy lets that in.",
        ),
        "refused": (
            "silence-and-refusal-are-one",
            "A policy drops, it does not refuse: nobody tells the client anything.",
        ),
    },
)

localhost = choose(
    "localhost",
    "A script on node-1 calls localhost:30080. Then somebody follows a hardening guide, and sets one switch of the kernel: net.ipv4.conf.all.route_localnet=0. How does the script fare, before and after?",
    (Asked(whole, "node/node-1", LOCALHOST), Asked(_broken(21), "node/node-1", LOCALHOST)),
    (
        Choice(
            "it is served, before and after",
            _ends("connected", "connected"),
            "localhost-is-like-any-address",
            "A packet from 127.0.0.1 may leave the machine only where route_localnet allows it, and the pods are not on lo. (In nftables mode it is refused at once, switch or no switch.)",
        ),
        Choice(
            "it fails, before and after",
            _ends("-", "-"),
            "localhost-never-answers",
            "In iptables mode kube-proxy sets route_localnet itself, and its rules catch what goes to 127.0.0.1: before, the script is served.",
        ),
        Choice("it is served before, and hangs after", _ends("connected", "timeout")),
        Choice(
            "it is served before, and refused at once after",
            _ends("connected", "refused"),
            "silence-and-refusal-are-one",
            "Nobody refuses: the packet gets a pod for a destination, and then the kernel will not let it out, without a word.",
        ),
    ),
    (
        "kube-proxy's rules in OUTPUT see what a process of the node sends, to 127.0.0.1 as well.",
        "After DNAT the packet goes from 127.0.0.1 to 10.244.1.10. By which interface must it leave?",
        "By cni0 or eth0, and 127.0.0.1 may leave by neither, unless route_localnet says so. Who would tell the script?",
    ),
    rule=_no_rule,
)

# How the two clusters of `look` are probed: the words of a choice, and the command that it means.
_LOOKS = {
    "curl to another node": Command("client", "curl -v -m 2 http://172.18.0.12:30080/"),
    "ping of the node": Command("client", "ping -c 1 172.18.0.11"),
    "kubectl get pods": Command("laptop", "kubectl get pods -o wide"),
    "tcpdump on the nodes of the pods, at port 80": Command(
        "node-1",
        "tcpdump -ni any tcp port 80",
        times=6,
        during=Command("client", "curl -m 2 http://172.18.0.11:30080/"),
    ),
    "kubectl get service web": Command("laptop", "kubectl get service web"),
}


def _tells_apart(words: str) -> Callable[[Seen], bool]:
    """Whether a look prints one thing in the first cluster, and another in the second."""

    def holds(seen: Seen) -> bool:
        one, other = (plain(str(_LOOKS[words].run_in(Terminal(cluster)))) for cluster in seen.clusters)
        return one != other

    return holds


look = choose(
    "look",
    "Every node refuses port 30080, at once. Either the Service has no endpoints, or its targetPort is wrong: 80, where the pods listen on 8080. Which one of these looks tells the two apart?",
    (_broken(1), _broken(3)),
    (
        Choice(
            "curl to another node",
            _tells_apart("curl to another node"),
            "silence-and-refusal-are-one",
            "It is refused there as well, in either case: curl -v says “Connection refused” to an ICMP message and to a RST.",
        ),
        Choice(
            "ping of the node",
            _tells_apart("ping of the node"),
            "ping-tests-a-service",
            "The node answers, in either case: it is well, and knows nothing of the Service's pods.",
        ),
        Choice(
            "kubectl get pods",
            _tells_apart("kubectl get pods"),
            "",
            "The pods are there, Running and Ready, in either case. Whether the Service finds them, and on which port, it does not say.",
        ),
        Choice(
            "tcpdump on the nodes of the pods, at port 80",
            _tells_apart("tcpdump on the nodes of the pods, at port 80"),
            "",
            "With endpoints, the packets go on to a pod, to port 80, and a RST comes back from there. Without, there is nothing to see.",
        ),
        Choice(
            "kubectl get service web",
            _tells_apart("kubectl get service web"),
            "",
            "It shows port and nodePort, and these are right. Selector and targetPort are not in it: kubectl describe has them.",
        ),
    ),
    (
        "Who says no: kube-proxy's rule on the node, or the pod's kernel?",
        "In one case a packet comes to a pod, in the other it does not.",
        "Which of these looks where the pods are, while somebody calls?",
    ),
    rule=_no_rule,
)

alive = choose(
    "alive",
    "In some broken cluster, front pings the pod web-0 at its own address, 10.244.1.10. The pod answers. Now front calls the Service web, of which web-0 is an endpoint. What do you know?",
    (Asked(_broken(3), FRONT, WEB_0, protocol="icmp"), Asked(_broken(3), FRONT, f"{SERVICE}:80")),
    (
        Choice(
            "the Service works: its pod answers",
            _ends("connected", "connected"),
            "ping-proves-a-service",
            "It is the pod's kernel that answers a ping. Here it answers the ping, and refuses the port that the Service leads to.",
        ),
        Choice("the way to the pod is open, and nothing of the Service's port", _ends("connected", "-")),
        Choice(
            "nothing: pods do not answer pings",
            _ends("-", "-"),
            "",
            "A pod has its address for itself, and its kernel answers pings as any machine does.",
        ),
    ),
    (
        "Which program answers a ping? None: the kernel does.",
        "What else lies between front and the program: rules, a targetPort, somebody who listens.",
        "A ping goes to an address, a call to an address and a port.",
    ),
    rule=_no_rule,
)

declared = outcome(
    "declared",
    "The program in web's pods listens on 8080, and that is all it does. Somebody adds `containerPort: 9090` to the pods' manifest, and a Service admin with `targetPort: 9090`. Its slice has all three pods. front calls the Service. How does it end?",
    Asked(_declared, FRONT, "10.96.0.90:80"),
    (
        "Who opens a port: a manifest, or a program?",
        "There are endpoints, so kube-proxy's rules lead the packet to a pod, to port 9090.",
        "Nobody listens there. What does the pod's kernel say?",
    ),
    ideas={
        "connected": (
            "containerport-opens-the-port",
            "A containerPort is a remark in a manifest. It opens nothing, and leaving it out closes nothing.",
        ),
        "timeout": (
            "silence-and-refusal-are-one",
            "The packet arrives in the pod, and its kernel answers for the closed port: RST, at once.",
        ),
    },
)


def _as_it_is(cluster: Cluster) -> Cluster:
    return cluster


def _restarted(cluster: Cluster) -> Cluster:
    terminal = Terminal(cluster)
    for node in cluster.nodes:
        terminal.run(node, "systemctl restart kube-proxy")
    return terminal.cluster


def _node_port(cluster: Cluster) -> Cluster:
    return cluster.patch("service", "web-public", "spec: {type: NodePort}")


def _controller(cluster: Cluster) -> Cluster:
    return cluster.with_world(cloud="pass-through")


waiting = diagnose(
    "waiting",
    "On machines of your own, web-public is of type LoadBalancer, and EXTERNAL-IP has said <pending> since yesterday. What makes it answer on an address of its own?",
    Asked(_broken(14), CLIENT, PUBLIC),
    (
        Fault(
            "patience: it takes its time",
            _as_it_is,
            ("patience", "wait"),
            "pending-passes-by-itself",
            "Nobody is at work on it. The address is written by a controller, and here there is none: tomorrow it will be pending still.",
        ),
        Fault(
            "a restart of kube-proxy on all nodes",
            _restarted,
            ("restart", "kube-proxy"),
            "",
            "kube-proxy reads the address from the Service, and writes rules for it. It gives none.",
        ),
        Fault(
            "another type: NodePort",
            _node_port,
            ("nodeport", "type"),
            "",
            "The nodePort works all the while. An address of the Service's own does not come from that.",
        ),
        Fault(
            "a controller for load balancers, such as MetalLB",
            _controller,
            ("controller", "metallb", "cloud"),
        ),
    ),
    (
        "Who writes the address into the Service's status?",
        "In a cloud, the cloud's own controller does. And on your own machines?",
        "kubectl describe shows no events: nobody has even tried.",
    ),
)


def _entered(path: Path) -> str:
    """The node by which a path came into the cluster."""
    return next((hop.host for hop in path.hops if hop.kind == "node"), "")


def _all_to_one_pod(cluster: Cluster) -> bool:
    """Whether, when one visitor was served by way of a node, the next by that node can only come to the same pod."""
    for first in trace(cluster, CLIENT, PUBLIC).paths:
        after = trace(cluster, NEXT_CLIENT, PUBLIC, source_port=40999, memories=first.memories)
        if {path.pod for path in after.paths if _entered(path) == _entered(first)} != {first.pod}:
            return False
    return True


def _stick(behind_a_proxy: bool, masqueraded: bool) -> Callable[[Seen], bool]:
    return lambda seen: tuple(map(_all_to_one_pod, seen.clusters)) == (behind_a_proxy, masqueraded)


sticky = choose(
    "sticky",
    "web-public has sessionAffinity: ClientIP. In cluster P the load balancer is a proxy. In cluster Q it hands packets on, and the policy is Cluster, so that kube-proxy masquerades every visitor. Many visitors come by node-1. Where do all of them land in one and the same pod?",
    (_behind_a_proxy, _masqueraded),
    (
        Choice(
            "in neither: each visitor is a client of his own",
            _stick(behind_a_proxy=False, masqueraded=False),
            "affinity-tells-all-clients-apart",
            "Affinity knows an address, and nothing else of a client. A proxy has one address for all who are behind it.",
        ),
        Choice("in P only", _stick(behind_a_proxy=True, masqueraded=False)),
        Choice(
            "in Q only",
            _stick(behind_a_proxy=False, masqueraded=True),
            "affinity-sees-the-masqueraded-source",
            "The pod is chosen before the packet gets another source: at that moment the node still sees the visitor.",
        ),
        Choice(
            "in both",
            _stick(behind_a_proxy=True, masqueraded=True),
            "affinity-sees-the-masqueraded-source",
            "In P yes. In Q the pod is chosen in PREROUTING, and MASQUERADE comes in POSTROUTING: the choice goes by the visitor's own address.",
        ),
    ),
    (
        "Whose address does node-1 see when a packet comes in, in P and in Q?",
        "Which comes first: the choice of a pod, or MASQUERADE?",
        "The choice is made in PREROUTING, before any source was changed by this node.",
    ),
    rule=_no_rule,
)
