"""Values that are made quickly are the frozen dataclasses that they say they are."""

import copy
import pickle
from dataclasses import FrozenInstanceError, replace

import pytest

from svcnotes.netfilter.conntrack import Conntrack
from svcnotes.packet import Packet

SYN = Packet("tcp", "192.0.2.10", 40112, "172.18.0.11", 30080, flags="SYN")


def test_a_value_is_frozen_equal_by_its_fields_and_has_its_defaults():
    with pytest.raises(FrozenInstanceError):
        SYN.ttl = 1
    assert SYN.ttl == 64
    assert Packet("tcp", "192.0.2.10", 40112, "172.18.0.11", 30080, "SYN") == SYN
    assert hash(SYN) == hash(replace(SYN))
    assert replace(SYN, ttl=1) != SYN
    assert repr(SYN).startswith("Packet(protocol='tcp', source='192.0.2.10', ")


def test_a_value_needs_every_field_without_a_default():
    with pytest.raises(TypeError, match="destination_port"):
        Packet("tcp", "192.0.2.10", 40112, "172.18.0.11")


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
def test_a_value_can_be_copied_and_sent_to_another_process(again):
    error = Packet("icmp", "172.18.0.11", 0, "192.0.2.10", 0, icmp="icmp-port-unreachable", inner=SYN)
    assert again(error) == error


def test_a_values_default_that_can_be_changed_is_each_ones_own():
    assert Conntrack().flows == {}
    assert Conntrack().flows is not Conntrack().flows
