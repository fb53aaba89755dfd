"""A rule as a value: expressions and statements, each printing itself as `nft list` does."""

from __future__ import annotations

from collections.abc import Iterator

from svcnotes.copying import value


@value(frozen=True, slots=True)
class Word:
    """A constant as printed: `10.244.0.0/16`, `tcp`, `1-1024`, `new,established`, `"eth0"`."""

    text: str

    def __str__(self) -> str:
        return self.text


@value(frozen=True, slots=True)
class Selector:
    """What of a packet is asked for: `ip daddr`, `meta mark`, `ct original ip saddr`, `fib daddr . iif type`."""

    words: tuple[str, ...]

    def __str__(self) -> str:
        return " ".join(self.words)


@value(frozen=True, slots=True)
class Concat:
    """Several values side by side, compared as one: `ip daddr . meta l4proto . th dport`."""

    parts: tuple[Expression, ...]

    def __str__(self) -> str:
        return " . ".join(map(str, self.parts))


@value(frozen=True, slots=True)
class Binary:
    """Two values joined bit by bit (`&`, `|`, `^`, `<<`, `>>`), or flags under a mask (`syn / fin,syn`)."""

    left: Expression
    sign: str
    right: Expression

    def __str__(self) -> str:
        right = f"({self.right})" if isinstance(self.right, Binary) else str(self.right)
        return f"{self.left} {self.sign} {right}"


@value(frozen=True, slots=True)
class Reference:
    """A named set or map: `@cluster-ips`."""

    name: str

    def __str__(self) -> str:
        return f"@{self.name}"


@value(frozen=True, slots=True)
class Element:
    """One element of a set or map: its key, what is said of it (`comment "..."`, `timeout 3h`), its value."""

    key: Expression
    said: tuple[str, ...] = ()
    value: Expression | Verdict | None = None

    def __str__(self) -> str:
        key = " ".join((str(self.key), *self.said))
        return key if self.value is None else f"{key} : {self.value}"


@value(frozen=True, slots=True)
class Braces:
    """A set or map without a name: `{ 80, 443 }`."""

    elements: tuple[Element, ...]

    def __str__(self) -> str:
        return f"{{ {', '.join(map(str, self.elements))} }}"


@value(frozen=True, slots=True)
class Mapped:
    """The value that a map has for a key: `numgen random mod 2 map { 0 : 10.0.0.1, 1 : 10.0.0.2 }`."""

    key: Expression
    table: Reference | Braces

    def __str__(self) -> str:
        return f"{self.key} map {self.table}"


Expression = Word | Selector | Concat | Binary | Reference | Braces | Mapped


@value(frozen=True, slots=True)
class Match:
    """A comparison: the rule goes on only where it holds. `sign` is empty for plain equality."""

    left: Expression
    sign: str
    right: Expression

    def __str__(self) -> str:
        return " ".join(part for part in (str(self.left), self.sign, str(self.right)) if part)


@value(frozen=True, slots=True)
class Verdict:
    """accept, drop, continue or return; jump or goto with the chain."""

    word: str
    chain: str = ""

    def __str__(self) -> str:
        return f"{self.word} {self.chain}" if self.chain else self.word


@value(frozen=True, slots=True)
class Vmap:
    """The verdict that a map has for a key; without one the rule goes no further."""

    key: Expression
    table: Reference | Braces

    def __str__(self) -> str:
        return f"{self.key} vmap {self.table}"


@value(frozen=True, slots=True)
class Assign:
    """Something gets a value: `meta mark set meta mark | 0x00004000`."""

    what: Selector
    value: Expression

    def __str__(self) -> str:
        return f"{self.what} set {self.value}"


@value(frozen=True, slots=True)
class Nat:
    """snat, dnat, masquerade or redirect: `family` is ip, ip6 or empty, `form` says `addr . port` where printed."""

    kind: str
    family: str = ""
    form: str = ""
    to: Expression | None = None
    flags: tuple[str, ...] = ()

    def __str__(self) -> str:
        to = ("to", str(self.to)) if self.to is not None else ()
        return " ".join(part for part in (self.kind, self.family, self.form, *to, *self.flags) if part)


@value(frozen=True, slots=True)
class Learn:
    """Put the packet's own key into a set: `update @affinity { ip saddr timeout 3h }`.

    `limit` holds a limit's words: the element then keeps a limit of its own.
    """

    word: str
    table: str
    element: Element

    def __str__(self) -> str:
        return f"{self.word} @{self.table} {{ {self.element} }}"


@value(frozen=True, slots=True)
class Plain:
    """A statement of fixed words: counter, limit, log, reject, notrack."""

    words: tuple[str, ...]

    def __str__(self) -> str:
        return " ".join(self.words)


Statement = Match | Verdict | Vmap | Assign | Nat | Learn | Plain


@value(frozen=True, slots=True)
class Rule:
    """One rule: its statements in order, and its comment (empty for none)."""

    statements: tuple[Statement, ...]
    comment: str = ""

    def __str__(self) -> str:
        remark = [f'comment "{self.comment}"'] if self.comment else []
        return " ".join([*map(str, self.statements), *remark])

    def chains(self) -> Iterator[str]:
        """The chains that the rule itself may lead to, those of its maps without a name included."""
        for statement in self.statements:
            if isinstance(statement, Verdict) and statement.chain:
                yield statement.chain
            elif isinstance(statement, Vmap) and isinstance(statement.table, Braces):
                for element in statement.table.elements:
                    if isinstance(element.value, Verdict) and element.value.chain:
                        yield element.value.chain
