"""What an update keeps, drops, chooses anew and refuses."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from svcnotes.control_plane.api_server.state import ApiState
from svcnotes.control_plane.kubectl import run
from svcnotes.control_plane.kubectl.yaml_writer import to_yaml
from svcnotes.control_plane.objects import ClusterConfiguration
from svcnotes.errors import InputError

DUAL = ClusterConfiguration(service_cidrs=("10.96.0.0/16", "fd00:10:96::/112"))


def manifest(*ports, name="web", metadata=None, **spec):
    ports = list(ports) or [{"port": 80}]
    obj = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, **(metadata or {})}}
    return to_yaml(obj | {"spec": {"ports": ports, "selector": {"app": "web"}} | spec})


class Kubectl:
    """A cluster and one who types."""

    def __init__(self, config=None):
        self.state = ApiState.fresh(config)
        self.printed = ""

    def __call__(self, line, text=""):
        answer = run(self.state, f"kubectl {line}", {"FILE": text})
        self.state = answer.state
        self.printed = answer.stdout + answer.stderr
        return answer

    def spec(self, name="web"):
        return self.state.get("Service", "default", name)["spec"]

    def ports(self, name="web"):
        return [port.get("nodePort") for port in self.spec(name)["ports"]]


@pytest.fixture
def kubectl():
    return Kubectl()


def test_tcp_and_udp_share_a_number_on_create_but_not_when_the_type_changes(kubectl):
    both = [{"name": "a", "port": 53}, {"name": "b", "port": 53, "protocol": "UDP"}]
    kubectl("create -f FILE", manifest(*both, type="NodePort"))
    assert len(set(kubectl.ports())) == 1
    kubectl("create -f FILE", manifest(*both, name="later"))
    kubectl("""patch svc later -p '{"spec":{"type":"NodePort"}}'""")
    assert len(set(kubectl.ports("later"))) == 2


def test_a_second_protocol_added_later_gets_a_number_of_its_own(kubectl):
    udp, tcp = {"name": "u", "port": 53, "protocol": "UDP"}, {"name": "t", "port": 53, "protocol": "TCP"}
    kubectl("create -f FILE", manifest(udp, type="NodePort"))
    first = kubectl.ports()[0]
    kubectl("replace -f FILE", manifest(udp, tcp, type="NodePort"))
    assert kubectl.ports()[0] == first
    assert kubectl.ports()[1] != first


def test_a_headless_service_becomes_a_nodeport_by_way_of_an_externalname(kubectl):
    kubectl("create -f FILE", manifest(clusterIP="None"))
    assert kubectl("replace -f FILE", manifest(type="NodePort")).exit_code == 1
    kubectl("replace -f FILE", manifest(type="ExternalName", externalName="db.example.com"))
    assert "clusterIPs" not in kubectl.spec()
    assert kubectl("replace -f FILE", manifest(type="NodePort")).exit_code == 0
    assert kubectl.spec()["clusterIP"].startswith("10.96.")
    assert kubectl.ports()[0] >= 30000


def test_source_ranges_outlive_the_load_balancer_and_are_refused_then(kubectl):
    kubectl("create -f FILE", manifest(type="LoadBalancer", loadBalancerSourceRanges=["10.0.0.0/8"]))
    answer = kubectl("""patch svc web -p '{"spec":{"type":"NodePort"}}'""")
    assert answer.stderr == (
        'The Service "web" is invalid: spec.LoadBalancerSourceRanges: Forbidden: '
        "may only be used when `type` is 'LoadBalancer'\n"
    )


def test_a_finalizer_keeps_a_deleted_service_and_its_nodeport(kubectl):
    held = manifest(
        {"port": 80, "nodePort": 30080}, type="LoadBalancer", metadata={"finalizers": ["example.com/lb"]}
    )
    kubectl("create -f FILE", held)
    assert kubectl("delete svc web").stdout == 'service "web" deleted from default namespace\n'
    other = manifest({"port": 80, "nodePort": 30080}, name="b", type="NodePort")
    assert "provided port is already allocated" in kubectl("create -f FILE", other).stderr
    kubectl("""patch svc web --type=merge -p '{"metadata":{"finalizers":null}}'""")
    assert kubectl.state.get("Service", "default", "web") is None
    assert kubectl("create -f FILE", other).exit_code == 0


def test_deleting_a_service_gives_its_numbers_back(kubectl):
    kubectl(
        "create -f FILE", manifest({"port": 80, "nodePort": 30080}, type="NodePort", clusterIP="10.96.7.7")
    )
    kubectl("delete svc web")
    again = manifest({"port": 80, "nodePort": 30080}, name="b", type="NodePort", clusterIP="10.96.7.7")
    assert kubectl("create -f FILE", again).exit_code == 0


def test_a_refused_update_takes_no_number(kubectl):
    kubectl("create -f FILE", manifest(type="NodePort"))
    before = kubectl.state
    bad = manifest(
        {"port": 80, "nodePort": 30100}, {"port": 0, "nodePort": 30101, "name": "x"}, type="NodePort"
    )
    assert kubectl("replace -f FILE", bad).exit_code == 1
    assert kubectl.state is before
    assert not {30100, 30101} & set(kubectl.state.node_ports)


def test_a_dry_run_leaves_everything_as_it_was(kubectl):
    kubectl("create -f FILE", manifest())
    before = kubectl.state
    assert kubectl("apply --dry-run=server -f FILE", manifest(type="NodePort")).stdout == (
        "service/web configured (server dry run)\n"
    )
    assert kubectl.state is before


def test_allocation_off_keeps_given_numbers_and_gives_no_new_ones(kubectl):
    kubectl("create -f FILE", manifest(type="LoadBalancer"))
    kubectl("""patch svc web -p '{"spec":{"allocateLoadBalancerNodePorts":false}}'""")
    assert kubectl.ports()[0] >= 30000
    kubectl("replace -f FILE", manifest(type="LoadBalancer", allocateLoadBalancerNodePorts=False))
    assert kubectl.ports() == [None]


def test_a_chosen_second_address_is_taken_when_a_service_becomes_dual_stack():
    kubectl = Kubectl(DUAL)
    kubectl("create -f FILE", manifest(clusterIP="10.96.7.7"))
    wanted = '{"spec":{"ipFamilyPolicy":"RequireDualStack","clusterIPs":["10.96.7.7","fd00:10:96::77"]}}'
    assert kubectl(f"patch svc web -p '{wanted}'").exit_code == 0
    assert kubectl.spec()["clusterIPs"] == ["10.96.7.7", "fd00:10:96::77"]
    assert kubectl.spec()["ipFamilies"] == ["IPv4", "IPv6"]


def test_a_single_stack_cluster_refuses_a_second_family(kubectl):
    kubectl("create -f FILE", manifest())
    kubectl("""patch svc web -p '{"spec":{"ipFamilyPolicy":"RequireDualStack"}}'""")
    assert "this cluster is not configured for dual-stack services" in kubectl.printed


def test_status_says_an_address_only_where_it_is_one(kubectl):
    kubectl("create -f FILE", manifest(type="LoadBalancer"))
    wrong = (
        '{"status":{"loadBalancer":{"ingress":[{"hostname":"10.0.0.1"},{"hostname":"a","ipMode":"VIP"}]}}}'
    )
    assert kubectl(f"patch svc web --subresource=status -p '{wrong}'").stderr == (
        'The Service "web" is invalid: \n'
        '* status.loadBalancer.ingress[0].hostname: Invalid value: "10.0.0.1": must be a DNS name, not an IP address\n'
        "* status.loadBalancer.ingress[1].ipMode: Forbidden: may not be specified when `ip` is not set\n"
    )


def test_a_patch_of_status_does_not_touch_the_spec_nor_one_of_the_spec_the_status(kubectl):
    kubectl("create -f FILE", manifest(type="LoadBalancer"))
    both = '{"spec":{"type":"ClusterIP"},"status":{"loadBalancer":{"ingress":[{"ip":"192.0.2.9"}]}}}'
    kubectl(f"patch svc web --subresource=status -p '{both}'")
    assert kubectl.spec()["type"] == "LoadBalancer"
    other = '{"metadata":{"labels":{"a":"b"}},"status":{"loadBalancer":{"ingress":[{"ip":"192.0.2.8"}]}}}'
    kubectl(f"patch svc web -p '{other}'")
    ingress = kubectl.state.get("Service", "default", "web")["status"]["loadBalancer"]["ingress"]
    assert ingress == [{"ip": "192.0.2.9", "ipMode": "VIP"}]


def test_apply_again_is_unchanged_and_a_field_left_out_goes(kubectl):
    kubectl("apply -f FILE", manifest(sessionAffinity="ClientIP"))
    assert kubectl("apply -f FILE", manifest(sessionAffinity="ClientIP")).stdout == "service/web unchanged\n"
    assert kubectl("apply -f FILE", manifest()).stdout == "service/web configured\n"
    assert kubectl.spec()["sessionAffinity"] == "None"


def test_apply_with_force_makes_anew_what_cannot_be_changed(kubectl):
    kubectl("apply -f FILE", manifest(clusterIP="10.96.7.7"))
    assert kubectl("apply -f FILE", manifest(clusterIP="10.96.7.8")).exit_code == 1
    assert (
        kubectl("apply --force -f FILE", manifest(clusterIP="10.96.7.8")).stdout == "service/web configured\n"
    )
    assert kubectl.spec()["clusterIP"] == "10.96.7.8"


def test_server_side_apply_knows_53_udp_from_53_tcp(kubectl):
    udp, tcp = {"name": "u", "port": 53, "protocol": "UDP"}, {"name": "t", "port": 53, "protocol": "TCP"}
    kubectl("apply --server-side -f FILE", manifest(udp))
    kubectl("apply --server-side -f FILE", manifest(udp, tcp))
    assert [port["protocol"] for port in kubectl.spec()["ports"]] == ["UDP", "TCP"]
    kubectl("apply --server-side -f FILE", manifest(tcp))
    assert [port["protocol"] for port in kubectl.spec()["ports"]] == ["TCP"]


def test_server_side_apply_removes_what_it_set_and_leaves_what_others_set(kubectl):
    kubectl("apply --server-side -f FILE", manifest(metadata={"labels": {"mine": "1"}}))
    kubectl("label svc web theirs=2")
    kubectl("apply --server-side -f FILE", manifest(metadata={"labels": {"new": "3"}}))
    assert kubectl.state.get("Service", "default", "web")["metadata"]["labels"] == {"theirs": "2", "new": "3"}
    assert "managedFields" not in kubectl("get svc web -o yaml").stdout


def test_server_side_apply_keeps_what_apply_had_noted_up_to_date(kubectl):
    kubectl("apply -f FILE", manifest())
    kubectl("apply --server-side -f FILE", manifest(sessionAffinity="ClientIP"))
    assert kubectl("apply -f FILE", manifest()).stdout == "service/web configured\n"
    assert kubectl.spec()["sessionAffinity"] == "None"


def test_several_objects_of_a_file_are_each_tried(kubectl):
    kubectl("create -f FILE", manifest(name="a"))
    two = manifest(name="a", clusterIP="10.96.7.7") + "---\n" + manifest(name="b")
    answer = kubectl("replace -f FILE", two)
    assert answer.stdout == "service/b replaced\n"
    assert "may not change once set" in answer.stderr
    assert answer.exit_code == 1


def test_an_endpointslice_keeps_its_address_type(kubectl):
    obj = {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "metadata": {"name": "s"}}
    kubectl("create -f FILE", to_yaml(obj | {"addressType": "IPv4", "endpoints": []}))
    answer = kubectl("replace -f FILE", to_yaml(obj | {"addressType": "IPv6", "endpoints": []}))
    assert answer.stderr == (
        'The EndpointSlice "s" is invalid: addressType: Invalid value: "IPv6": field is immutable\n'
    )


@pytest.mark.parametrize(
    ("line", "stderr"),
    [
        ("patch svc web -p '{,}'", "Error from server (BadRequest): invalid character ',' looking for beginning of object key string\n"),
        ("""patch svc web -p '{"spec":{}}x'""", "Error from server (BadRequest): invalid character 'x' after top-level value\n"),
        ("""patch svc web -p '{"spec" 1}'""", "Error from server (BadRequest): invalid character '1' after object key\n"),
        ("""patch svc web -p '{"a":[1 2]}'""", "Error from server (BadRequest): invalid character '2' after array element\n"),
        ("""patch svc web --type=json -p '{"op":"add"}'""", "Error from server (BadRequest): json: cannot unmarshal object into Go value of type jsonpatch.Patch\n"),
        ("""patch svc web --type=wild -p '{}'""", 'error: --type must be one of [json merge strategic], not "wild"\n'),
        ("""patch svc web -p '{"spec":{"ports":3}}'""", 'The request is invalid: patch: Invalid value: "map[spec:map[ports:3]]": cannot restore slice from int64\n'),
        ("get nothing", 'error: the server doesn\'t have a resource type "nothing"\n'),
        ("get svc nope", 'Error from server (NotFound): services "nope" not found\n'),
        ("create service clusterip x", "error: at least one tcp port specification must be provided\n"),
        ("create service clusterip x --clusterip=None --tcp=80", "error: can not map ports with clusterip=None\n"),
    ],
)  # fmt: skip
def test_a_refusal_in_the_real_words(kubectl, line, stderr):
    kubectl("create -f FILE", manifest())
    answer = kubectl(line)
    assert (answer.stderr, answer.exit_code) == (stderr, 1)


def test_a_command_that_is_not_simulated_says_so(kubectl):
    with pytest.raises(InputError, match="kubectl top: not known here"):
        kubectl("top pods")
    with pytest.raises(InputError, match="not there"):
        kubectl("apply -f elsewhere.yaml")


def test_a_patch_may_not_rename(kubectl):
    kubectl("create -f FILE", manifest())
    kubectl("""patch svc web -p '{"metadata":{"name":"other"}}'""")
    assert kubectl.printed == (
        "Error from server (BadRequest): the name of the object (other) does not match the name on the URL (web)\n"
    )


def test_a_list_of_maps_and_numbers_is_no_list_to_merge(kubectl):
    kubectl("create -f FILE", manifest())
    kubectl("""patch svc web -p '{"spec":{"ports":[{"port":1},2]}}'""")
    assert kubectl.printed.startswith("Error from server: list element types are not identical: [[map[")


WORDS = "None NodePort LoadBalancer ExternalName Local IPv6 RequireDualStack 10.96.1.1 fd00::1 ClientIP a.b"
LEAVES = st.sampled_from([None, True, 0, 80, 30080, -1, 1.5, "", *WORDS.split()])
NAMES = (
    "metadata spec status ports port nodePort type clusterIP clusterIPs ipFamilies ipFamilyPolicy externalName "
    "selector sessionAffinityConfig loadBalancer ingress ip $patch $setElementOrder/ports labels finalizers "
    "externalIPs externalTrafficPolicy"
)
FIELDS = st.sampled_from(NAMES.split())
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=4),
    max_leaves=12,
)
PATCHES = st.dictionaries(FIELDS, JSON, max_size=3) | st.fixed_dictionaries(
    {"spec": st.dictionaries(FIELDS, JSON, max_size=4)}
)


@settings(max_examples=150, deadline=None)
@given(
    patches=st.lists(PATCHES, max_size=3),
    style=st.sampled_from(["strategic", "merge"]),
    kind=st.sampled_from(["ClusterIP", "NodePort", "LoadBalancer"]),
)
def test_whatever_is_patched_the_answer_is_kubectls_and_the_numbers_are_held_once(patches, style, kind):
    kubectl = Kubectl()
    kubectl("create -f FILE", manifest(type=kind))
    for patch in patches:
        answer = run(kubectl.state, ["patch", "svc", "web", f"--type={style}", "-p", json.dumps(patch)])
        kubectl.state = answer.state
        assert (answer.exit_code == 0) == ("patched" in answer.stdout)
        assert answer.exit_code == 0 or answer.stderr
    stored = kubectl.state.get("Service", "default", "web")
    if stored is not None and stored["spec"]["type"] in ("NodePort", "LoadBalancer"):
        numbers = [port["nodePort"] for port in stored["spec"]["ports"] if port.get("nodePort")]
        assert set(numbers) <= set(kubectl.state.node_ports)
        assert run(kubectl.state, "delete svc web").exit_code == 0


def test_a_file_with_nothing_in_it(kubectl):
    assert kubectl("apply -f FILE", "---\n").stderr == "error: no objects passed to apply\n"
    answer = kubectl("delete -f FILE", "---\n")
    assert (answer.stdout, answer.exit_code) == ("No resources found\n", 0)


def test_labels_are_set_changed_and_removed(kubectl):
    kubectl("create -f FILE", manifest())
    assert kubectl("label svc/web a=b").stdout == "service/web labeled\n"
    assert kubectl("label svc web a=b").stdout == "service/web not labeled\n"
    assert kubectl("label svc web a=c").stderr == (
        "error: 'a' already has a value (b), and --overwrite is false\n"
    )
    assert kubectl("label --overwrite svc web a=c").stdout == "service/web labeled\n"
    assert kubectl("label svc web a-").stdout == "service/web unlabeled\n"
    assert kubectl("annotate svc web note=x").stdout == "service/web annotated\n"
    stored = kubectl.state.get("Service", "default", "web")["metadata"]
    assert "labels" not in stored
    assert stored["annotations"] == {"note": "x"}


def test_a_service_from_a_few_words(kubectl):
    kubectl("create service nodeport x --tcp=80:http --node-port=30080")
    assert kubectl.spec("x")["ports"] == [
        {"name": "80-http", "port": 80, "protocol": "TCP", "targetPort": "http", "nodePort": 30080}
    ]
    assert kubectl("create service clusterip y --tcp=0x50").stderr == (
        'error: strconv.ParseUint: parsing "0x50": invalid syntax\n'
    )
    assert kubectl("create service externalname z --external-name=a_b").stderr == (
        "error: invalid service external name a_b\n"
    )
    shown = kubectl("create service loadbalancer z --tcp=80 --dry-run=client -o yaml").stdout
    assert "  type: LoadBalancer\n" in shown
    assert kubectl.state.get("Service", "default", "z") is None


def test_all_services_of_a_namespace_go_at_once(kubectl):
    kubectl("create -f FILE", manifest(name="a") + "---\n" + manifest(name="b"))
    assert kubectl("delete svc --all").stdout.splitlines()[:2] == [
        'service "a" deleted from default namespace',
        'service "b" deleted from default namespace',
    ]
