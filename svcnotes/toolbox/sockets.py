"""`ss` and `netstat`: what listens at a host, as iproute2 6.1 and net-tools 2.10 print it.

A nodePort is not among it: no process listens there, rules catch the packet before. Simplified: only
listening sockets; a Pod's app listens on IPv4 and IPv6 where the cluster has both.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from svcnotes.control_plane.objects import Pod
from svcnotes.kube_proxy import healthcheck
from svcnotes.network import faults
from svcnotes.network.outside import outside_served
from svcnotes.network.plan import ended
from svcnotes.network.sockets import KUBE_PROXY, SSHD, daemons
from svcnotes.toolbox.options import Options, UsageError, read
from svcnotes.toolbox.output import Printed, err, note, out
from svcnotes.toolbox.places import POD
from svcnotes.toolbox.services import SERVICES
from svcnotes.toolbox.session import Call

_GO_BACKLOG = 4096
_PIDS = {SSHD: 612, "kubelet": 745, KUBE_PROXY: 812}
_APP_PID = 1


@dataclass(frozen=True, slots=True)
class Socket:
    """A socket that waits: `address` is `*` for all of both families, as Go programs listen."""

    protocol: str
    address: str
    port: int
    program: str
    pid: int
    backlog: int = _GO_BACKLOG


def sockets_at(call: Call) -> list[Socket]:
    """What listens at the host of a command, in order of ports."""
    cluster, here = call.cluster, call.place
    if here.host in cluster.nodes:
        found = [*_of_node(call), *_of_host_pods(call)]
    elif here.kind == POD:
        found = list(_of_pod(call, cluster.pods[here.pod]))
    else:
        found = [
            Socket(protocol.lower(), "*", port, "server", 1200, 511)
            for one in outside_served(cluster).values()
            if one.name == here.host
            for protocol, port in one.serves or ()
        ]
    return sorted(found, key=lambda one: (one.protocol, one.port, one.address))


def _of_node(call: Call) -> Iterator[Socket]:
    cluster, node = call.cluster, call.place.host
    for daemon in daemons(cluster, node):
        address = "127.0.0.1" if daemon.loopback else "*"
        pid = _PIDS[daemon.program]
        if daemon.program == SSHD:
            yield Socket("tcp", "0.0.0.0", daemon.port, SSHD, pid, 128)  # noqa: S104 - printed
            yield Socket("tcp", "[::]", daemon.port, SSHD, pid, 128)
        else:
            yield Socket("tcp", address, daemon.port, daemon.program, pid)
    for family in cluster.families[:1]:
        for port, addresses in healthcheck.listening_ports(cluster, node, family).items():
            for address in addresses or ("*",):
                yield Socket("tcp", address, port, KUBE_PROXY, _PIDS[KUBE_PROXY])


def _of_host_pods(call: Call) -> Iterator[Socket]:
    for pod in call.cluster.pods.values():
        if pod.host_network and pod.node == call.place.host and not ended(pod):
            yield from _of_pod(call, pod)


def _of_pod(call: Call, pod: Pod) -> Iterator[Socket]:
    for protocol, port in pod.listens or ():
        lonely = faults.on_loopback(call.cluster, pod.key, port)
        both = len(call.cluster.families) > 1
        anywhere = ["0.0.0.0", "[::]"] if both else ["[::]" if call.cluster.families[0] == 6 else "0.0.0.0"]  # noqa: S104
        for address in ["127.0.0.1"] if lonely else anywhere:
            pid = _APP_PID if call.place.kind == POD else 2101
            yield Socket(protocol.lower(), address, port, _program(call, pod), pid, 511)


def _program(call: Call, pod: Pod) -> str:
    """The name of the first container's image, without path and tag."""
    raw = call.cluster.state.get("Pod", pod.namespace, pod.name) or {}
    containers = (raw.get("spec") or {}).get("containers") or [{}]
    image = str(containers[0].get("image") or "app")
    return image.rpartition("/")[2].partition(":")[0].partition("@")[0][:15] or "app"


def _remark(call: Call) -> Printed:
    """What to say where a Pod declares no port: its app then answers on each."""
    pod = call.cluster.pods.get(call.place.pod)
    if pod is not None and pod.listens is None:
        return note("this Pod declares no port: in this model its app answers on every one")
    return Printed()


def ss(call: Call) -> Printed:
    """`ss -lnt[u][p]`: listening sockets; `sport = :PORT` picks one."""
    try:
        found = read(call.args, flags=tuple("lntuap46Hoei"), valued=("f", "A"))
    except UsageError as error:
        return err(f"ss: invalid option -- '{error.option.lstrip('-')}'\n", 255)
    picked = _picked(found.words)
    if isinstance(picked, Printed):
        return picked
    rows = _rows(call, found, picked)
    if not found.has("l") and not found.has("a"):
        rows = []  # open connections only: none stays open in this terminal
    kinds = found.has("t") + found.has("u")
    return out(_table(rows, found, netid=kinds != 1)).then(_remark(call))


def _picked(words: Sequence[str]) -> int | Printed | None:
    """The port of a filter `sport = :PORT`."""
    if not words:
        return None
    text = " ".join(words).strip("() ")
    name, _, port = text.replace("==", "=").replace("eq", "=").partition("=")
    port = port.strip().lstrip(":")
    if name.strip() not in ("sport", "src") or not port.isdecimal():
        return err(
            f'ss: bison bellows (while parsing filter): "syntax error!" Sorry.\nUsage: ss [ OPTIONS ] [ FILTER ]\n# filters here: sport = :PORT, not {text}\n',
            255,
        )
    return int(port)


def _rows(call: Call, found: Options, port: int | None) -> list[Socket]:
    wanted = {kind for letter, kind in (("t", "tcp"), ("u", "udp")) if found.has(letter)} or {"tcp", "udp"}
    families = {4, 6} if found.has("4") == found.has("6") else {4} if found.has("4") else {6}
    return [
        one
        for one in sockets_at(call)
        if one.protocol in wanted
        and port in (None, one.port)
        and (one.address == "*" or (6 if one.address.startswith("[") else 4) in families)
    ]


def _table(rows: Sequence[Socket], found: Options, *, netid: bool) -> list[str]:
    """The columns as `ss` lays them out: each as wide as its longest cell."""
    shows_process, header = found.has("p"), not found.has("H")
    numeric = found.has("n")
    cells = []
    for one in rows:
        state = "LISTEN" if one.protocol == "tcp" else "UNCONN"
        port = str(one.port) if numeric else SERVICES.get(one.port, str(one.port))
        peer = "*" if one.address == "*" else "[::]" if one.address.startswith("[") else "0.0.0.0"  # noqa: S104
        backlog = one.backlog if one.protocol == "tcp" else 0
        process = f' users:(("{one.program}",pid={one.pid},fd=3))' if shows_process else ""
        cells.append([one.protocol, state, "0", str(backlog), f"{one.address}", port, peer, "*", process])
    titles = [
        "Netid",
        "State",
        "Recv-Q",
        "Send-Q",
        "Local Address",
        "Port",
        "Peer Address",
        "Port",
        "Process",
    ]
    widest = (
        [max(map(len, column)) for column in zip(*([titles] if header else []), *cells, strict=True)]
        if cells or header
        else [0] * 9
    )
    widest[2], widest[3] = max(widest[2], 6), max(widest[3], 6)
    lines = []
    for row in ([titles] if header else []) + cells:
        net = f"{row[0]:<{widest[0]}} " if netid else ""
        text = f"{net}{row[1]:<{widest[1]}} {row[2]:<{widest[2]}} {row[3]:<{widest[3]}} "
        text += f"{row[4]:>{widest[4]}}:{row[5]:<{widest[5]}} {row[6]:>{widest[6]}}:{row[7]:<{widest[7]}}"
        lines.append(text + (f"{row[8]:<{widest[8]}}" if header or shows_process else ""))
    return lines


def netstat(call: Call) -> Printed:
    """`netstat -lnt[u][p]`: the elder sister of ss."""
    try:
        found = read(call.args, flags=tuple("lntuap46eW"))
    except UsageError as error:
        return err(f"netstat: invalid option -- '{error.option.lstrip('-')}'\n", 3)
    shows = found.has("p")
    lines = ["Active Internet connections (only servers)"]
    lines.append(
        "Proto Recv-Q Send-Q Local Address           Foreign Address         State      "
        + (" PID/Program name    " if shows else "")
    )
    for one in _rows(call, found, None) if found.has("l", "a") else []:
        six = one.address == "*" or one.address.startswith("[")
        address = "::" if six and one.address in ("*", "[::]") else one.address.strip("[]")
        port = str(one.port) if found.has("n") else SERVICES.get(one.port, str(one.port))
        state = "LISTEN" if one.protocol == "tcp" else ""
        peer = ":::*" if six else "0.0.0.0:*"
        text = f"{one.protocol + '6' * six:<5} {0:>6} {0:>6} {f'{address}:{port}':<23} {peer:<23} {state:<11}"
        process = f"{one.pid}/{one.program}"
        lines.append(f"{text} {process:<20}" if shows else text)
    return out(lines).then(_remark(call))
