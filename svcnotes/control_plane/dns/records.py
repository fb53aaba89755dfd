"""What a DNS server answers: records, and the code that says whether the name is there."""

from __future__ import annotations

from dataclasses import dataclass

NOERROR, NXDOMAIN = "NOERROR", "NXDOMAIN"
ADDRESS_KINDS = ("A", "AAAA")


@dataclass(frozen=True, slots=True)
class Record:
    """One resource record: `name` in full, with its last dot; `data` as a zone file writes it; `ttl` in seconds."""

    name: str
    kind: str
    data: str
    ttl: int


@dataclass(frozen=True, slots=True)
class Reply:
    """A server's answer: `code` is NOERROR or NXDOMAIN, then the sections of the message.

    No records under NOERROR mean that the name is there and has none of that kind. `authoritative` and
    `recursion` are the flags aa and ra.
    """

    code: str = NOERROR
    answer: tuple[Record, ...] = ()
    authority: tuple[Record, ...] = ()
    additional: tuple[Record, ...] = ()
    authoritative: bool = True
    recursion: bool = False

    @property
    def addresses(self) -> tuple[str, ...]:
        """The addresses in the answer, each once."""
        return tuple(dict.fromkeys(record.data for record in self.answer if record.kind in ADDRESS_KINDS))

    @property
    def aliases(self) -> tuple[str, ...]:
        """The names that CNAMEs of the answer lead to, without the last dot."""
        return tuple(record.data.rstrip(".") for record in self.answer if record.kind == "CNAME")


def full(name: str) -> str:
    """The name with its last dot."""
    return name if name.endswith(".") else f"{name}."
