"""Compile a comparison: what the packet has on the left, what is asked for on the right."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

from svcnotes.errors import RuleError
from svcnotes.netfilter.header import Test
from svcnotes.netfilter.nftables.fields import GetKey, key_getter
from svcnotes.netfilter.nftables.kinds import kinds_of
from svcnotes.netfilter.nftables.lookup import Table
from svcnotes.netfilter.nftables.syntax import (
    Binary,
    Braces,
    Concat,
    Expression,
    Match,
    Reference,
    Selector,
    Word,
)
from svcnotes.netfilter.nftables.types import BIT_FLAGS, bounds, one
from svcnotes.netfilter.skb import Skb

FindTable = Callable[[Reference | Braces, tuple[str, ...], tuple[str, ...]], Table]
_ORDERS: Mapping[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}
_BITS: Mapping[str, Callable[[int, int], int]] = {
    "&": operator.and_,
    "|": operator.or_,
    "^": operator.xor,
    "<<": lambda one, by: (one << by) & 0xFFFFFFFF,
    ">>": operator.rshift,
}


def match_test(match: Match, family: str, tables: FindTable) -> Test:
    """Compile a match; `family` is the table's, `tables` finds a set by name or makes one of braces."""
    left, negated = match.left, match.sign in ("!=", "!")
    kinds = kinds_of(left, family)
    get = value_getter(left, family)
    if isinstance(match.right, Reference | Braces):
        if match.sign not in ("", "==", "!="):
            raise RuleError(f"`{match.sign}` cannot stand before a set: write `!=`, or nothing")
        table = tables(match.right, kinds, ())
        return _in_table(get, table, negated=negated)
    if match.sign in _ORDERS:
        return _ordered(get, _ORDERS[match.sign], one(str(match.right), kinds[0]))
    if isinstance(left, Concat):
        return _side_by_side(get, match.right, kinds, negated=negated)
    if isinstance(match.right, Binary) and match.right.sign == "/":
        # flags under a mask: `tcp flags syn / fin,syn,rst,ack`
        wanted, mask = (int(one(_flags(side), kinds[0])) for side in (match.right.left, match.right.right))
        return _masked(get, mask, wanted, negated=negated)
    word = _flags(match.right)
    if isinstance(left, Selector) and left.words[0] == "fib" and left.words[-1] in ("oif", "oifname"):
        if word not in ("missing", "exists", "0"):
            raise RuleError(f"`{match}`: of the way back this Linux knows only `missing` and `exists`")
        return _named(get, "", negated=(word == "exists") != negated)
    if kinds[0] in BIT_FLAGS and match.sign in ("", "!") and not isinstance(left, Binary):
        bits = int(one(word, kinds[0]))
        return _any_bit(get, bits, negated=negated)
    return _equal(get, left, word, kinds[0], family, negated=negated)


def _flags(right: Expression) -> str:
    """Flags as a list: `snat | dnat` says the same as `snat,dnat`."""
    if isinstance(right, Binary) and right.sign == "|":
        return f"{_flags(right.left)},{_flags(right.right)}"
    if not isinstance(right, Word):
        raise RuleError(f"`{right}` is no lone value: compare with one")
    return right.text


def value_getter(expression: Expression, family: str) -> GetKey:
    """Compile a value asked of the packet, bits included."""
    found = key_getter(expression, family)
    if found is not None:
        return found
    if isinstance(expression, Binary):
        left, right = value_getter(expression.left, family), operand(expression, family)
        join = _BITS[expression.sign]

        def joined(s: Skb) -> int | None:
            one_side, other = left(s), right(s)
            if not isinstance(one_side, int) or not isinstance(other, int):
                return None
            return join(one_side, other)

        return joined
    raise RuleError(f"`{expression}` cannot stand here: ask for fields of the packet")


def operand(binary: Binary, family: str) -> GetKey:
    """Compile the right side of a bit operation: a constant of the left side's type, or another value."""
    right = binary.right
    if isinstance(right, Word) or (isinstance(right, Binary) and right.sign == "|"):
        kind = kinds_of(binary.left, family)[0]
        value = one(_flags(right), "integer" if binary.sign in ("<<", ">>") else kind)
        return lambda _: value
    return value_getter(right, family)


def _in_table(get: GetKey, table: Table, *, negated: bool) -> Test:
    if not negated:
        return lambda s: table.find(s, get(s)) is not None

    def outside(s: Skb) -> bool:
        key = get(s)
        return key is not None and table.find(s, key) is None

    return outside


def _ordered(get: GetKey, order: Callable[[Any, Any], bool], value: object) -> Test:
    def test(s: Skb) -> bool:
        found = get(s)
        return found is not None and order(found, value)

    return test


def _side_by_side(get: GetKey, right: Expression, kinds: tuple[str, ...], *, negated: bool) -> Test:
    words = [str(part) for part in right.parts] if isinstance(right, Concat) else [str(right)]
    if len(words) != len(kinds):
        raise RuleError(
            f"`{right}` has {len(words)} fields, where {len(kinds)} are asked ({' . '.join(kinds)})"
        )
    ends = [bounds(word, kind) for word, kind in zip(words, kinds, strict=True)]

    def test(s: Skb) -> bool:
        found = get(s)
        if not isinstance(found, tuple):
            return False
        fits = all(low <= value <= high for (low, high), value in zip(ends, found, strict=True))  # type: ignore[operator]
        return fits != negated

    return test


def _masked(get: GetKey, mask: int, wanted: int, *, negated: bool) -> Test:
    def test(s: Skb) -> bool:
        found = get(s)
        return isinstance(found, int) and (found & mask == wanted) != negated

    return test


def _any_bit(get: GetKey, bits: int, *, negated: bool) -> Test:
    def test(s: Skb) -> bool:
        found = get(s)
        return isinstance(found, int) and bool(found & bits) != negated

    return test


def _named(get: GetKey, name: str, *, negated: bool) -> Test:
    return lambda s: (get(s) == name) != negated


def _equal(get: GetKey, left: Expression, word: str, kind: str, family: str, *, negated: bool) -> Test:
    low, high = bounds(word, kind)
    if kind == "ifname" and isinstance(low, str) and low.endswith("*"):
        start = low[:-1]
        return lambda s: str(get(s)).startswith(start) != negated
    if isinstance(left, Selector) and isinstance(low, int) and isinstance(high, int):
        quick = _plain_test(left, family, low, high, negated=negated)
        if quick is not None:
            return quick
    if low == high:

        def same(s: Skb) -> bool:
            found = get(s)
            return found is not None and (found == low) != negated

        return same

    def within(s: Skb) -> bool:
        found = get(s)
        return found is not None and (low <= found <= high) != negated  # type: ignore[operator]

    return within


def _plain_test(left: Selector, family: str, low: int, high: int, *, negated: bool) -> Test | None:
    """A test of one attribute, for what most rules ask; None for other questions."""
    if left.words in (("meta", "l4proto"), ("l4proto",)) and low == high:
        return (lambda s: s.protocol != low) if negated else (lambda s: s.protocol == low)
    if left.words == (family, "daddr"):
        return (lambda s: not low <= s.dst <= high) if negated else (lambda s: low <= s.dst <= high)
    if left.words == (family, "saddr"):
        return (lambda s: not low <= s.src <= high) if negated else (lambda s: low <= s.src <= high)
    return None
