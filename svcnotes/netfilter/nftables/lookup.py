"""Look a key up in a set or map: that of the text, and what packets taught it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from svcnotes.errors import RuleError
from svcnotes.netfilter.learnt import NEVER, Held
from svcnotes.netfilter.nftables.elements import Elements, Entry, Key, parts
from svcnotes.netfilter.nftables.many import ManyElements, find_elements, shown
from svcnotes.netfilter.nftables.sets import Declaration
from svcnotes.netfilter.nftables.syntax import Verdict
from svcnotes.netfilter.nftables.types import Bounds, bounds
from svcnotes.netfilter.nftables.verdicts import Result, compiled
from svcnotes.netfilter.skb import Skb

BEFORE_ALL = -1.0


class Table:
    """A set or map as rules see it. `name` is empty for one without a name; its elements are read when first asked.

    `values` are the types of a map's value.
    """

    __slots__ = ("_elements", "_ends", "_read", "_results", "declared", "keys", "name", "values")

    def __init__(
        self,
        name: str,
        keys: tuple[str, ...],
        values: tuple[str, ...],
        read: Callable[[], Elements | ManyElements],
        declared: Declaration | None = None,
    ) -> None:
        self.name, self.keys, self.values, self.declared = name, keys, values, declared
        self._read = read
        self._elements: Elements | ManyElements | None = None
        self._results: dict[str, Result] = {}
        self._ends: dict[str, tuple[Bounds, ...]] = {}

    @classmethod
    def named(cls, name: str, declared: Declaration) -> Table:
        """A set or map of a block, under the name that its memory goes by."""
        return cls(
            name,
            declared.keys,
            declared.values,
            lambda: find_elements(declared.elements, declared.keys, declared.flags),
            declared,
        )

    @property
    def elements(self) -> Elements | ManyElements:
        """The elements of the text, read now."""
        if self._elements is None:
            self._elements = self._read()
        return self._elements

    def check(self) -> None:
        """Read every element and its value; raises RuleError."""
        for value in self.elements.values():
            entry = Entry(str(value), value)
            if self.values == ("verdict",):
                self.result(entry)
            elif self.values:
                self.ends(entry)

    def find(self, s: Skb, key: Key | None) -> Entry | None:
        """The living element for a key; None for none. A walk that is written down notes it."""
        if key is None:
            return None
        elements = self._elements
        found = (self.elements if elements is None else elements).find(key)
        if self.name in s.learnt.sets or (found is not None and found.expires is not None):
            found = self._now(s, key, found)
        if found is not None and s.log is not None:
            s.log.elements.append(found.text)
        return found

    def _now(self, s: Skb, key: Key, written: Entry | None) -> Entry | None:
        held, now = s.learnt.held(self.name, key), s.context.time
        if held is not None:
            if held.expires <= now:
                return None
            return written or Entry(shown(key, self.keys), None, held.expires)
        alive = written is None or written.expires is None or written.expires > now
        return written if alive else None

    def result(self, entry: Entry) -> Result:
        """The verdict that a map has for an element."""
        if entry.text in self._results:
            return self._results[entry.text]
        if not isinstance(entry.value, Verdict):
            raise RuleError(f"the element `{entry.text}` has no verdict: write `KEY : VERDICT`")
        found = self._results[entry.text] = compiled(entry.value)
        return found

    def ends(self, entry: Entry) -> tuple[Bounds, ...]:
        """The value that a map has for an element, field by field, each with its first and its last."""
        found = self._ends.get(entry.text)
        if found is None:
            if entry.value is None or isinstance(entry.value, Verdict):
                raise RuleError(f"the element `{entry.text}` has no value: write `KEY : VALUE`")
            words = parts(entry.value)
            if len(words) != len(self.values):
                fields = f"{len(words)} fields, where {len(self.values)} are asked"
                raise RuleError(f"the element `{entry.text}` has a value of {fields}")
            found = tuple(bounds(word, kind) for word, kind in zip(words, self.values, strict=True))
            self._ends[entry.text] = found
        return found


class Learning(NamedTuple):
    """How a rule changes a set: `word` is add, update or delete, `timeout` None for as long as the host runs."""

    word: str
    table: Table
    timeout: float | None

    def act(self, s: Skb, key: Key) -> bool:
        """Change the set; False where it is full, and the rule goes no further (nft_dynset_eval)."""
        table, now = self.table, s.context.time
        known = table.find(s, key) is not None
        if self.word == "delete":
            if known:
                s.learnt = s.learnt.with_element(table.name, key, Held(BEFORE_ALL), now)
            return known
        if known and (self.word == "add" or self.timeout is None):
            return True
        size = table.declared.size if table.declared else None
        if not known and size is not None and len(table.elements) + s.learnt.count(table.name, now) >= size:
            return False
        expires = NEVER if self.timeout is None else now + self.timeout
        s.learnt = s.learnt.with_element(table.name, key, Held(expires), now)
        return True
