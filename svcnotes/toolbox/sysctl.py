"""`sysctl`, and the files that show the same: `cat /proc/sys/...`."""

from __future__ import annotations

from collections.abc import Mapping

from svcnotes.netfilter.phases import SWITCHES, TIMEOUTS
from svcnotes.network.host import Host
from svcnotes.toolbox.conntrack import count, most
from svcnotes.toolbox.hosts import host_of, links
from svcnotes.toolbox.options import UsageError, read
from svcnotes.toolbox.output import Printed, err, out
from svcnotes.toolbox.places import NODE
from svcnotes.toolbox.session import Call

PROC = "/proc/sys/"
MAXIMUM = "net.netfilter.nf_conntrack_max"
_FIXED = {
    "net.ipv4.ip_local_port_range": "32768\t60999",
    "net.ipv4.tcp_syn_retries": "6",
    "net.ipv4.tcp_syn_linear_timeouts": "4",
    "net.ipv4.ip_nonlocal_bind": "0",
}
_PER_INTERFACE = ("rp_filter", "route_localnet", "forwarding")


def values(call: Call) -> Mapping[str, str]:
    """Every switch that this model knows at the host, by its dotted name."""
    host = host_of(call)
    found = dict(_FIXED)
    for nic in ("all", "default", *(link.name for link in links(host))):
        found |= {f"net.ipv4.conf.{nic}.{key}": "0" for key in _PER_INTERFACE}
        found[f"net.ipv6.conf.{nic}.forwarding"] = "0"
    if call.place.kind == NODE:
        found |= {name: str(TIMEOUTS[keys[0]]) for name, keys in SWITCHES.items()}
        found["net.netfilter.nf_conntrack_count"] = str(count(call))
        found[MAXIMUM] = found["net.nf_conntrack_max"] = str(most(call))
        found["net.netfilter.nf_conntrack_tcp_be_liberal"] = "0"
        found["net.netfilter.nf_conntrack_tcp_loose"] = "1"
    found["net.ipv4.ip_forward"] = "1" if host.forwards else "0"
    return {**found, **_own(host)}


def _own(host: Host) -> Mapping[str, str]:
    return host.sysctls


def sysctl(call: Call) -> Printed:
    """`sysctl [-n] NAME...`, `sysctl -a [--pattern TEXT]`; `admin_network` has what sets a value."""
    try:
        found = read(call.args, flags=("n", "a", "w", "e", "q"), valued=("pattern", "p"))
    except UsageError as error:
        return err(f"sysctl: invalid option -- '{error.option.lstrip('-')}'\n", 1)
    known = values(call)
    if found.has("a"):
        pattern = found.get("pattern")
        return out([f"{name} = {known[name]}" for name in sorted(known) if pattern in name])
    if not found.words:
        return err("\nUsage:\n sysctl [options] [variable[=value] ...]\n", 1)
    printed = Printed()
    for word in found.words:
        name = word.replace("/", ".")
        if name not in known:
            printed = printed.then(
                err(f"sysctl: cannot stat {PROC}{name.replace('.', '/')}: No such file or directory\n")
            )
        else:
            printed = printed.then(out(f"{known[name]}\n" if found.has("n") else f"{name} = {known[name]}\n"))
    return printed


def proc_file(call: Call, path: str) -> str | None:
    """What a file below /proc/sys holds; None where there is none."""
    return values(call).get(path.removeprefix(PROC).replace("/", "."))
