"""Files to a Cluster: what is written stays, what is missing is filled in."""

from pathlib import Path

import pytest

from svcnotes.control_plane.load import load, loads
from svcnotes.errors import QuestionError

DATA = Path(__file__).parent.parent / "data"
SCENARIOS = sorted((DATA / "oracle").glob("*/cluster.yaml"))
POD = "apiVersion: v1\nkind: Pod\n"


def pods(text):
    return loads(text).pods


@pytest.mark.parametrize("path", SCENARIOS, ids=[path.parent.name for path in SCENARIOS])
def test_a_recorded_cluster_is_taken_as_it_is(path):
    text = path.read_text()
    cluster = load(path)
    assert len(cluster.nodes) == text.count("kind: Node\n")
    assert len(cluster.pods) == text.count("kind: Pod\n") - text.count("    kind: Pod\n")
    assert len(cluster.endpoint_slices) == text.count("kind: EndpointSlice\n")
    assert all(one.name in text for one in cluster.endpoint_slices)
    assert all(ip in text for service in cluster.services.values() for ip in service.cluster_ips)
    assert cluster.notes == ()
    assert len(cluster.proxy.cluster_cidrs) == 1


def test_there_are_recorded_clusters():
    assert len(SCENARIOS) >= 50


def test_a_dump_of_a_real_cluster_is_read_unchanged():
    cluster = load(DATA / "api/dump.yaml")
    assert (len(cluster.nodes), len(cluster.pods), len(cluster.services)) == (3, 28, 17)
    assert len(cluster.endpoint_slices) == 16
    assert cluster.proxy.cluster_cidrs == ("10.244.0.0/22",)
    assert cluster.pods["default/waiting"].phase == "Pending"
    assert cluster.pods["default/migrate-w57tg"].phase == "Succeeded"
    assert cluster.pods["kube-system/etcd-node-1"].host_network
    assert [p.name for p in cluster.pods.values() if p.terminating] == ["my-nginx-6b9d68d49f-5cksj"]


def test_a_file_without_nodes_gets_three():
    cluster = loads("")
    assert {n.name: (n.addresses, n.pod_cidrs, n.zone) for n in cluster.nodes.values()} == {
        "node-1": (("172.18.0.11",), ("10.244.1.0/24",), "zone-a"),
        "node-2": (("172.18.0.12",), ("10.244.2.0/24",), "zone-b"),
        "node-3": (("172.18.0.13",), ("10.244.3.0/24",), "zone-c"),
    }
    assert cluster.proxy.cluster_cidrs == ("10.244.0.0/16",)
    assert cluster.config.service_cidrs == ("10.96.0.0/16",)
    assert cluster.families == (4,)


KUBEADM = "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\n"


def test_in_an_ipv6_cluster_they_are_as_in_the_recordings():
    cluster = loads(KUBEADM + "networking: {serviceSubnet: 'fd00:96::/112'}")
    assert [(n.addresses, n.pod_cidrs) for n in cluster.nodes.values()] == [
        (("fd00:18::11",), ("fd00:244:1::/64",)),
        (("fd00:18::12",), ("fd00:244:2::/64",)),
        (("fd00:18::13",), ("fd00:244:3::/64",)),
    ]
    assert cluster.families == (6,)
    assert cluster.proxy.cluster_cidrs == ("fd00:244::/32",)


def test_in_a_dual_stack_cluster_they_have_both():
    cluster = loads(
        KUBEADM
        + "networking: {serviceSubnet: '10.96.0.0/16,fd00:96::/112'}\n---\n"
        + POD
        + "metadata: {name: a}"
    )
    assert cluster.nodes["node-2"].pod_cidrs == ("10.244.2.0/24", "fd00:244:2::/64")
    assert cluster.pods["default/a"].addresses == ("10.244.1.10", "fd00:244:1::10")
    assert cluster.proxy.cluster_cidrs == ("10.244.0.0/16", "fd00:244::/32")


def test_what_a_node_leaves_out_is_filled_in_around_what_others_have():
    cluster = loads(
        """apiVersion: v1
kind: Node
metadata: {name: a}
---
apiVersion: v1
kind: Node
metadata: {name: b}
spec: {podCIDR: 10.244.1.0/24}
status: {addresses: [{type: InternalIP, address: 172.18.0.11}, {type: ExternalIP, address: 198.51.100.7}]}
"""
    )
    a, b = cluster.nodes.values()
    assert (a.addresses, a.pod_cidrs) == (("172.18.0.12",), ("10.244.2.0/24",))
    assert (b.addresses, b.pod_cidrs, b.external_addresses) == (
        ("172.18.0.11",),
        ("10.244.1.0/24",),
        ("198.51.100.7",),
    )
    assert cluster.proxy.cluster_cidrs == ("10.244.0.0/22",)


CLOUD_NODE = "{apiVersion: v1, kind: Node, metadata: {name: a%s}, status: {addresses: [{type: InternalIP, address: 192.168.10.5}]}}"


def test_a_dump_whose_nodes_have_no_ranges_of_pods_has_a_kube_proxy_that_knows_none():
    """As clouds do that give Pods addresses of the nodes' network; nodes just written down get ranges."""
    dumped, written = loads(CLOUD_NODE % ", uid: 7f1c"), loads(CLOUD_NODE % "")
    assert (dumped.proxy.cluster_cidrs, written.proxy.cluster_cidrs) == ((), ("10.244.0.0/16",))
    assert "add a KubeProxyConfiguration with it" in dumped.notes[0]
    assert written.notes == ()
    told = "\n---\n{apiVersion: kubeproxy.config.k8s.io/v1alpha1, kind: KubeProxyConfiguration, clusterCIDR: 192.168.0.0/16}"
    assert loads(CLOUD_NODE % ", uid: 7f1c" + told).proxy.cluster_cidrs == ("192.168.0.0/16",)


def test_service_addresses_from_elsewhere_tell_the_service_network():
    text = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {clusterIP: 10.43.7.7, ports: [{port: 80}]}"
    cluster = loads(text)
    assert cluster.config.service_cidrs == ("10.43.0.0/16",)
    assert cluster.services["default/web"].cluster_ips == ("10.43.7.7",)


def test_kubeadm_says_ranges_and_plugins_as_a_list_or_a_map():
    as_list = loads(
        KUBEADM + "apiServer: {extraArgs: [{name: service-node-port-range, value: 80-90}, "
        "{name: enable-admission-plugins, value: 'NodeRestriction,DenyServiceExternalIPs'}]}"
    ).config
    as_map = loads(
        "apiVersion: kubeadm.k8s.io/v1beta3\nkind: ClusterConfiguration\n"
        "apiServer: {extraArgs: {service-node-port-range: 80+10, "
        "enable-admission-plugins: 'NodeRestriction,DenyServiceExternalIPs'}}"
    ).config
    assert as_list == as_map
    assert as_list.node_port_range == (80, 90)
    assert as_list.admission_plugins == {"NodeRestriction", "DenyServiceExternalIPs"}


def test_kube_proxys_settings_are_read_from_its_own_format():
    proxy = loads(
        """apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
clusterCIDR: 10.200.0.0/16
nodePortAddresses: [primary]
iptables: {masqueradeAll: true, masqueradeBit: 0, localhostNodePorts: false, minSyncPeriod: 1s}
"""
    ).proxy
    assert proxy.cluster_cidrs == ("10.200.0.0/16",)
    assert proxy.node_port_addresses == ("primary",)
    assert (proxy.masquerade_all, proxy.masquerade_bit, proxy.localhost_node_ports) == (True, 0, False)


def test_a_pod_alone_is_placed_numbered_running_and_ready():
    pod = pods(POD + "metadata: {name: web}")["default/web"]
    assert (pod.node, pod.addresses, pod.phase, pod.ready) == ("node-1", ("10.244.1.10",), "Running", True)
    assert pod.answers("TCP", 1234), "it declares no port"


def test_pods_of_one_kind_spread_over_the_nodes():
    text = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {replicas: 7, template: {metadata: {labels: {app: web}}}}"
    placed = list(pods(text).values())
    assert [p.node for p in placed] == ["node-1", "node-2", "node-3", "node-1", "node-2", "node-3", "node-1"]
    assert [p.addresses[0] for p in placed[::3]] == ["10.244.1.10", "10.244.1.11", "10.244.1.12"]
    assert len({p.name for p in placed}) == 7
    assert all(p.name.startswith("web-") and p.labels["app"] == "web" for p in placed)


def test_an_address_that_some_pod_has_is_not_given_again():
    text = (
        POD
        + "metadata: {name: a}\n---\n"
        + POD
        + "metadata: {name: b}\nspec: {nodeName: node-1}\nstatus: {podIP: 10.244.1.10}"
    )
    assert [
        p.addresses
        for p in pods(text + "\n---\n" + POD + "metadata: {name: c}\nspec: {nodeName: node-1}").values()
    ] == [
        ("10.244.2.10",),
        ("10.244.1.10",),
        ("10.244.1.11",),
    ]


def test_node_selector_and_taints_are_obeyed():
    nodes = """apiVersion: v1
kind: Node
metadata: {name: master}
spec: {taints: [{key: node-role.kubernetes.io/control-plane, effect: NoSchedule}]}
---
apiVersion: v1
kind: Node
metadata: {name: worker, labels: {disk: ssd}}
---
"""
    chosen = POD + "metadata: {name: a}\nspec: {nodeSelector: {disk: ssd, kubernetes.io/os: linux}}\n---\n"
    tolerant = POD + "metadata: {name: b}\nspec: {tolerations: [{operator: Exists}]}\n---\n"
    nowhere = POD + "metadata: {name: c}\nspec: {nodeSelector: {disk: tape}}\n"
    cluster = loads(nodes + chosen + tolerant + nowhere)
    assert {p.name: (p.node, p.phase) for p in cluster.pods.values()} == {
        "a": ("worker", "Running"),
        "b": ("master", "Running"),
        "c": ("", "Pending"),
    }
    assert cluster.notes == (
        "Pod default/c stays Pending: no Node has the labels it asks for, or they refuse it by taint",
    )


def test_a_host_network_pod_has_its_nodes_address():
    pod = pods(POD + "metadata: {name: a}\nspec: {hostNetwork: true, nodeName: node-2}")["default/a"]
    assert pod.addresses == ("172.18.0.12",)


def test_a_stateful_set_counts_its_pods():
    text = "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: db, namespace: shop}\nspec: {replicas: 2, serviceName: db, ordinals: {start: 3}}"
    assert list(pods(text)) == ["shop/db-3", "shop/db-4"]


def test_a_daemon_set_has_one_pod_on_each_node():
    text = "apiVersion: apps/v1\nkind: DaemonSet\nmetadata: {name: agent}\nspec: {template: {spec: {hostNetwork: true}}}"
    assert [(p.node, p.addresses) for p in pods(text).values()] == [
        ("node-1", ("172.18.0.11",)),
        ("node-2", ("172.18.0.12",)),
        ("node-3", ("172.18.0.13",)),
    ]


@pytest.mark.parametrize("kind", ["Deployment", "ReplicaSet", "StatefulSet"])
def test_replicas_default_to_one_and_may_be_none(kind):
    text = f"apiVersion: apps/v1\nkind: {kind}\nmetadata: {{name: web}}\n"
    assert len(pods(text)) == 1
    assert len(pods(text + "spec: {replicas: 0}")) == 0


def test_a_workload_whose_pods_are_in_the_file_makes_none():
    deployment = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {replicas: 5}\n---\n"
    pod = POD + "metadata: {name: web-abc-1, ownerReferences: [{kind: ReplicaSet, name: web-abc}]}"
    assert list(pods(deployment + pod)) == ["default/web-abc-1"]


def test_a_deployment_leaves_its_pods_to_the_replica_set_that_is_in_the_file():
    text = """apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec: {replicas: 2}
---
apiVersion: apps/v1
kind: ReplicaSet
metadata: {name: web-abc, ownerReferences: [{kind: Deployment, name: web}]}
spec: {replicas: 2}
"""
    assert len(pods(text)) == 2


@pytest.mark.parametrize(
    ("annotation", "listens"),
    [("'8080'", {("TCP", 8080)}), ("'TCP/8080, UDP/53'", {("TCP", 8080), ("UDP", 53)}), ("''", set())],
)
def test_what_a_pod_listens_on_may_be_told_apart_from_what_it_declares(annotation, listens):
    text = (
        POD
        + f"metadata: {{name: a, annotations: {{svcnotes/listens: {annotation}}}}}\nspec: {{containers: [{{ports: [{{containerPort: 1}}]}}]}}"
    )
    assert pods(text)["default/a"].listens == listens


def test_a_side_cars_ports_count_and_an_init_containers_do_not():
    text = (
        POD
        + """metadata: {name: a}
spec:
  containers: [{name: c, ports: [{containerPort: 80}]}]
  initContainers:
  - {name: sidecar, restartPolicy: Always, ports: [{containerPort: 81, protocol: UDP}]}
  - {name: init, ports: [{containerPort: 82}]}
"""
    )
    assert pods(text)["default/a"].listens == {("TCP", 80), ("UDP", 81)}


def test_lists_are_taken_apart_typed_ones_too():
    inner = "- metadata: {name: a}\n- metadata: {name: b}\n"
    assert list(pods("apiVersion: v1\nkind: PodList\nitems:\n" + inner)) == ["default/a", "default/b"]
    nested = "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: List\n  items:\n  - {apiVersion: v1, kind: Pod, metadata: {name: a}}\n"
    assert list(pods(nested)) == ["default/a"]
    assert pods("apiVersion: v1\nkind: List\nitems: null") == {}


def test_other_kinds_are_passed_over_and_counted():
    text = "apiVersion: v1\nkind: ConfigMap\n---\napiVersion: v1\nkind: ConfigMap\n---\napiVersion: serving.knative.dev/v1\nkind: Service\nmetadata: {name: fn}\n"
    cluster = loads(text)
    assert cluster.notes == ("3 objects of other kinds were passed over: ConfigMap 2, Service 1",)
    assert cluster.services == {}


def test_several_texts_make_one_cluster():
    cluster = loads(POD + "metadata: {name: a}", POD + "metadata: {name: b}")
    assert list(cluster.pods) == ["default/a", "default/b"]


SERVICE = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {type: NodePort, selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}\n---\n"
WEB = POD + "metadata: {name: web, labels: {app: web}}\n---\n"


def test_a_service_is_defaulted_and_allocated_and_gets_its_slice():
    cluster = loads(SERVICE + WEB)
    service = cluster.services["default/web"]
    assert service.cluster_ips[0].startswith("10.96.")
    assert 30000 <= service.ports[0].node_port <= 32767
    (one,) = cluster.endpoint_slices
    assert [(e.addresses, e.node, e.zone, e.pod) for e in one.endpoints] == [
        (("10.244.1.10",), "node-1", "zone-a", "default/web")
    ]
    assert one.ports[0].number == 8080


def test_loading_twice_gives_the_same_cluster():
    first, second = loads(SERVICE + WEB), loads(SERVICE + WEB)
    assert first.services == second.services
    assert first.endpoint_slices == second.endpoint_slices


def test_a_slice_that_the_file_has_is_used_as_it_is():
    given = "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: mine, labels: {kubernetes.io/service-name: web}}\naddressType: IPv4\nendpoints: []\nports: []"
    assert [one.name for one in loads(SERVICE + WEB + given).endpoint_slices] == ["mine"]


def test_a_nodes_rules_can_be_replaced():
    cluster = loads("")
    changed = cluster.with_rules("node-2", "*nat\nCOMMIT\n")
    assert changed.node_rules == {("node-2", 4): "*nat\nCOMMIT\n"}
    assert cluster.node_rules == {}
    with pytest.raises(
        QuestionError, match=r'no Node "node-9" in this cluster. Nodes: node-1, node-2, node-3'
    ):
        cluster.with_rules("node-9", "")


def test_a_stored_pod_whose_node_is_gone_is_left_aside_and_named():
    stored = (
        POD
        + "metadata: {name: a, uid: '1'}\nspec: {nodeName: node-9}\nstatus: {phase: Running, podIP: 10.244.9.9}"
    )
    cluster = loads(stored)
    assert cluster.pods == {}
    assert cluster.notes == ("Pod default/a is left aside: its Node node-9 is not in the files",)


def test_an_address_tells_the_node_where_the_file_does_not():
    text = POD + "metadata: {name: a}\nstatus: {podIP: 10.244.3.77}\n---\n"
    host = POD + "metadata: {name: b}\nspec: {hostNetwork: true}\nstatus: {podIP: 172.18.0.12}"
    assert [p.node for p in pods(text + host).values()] == ["node-3", "node-2"]


def test_a_cluster_says_what_it_is_in_one_line():
    assert repr(loads(SERVICE + WEB)) == "<Cluster: 3 Nodes, 1 Pod, 1 Service, kube-proxy in iptables mode>"
