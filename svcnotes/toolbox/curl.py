"""`curl`, in the words of version 7.88, as a terminal shows it (no progress meter)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from svcnotes.errors import QuestionError
from svcnotes.toolbox.apps import Answer, Asked
from svcnotes.toolbox.connection import KERNEL_GIVES_UP, TIMED_OUT, Talk
from svcnotes.toolbox.options import Options, UsageError, read
from svcnotes.toolbox.output import ERR, OUT, Printed, err
from svcnotes.toolbox.session import Call
from svcnotes.toolbox.web import Fetched, Url, UrlError, fetch, read_url

VERSION = "7.88.1"
_LONG = {
    "max-time": "m", "verbose": "v", "silent": "s", "show-error": "S", "output": "o", "write-out": "w",
    "header": "H", "insecure": "k", "head": "I", "include": "i", "request": "X", "location": "L", "fail": "f",
    "user-agent": "A", "data": "d", "ipv4": "4", "ipv6": "6",
}  # fmt: skip
_FLAGS = ("v", "s", "S", "k", "I", "i", "L", "f", "4", "6", "g", "N", "#", "http1.1")
_VALUED = ("m", "o", "w", "H", "X", "A", "d", "connect-timeout", "resolve", "retry", "u")
_HELP = "curl: try 'curl --help' or 'curl --manual' for more information\n"
MORE_ABOUT_CERTIFICATES = """More details here: https://curl.se/docs/sslcerts.html

curl failed to verify the legitimacy of the server and therefore could not
establish a secure connection to it. To learn more about this situation and
how to fix it, please visit the web page mentioned above.
"""


@dataclass(frozen=True, slots=True)
class _Job:
    """A curl command, read."""

    found: Options
    url: Url
    asked: Asked
    request: str
    limit: float
    connect_limit: float


def curl(call: Call) -> Printed:
    """`curl [-v -s -S -m SEC --connect-timeout SEC -o FILE -w FORMAT -H HEADER -k -i -I] URL`."""
    args = tuple(_short(word) for word in call.args)
    try:
        found = read(args, flags=_FLAGS, valued=_VALUED)
        limit, connect_limit = (_seconds(found, name) for name in ("m", "connect-timeout"))
    except UsageError as error:
        said = "requires parameter" if error.needs_value else "is unknown"
        return err(f"curl: option {error.option}: {said}\n{_HELP}", 2)
    except ValueError:
        return err(f"curl: expected a proper numerical parameter\n{_HELP}", 2)
    if not found.words:
        return err(_HELP, 2)
    printed = Printed()
    for text in found.words:
        try:
            url = read_url(text)
        except UrlError:
            printed = printed.then(_failed(found, 3, "URL using bad/illegal format or missing URL"))
            continue
        if url.scheme not in ("http", "https"):
            said = f'Protocol "{url.scheme}" not supported or disabled in libcurl'
            printed = printed.then(_failed(found, 1, said))
            continue
        printed = printed.then(_one(call, _job(found, url, limit, connect_limit)))
    return printed


def _short(word: str) -> str:
    """A long option by its letter, since both mean the same."""
    name = word.removeprefix("--")
    return f"-{_LONG[name]}" if word.startswith("--") and name in _LONG else word


def _seconds(found: Options, name: str) -> float:
    return float(found.get(name, default=str(KERNEL_GIVES_UP)))


def _job(found: Options, url: Url, limit: float, connect_limit: float) -> _Job:
    headers = {"Host": url.name, "User-Agent": f"curl/{VERSION}", "Accept": "*/*"}
    if found.has("A"):
        headers["User-Agent"] = found.get("A")
    for line in found.all("H"):
        name, _, value = line.partition(":")
        known = next((key for key in headers if key.lower() == name.strip().lower()), name.strip())
        headers[known] = value.strip()
    method = found.get("X") or ("HEAD" if found.has("I") else "POST" if found.has("d") else "GET")
    lines = [
        f"{method} {url.path} HTTP/1.1",
        *(f"{name}: {value}" for name, value in headers.items() if value),
    ]
    request = "".join(f"{line}\r\n" for line in lines) + "\r\n" + found.get("d")
    asked = Asked(url.host, headers["Host"], url.path, method, headers["User-Agent"], url.scheme == "https")
    return _Job(found, url, asked, request, limit, connect_limit)


def _one(call: Call, job: _Job) -> Printed:
    found = job.found
    try:
        fetched = fetch(
            call.session,
            call.place,
            job.url,
            job.asked,
            job.request,
            limit=job.limit,
            connect_limit=job.connect_limit,
            checks=not found.has("k"),
            only=4 if found.has("4") else 6 if found.has("6") else 0,
            resolved=_resolved(found, job.url),
        )
    except QuestionError as error:
        return _failed(found, 7, f"Failed to connect to {job.url.host}: {error}")
    code, said = _failure(job, fetched)
    parts: list[tuple[int, str]] = []
    if found.has("v"):
        parts += [(ERR, f"{line}\n") for line in _story(job, fetched, said)]
    answer = fetched.answer
    if answer is not None:
        parts += _body(call, job, answer)
        if found.has("v"):
            parts.append((ERR, f"* Connection #0 to host {job.url.host} left intact\n"))
    if found.has("w"):
        parts.append((OUT, _written(found.get("w"), job, fetched, code, said)))
    return Printed(tuple(parts)).then(_failed(found, code, said))


def _resolved(found: Options, url: Url) -> str:
    """The address that `--resolve HOST:PORT:ADDRESS` gives for this URL."""
    for text in found.all("resolve"):
        host, _, rest = text.partition(":")
        port, _, address = rest.partition(":")
        if host == url.host and port == str(url.port):
            return address.strip("[]")
    return ""


def _failed(found: Options, code: int, said: str) -> Printed:
    quiet = found.has("s") and not found.has("S")
    if not code or quiet:
        return Printed((), code)
    more = f"{MORE_ABOUT_CERTIFICATES}" if code == 60 else ""
    return err(f"curl: ({code}) {said}\n{more}", code)


def _failure(job: _Job, fetched: Fetched) -> tuple[int, str]:
    """The exit status and the words of the failure; 0 where all went well."""
    host, port, waited = job.url.host, job.url.port, int(fetched.seconds * 1000)
    if fetched.answer is not None:
        bad = job.found.has("f") and fetched.answer.status >= 400
        return (22, f"The requested URL returned error: {fetched.answer.status}") if bad else (0, "")
    if fetched.tls_error:
        return (60 if "cert" in fetched.tls_error else 35), fetched.tls_error
    if fetched.stalled:
        return 28, f"Operation timed out after {waited} milliseconds with 0 bytes received"
    talk = fetched.talk
    if talk is None:
        if fetched.found.silent and fetched.seconds >= job.limit - 0.001:
            return 28, f"Resolving timed out after {waited} milliseconds"
        return 6, f"Could not resolve host: {host}"
    if talk.error == TIMED_OUT:
        if job.limit <= job.connect_limit and job.limit < KERNEL_GIVES_UP:
            return 28, f"Connection timed out after {waited} milliseconds"
        why = "Timeout was reached" if job.connect_limit < KERNEL_GIVES_UP else "Couldn't connect to server"
        return 28, f"Failed to connect to {host} port {port} after {waited} ms: {why}"
    return 7, f"Failed to connect to {host} port {port} after {waited} ms: Couldn't connect to server"


def _story(job: _Job, fetched: Fetched, said: str) -> Iterator[str]:
    """What `-v` tells of the connection, the request and the answer's head."""
    if fetched.talk is None:
        yield f"* {said}"
    for address, talk in fetched.talks:
        shown = f"[{address}]" if ":" in address else address
        yield f"*   Trying {shown}:{job.url.port}..."
        if talk.connected:
            yield f"* Connected to {job.url.host} ({address}) port {job.url.port} (#0)"
        elif talk.error != TIMED_OUT:
            yield f"* connect to {address} port {job.url.port} failed: {talk.error}"
    if fetched.tls_error:
        yield f"* {fetched.tls_error}"
    if fetched.talk is not None and fetched.talk.connected and not fetched.tls_error:
        yield from (f"> {line}" for line in job.request.split("\r\n")[:-1])
        yield from (f"< {line}" for line in (fetched.answer.head if fetched.answer else ()))
    if fetched.talk is not None and fetched.answer is None and not fetched.tls_error:
        yield f"* {said}"
    if fetched.answer is None:
        yield "* Closing connection 0"


def _body(call: Call, job: _Job, answer: Answer) -> list[tuple[int, str]]:
    found = job.found
    text = "".join(f"{line}\n" for line in answer.head) if found.has("i", "I") else ""
    if found.has("f") and answer.status >= 400:
        return []
    text += "" if found.has("I") else answer.body
    if not found.has("o"):
        return [(OUT, text)]
    if found.get("o") != "/dev/null":
        call.session.files[found.get("o")] = text
    return []


_Variable = Callable[[_Job, Fetched], str]


def _talk(read: Callable[[Talk, str], str]) -> _Variable:
    def value(job: _Job, fetched: Fetched) -> str:
        del job
        return read(fetched.talk, fetched.talks[-1][0]) if fetched.talk and fetched.talk.connected else ""

    return value


_VARIABLES: dict[str, _Variable] = {
    "http_code": lambda _, f: f"{f.answer.status if f.answer else 0:03}",
    "response_code": lambda _, f: f"{f.answer.status if f.answer else 0:03}",
    "remote_ip": _talk(lambda _, address: address),
    "remote_port": lambda j, f: str(j.url.port if f.talk and f.talk.connected else 0),
    "local_ip": _talk(lambda talk, _: talk.sent.source),
    "local_port": lambda _, f: str(f.talk.sent.source_port if f.talk and f.talk.connected else 0),
    "time_connect": lambda _, f: f"{f.talk.seconds if f.talk and f.talk.connected else 0:.6f}",
    "time_starttransfer": lambda _, f: f"{f.seconds if f.answer else 0:.6f}",
    "time_total": lambda _, f: f"{f.seconds:.6f}",
    "size_download": lambda _, f: str(len(f.answer.body.encode()) if f.answer else 0),
    "content_type": lambda _, f: f.answer.kind if f.answer else "",
    "url_effective": lambda j, _: f"{j.url.scheme}://{j.url.name}{j.url.path}",
    "num_connects": lambda _, f: str(int(bool(f.talk and f.talk.connected))),
}


def _written(form: str, job: _Job, fetched: Fetched, code: int, said: str) -> str:
    """The text that `-w` asks for."""

    def one(match: re.Match[str]) -> str:
        word = match.group()
        if word == "%%":
            return "%"
        if word.startswith("\\"):
            return {"n": "\n", "t": "\t", "r": "\r"}.get(word[1], word)
        name = match.group(1)
        if name in ("exitcode", "errormsg"):
            return str(code) if name == "exitcode" else said
        value = _VARIABLES.get(name)
        return value(job, fetched) if value else f"curl: unknown --write-out variable: '{name}'\n"

    return re.sub(r"%%|%\{(\w+)\}|\\.", one, form)
