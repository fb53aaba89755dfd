"""Whatever the cluster, the question and the World: exact probabilities, and no error but our own."""

import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import svcnotes
from svcnotes.errors import RuleError
from svcnotes.trace import to_json, trace

POLICIES = st.sampled_from(["Cluster", "Local"])
WORLDS = st.fixed_dictionaries(
    {},
    optional={
        "cni": st.sampled_from(["bridge", "routed", "vxlan"]),
        "cniMasquerade": st.booleans(),
        "cloud": st.sampled_from(["none", "pass-through", "proxying", "pods"]),
        "sysctls": st.dictionaries(
            st.sampled_from(["bridge-nf-call-iptables", "ip_forward", "route_localnet", "rp_filter"]),
            st.sampled_from([0, 1]),
        ),
        "routes": st.dictionaries(
            st.sampled_from(["203.0.113.0/24", "10.96.0.0/16", "198.51.100.5"]),
            st.sampled_from(["node-1", "node-3"]),
        ),
        "faults": st.lists(
            st.sampled_from(
                [
                    "hairpin-off",
                    "conntrack-full",
                    "forward-policy-drop",
                    "rules-flushed",
                    "kube-proxy-stopped",
                    {"name": "listens-on-loopback", "pod": "web-0"},
                    {"name": "host-firewall", "ports": "30000-32767"},
                    {"name": "rule-missing", "node": "node-1", "text": "KUBE-MARK-MASQ"},
                    {"name": "balancer-believes", "nodes": ["node-2"]},
                ]
            ),
            max_size=2,
        ),
    },
)
PODS = st.lists(
    st.tuples(st.sampled_from(["node-1", "node-2", "node-3"]), st.booleans(), st.booleans()),
    min_size=1,
    max_size=5,
)
SOURCES = st.sampled_from(["client", "198.51.100.7", "node/node-1", "node/node-3", "pod/default/web-0"])
TARGETS = st.sampled_from(
    [
        "172.18.0.11:30080", "172.18.0.13:30080", "127.0.0.1:30080", "10.244.2.1:30080", "10.96.0.10:80",
        "10.96.0.10:81", "10.96.99.99:80", "203.0.113.10:80", "203.0.113.10:81", "198.51.100.5:80",
        "10.244.1.10:8080", "10.244.1.99:1", "web:80", "web.default.svc.cluster.local:80", "172.18.0.1:80",
        "172.18.0.99:80", "192.0.2.10:80", "[fd00::1]:80", "nonsense", "127.0.0.1:10256",
    ]
)  # fmt: skip


def manifest(pods, external, internal, kind, affinity):
    documents = [
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": f"web-{i}", "namespace": "default", "labels": {"app": "web"}},
            "spec": {
                "nodeName": node,
                "hostNetwork": host,
                "containers": [{"name": "c", "image": "i", "ports": [{"containerPort": 8080}]}],
            },
            "status": {
                "phase": "Running",
                "conditions": [{"type": "Ready", "status": "True" if ready else "False"}],
                **({} if host else {"podIP": f"10.244.{node[-1]}.{10 + i}"}),
            },
        }
        for i, (node, ready, host) in enumerate(pods)
    ]
    spec = {
        "type": kind,
        "clusterIP": "10.96.0.10",
        "selector": {"app": "web"},
        "internalTrafficPolicy": internal,
        "sessionAffinity": affinity,
        "externalIPs": ["198.51.100.5"],
        "ports": [{"port": 80, "targetPort": 8080}],
    }
    if kind != "ClusterIP":
        spec["ports"][0]["nodePort"] = 30080
        spec["externalTrafficPolicy"] = external
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web", "namespace": "default"},
        "spec": spec,
        "status": {"loadBalancer": {"ingress": [{"ip": "203.0.113.10"}]} if kind == "LoadBalancer" else {}},
    }
    return {"apiVersion": "v1", "kind": "List", "items": [*documents, service]}


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    pods=PODS,
    external=POLICIES,
    internal=POLICIES,
    kind=st.sampled_from(["ClusterIP", "NodePort", "LoadBalancer"]),
    affinity=st.sampled_from(["None", "ClientIP"]),
    world=WORLDS,
    source=SOURCES,
    to=TARGETS,
    protocol=st.sampled_from(["tcp", "udp", "sctp", "http", "icmp"]),
    via=st.sampled_from([None, "node-1", "node-2"]),
    mode=st.sampled_from(["iptables", "nftables"]),
)
def test_probabilities_add_up_to_one_and_every_path_is_whole(
    pods, external, internal, kind, affinity, world, source, to, protocol, via, mode
):
    if protocol == "icmp":
        to = to.rpartition(":")[0] or to
    try:
        where = svcnotes.loads(json.dumps(manifest(pods, external, internal, kind, affinity)))
        where = where.with_world(**world)
        found = trace(where, source, to, protocol, via, mode)
    except RuleError:
        raise  # the rules are our own: each is understood
    except svcnotes.SvcnotesError:
        return  # a value may be refused; any other exception fails this test
    assert sum(path.probability for path in found.paths) == 1
    for path in found.paths:
        assert path.outcome in {"connected", "refused", "timeout", "unreachable", "external"}
        assert path.probability > 0
        assert path.reason
        assert path.hops
        assert (path.outcome == "connected") <= (path.source_seen is not None)
        assert bool(path.icmp_from) == path.how.startswith("icmp")
        assert path.hops[-1].leaves is None
        assert path.hops[-1].ended
    assert str(found)
    assert json.dumps(to_json(found))
