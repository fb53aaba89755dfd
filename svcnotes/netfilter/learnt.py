"""What the sets of nftables learnt from packets: `update @affinity { ip saddr }` and its kin (nft_dynset.c)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import NamedTuple

from svcnotes.copying import value

NEVER = float("inf")


class Held(NamedTuple):
    """An element that a packet brought: until when it is kept, in seconds on the host's clock; in a map, its value."""

    expires: float
    value: tuple[object, ...] = ()


@value(frozen=True, slots=True)
class Learnt:
    """A host's memory of sets: set (`ip kube-proxy affinity-X`) → key → until when.

    A key is a number, a name, or a tuple of them for several fields. An element of the text that a packet took
    away stands here with a time before all others.
    """

    sets: Mapping[str, Mapping[object, Held]] = field(default_factory=dict)

    def held(self, name: str, key: object) -> Held | None:
        """What is remembered of a key, alive or not; None for nothing."""
        return self.sets.get(name, {}).get(key)

    def count(self, name: str, time: float) -> int:
        """How many elements of a set are alive."""
        return sum(one.expires > time for one in self.sets.get(name, {}).values())

    def with_element(self, name: str, key: object, held: Held, time: float) -> Learnt:
        """The memory with an element put in, or its time begun anew; what has run out is dropped."""
        alive = {
            k: one for k, one in self.sets.get(name, {}).items() if one.expires > time or one.expires < 0
        }
        return Learnt({**self.sets, name: {**alive, key: held}})

    def without(self, names: frozenset[str]) -> Learnt:
        """The memory without some sets: they are gone, or were made anew."""
        return Learnt({name: held for name, held in self.sets.items() if name not in names})
