"""nslookup on the simulated cluster, as BIND 9.18's prints it (busybox' has another format)."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from ipaddress import ip_address

from svcnotes.control_plane.cluster import Cluster
from svcnotes.control_plane.dns import Record, Reply
from svcnotes.errors import QuestionError
from svcnotes.toolbox.asking import TRIES, Ask, Asked, ask, conf_at
from svcnotes.toolbox.dig_words import KINDS
from svcnotes.toolbox.output import Printed, err, out

_SOA = ("serial", "refresh", "retry", "expire", "minimum")


class _Lookup:
    """One run of nslookup: what it prints, line by line."""

    def __init__(self, cluster: Cluster, source: str, server: str, by: Ask) -> None:
        self.cluster, self.source, self.by = cluster, source, by
        self.conf = conf_at(cluster, source)
        self.servers = (server,) if server else self.conf.nameservers
        self.lines: list[str] = []
        self.code = 0

    def query(self, name: str, kind: str) -> Reply | None:
        """Ask the servers in turn; None where none answers."""
        asked = Asked("")
        for server in self.servers:
            asked = self.by(self.cluster, self.source, server, name, kind)
            failures = asked.failures if asked.reply else asked.failures or (asked.error,) * TRIES
            self.lines += [f";; communications error to {server}#53: {error}" for error in failures]
            if asked.reply is not None:
                if not asked.reply.recursion:
                    self.lines.append(f";; Got recursion not available from {server}")
                self.server = server
                return asked.reply
        self.lines.append(";; no servers could be reached")
        self.code = 1
        return None

    def look(self, name: str, kind: str, *, both: bool) -> None:
        """Look a name up, with resolv.conf's search list; `both` asks for the other family too."""
        found, reply = name, None
        for found in self.conf.candidates(name):
            reply = self.query(found, kind)
            if reply is None or reply.code != "NXDOMAIN":
                break
        if reply is None:
            return
        self.lines += [f"Server:\t\t{self.server}", f"Address:\t{self.server}#53", ""]
        if reply.code == "NXDOMAIN":
            self.missing(name)
            return
        if not reply.authoritative and (reply.answer or not both):
            self.lines.append("Non-authoritative answer:")
        self.lines += [line for record in reply.answer for line in _said(record)]
        if both:
            self.other_family(reply, found)
        elif not reply.answer:
            self.lines.append(f"*** Can't find {name}: No answer")
        if not reply.authoritative and not both and kind not in ("A", "AAAA"):
            self.authorities(reply)

    def other_family(self, reply: Reply, found: str) -> None:
        """Ask for the IPv6 addresses of the name that the first answer ended at."""
        last = reply.aliases[-1] if reply.aliases else found
        second = self.query(last, "AAAA")
        if second is None:
            return
        if second.code == "NXDOMAIN":
            self.missing(last)
            return
        self.lines += [line for record in second.answer for line in _said(record)]
        if not reply.answer and not second.answer:
            self.lines.append(f"*** Can't find {found}: No answer")

    def reverse(self, address: str) -> None:
        """Look up whose address it is."""
        pointer = ip_address(address).reverse_pointer
        reply = self.query(pointer, "PTR")
        if reply is None:
            return
        if reply.code == "NXDOMAIN":
            self.missing(pointer)
            return
        if reply.answer:
            self.lines += [line for record in reply.answer for line in _said(record)]
        else:
            self.lines.append(f"*** Can't find {pointer}: No answer")
        if not reply.authoritative:
            self.authorities(reply)

    def authorities(self, reply: Reply) -> None:
        """The section that says who would know better."""
        self.lines += ["", "Authoritative answers can be found from:"]
        self.lines += [line for record in reply.authority for line in _said(record)]

    def missing(self, name: str) -> None:
        """Say that there is no such name."""
        self.lines.append(f"** server can't find {name}: NXDOMAIN")
        self.code = 1


def nslookup(cluster: Cluster, source: str, words: str | Sequence[str]) -> str:
    """What `nslookup WORDS` prints where the source is, as in `svcnotes.trace`: `[-type=KIND] NAME [SERVER]`.

    Raises QuestionError for an unknown source.
    """
    return run_nslookup(cluster, source, words).text


def run_nslookup(cluster: Cluster, source: str, words: str | Sequence[str], *, by: Ask = ask) -> Printed:
    """The same as `nslookup`, with streams and exit status; `by` puts the questions. Raises QuestionError."""
    try:
        given = shlex.split(words) if isinstance(words, str) else list(words)
    except ValueError as error:
        raise QuestionError(f"nslookup {words}: {error}; close the quotation mark") from None
    kind, before = "", []
    for option in [word for word in given if word.startswith("-")]:
        name, _, value = option.lstrip("-").partition("=")
        if name in ("type", "query", "querytype", "q", "ty"):
            kind = value.upper() if value.upper() in KINDS else ""
            before += [] if kind else [f"unknown query type: {value}"]
        elif name not in ("debug", "nodebug", "timeout", "retry"):
            return err(f"*** Invalid option: {option.lstrip('-')}\n")
    rest = [word for word in given if not word.startswith("-")]
    if not rest:
        return err("# nslookup without a name waits for commands; write nslookup NAME [SERVER]\n")
    server = rest[1] if len(rest) > 1 else ""
    if server and not _address(server):
        return err(f"nslookup: couldn't get address for '{server}': not found\n")
    run = _Lookup(cluster, source, server, by)
    if _address(rest[0]):
        run.reverse(rest[0])
    else:
        run.look(rest[0], kind or "A", both=not kind)
    return Printed(out([*before, *run.lines, ""]).parts, run.code)


def _address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _said(record: Record) -> Iterator[str]:
    """The lines that nslookup writes for a record."""
    name, data = record.name.rstrip(".") or ".", record.data
    if record.kind in ("A", "AAAA"):
        yield f"Name:\t{name}"
        yield f"Address: {data}"
    elif record.kind == "SOA":
        origin, mail, *numbers = data.split()
        yield name
        yield f"\torigin = {origin.rstrip('.')}"
        yield f"\tmail addr = {mail.rstrip('.')}"
        yield from (f"\t{word} = {number}" for word, number in zip(_SOA, numbers, strict=True))
    else:
        words = {"CNAME": "canonical name", "PTR": "name", "SRV": "service", "TXT": "text"}
        yield f"{name}\t{words.get(record.kind, record.kind)} = {data}"
