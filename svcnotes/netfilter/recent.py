"""The lists of `-m recent`: which addresses were seen, and when (kernel: net/netfilter/xt_recent.c)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from svcnotes.copying import value

ADDRESSES_IN_A_LIST = 100  # ip_list_tot, the kernel module's default
STAMPS_OF_AN_ADDRESS = 255  # the most that a list keeps for one address

Stamps = tuple[float, ...]


@value(frozen=True, slots=True)
class Recent:
    """The recent lists of a host: list name → address → times seen in seconds, oldest first.

    The addresses of a list stand in the order of their last sighting, as in the kernel.
    """

    lists: Mapping[str, Mapping[str, Stamps]] = field(default_factory=dict)

    def seen(self, name: str, address: str) -> Stamps:
        """The times at which `address` was put into the list `name`; empty if it is not there."""
        return self.lists.get(name, {}).get(address, ())

    def with_seen(self, name: str, address: str, time: float) -> Recent:
        """The lists after `--set`: `address` is the youngest of the list; the oldest may fall out."""
        addresses = dict(self.lists.get(name, {}))
        stamps = (*addresses.pop(address, ()), time)[-STAMPS_OF_AN_ADDRESS:]
        if len(addresses) >= ADDRESSES_IN_A_LIST:
            del addresses[next(iter(addresses))]
        return Recent({**self.lists, name: {**addresses, address: stamps}})

    def without(self, name: str, address: str) -> Recent:
        """The lists after `--remove`."""
        addresses = {a: stamps for a, stamps in self.lists.get(name, {}).items() if a != address}
        return Recent({**self.lists, name: addresses})

    def reaped(self, name: str, before: float) -> Recent:
        """The lists after `--reap`: the oldest address goes if it was last seen before `before`.

        One match reaps at most one address, as the kernel does (recent_entry_reap).
        """
        for address, stamps in self.lists.get(name, {}).items():
            return self.without(name, address) if stamps[-1] < before else self
        return self

    def without_lists(self, names: frozenset[str]) -> Recent:
        """The lists but these: the last rule that named them is gone."""
        return Recent({name: seen for name, seen in self.lists.items() if name not in names})
