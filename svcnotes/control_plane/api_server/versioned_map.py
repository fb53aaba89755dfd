"""A mapping whose changes give a new mapping: the newest version owns the dict, older ones copy.

Creating n Services one after the other costs O(n) in all, though every state stays as it was.
"""
# ruff: noqa: SLF001 - the versions of one mapping know each other's insides

from __future__ import annotations

from collections.abc import ItemsView, Iterator, Mapping, ValuesView
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class VersionedMap(Mapping[K, V], Generic[K, V]):
    """An immutable mapping in insertion order; `with_item` is O(1) on the newest version.

    A version that was changed hands its dict on and remembers only how to undo the change. Read
    again, it makes a copy of its own (O(n), once). `without` always copies: an undone deletion
    could not put the key back in its place.
    """

    __slots__ = ("_data", "_newer", "_undo")

    def __init__(self, data: Mapping[K, V] | None = None) -> None:
        self._data: dict[K, V] | None = dict(data or {})
        self._newer: VersionedMap[K, V] | None = None
        self._undo: tuple[K, bool, V | None] | None = None

    def with_item(self, key: K, value: V) -> VersionedMap[K, V]:
        """The mapping with `key` set to `value`; an existing key keeps its place."""
        data = self._own()
        newer: VersionedMap[K, V] = VersionedMap.__new__(VersionedMap)
        newer._data, newer._newer, newer._undo = data, None, None
        self._undo = (key, key in data, data.get(key))
        self._data, self._newer = None, newer
        data[key] = value
        return newer

    def without(self, key: K) -> VersionedMap[K, V]:
        """The mapping without `key`; KeyError where it is not there."""
        data = dict(self._own())
        del data[key]
        return VersionedMap(data)

    def _own(self) -> dict[K, V]:
        if self._data is not None:
            return self._data
        chain: list[VersionedMap[K, V]] = []
        version: VersionedMap[K, V] = self
        while version._data is None:
            chain.append(version)
            assert version._newer is not None  # noqa: S101 - a version without data has a newer one
            version = version._newer
        data = dict(version._data)
        for older in reversed(chain):
            assert older._undo is not None  # noqa: S101 - the same
            key, present, value = older._undo
            if present:
                data[key] = value  # type: ignore[assignment]
            else:
                del data[key]
        self._data, self._newer, self._undo = data, None, None
        return data

    def __getitem__(self, key: K) -> V:
        return self._own()[key]

    def __contains__(self, key: object) -> bool:
        return key in self._own()

    def __iter__(self) -> Iterator[K]:
        # a tuple: the loop's body may well make newer versions, which change the dict
        return iter(tuple(self._own()))

    # As those of Mapping, which look each key up again; of a copy, as above.
    def items(self) -> ItemsView[K, V]:
        """The pairs, in order."""
        return dict(self._own()).items()

    def values(self) -> ValuesView[V]:
        """The values, in order."""
        return dict(self._own()).values()

    def __len__(self) -> int:
        return len(self._own())

    def __repr__(self) -> str:
        return f"<VersionedMap of {len(self)}>"
