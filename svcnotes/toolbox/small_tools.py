"""`cat`, `getent`, `dmesg`, `nstat` and the small commands of every shell."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import ip_address

from svcnotes.control_plane import dns
from svcnotes.network import faults
from svcnotes.toolbox.hosts import host_of
from svcnotes.toolbox.naming import look_up, pod_of
from svcnotes.toolbox.options import UsageError, read
from svcnotes.toolbox.output import Printed, err, out
from svcnotes.toolbox.places import NODE
from svcnotes.toolbox.session import Call
from svcnotes.toolbox.sysctl import PROC, proc_file

UPTIME = 86_400.0
"""How long a node runs when the terminal is opened, in seconds."""
_HAIRPIN = re.compile(r"/sys/class/net/([^/]+)/brport/hairpin_mode")


def cat(call: Call) -> Printed:
    """`cat FILE`: resolv.conf, hosts, switches below /proc/sys, a port's hairpin_mode, and the terminal's own files."""
    names = [word for word in call.args if not word.startswith("-") or word == "-"]
    if not names:
        return out(call.stdin or "")
    printed = Printed()
    for name in names:
        text = call.stdin or "" if name == "-" else _file(call, name)
        missing = f"cat: {name}: No such file or directory\n"
        printed = printed.then(err(missing) if text is None else out(text))
    return printed


def _file(call: Call, name: str) -> str | None:
    if name in call.session.files:
        return call.session.files[name]
    if name == "/etc/resolv.conf":
        return str(dns.resolv_conf(call.cluster, pod_of(call.cluster, call.place)))
    if name == "/etc/hosts":
        return "".join(f"{line}\n" for line in _hosts(call))
    if name.startswith(PROC):
        value = proc_file(call, name)
        return None if value is None else f"{value}\n"
    port = _HAIRPIN.fullmatch(name)
    if port and call.place.kind == NODE and port.group(1) in host_of(call).veths.values():
        return "1\n" if faults.hairpin(call.cluster, call.place.host) else "0\n"
    return None


def _hosts(call: Call) -> Iterator[str]:
    """What /etc/hosts says, as `naming.from_hosts_file` reads it."""
    yield "127.0.0.1\tlocalhost"
    yield "::1\tlocalhost ip6-localhost ip6-loopback"
    pod = pod_of(call.cluster, call.place)
    if pod is not None:
        yield from (f"{address}\t{pod.name}" for address in pod.addresses)
    for node in call.cluster.nodes.values():
        yield from (f"{address}\t{node.name}" for address in node.addresses)


def getent(call: Call) -> Printed:
    """`getent hosts NAME`, `getent ahosts NAME`."""
    if len(call.args) < 2 or call.args[0] not in ("hosts", "ahosts", "ahostsv4"):
        return err("Usage: getent [OPTION...] database [key ...]\n# databases here: hosts, ahosts\n", 1)
    printed = Printed((), 0)
    for name in call.args[1:]:
        found = look_up(call.session, call.place, name)
        if not found.addresses:
            return Printed(printed.parts, 2)
        full = found.name or name
        if call.args[0] == "hosts":
            printed = printed.then(out([f"{address:<15} {full}" for address in sorted(found.addresses)]))
            continue
        for address in found.addresses:
            kinds = [f"{address:<15} STREAM {full}", f"{address:<15} DGRAM  ", f"{address:<15} RAW    "]
            printed = printed.then(out(kinds))
    return printed


def dmesg(call: Call) -> Printed:
    """`dmesg`: what the node's kernel complained of: a full conntrack table."""
    lines = []
    if faults.conntrack_full(call.cluster, call.place.host):
        # the connections of others fill it, and theirs were dropped before ours
        early = ["nf_conntrack: nf_conntrack: table full, dropping packet"] * 3
        lines = [_stamped(UPTIME - 50.0 + 5.1 * number, text) for number, text in enumerate(early)]
    lines += [
        _stamped(UPTIME + at, text) for host, at, text in call.session.kernel_log if host == call.place.host
    ]
    return out(lines)


def _stamped(seconds: float, text: str) -> str:
    return f"[{seconds:12.6f}] {text}"


def nstat(call: Call) -> Printed:
    """`nstat -az [NAME]`: the kernel's counters that this model keeps."""
    counted = {
        name: number for (host, name), number in call.session.events.items() if host == call.place.host
    }
    known = {"TcpExtIPReversePathFilter": counted.get("TcpExtIPReversePathFilter", 0)}
    wanted = [word.strip("*") for word in call.args if not word.startswith("-")]
    shown = {name: value for name, value in known.items() if not wanted or any(w in name for w in wanted)}
    return out(["#kernel", *(f"{name:<31} {value:<18} 0.0" for name, value in shown.items())])


def hostname(call: Call) -> Printed:
    """`hostname [-i]`."""
    pod = pod_of(call.cluster, call.place)
    name = pod.name if pod is not None else call.place.host
    if "-i" in call.args or "-I" in call.args:
        mine = [a.partition("/")[0] for one in host_of(call).interfaces.values() for a in one.addresses]
        return out(" ".join(a for a in mine if not ip_address(a).is_loopback) + "\n")
    return out(f"{name}\n")


def date(call: Call) -> Printed:
    """`date`."""
    return out(call.session.clock.strftime("%a %b %e %H:%M:%S UTC %Y\n"))


def sleep(call: Call) -> Printed:
    """`sleep SECONDS`: let time pass."""
    try:
        found = read(call.args)
        seconds = sum(float(word.rstrip("s")) for word in found.words)
    except (UsageError, ValueError):
        return err(f"sleep: invalid time interval ‘{' '.join(call.args)}’\n")
    if not found.words or not 0 <= seconds <= 10_000_000:
        return err("sleep: missing operand\n")
    call.session.now += seconds
    return Printed()


def true(call: Call) -> Printed:
    """`true`, `false`: nothing but an exit status."""
    return Printed((), int(call.name == "false"))
