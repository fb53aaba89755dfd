"""`ipvsadm -Ln`, `ipvsadm -Lcn`, `ipvsadm -Sn` and `ipset list`, `ipset save`: what IPVS mode has beside its rules.

As ipvsadm 1.31 and ipset 7.17 print them. Simplified: the sizes in memory that `ipset list` tells are left out.
"""

from __future__ import annotations

from collections.abc import Iterator

from svcnotes.kube_proxy import ip_sets, tuning, virtual_servers
from svcnotes.kube_proxy.modes import mode_named
from svcnotes.netfilter.balancing import Served
from svcnotes.netfilter.ipvs.serving import counted, with_leaving
from svcnotes.network.flight import Memory
from svcnotes.packet import endpoint_text
from svcnotes.toolbox.options import UsageError, read
from svcnotes.toolbox.output import Printed, err, note, out
from svcnotes.toolbox.session import Call
from svcnotes.virtual_servers import VirtualServer, listed, saved

_LONG = {
    "--timeout": "-T", "--list": "-L", "-l": "-L", "--save": "-S", "--connection": "-c", "-ln": "-Ln", "-lcn": "-Lcn", "--numeric": "-n", "--tcp-service": "-t", "--udp-service": "-u",
}  # fmt: skip
_USAGE = "Try `ipvsadm -h' or 'ipvsadm --help' for more information.\n"


def ipvsadm(call: Call) -> Printed:
    """`ipvsadm -L -n [-t|-u ADDRESS:PORT]`, `ipvsadm -L -c -n` for the connections, `ipvsadm -L --timeout`, `ipvsadm -S -n`."""
    args = [_LONG.get(word, word) for word in call.args]
    try:
        found = read(args, flags=("L", "S", "T", "c", "n"), valued=("t", "u", "sctp-service"))
    except UsageError as error:
        return err(f"ipvsadm: unrecognized option '{error.option}'\n{_USAGE}", 2)
    if found.has("c"):
        return out(_connections(call))
    if found.has("T"):
        now = tuning(call.cluster)
        return out(f"Timeout (tcp tcpfin udp): {now.tcp} {now.tcp_fin} {now.udp}\n")
    servers = _servers(call)
    wanted = [(name, found.get(option)) for option, name in (("t", "tcp"), ("u", "udp")) if found.has(option)]
    if wanted:
        servers = [one for one in servers if (one.protocol, one.text) in wanted]
        if not servers:
            return err("No such service\n", 255)
    if found.has("S"):
        return out(saved(servers))
    printed = out(listed(servers))
    mode = mode_named(call.cluster.proxy.mode)
    if servers or mode.dummy:
        return printed
    return printed.then(note(f"kube-proxy of this node runs in mode {mode.name}: IPVS has no virtual server"))


def _servers(call: Call) -> list[VirtualServer]:
    """The node's virtual servers, IPv4 first, with how many connections each real one has."""
    now = call.session.now
    return [
        counted(with_leaving(one, memory.balancing), memory.balancing, now)
        for family, memory in _memories(call)
        for one in virtual_servers(call.cluster, call.place.host, None, family)
    ]


def _memories(call: Call) -> Iterator[tuple[int, Memory]]:
    """What the node remembers of each IP family that the cluster has."""
    for family in sorted(call.cluster.families):
        yield family, call.session.memories.get((call.place.host, family), Memory())


def _connections(call: Call) -> Iterator[str]:
    """The connections that IPVS remembers, one a line (print_conn of ipvsadm.c)."""
    yield "IPVS connection entries"
    yield f"pro expire {'state':<11} {'source':<18} {'virtual':<18} destination"
    for _, memory in _memories(call):
        for one in memory.balancing.alive(call.session.now):
            yield _connection(one, round(one.expires - call.session.now))


def _connection(one: Served, left: int) -> str:
    asked = one.request
    source = endpoint_text(asked.source, asked.source_port)
    virtual = endpoint_text(asked.destination, asked.destination_port)
    minutes, seconds = divmod(left, 60)
    return (
        f"{asked.protocol.upper():<3} {minutes:02}:{seconds:02}  {one.state:<11} "
        f"{source:<18} {virtual:<18} {one.real_text}"
    )


def ipset(call: Call) -> Printed:
    """`ipset list [NAME] [-n|-name]`, `ipset save`."""
    words = [word for word in call.args if not word.startswith("-")]
    sets = _sets(call)
    if words[:1] == ["save"]:
        return out([line for lines in sets.values() for line in lines])
    if words[:1] != ["list"]:
        return err(f"ipset v7.17: Unknown argument: `{(words or [''])[0]}'\nTry `ipset help' for help.\n", 1)
    if words[1:] and words[1] not in sets:
        return err("ipset v7.17: The set with the given name does not exist\n", 1)
    shown = [words[1]] if words[1:] else list(sets)
    if any(word in ("-n", "-name") for word in call.args):
        return out(shown)
    return out("\n".join("".join(f"{line}\n" for line in _listed(sets[name])) for name in shown))


def _sets(call: Call) -> dict[str, list[str]]:
    """The lines of `ipset save`, by the set's name."""
    found: dict[str, list[str]] = {}
    for family in sorted(call.cluster.families):
        for line in ip_sets(call.cluster, call.place.host, None, family).splitlines():
            found.setdefault(line.split()[1], []).append(line)
    return found


def _listed(lines: list[str]) -> Iterator[str]:
    """One set as `ipset list` shows it, from its lines of `ipset save`."""
    _, name, kind, *header = lines[0].split()
    yield f"Name: {name}"
    yield f"Type: {kind}"
    yield f"Header: {' '.join(header)}"
    yield f"Number of entries: {len(lines) - 1}"
    yield "Members:"
    yield from (line.split(maxsplit=2)[2] for line in lines[1:])
