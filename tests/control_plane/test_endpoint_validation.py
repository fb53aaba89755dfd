"""EndpointSlices and Endpoints written by hand: what is refused, and in which words."""

from __future__ import annotations

import pytest

from svcnotes.control_plane.api_server.defaulting import DEFAULTS
from svcnotes.control_plane.api_server.validate_endpoints import validate_endpoints
from svcnotes.control_plane.api_server.validate_endpointslice import (
    endpoint_slice_warnings,
    validate_endpoint_slice,
)

METADATA = {"name": "web-1", "namespace": "default"}
IP = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"


def slice_of(*endpoints, kind="IPv4", ports=()):
    obj = {"kind": "EndpointSlice", "metadata": METADATA, "addressType": kind}
    obj |= {"endpoints": [dict(endpoint) for endpoint in endpoints], "ports": [dict(port) for port in ports]}
    DEFAULTS["EndpointSlice"](obj)
    return obj


def said(obj, old=None):
    return [str(error) for error in validate_endpoint_slice(obj, old)]


def address(text, kind="IPv4"):
    return said(slice_of({"addresses": [text]}, kind=kind))


def endpoints(*subsets):
    obj = {"kind": "Endpoints", "metadata": METADATA, "subsets": list(subsets)}
    DEFAULTS["Endpoints"](obj)
    return [str(error) for error in validate_endpoints(obj)]


@pytest.mark.parametrize(
    ("text", "kind", "expected"),
    [
        ("192.0.2.300", "IPv4", [f'endpoints[0].addresses[0]: Invalid value: "192.0.2.300": {IP}']),
        ("192.0.2.1", "IPv6", ['endpoints[0].addresses: Invalid value: "192.0.2.1": must be an IPv6 address']),
        ("::ffff:1.2.3.4", "IPv6", ['endpoints[0].addresses[0]: Invalid value: "::ffff:1.2.3.4": must not be an IPv4-mapped IPv6 address']),
        ("fe80::1", "IPv6", ['endpoints[0].addresses[0]: Invalid value: "fe80::1": may not be in the link-local range (169.254.0.0/16, fe80::/10)']),
        ("0.0.0.0", "IPv4", ['endpoints[0].addresses[0]: Invalid value: "0.0.0.0": may not be unspecified (0.0.0.0)']),
        ("224.0.0.1", "IPv4", ['endpoints[0].addresses[0]: Invalid value: "224.0.0.1": may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)']),
        ("db", "FQDN", ['endpoints[0].addresses[0]: Invalid value: "db": should be a domain with at least two segments separated by dots']),
        ("db.example.com.", "FQDN", []),
        ("2001:db8::5", "IPv6", []),
    ],
)  # fmt: skip
def test_an_address_of_a_slice(text, kind, expected):
    assert address(text, kind) == expected


def test_addresses_of_an_unknown_type_are_not_looked_at():
    assert address("anything", "Carrier pigeon") == [
        'addressType: Unsupported value: "Carrier pigeon": supported values: "FQDN", "IPv4", "IPv6"'
    ]


def test_ports_are_reported_before_endpoints():
    errors = said(slice_of({}, ports=[{"name": "A"}, {"name": "b", "appProtocol": "x/y/z"}]))
    assert [error.split(":")[0] for error in errors] == [
        "ports[0].name",
        "ports[1].appProtocol",
        "endpoints[0].addresses",
    ]


@pytest.mark.parametrize("number", [0, 70000, None])
def test_any_port_number_is_accepted(number):
    port = {"name": "a"} if number is None else {"name": "a", "port": number}
    assert said(slice_of({"addresses": ["192.0.2.1"]}, ports=[port])) == []


def test_lists_have_an_end():
    many = [f"192.0.2.{number}" for number in range(101)]
    assert said(slice_of({"addresses": many})) == [
        "endpoints[0].addresses: Too many: 101: must have at most 100 items"
    ]
    assert said(slice_of(*[{"addresses": ["192.0.2.1"]}] * 1001)) == [
        "endpoints: Too many: 1001: must have at most 1000 items"
    ]
    zones = {"forZones": [{"name": f"z{number}"} for number in range(9)]}
    assert said(slice_of({"addresses": ["192.0.2.1"], "hints": zones})) == [
        "endpoints[0].hints.forZones: Too many: 9: must have at most 8 items"
    ]


def test_a_hint_for_a_node_must_be_a_nodes_name():
    hints = {"forNodes": [{"name": "Node_1"}]}
    (error,) = said(slice_of({"addresses": ["192.0.2.1"], "hints": hints}))
    assert error.startswith(
        'endpoints[0].hints.forNodes[0].name: Invalid value: "Node_1": a lowercase RFC 1123 subdomain'
    )


def test_endpoints_that_are_as_before_are_not_looked_at_again():
    old = slice_of({"addresses": ["192.0.02.5"]})
    assert said(slice_of({"addresses": ["192.0.02.5"]}, ports=[{"name": "new"}]), old) == []
    assert said(slice_of({"addresses": ["192.0.02.5", "192.0.2.6"]}), old) != []


def test_odd_but_accepted_slices_come_with_a_warning():
    assert endpoint_slice_warnings(slice_of({"addresses": ["db.example.com"]}, kind="FQDN")) == (
        "spec.addressType: FQDN endpoints are deprecated",
    )
    (warning,) = endpoint_slice_warnings(slice_of({"addresses": ["2001:DB8::5"]}, kind="IPv6"))
    assert warning == (
        'spec.endpoints[0].addresses[0]: IPv6 address "2001:DB8::5" should be in RFC 5952 canonical format '
        '("2001:db8::5")'
    )


def test_several_ports_of_endpoints_need_names():
    ports = [{"name": "a", "port": 80}, {"port": 81, "protocol": "tcp"}]
    assert endpoints({"addresses": [{"ip": "192.0.2.1"}], "ports": ports}) == [
        "subsets[0].ports[1].name: Required value",
        'subsets[0].ports[1].protocol: Unsupported value: "tcp": supported values: "SCTP", "TCP", "UDP"',
    ]


def test_endpoints_not_ready_are_checked_too():
    errors = endpoints({"notReadyAddresses": [{"ip": "127.0.0.1", "hostname": "A"}], "ports": [{"port": 0}]})
    assert [error.split(": ")[0] for error in errors] == [
        "subsets[0].notReadyAddresses[0].hostname",
        "subsets[0].notReadyAddresses[0].ip",
        "subsets[0].ports[0].port",
    ]
