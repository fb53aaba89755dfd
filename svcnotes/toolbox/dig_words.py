"""The words of a dig command: servers, names, kinds, and the +options, in dig's own order of precedence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from ipaddress import ip_address

KINDS = frozenset(
    [
        "A",
        "AAAA",
        "ANY",
        "CAA",
        "CNAME",
        "DNSKEY",
        "DS",
        "HINFO",
        "HTTPS",
        "MX",
        "NAPTR",
        "NS",
        "PTR",
        "SOA",
        "SRV",
        "SVCB",
        "TXT",
    ]
)
CLASSES = frozenset(("IN", "CH", "HS"))
PARTS = ("cmd", "comments", "question", "answer", "authority", "additional", "stats")
_OTHERS = ("short", "search", "showsearch", "recurse", "tcp", "edns", "cookie", "ttlid", "class", "crypto")
_ALIASES = {"rec": "recurse", "vc": "tcp", "ttl": "ttlid", "cl": "class", "defname": "search"}
_LEFT_OUT = frozenset(
    (
        *("aaonly", "adflag", "badcookie", "cdflag", "dnssec", "domain", "expire", "fail", "https"),
        *("identify", "ignore", "keepalive", "keepopen", "multiline", "nsid", "nssearch", "onesoa"),
        *("padding", "qr", "rrcomments", "split", "subnet", "tls", "trace", "unknownformat", "yaml", "zflag"),
    )
)
_VALUED = ("ndots", "time", "timeout", "tries", "retry", "bufsize")


class DigError(Exception):
    """Words that dig refuses; `str()` is what it prints on its error output, `code` its exit status."""

    def __init__(self, text: str, code: int = 1) -> None:
        super().__init__(text)
        self.code = code


@dataclass(frozen=True)
class Question:
    """One question of a dig command; `flags` are the +options in force, `server` empty for resolv.conf's."""

    name: str
    kind: str = "A"
    server: str = ""
    port: int = 53
    flags: frozenset[str] = frozenset((*PARTS, "recurse", "edns", "cookie", "ttlid", "class"))
    values: dict[str, str] = field(default_factory=dict)

    def shows(self, part: str) -> bool:
        """Whether that +option is on."""
        return part in self.flags


USAGE = """\
Usage:  dig [@global-server] [domain] [q-type] [q-class] {q-opt}
            {global-d-opt} host [@local-server] {local-d-opt}
            [ host [@local-server] {local-d-opt} [...]]

Use "dig -h" (or "dig -h | more") for complete list of options
"""


def read(words: Sequence[str]) -> tuple[Question, ...]:
    """Read the words after `dig`; raises DigError.

    Options before the first name hold for all names, later ones for the name before them.
    """
    common = Question("")
    questions: list[Question] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        here = questions[-1] if questions else common
        if word.startswith("@"):
            here = replace(here, server=_server(word[1:]))
        elif word.startswith("+"):
            here = _option(here, word[1:])
        elif word.startswith("-") and len(word) > 1:
            letter, value = word[1], word[2:]
            if letter in "46":
                continue
            if letter not in "xtqpc":
                raise DigError(f"Invalid option: {word}\n{USAGE}")
            if not value:
                if not rest:
                    raise DigError(f"Invalid option: {word}\n{USAGE}")
                value = rest.pop(0)
            if letter in "xq":
                named = replace(common, name=_pointer(value) if letter == "x" else value)
                questions.append(replace(named, kind="PTR" if letter == "x" else common.kind))
                continue
            here = _letter(here, letter, value)
        elif word.upper() in KINDS:
            here = replace(here, kind=word.upper())
        elif word.upper() in CLASSES:
            continue
        else:
            questions.append(replace(common, name=word))
            continue
        if questions:
            questions[-1] = here
        else:
            common = here
    asked = questions or [replace(common, name=".", kind="NS")]
    if any(
        one.shows("short") for one in asked
    ):  # the one option that holds for every name, wherever it stands
        asked = [replace(one, flags=one.flags | {"short"}) for one in asked]
    return tuple(_checked(one) for one in asked)


def _checked(question: Question) -> Question:
    name = question.name
    for label in name.rstrip(".").split(".") if name != "." else []:
        if not label:
            raise DigError(f"dig: '{name[:300]}' is not a legal name (empty label)", 10)
        if len(label.encode()) > 63:
            raise DigError(f"dig: '{name[:300]}' is not a legal name (label too long)", 10)
    if len(name.encode()) > 253:
        raise DigError(f"dig: '{name[:300]}' is not a legal name (ran out of space)", 10)
    return question


def _server(word: str) -> str:
    try:
        return str(ip_address(word))
    except ValueError:
        raise DigError(f"dig: couldn't get address for '{word}': not found") from None


def _pointer(word: str) -> str:
    try:
        return ip_address(word).reverse_pointer
    except ValueError:
        raise DigError(f"Invalid IP address {word}") from None


def _letter(here: Question, letter: str, value: str) -> Question:
    if letter == "t":
        if value.upper() not in KINDS:
            raise DigError(f";; Warning, ignoring invalid type {value}")
        return replace(here, kind=value.upper())
    if letter == "p":
        if not (value.isascii() and value.isdigit() and 0 < int(value) <= 65535):
            raise DigError(f"dig: Couldn't parse port number '{value}'")
        return replace(here, port=int(value))
    return here


def _option(here: Question, word: str) -> Question:
    name, _, value = word.partition("=")
    wanted = not name.startswith("no") or name in _VALUED
    plain = name if wanted else name[2:]
    plain = _ALIASES.get(plain, plain)
    if plain == "all":
        return replace(here, flags=here.flags | set(PARTS) if wanted else here.flags - set(PARTS))
    if plain in _VALUED and wanted and value.isascii() and value.isdigit():
        given = {**here.values, plain: value[:4]}
        return replace(here, values=given, flags=here.flags | {"search"} if plain == "ndots" else here.flags)
    if plain in _LEFT_OUT:
        raise DigError(f"# +{word}: this model's dig leaves that option out")
    if plain not in (*PARTS, *_OTHERS):
        raise DigError(f"Invalid option: +{word}\n{USAGE}")
    changed = {plain, "search"} if plain == "showsearch" and wanted else {plain}
    return replace(here, flags=here.flags | changed if wanted else here.flags - changed)
