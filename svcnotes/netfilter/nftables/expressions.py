"""Read expressions: what is asked of a packet, constants, sets and maps without a name."""

from __future__ import annotations

from svcnotes.errors import RuleError
from svcnotes.netfilter.nftables.grammar import (
    CT,
    CT_ENDS,
    FIB_KEYS,
    FIB_RESULTS,
    META,
    NOT_CT,
    NOT_META,
    NOT_SELECTORS,
    PAYLOAD,
    left_out,
)
from svcnotes.netfilter.nftables.syntax import (
    Binary,
    Braces,
    Concat,
    Element,
    Expression,
    Mapped,
    Reference,
    Selector,
    Verdict,
    Word,
)
from svcnotes.netfilter.nftables.words import Words

SIGNS = ("&", "|", "^", "<<", ">>")
_IN_WORDS = {"and": "&", "or": "|", "xor": "^", "lshift": "<<", "rshift": ">>"}
"""The same signs in words, which nft reads too."""
VERDICTS = ("accept", "drop", "continue", "return")
JUMPS = ("jump", "goto")
_SIZES, _TIMES = ("bytes", "kbytes", "mbytes"), ("second", "minute", "hour", "day", "week")
_PUNCTUATION = ("{", "}", "(", ")", ",", ":", ".", "/", *SIGNS)


def begins_selector(words: Words) -> bool:
    """Whether the next words ask something of the packet (and are no constants)."""
    word, after = words.next, words.beyond(1)
    if word in PAYLOAD:
        return after[:1].isalpha()
    return word in ("meta", "ct", "fib", "numgen") or word in META or word in NOT_SELECTORS


def selector(words: Words) -> Selector:
    """Read what is asked of the packet; raises RuleError for what this Linux does not know."""
    first = words.take("what is asked of the packet")
    if first in PAYLOAD:
        return _payload(first, words)
    if first in META:
        return Selector((first,))
    match first:
        case "meta":
            return _meta(words)
        case "ct":
            return _ct(words)
        case "fib":
            return _fib(words)
        case "numgen":
            return _numgen(words)
    if first in NOT_SELECTORS:
        raise RuleError(left_out(first, NOT_SELECTORS[first]))
    if first in NOT_META:
        raise RuleError(left_out(f"meta {first}", ""))
    raise RuleError(
        f"unknown word `{first}`: a rule asks the packet (`ip daddr`, `tcp dport`, `meta mark`, `ct state`, "
        "`fib daddr type`, ...) and acts (`accept`, `jump CHAIN`, `masquerade`, ...)"
    )


def _payload(header: str, words: Words) -> Selector:
    field = words.take(f"a field of {header}")
    if field not in PAYLOAD[header]:
        known = ", ".join(PAYLOAD[header])
        raise RuleError(left_out(f"{header} {field}", f"of {header} it knows {known}"))
    return Selector((header, field))


def _meta(words: Words) -> Selector:
    key = words.take("what of the packet")
    if key in NOT_META:
        raise RuleError(left_out(f"meta {key}", ""))
    if key not in META:
        raise RuleError(f"unknown word `meta {key}`: known are {', '.join(META)}")
    return Selector(("meta", key))


def _ct(words: Words) -> Selector:
    key = words.take("what of the connection")
    if key in ("original", "reply"):
        rest = [words.take("what of the connection")]
        if rest[0] in ("ip", "ip6"):
            rest.append(words.take("what of the connection"))
        if rest[-1] in CT_ENDS:
            return Selector(("ct", key, *rest))
        key = f"{key} {' '.join(rest)}"
    if key in CT:
        return Selector(("ct", key))
    if key.split()[-1] in NOT_CT:
        raise RuleError(left_out(f"ct {key}", ""))
    raise RuleError(
        f"unknown word `ct {key}`: known are {', '.join(CT)}, original and reply with {', '.join(CT_ENDS)}"
    )


def _fib(words: Words) -> Selector:
    found = ["fib", words.take("saddr or daddr")]
    while words.took("."):
        found += [".", words.take("a key of fib")]
    wrong = next((word for word in found[1::2] if word not in FIB_KEYS), "")
    result = words.take("what the routing table is asked")
    if wrong or result not in FIB_RESULTS:
        known = f"{', '.join(FIB_KEYS)} (joined with ` . `), then {', '.join(FIB_RESULTS)}"
        raise RuleError(f"unknown word `{wrong or result}` of fib: known are {known}")
    return Selector((*found, result))


def _numgen(words: Words) -> Selector:
    kind = words.take("random or inc")
    if kind not in ("random", "inc"):
        raise RuleError(f"numgen counts at `random` or `inc`, not `{kind}`")
    words.expect("mod")
    found = ["numgen", kind, "mod", words.take("a number")]
    if words.took("offset"):
        found += ["offset", words.take("a number")]
    for word in found[3::2]:
        if not word.isdigit() or not 0 <= int(word) < 1 << 32:
            raise RuleError(f"`{word}` of numgen is not a number from 0 to {(1 << 32) - 1}")
    if int(found[3]) == 0:
        raise RuleError("numgen mod 0 has no value: write how many values there are")
    return Selector(tuple(found))


def expression(words: Words) -> Expression:
    """Read a value: of the packet, or a constant, joined by bits, side by side, or looked up in a map."""
    parts = [_joined(words)]
    while words.took("."):
        parts.append(_joined(words))
    found = parts[0] if len(parts) == 1 else Concat(tuple(parts))
    if words.took("map"):
        return Mapped(found, table(words))
    return found


def _joined(words: Words) -> Expression:
    found: Expression = _operand(words)
    while (sign := _IN_WORDS.get(words.next, words.next)) in SIGNS:
        words.take()
        found = Binary(found, sign, _operand(words))
    return found


def _operand(words: Words) -> Expression:
    if words.took("("):
        found = _joined(words)
        words.expect(")")
        return found
    return selector(words) if begins_selector(words) else constant(words)


def constant(words: Words) -> Word:
    """Read one constant."""
    word = words.take("a value")
    if word in _PUNCTUATION:
        raise RuleError(f"`{word}` stands where a value must: correct the line")
    return Word(word)


def constants(words: Words) -> Expression:
    """Read a constant to compare with: several side by side, flags joined by `|`, flags under a mask."""
    parts: list[Expression] = []
    while True:
        part: Expression = constant(words)
        while words.next in ("|", "/", "&", "^"):
            part = Binary(part, words.take(), constant(words))
        parts.append(part)
        if not words.took("."):
            return parts[0] if len(parts) == 1 else Concat(tuple(parts))


def table(words: Words) -> Reference | Braces:
    """Read a set or map: `@NAME`, or one in braces."""
    if words.next[:1] == "@":
        return Reference(words.take()[1:])
    return braces(words)


def braces(words: Words) -> Braces:
    """Read a set or map without a name."""
    words.expect("{")
    elements = []
    while not words.took("}"):
        elements.append(element(words, constants(words)))
        if not words.took(",") and words.next != "}":
            raise RuleError(f"`{words.next}` stands behind the element `{elements[-1]}`: write `,` or `}}`")
    if not elements:
        raise RuleError("`{ }` holds nothing: put an element into it, or drop the rule")
    return Braces(tuple(elements))


def element(words: Words, key: Expression) -> Element:
    """Read what is said of an element behind its key, and its value in a map."""
    said: list[str] = []
    while words.next in ("comment", "timeout", "expires", "counter", "limit"):
        said += said_of(words)
    if not words.took(":"):
        return Element(key, tuple(said))
    if words.next in VERDICTS or words.next in JUMPS:
        return Element(key, tuple(said), verdict(words))
    return Element(key, tuple(said), constants(words))


def said_of(words: Words) -> list[str]:
    """Read one thing that is said of an element: a remark, a time, a counter, a limit."""
    word = words.take()
    if word == "counter":
        return [word, *counted(words)]
    if word == "limit":
        return [word, *limited(words)]
    return [word, words.take(f"the value of {word}")]


def counted(words: Words) -> list[str]:
    """Read the numbers of a counter, where it has any."""
    if words.next != "packets":
        return []
    found = [words.take(), counting(words)]
    words.expect("bytes")
    return [*found, "bytes", counting(words)]


def counting(words: Words) -> str:
    """Read a number of packets or bytes."""
    word = words.take("a number")
    if not word.isdigit():
        raise RuleError(f"`{word}` stands where a number must: correct the line")
    return word


def limited(words: Words) -> list[str]:
    """Read how much a limit lets pass."""
    if words.took("name"):
        return ["name", words.take("the limit's name")]
    words.expect("rate")
    found = ["rate"]
    if words.took("over"):
        found.append("over")
    found.append(words.take("a rate"))
    if words.next.partition("/")[0] in _SIZES:
        found.append(words.take())
    number, _, unit = " ".join(found[-2:] if found[-1].partition("/")[0] in _SIZES else found[-1:]).partition(
        "/"
    )
    if unit not in _TIMES or not number.split(" ")[0].isdigit():
        raise RuleError(f"`{number}/{unit}` is no rate: write such as 10/second, or 5 mbytes/minute")
    if words.took("burst"):
        found += ["burst", counting(words), words.take("packets or bytes")]
        if found[-1] not in ("packets", *_SIZES):
            raise RuleError(f"a burst of `{found[-1]}`: write packets or bytes")
    return found


def verdict(words: Words) -> Verdict:
    """Read a verdict."""
    word = words.take("a verdict")
    if word in JUMPS and words.next == "{":
        raise RuleError(left_out(f"{word} {{ ... }}", "a chain without a name: give it one"))
    return Verdict(word, words.take(f"the chain to {word}") if word in JUMPS else "")
