"""`wget`, in the words of GNU wget 1.21."""

from __future__ import annotations

from svcnotes.toolbox.apps import Asked
from svcnotes.toolbox.connection import KERNEL_GIVES_UP, TIMED_OUT
from svcnotes.toolbox.options import UsageError, read
from svcnotes.toolbox.output import ERR, OUT, Printed, err
from svcnotes.toolbox.session import Call
from svcnotes.toolbox.web import Fetched, UrlError, fetch, read_url

_AGENT = "Wget/1.21.3"


def wget(call: Call) -> Printed:
    """`wget [-q] [-O FILE] [-T SEC] [-t TRIES] URL`; `-O-` prints the page."""
    try:
        found = read(
            call.args,
            flags=("q", "S", "nv", "no-check-certificate"),
            valued=("O", "T", "t", "timeout", "tries", "header"),
        )
        limit = float(found.get("T", "timeout", default=str(KERNEL_GIVES_UP))) or KERNEL_GIVES_UP
        tries = int(found.get("t", "tries", default="20")) or 20
        url = read_url(found.words[0])
    except UsageError as error:
        said = "option requires an argument" if error.needs_value else "unrecognized option"
        return err(f"wget: {said} '{error.option}'\nUsage: wget [OPTION]... [URL]...\n", 2)
    except ValueError:
        return err("wget: invalid time period or number\n", 2)
    except (IndexError, UrlError):
        return err("wget: missing URL\nUsage: wget [OPTION]... [URL]...\n", 1)
    asked = Asked(url.host, url.name, url.path, "GET", _AGENT, url.scheme == "https")
    for line in found.all("header"):
        if line.lower().startswith("host:"):
            asked = Asked(url.host, line[5:].strip(), url.path, "GET", _AGENT, url.scheme == "https")
    request = f"GET {url.path} HTTP/1.1\r\nHost: {asked.host}\r\nUser-Agent: {_AGENT}\r\n\r\n"
    said = ""
    for attempt in range(1, min(tries, 20) + 1):
        again = f"  (try:{attempt:2})" if attempt > 1 else ""
        said += f"--{call.session.clock:%Y-%m-%d %H:%M:%S}--{again}  {url.scheme}://{url.name}{url.path}\n"
        fetched = fetch(
            call.session,
            call.place,
            url,
            asked,
            request,
            limit=limit,
            checks=not found.has("no-check-certificate"),
        )
        told, final = _wget_story(fetched, url.host, url.port)
        said += told
        if fetched.answer is not None:
            return _wget_got(
                call, fetched, said, quiet=found.has("q"), file=found.get("O", default="index.html")
            )
        if final:
            break
        said += "Giving up.\n\n" if attempt == tries else "Retrying.\n\n"
    only_name = f"wget: unable to resolve host address ‘{url.host}’\n" if fetched.talk is None else ""
    return err(only_name if found.has("q") else said + only_name, 4)


def _wget_story(fetched: Fetched, host: str, port: int) -> tuple[str, bool]:
    """What wget tells of one try, and whether it gives up at once."""
    said = ""
    if fetched.found.addresses and fetched.found.addresses[0] != host:
        said = f"Resolving {host} ({host})... {', '.join(fetched.found.addresses)}\n"
    talk = fetched.talk
    if talk is None:
        why = "Temporary failure in name resolution" if fetched.found.silent else "Name or service not known"
        return f"Resolving {host} ({host})... failed: {why}.\n", True
    for address, one in fetched.talks:
        shown = f"{host} ({host})|{address}|" if address != host else host
        said += (
            f"Connecting to {shown}:{port}... {'connected.' if one.connected else f'failed: {one.error}.'}\n"
        )
    if fetched.stalled:
        said += "HTTP request sent, awaiting response... Read error (Connection timed out) in headers.\n"
        return said, False
    return said, not talk.connected and talk.error != TIMED_OUT


def _wget_got(call: Call, fetched: Fetched, said: str, *, quiet: bool, file: str) -> Printed:
    answer = fetched.answer
    assert answer is not None  # noqa: S101 - asked for by the caller
    said += f"HTTP request sent, awaiting response... {answer.status} {answer.reason}\n"
    if answer.status >= 400:
        said += f"{call.session.clock:%Y-%m-%d %H:%M:%S} ERROR {answer.status}: {answer.reason}.\n\n"
        return err("" if quiet else said, 8)
    size = len(answer.body.encode())
    name = "STDOUT" if file == "-" else file
    said += f"Length: {size} [{answer.kind}]\nSaving to: ‘{name}’\n"
    if file != "-":
        call.session.files[file] = answer.body
    told = (
        f"\n     0K                                                       100% 1.27M=0s\n\n"
        f"{call.session.clock:%Y-%m-%d %H:%M:%S} (1.27 MB/s) - {'written to stdout' if file == '-' else f'‘{file}’ saved'} "
        f"[{size}/{size}]\n\n"
    )
    parts = (
        (ERR, "" if quiet else said),
        (OUT, answer.body if file == "-" else ""),
        (ERR, "" if quiet else told),
    )
    return Printed(tuple(part for part in parts if part[1]))
