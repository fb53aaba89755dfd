"""dig on the simulated cluster: real DNS messages, written as dig 9.18 writes them.

Simplified: the message's number and the cookie are made from the name, an answer takes no time, and the clock
stands still.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from svcnotes.control_plane.cluster import Cluster
from svcnotes.control_plane.dns import ResolvConf
from svcnotes.errors import QuestionError
from svcnotes.toolbox.asking import TRIES, Ask, Asked, ask, conf_at
from svcnotes.toolbox.dig_words import DigError, Question, read
from svcnotes.toolbox.output import Printed, err, out

if TYPE_CHECKING:
    from dns.message import Message

VERSION = "DiG 9.18.49-1~deb12u3-Debian"
WHEN = "Mon Jun 01 12:00:00 UTC 2026"
_NONE = ";; no servers could be reached\n"
_TAB = 8
_COLUMNS = ((24, 32, 40, 48), (24, 24, 32, 40), (24, 24, 24, 32))
"""Where ttl, class, kind and data begin: with all of them, with one left out, with two left out."""


def dig(cluster: Cluster, source: str, words: str | Sequence[str] = "") -> str:
    """What `dig WORDS` prints where the source is, a Pod, a Node or an outside host as in `svcnotes.trace`.

    `words` is what follows `dig`: names, kinds, `@SERVER`, `-x ADDRESS`, `+short`, `+search`,
    `+noall +answer` and such. Raises QuestionError for an unknown source.
    """
    return run_dig(cluster, source, words).text


def run_dig(
    cluster: Cluster, source: str, words: str | Sequence[str] = "", *, by: Ask = ask, when: str = WHEN
) -> Printed:
    """The same as `dig`, with streams and exit status: 9 where no server answered. Raises QuestionError.

    `by` puts the questions; `when` is the date that is printed.
    """
    conf = conf_at(cluster, source)
    try:
        given = shlex.split(words) if isinstance(words, str) else list(words)
        questions = read(given)
    except DigError as error:
        return err(f"{str(error).rstrip()}\n", error.code)
    except ValueError as error:
        raise QuestionError(f"dig {words}: {error}; close the quotation mark") from None
    banner = [f"\n; <<>> {VERSION} <<>> {' '.join(given)}".rstrip()]
    if questions[0].server and any(word.startswith("@") for word in given[: _first_name(given)]):
        banner.append("; (1 server found)")
    banner.append(";; global options: +cmd")
    printed, code = Printed(), 0
    for number, question in enumerate(questions):
        text, failed = _one(_Run(cluster, source, by, when), question, conf, banner if number == 0 else [])
        printed = printed.then(out(text))
        code = 9 if failed else code
    return Printed(printed.parts, code)


@dataclass(frozen=True, slots=True)
class _Run:
    """What holds for all questions of one command."""

    cluster: Cluster
    source: str
    by: Ask
    when: str


def _first_name(given: Sequence[str]) -> int:
    """Where the first name stands among the words: dig counts the servers named before it."""
    return next((i for i, word in enumerate(given) if word[:1] not in "@+-"), len(given))


def _one(run: _Run, question: Question, conf: ResolvConf, banner: list[str]) -> tuple[str, bool]:
    """The text of one question, and whether no server answered."""
    servers = (question.server,) if question.server else conf.nameservers
    if not servers:
        return f"{_lines(banner)}{_NONE}", True
    names = list(_names(question, conf))
    text = ""
    for place, name in enumerate(names):
        asked = _asked(run, servers, question, name)
        if asked.reply is None:
            return text + _failure(asked, question, name, banner), True
        text += _errors(asked, question, name, asked.failures)
        last = asked.reply.code != "NXDOMAIN" or place == len(names) - 1
        if last or question.shows("showsearch"):
            text += _answer(asked, question, name, banner, run.when)
            banner = []
        if last:
            break
    return text, False


def _names(question: Question, conf: ResolvConf) -> Iterator[str]:
    """The names to ask for: dig leaves resolv.conf's search list alone unless +search is given."""
    if not question.shows("search"):
        yield question.name
        return
    ndots = question.values.get("ndots", "")
    if ndots:
        conf = ResolvConf(conf.nameservers, conf.search, (("ndots", ndots),))
    yield from conf.candidates(question.name)


def _asked(run: _Run, servers: Sequence[str], question: Question, name: str) -> Asked:
    """The first server's answer; the next one is asked where one says nothing."""
    asked = Asked(servers[0])
    for server in servers:
        asked = run.by(
            run.cluster,
            run.source,
            server,
            name,
            question.kind,
            port=question.port,
            protocol="tcp" if _over_tcp(question) else "udp",
            tries=_tries(question),
        )
        if asked.reply is not None:
            break
    return asked


def _over_tcp(question: Question) -> bool:
    return question.shows("tcp") or question.kind == "ANY"


def _tries(question: Question) -> int:
    retries = question.values.get("retry", "")
    tries = int(retries) + 1 if retries else int(question.values.get("tries", TRIES))
    return min(max(tries, 1), 255)


def _failure(asked: Asked, question: Question, name: str, banner: list[str]) -> str:
    """What is printed where no try brought an answer."""
    failures = asked.failures or (asked.error,) * _tries(question)
    said = _errors(asked, question, name, failures)
    return said if _over_tcp(question) else f"{said}{_lines(banner)}{_NONE}"


def _errors(asked: Asked, question: Question, name: str, failures: Sequence[str]) -> str:
    """A line (by TCP two) for each try that failed."""
    where = f"{asked.server}#{question.port}"
    if _over_tcp(question):
        said = [
            f";; Connection to {where}({asked.server}) for {name} failed: {error}.\n{_NONE}"
            for error in failures
        ]
    else:
        said = [f";; communications error to {where}: {error}\n" for error in failures]
    return "".join(said)


def _answer(asked: Asked, question: Question, name: str, banner: list[str], when: str) -> str:
    """One message as dig shows it."""
    from svcnotes.control_plane.dns import message

    if asked.reply is None:
        return ""
    query = message.question(name, question.kind, cookie=question.shows("cookie"))
    if not question.shows("edns"):
        query.use_edns(-1)
    if not question.shows("recurse"):
        query.flags &= ~0x0100
    got = message.response(query, asked.reply)
    if question.shows("short"):
        return _lines([one.to_text() for rrset in got.answer for one in rrset])
    text = _lines(banner) if question.shows("cmd") and banner else ""
    text += "".join(_head(got, question, name)) if question.shows("comments") else ""
    for part, title, rows in _sections(got, question):
        if question.shows(part):
            heading = f";; {title} SECTION:\n" if question.shows("comments") else ""
            text += heading + _lines(rows) + ("\n" if question.shows("comments") else "")
    if question.shows("stats"):
        text += _stats(got, asked, question, when)
    return text


def _head(got: Message, question: Question, name: str) -> Iterator[str]:
    import dns.flags
    import dns.rcode

    yield ";; Got answer:\n"
    if f".{name.rstrip('.').lower()}".endswith(".local"):
        yield ";; WARNING: .local is reserved for Multicast DNS\n"
        yield ";; You are currently testing what happens when an mDNS query is leaked to DNS\n"
    yield f";; ->>HEADER<<- opcode: QUERY, status: {dns.rcode.to_text(got.rcode())}, id: {got.id}\n"
    counts = {
        "QUERY": len(got.question),
        "ANSWER": sum(map(len, got.answer)),
        "AUTHORITY": sum(map(len, got.authority)),
        "ADDITIONAL": sum(map(len, got.additional)) + (got.edns >= 0),
    }
    flags = dns.flags.to_text(got.flags).lower()
    yield f";; flags: {flags}; {', '.join(f'{part}: {count}' for part, count in counts.items())}\n"
    if got.flags & dns.flags.RD and not got.flags & dns.flags.RA:
        yield ";; WARNING: recursion requested but not available\n"
    yield "\n"
    if got.edns >= 0 and question.shows("edns"):
        yield ";; OPT PSEUDOSECTION:\n"
        yield f"; EDNS: version: {got.edns}, flags:; udp: {got.payload}\n"
        for option in got.options:
            if cookie := getattr(option, "client", b""):
                yield f"; COOKIE: {cookie.hex()} (echoed)\n"


def _sections(got: Message, question: Question) -> Iterator[tuple[str, str, list[str]]]:
    """The sections that hold something: the option that shows each, its title, its lines."""
    import dns.rdatatype

    shown = question.shows("ttlid"), question.shows("class")
    ttl, of_class, kind, data = _COLUMNS[shown.count(False)]
    asked = [
        ";" + _columns(one.name.to_text(), (of_class, "IN"), (kind, question.kind)) for one in got.question
    ]
    yield "question", "QUESTION", asked
    for part, rrsets in (
        ("answer", got.answer),
        ("authority", got.authority),
        ("additional", got.additional),
    ):
        rows = [
            _columns(
                rrset.name.to_text(),
                *([(ttl, str(rrset.ttl))] if shown[0] else []),
                *([(of_class, "IN")] if shown[1] else []),
                (kind, dns.rdatatype.to_text(rrset.rdtype)),
                (data, one.to_text()),
            )
            for rrset in rrsets
            for one in rrset
        ]
        if rows:
            yield part, part.upper(), rows


def _columns(name: str, *cells: tuple[int, str]) -> str:
    """A line in dig's columns: tabs and blanks up to each column, at least one of them."""
    line, at = name, len(name)
    for column, text in cells:
        to = max(column, at + 1)
        tabs = to // _TAB - at // _TAB
        blanks = to - (to // _TAB * _TAB if tabs else at)
        line += "\t" * tabs + " " * blanks + text
        at = to + len(text)
    return line


def _stats(got: Message, asked: Asked, question: Question, when: str) -> str:
    size = len(got.to_wire(want_shuffle=False))
    over = "TCP" if _over_tcp(question) else "UDP"
    server = f"{asked.server}#{question.port}({asked.server}) ({over})"
    return f";; Query time: 0 msec\n;; SERVER: {server}\n;; WHEN: {when}\n;; MSG SIZE  rcvd: {size}\n\n"


def _lines(rows: Sequence[str]) -> str:
    return "".join(f"{row}\n" for row in rows)
