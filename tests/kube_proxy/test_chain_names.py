"""Chain names are hashes that anybody can check."""

import pytest

from svcnotes.kube_proxy.chain_names import endpoint_chain, service_hash


@pytest.mark.parametrize(
    ("port_name", "hashed"),
    [
        ("default/kubernetes:https", "NPX46M4PTMTKRN6Y"),
        ("ns1/svc1:p80", "XPGD46QRK7WJZT7O"),
        ("default/my-nginx", "L65ENXXZWWSAPRCR"),
        ("default/my-nginx:http", "SV7AMNAGZFKZEMQ4"),
        ("default/my-nginx:https", "WJQIRF6WKN5OOCTI"),
        ("default/mysql-service:", "67RL4FN6JRUPOJYM"),
    ],
)
def test_the_chains_of_a_port_carry_a_hash_of_its_name_and_protocol(port_name, hashed):
    assert service_hash(port_name, "tcp") == hashed


def test_the_chain_of_an_endpoint_hashes_its_address_too():
    assert endpoint_chain("ns1/svc1:p80", "tcp", "10.180.0.1:80") == "KUBE-SEP-SXIVWICOYRO3J4NJ"
    assert (
        endpoint_chain("default/mysql-service:", "tcp", "192.168.125.129:3306") == "KUBE-SEP-ID6YWIT3F6WNZ47P"
    )


def test_the_same_port_number_over_udp_has_other_chains():
    assert service_hash("default/dns:dns", "udp") != service_hash("default/dns:dns", "tcp")
