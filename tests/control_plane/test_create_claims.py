"""What kube-apiserver and kubectl do with a new object, claim by claim, where no recording says it."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from svcnotes.control_plane.api_server.state import ApiState, StatusError
from svcnotes.control_plane.kubectl.check import check
from svcnotes.control_plane.kubectl.create import create
from svcnotes.control_plane.objects import ClusterConfiguration
from svcnotes.errors import InputError

FRESH = ApiState.fresh()


def service(name="web", **spec):
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"ports": [{"port": 80}], **spec},
    }


def yaml_of(name, **spec):
    lines = "".join(f"  {key}: {value}\n" for key, value in {"ports": "[{port: 80}]", **spec}.items())
    return f"apiVersion: v1\nkind: Service\nmetadata:\n  name: {name}\nspec:\n{lines}"


def answer(text, state=FRESH, **options):
    return create(text, "FILE", state, **options)


def refused(obj, state=FRESH):
    with pytest.raises(StatusError) as caught:
        state.create(obj)
    return str(caught.value)


def test_a_new_cluster_has_the_kubernetes_service_at_the_ranges_first_address():
    stored = FRESH.get("Service", "default", "kubernetes")
    assert stored["spec"]["clusterIP"] == "10.96.0.1"
    other = ApiState.fresh(ClusterConfiguration(service_cidrs=("10.43.0.0/16",)))
    assert other.get("Service", "default", "kubernetes")["spec"]["clusterIP"] == "10.43.0.1"


def test_a_refused_create_leaves_the_state_as_it_was_and_gives_its_numbers_back():
    bad = service(type="NodePort", ports=[{"port": 80, "nodePort": 30080}, {"port": 81, "nodePort": 80}])
    assert "30000-32767" in refused(bad)
    assert FRESH.create(service(type="NodePort", ports=[{"port": 80, "nodePort": 30080}])).object


def test_a_nodeport_that_is_out_of_range_hides_every_later_error():
    assert refused(service(type="NodePort", ports=[{"nodePort": 8080}])) == (
        'The Service "web" is invalid: spec.ports[0].nodePort: Invalid value: 8080: provided port is not in '
        "the valid range. The range of valid ports is 30000-32767"
    )


def test_several_errors_are_listed_one_a_line():
    assert refused(service(ports=[{"port": 0}], sessionAffinity="x")).splitlines() == [
        'The Service "web" is invalid: ',
        "* spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive",
        "* spec.ports[0].targetPort: Invalid value: 0: must be between 1 and 65535, inclusive",
        '* spec.sessionAffinity: Unsupported value: "x": supported values: "ClientIP", "None"',
    ]


def test_of_two_wrong_types_the_decoder_reports_the_first_by_sorted_key():
    said = answer(yaml_of("web", type="5", clusterIP="7")).stderr
    assert said.endswith(
        "cannot unmarshal number into Go struct field ServiceSpec.spec.clusterIP of type string\n"
    )


def test_unknown_fields_are_listed_together_in_decoding_order():
    text = (
        "apiVersion: v1\nkind: Service\nmetadata: {name: web, foo: 1}\nbar: 2\nspec: {ports: [{port: 80}]}\n"
    )
    assert 'strict decoding error: unknown field "bar", unknown field "metadata.foo"' in answer(text).stderr
    assert answer(text, validate="ignore").stderr == ""
    assert answer(text, validate="warn").stderr == (
        'Warning: unknown field "bar"\nWarning: unknown field "metadata.foo"\n'
    )


def test_an_unknown_field_of_a_deployments_container_is_named_with_its_path():
    text = (
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n"
        "spec: {template: {spec: {containers: [{name: a, image: b, prts: []}]}}}\n"
    )
    assert 'unknown field "spec.template.spec.containers[0].prts"' in answer(text).stderr


def test_a_number_as_the_metadata_is_refused_by_kubectl_itself():
    assert answer("apiVersion: v1\nkind: Service\nmetadata: 5\n").stderr == (
        'error: unable to decode "FILE": json: cannot unmarshal number into Go struct field '
        "metadataOnlyObject.metadata of type v1.ObjectMeta\n"
    )


def test_a_document_without_type_names_both_fields_that_are_missing():
    assert answer("metadata: {name: web}\n").stderr.startswith(
        'error: error validating "FILE": error validating data: [apiVersion not set, kind not set]; '
    )


def test_several_refusals_are_one_line_each_and_unreadable_documents_come_last():
    text = "---\n".join([yaml_of("a", type="Foo"), yaml_of("b", type="Bar"), "a: 1\n", yaml_of("never-read")])
    said = answer(text)
    assert said.exit_code == 1
    assert [line.split(":")[0] for line in said.stderr.splitlines()] == [
        "Error from server (Invalid)",
        "Error from server (Invalid)",
        'error validating "FILE"',
    ]
    assert said.stdout == ""


def test_a_kind_that_is_not_served_does_not_stop_the_documents_after_it():
    said = answer("apiVersion: v1\nkind: Servic\nmetadata: {name: a}\n---\n" + yaml_of("b"))
    assert said.stdout == "service/b created\n"
    assert 'no matches for kind "Servic" in version "v1"' in said.stderr


def test_what_was_created_before_broken_yaml_stays():
    said = answer(yaml_of("a") + "---\na: b: c\n")
    assert said.stdout == "service/a created\n"
    assert said.stderr == (
        "error: error parsing FILE: error converting YAML to JSON: yaml: mapping values are not allowed "
        "in this context\n"
    )


def test_a_namespace_of_the_same_file_is_there_for_what_follows():
    text = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n---\n" + yaml_of("a").replace(
        "name: a", "name: a\n  namespace: shop"
    )
    assert answer(text).stdout == "namespace/shop created\nservice/a created\n"


def test_the_same_warning_is_printed_once():
    text = yaml_of("a", externalIPs="[192.0.2.1]") + "---\n" + yaml_of("b", externalIPs="[192.0.2.2]")
    assert answer(text).stderr.count("Warning:") == 1


def test_a_client_dry_run_asks_no_server():
    said = answer(yaml_of("a", type="Foo"), dry_run="client")
    assert (said.stdout, said.stderr, said.exit_code) == ("service/a created (dry run)\n", "", 0)
    assert said.state is FRESH


def test_a_server_dry_run_stores_nothing_and_does_not_look_at_the_nodeport_range():
    text = yaml_of("a", type="NodePort", ports="[{port: 80, nodePort: 8080}]")
    said = answer(text, dry_run="server")
    assert said.stdout == "service/a created (server dry run)\n"
    assert said.state is FRESH


def test_the_same_manifest_gets_the_same_numbers_every_time():
    first, second = (ApiState.fresh().create(service(type="NodePort")).object for _ in range(2))
    assert first == second
    assert first["spec"]["ports"][0]["nodePort"] >= 30086
    assert first["spec"]["clusterIP"] > "10.96.1.0"


def test_tcp_and_udp_of_one_port_share_a_nodeport_on_create():
    ports = [{"name": n, "port": 53, "protocol": p} for n, p in (("a", "TCP"), ("b", "UDP"))]
    stored = FRESH.create(service(type="NodePort", ports=ports)).object["spec"]["ports"]
    assert stored[0]["nodePort"] == stored[1]["nodePort"]


def test_the_whole_nodeport_range_can_be_given_out_and_then_it_is_full():
    state = ApiState.fresh(ClusterConfiguration(node_port_range=(30000, 30039)))
    for number in range(40):
        state = state.create(service(f"s{number}", type="NodePort")).state
    assert sorted(state.node_ports) == list(range(30000, 30040))
    assert refused(service(type="NodePort"), state) == (
        "Error from server (InternalError): Internal error occurred: failed to allocate a nodePort: range is full"
    )


def test_no_two_services_share_an_address_even_when_the_range_is_full():
    state = ApiState.fresh(ClusterConfiguration(service_cidrs=("10.96.0.0/26",)))
    for number in range(61):
        state = state.create(service(f"s{number}")).state
    assert len(state.cluster_ips) == 62
    assert "failed to allocate a serviceIP: range is full" in refused(service(), state)


def test_check_leaves_out_what_kubectl_prints_on_stdout(tmp_path):
    path = tmp_path / "web.yaml"
    path.write_text(yaml_of("web", type="NodePort", ports="[{port: 80, nodePort: 80}]"))
    said = check([path])
    assert (said.stdout, said.exit_code) == ("", 1)
    assert said.stderr.startswith('The Service "web" is invalid: spec.ports[0].nodePort')
    assert check([tmp_path / "none.yaml"]).stderr.endswith("does not exist\n")
    with pytest.raises(InputError, match="more than the limit of 10"):
        check([path], max_bytes=10)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "{apiVersion: v1}",
            "json: offset 2: invalid character 'a' looking for beginning of object key string",
        ),
        ('{"a":1,}', "json: offset 8: invalid character '}' looking for beginning of object key string"),
        ('{"a" 1}', "json: offset 6: invalid character '1' after object key"),
        ('{"a":[1 2]}', "json: offset 9: invalid character '2' after array element"),
        ('{"a":1 "b":2}', "json: offset 8: invalid character '\"' after object key:value pair"),
        ('{"a":NaN}', "json: offset 6: invalid character 'N' looking for beginning of value"),
        ('{"a":"x\ny"}', "json: offset 8: invalid character '\\n' in string literal"),
        ('{"a":', "unexpected EOF"),
        ("a: b: c\n", "error converting YAML to JSON: yaml: mapping values are not allowed in this context"),
        ("a: *x\n", "error converting YAML to JSON: yaml: unknown anchor 'x' referenced"),
        ("a: 1\n--- b\n", "invalid Yaml document separator: b"),
        (
            "a: {b: 1\nc: 2\nd: 3\n",
            "error converting YAML to JSON: yaml: line 1: did not find expected ',' or '}'",
        ),
    ],
)
def test_text_that_is_neither_yaml_nor_json_is_told_in_gos_words(text, said):
    assert answer(text).stderr.splitlines()[-1].endswith(f"error parsing FILE: {said}")


def test_a_stream_of_json_documents_is_read_to_its_end():
    document = '{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "%s"}, "spec": {"ports": [{"port": 1e2}]}}'
    assert answer(document % "a" + "\n" + document % "b").stdout == "service/a created\nservice/b created\n"


def test_a_long_label_is_told_in_bytes_and_a_long_name_in_characters():
    labelled = service() | {"metadata": {"name": "web", "labels": {"a": "x" * 64}}}
    assert refused(labelled).endswith(": must be no more than 63 bytes")
    assert refused(service("x" * 64)).endswith(": must be no more than 63 characters")


def test_an_item_of_a_list_may_fail_alone():
    text = "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Service, metadata: web}\n- "
    said = answer(text + "{apiVersion: coordination.k8s.io/v1, kind: Lease, metadata: {name: a}}\n")
    assert said.stdout == "lease.coordination.k8s.io/a created\n"
    assert said.stderr.endswith(
        "json: cannot unmarshal string into Go struct field Service.metadata of type v1.ObjectMeta\n"
    )


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**40), 2**40)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5)
    | st.sampled_from(["None", "NodePort", "ExternalName", "TCP", "10.96.0.9", "fd00::1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
FIELDS = st.sampled_from(
    [
        "type",
        "clusterIP",
        "clusterIPs",
        "ports",
        "externalIPs",
        "ipFamilies",
        "ipFamilyPolicy",
        "selector",
        "sessionAffinity",
        "externalName",
        "sessionAffinityConfig",
        "externalTrafficPolicy",
        "internalTrafficPolicy",
        "healthCheckNodePort",
        "loadBalancerClass",
        "loadBalancerSourceRanges",
        "trafficDistribution",
        "prots",
    ]
)
PORTS = st.lists(
    st.dictionaries(st.sampled_from(["port", "name", "protocol", "targetPort", "nodePort"]), VALUES),
    max_size=3,
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(FIELDS, VALUES, max_size=5), PORTS)
def test_whatever_a_service_says_it_is_stored_or_refused(spec, ports):
    try:
        written = FRESH.create(service(**{"ports": ports, **spec}))
    except StatusError as error:
        refusal = str(error)
        assert refusal.startswith(("The Service", "Error from server"))
    else:
        again = ApiState.empty().restore([written.object])
        assert again.get("Service", "default", "web") == written.object


def test_a_file_nested_without_end_is_refused_at_once():
    refused = answer("[" * 200_000)
    assert refused.exit_code == 1
    assert (
        refused.stderr
        == "error: error parsing FILE: error converting YAML to JSON: yaml: nested deeper than 100 levels\n"
    )
