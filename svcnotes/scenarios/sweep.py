"""Ask a whole cluster at once: who reaches what? Every question that makes sense, or a sample of them.

`sweep` shows how far it is, can be stopped at any time (Ctrl-C, or the notebook's stop button), and then gives what was
found so far; `go_on` asks the rest. Left out: names, pings, health checks, and clients other than the World's own.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from ipaddress import ip_address
from math import gcd
from typing import Any, overload

from svcnotes.control_plane.cluster import Cluster
from svcnotes.control_plane.objects import Node
from svcnotes.errors import QuestionError
from svcnotes.kube_proxy.modes import mode_named
from svcnotes.kube_proxy.node_ports import local_addresses, primary_address
from svcnotes.kube_proxy.service_ports import ServicePortInfo, service_ports
from svcnotes.network.asker import asker
from svcnotes.network.outside import CLIENT
from svcnotes.network.plan import ended
from svcnotes.packet import endpoint_text
from svcnotes.trace import Trace, trace

OUTSIDE, NODE, POD = "outside", "node", "pod"
CLUSTER_IP, NODE_PORT, EXTERNAL_IP, BALANCER = "clusterIP", "nodePort", "externalIP", "load balancer"
KEPT, CHANGED, LOST = "source kept", "source changed", "the answer is lost"


@dataclass(frozen=True, slots=True)
class Question:
    """One connection to try: `origin` says what asks (outside, node, pod), `door` by what kind of address.

    `service` is the port of the Service whose address it is (`namespace/name:port`), empty for a pod's own.
    """

    source: str
    origin: str
    to: str
    door: str
    protocol: str
    service: str = ""


Block = tuple[Sequence[tuple[str, str]], Sequence[tuple[str, str, str, str]]]
"""Who asks (source, origin), and for what (to, door, protocol, service): everybody for everything."""


class Questions(Sequence[Question]):
    """Questions in an order, made when they are asked for: millions take no room."""

    def __init__(self, blocks: Sequence[Block], step: int = 1) -> None:
        self._blocks = [(sources, aims) for sources, aims in blocks if sources and aims]
        self._size = sum(len(sources) * len(aims) for sources, aims in self._blocks)
        self._step = step

    def __len__(self) -> int:
        return self._size

    @overload
    def __getitem__(self, at: int) -> Question: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Question]: ...
    def __getitem__(self, at: int | slice) -> Question | Sequence[Question]:
        if isinstance(at, slice):
            return [self[one] for one in range(*at.indices(self._size))]
        if not -self._size <= at < self._size:
            raise IndexError(at)
        left = at % self._size * self._step % self._size
        for sources, aims in self._blocks:
            if left < len(sources) * len(aims):
                (source, origin), (to, *rest) = sources[left // len(aims)], aims[left % len(aims)]
                return Question(source, origin, to, *rest)
            left -= len(sources) * len(aims)
        raise IndexError(at)

    def spread(self) -> Questions:
        """The same in an order that jumps about: whoever stops half-way has asked some of each kind."""
        step = max(1, round(self._size * 0.618))
        while gcd(step, self._size) > 1:
            step += 1
        return Questions(self._blocks, step)

    def sample(self, count: int, seed: int = 0) -> Sequence[Question]:
        """Draw that many different ones in random order, all of them where there are no more."""
        chance = random.Random(seed)  # noqa: S311 - a repeatable sample, no secret
        return [self[at] for at in chance.sample(range(self._size), min(count, self._size))]


@dataclass(frozen=True, slots=True)
class Group:
    """Questions of one kind that end alike: how many there were, and the first of them.

    `endings` are the ways in which such a connection may end, in words; more than one where chance decides.
    """

    origin: str
    door: str
    protocol: str
    endings: tuple[str, ...]
    flows: int
    example: Question


@dataclass(frozen=True)
class Sweep:
    """What a sweep found, so far: `groups`, the largest first. Prints as a table.

    `questions` are all that were to be asked, `answered` how many were.
    """

    cluster: Cluster = field(repr=False)
    proxy_mode: str
    questions: Sequence[Question] = field(repr=False)
    groups: tuple[Group, ...] = ()

    @property
    def answered(self) -> int:
        """How many questions were answered."""
        return sum(group.flows for group in self.groups)

    @property
    def stopped(self) -> bool:
        """Whether questions are left."""
        return self.answered < len(self.questions)

    def __str__(self) -> str:
        return "\n".join(_lines(self))


def questions(cluster: Cluster, sources: Iterable[str] = ()) -> Questions:
    """Everybody's questions for every address of every Service, and for every endpoint's own.

    Who asks: an outside client, the World's hosts, each Node, and each Pod that has a network of its own; or
    `sources`, written as for `trace`. Raises QuestionError for a source that is not there.
    """
    who = [(source, _origin(source)) for source in sources] or list(_askers(cluster))
    found = [(asked, asker(cluster, asked[0])) for asked in who]
    return Questions(
        [
            ([asked for asked, one in found if one.speaks(family)], list(_aims(cluster, family)))
            for family in (4, 6)
        ]
    )


def answers(
    cluster: Cluster, asked: Iterable[Question], proxy_mode: str | None = None
) -> Iterator[tuple[Question, Trace]]:
    """Yield each question with its trace, one after the other."""
    for one in asked:
        yield one, trace(cluster, one.source, one.to, one.protocol, proxy_mode=proxy_mode)


def sweep(
    cluster: Cluster,
    sample: int | None = None,
    *,
    seed: int = 0,
    sources: Iterable[str] = (),
    proxy_mode: str | None = None,
    progress: bool = True,
) -> Sweep:
    """Ask all of `questions`, or a random `sample` of so many, and group them by how they end.

    `progress`: a bar that tells how far it is, in a notebook or on a terminal's standard error. When it is interrupted,
    it ends and gives what was found. Raises QuestionError for a sample that is none, and as `questions` and `trace` do.
    """
    if sample is not None and sample < 1:
        raise QuestionError(f"sample {sample}: write how many questions to ask, 1 or more, or none for all")
    every = questions(cluster, sources)
    chosen = every.spread() if sample is None else every.sample(sample, seed)
    mode = mode_named(cluster.proxy.mode if proxy_mode is None else proxy_mode).name
    return go_on(Sweep(cluster, mode, chosen), progress=progress)


def go_on(found: Sweep, *, progress: bool = True) -> Sweep:
    """Ask what a sweep that was stopped has left, and give all that is known then."""
    groups = {(one.origin, one.door, one.protocol, one.endings): one for one in found.groups}
    first = found.answered
    left = (found.questions[at] for at in range(first, len(found.questions)))
    bar = None
    try:
        bar = _bar(len(found.questions), first) if progress else None
        for asked, told in answers(found.cluster, left, found.proxy_mode):
            _count(groups, asked, told)
            if bar is not None:
                bar.update()
    except KeyboardInterrupt:
        pass  # whoever stops it wants to see what there is; `stopped` says that it is not all
    finally:
        if bar is not None:
            bar.close()
    in_order = sorted(groups.values(), key=lambda one: (-one.flows, one.origin, one.door, one.endings))
    return Sweep(found.cluster, found.proxy_mode, found.questions, tuple(in_order))


def _count(groups: dict[tuple[Any, ...], Group], asked: Question, told: Trace) -> None:
    endings = tuple(sorted({ending(told, at) for at in range(len(told.paths))}))
    key = (asked.origin, asked.door, asked.protocol, endings)
    known = groups.get(key)
    # One assignment: an interruption finds a question counted whole or not at all.
    groups[key] = Group(
        *key, flows=known.flows + 1 if known else 1, example=known.example if known else asked
    )


def ending(told: Trace, at: int) -> str:
    """Say in a few words how one path of a trace ends, and whether its receiver sees who asked."""
    path = told.paths[at]
    how = f" ({path.how})" if path.how else ""
    if path.outcome == "timeout" and path.source_seen:
        return f"timeout{how}, {LOST}"
    if path.source_seen and path.outcome == "connected":
        return f"connected{how}, {KEPT if path.source_seen == told.source_address else CHANGED}"
    return f"{path.outcome}{how}"


# ---- who asks, and for what ---------------------------------------------------------------------------------------


def _origin(source: str) -> str:
    kind = source.partition("/")[0]
    return kind if "/" in source and kind in (NODE, POD) else OUTSIDE


def _askers(cluster: Cluster) -> Iterator[tuple[str, str]]:
    yield CLIENT, OUTSIDE
    for host in cluster.world.hosts:
        yield host.address, OUTSIDE
    for name in cluster.nodes:
        yield f"node/{name}", NODE
    for pod in cluster.pods.values():
        if pod.node in cluster.nodes and pod.addresses and not pod.host_network and not ended(pod):
            yield f"pod/{pod.key}", POD


def _aims(cluster: Cluster, family: int) -> Iterator[tuple[str, str, str, str]]:
    """Each address and port once, in the order of the Services' names: (to, door, protocol, service)."""
    found: dict[tuple[str, str], tuple[str, str]] = {}
    for info in service_ports(cluster, family):
        for address, port, door in _doors(cluster, info, family):
            whose = "" if door == POD else info.name
            found.setdefault((endpoint_text(address, port), info.protocol), (door, whose))
    for (to, protocol), (door, service) in found.items():
        yield to, door, protocol, service


def _doors(cluster: Cluster, info: ServicePortInfo, family: int) -> Iterator[tuple[str, int, str]]:
    port = info.port.port
    yield info.cluster_ip, port, CLUSTER_IP
    if info.port.node_port:
        for node in cluster.nodes.values():
            # A Node without an address of the family has no door of it.
            if node.address(family):
                yield _front(cluster, node, family), info.port.node_port, NODE_PORT
    yield from ((address, port, EXTERNAL_IP) for address in info.external_ips)
    yield from ((address, port, BALANCER) for address in info.vips)
    yield from ((one.address, one.port, POD) for one in info.endpoints)


def _front(cluster: Cluster, node: Node, family: int) -> str:
    """Where a node's nodePorts are knocked at: what kube-proxy takes for its own address, if others can reach it there."""
    bound = primary_address(node, family, cluster.proxy)
    if bound in local_addresses(cluster, node, family) and not ip_address(bound).is_loopback:
        return bound
    return primary_address(node, family)


# ---- how it is told -----------------------------------------------------------------------------------------------

HEADS = ("from", "to", "protocol", "flows", "how they end", "one of them")


def rows(found: Sweep) -> Iterator[tuple[str, ...]]:
    """The rows of the table, below `HEADS`."""
    for one in found.groups:
        whose = f" ({one.example.service})" if one.example.service else ""
        example = f"{one.example.source} → {one.example.to}{whose}"
        yield one.origin, one.door, one.protocol, f"{one.flows:,}", " or ".join(one.endings), example


def headline(found: Sweep) -> str:
    """One sentence: how many questions were asked, of how many, and in which mode."""
    asked, every = found.answered, len(found.questions)
    if not every:
        return "nothing to ask: the cluster has no Service that kube-proxy serves"
    said = f"stopped after {asked:,} of {every:,} flows" if found.stopped else f"{asked:,} flows"
    return f"{said}, kube-proxy in {mode_named(found.proxy_mode).words}"


LEGEND = (
    "to pod: a pod's own address, past every Service. "
    "source kept: the receiver sees the address of who asked; source changed: it sees another one, mostly a node's."
)


def worth_a_look(found: Sweep) -> Question:
    """The example of the first row that fails, of the first row where none does."""
    failing = (one for one in found.groups if not all(end.startswith("connected") for end in one.endings))
    return next(failing, found.groups[0]).example


def _next_step(found: Sweep) -> str:
    one = worth_a_look(found)
    more = "" if one.protocol == "tcp" else f" --protocol {one.protocol}"
    if found.proxy_mode != mode_named(found.cluster.proxy.mode).name:
        more += f" --proxy-mode {found.proxy_mode}"
    return f"Why one ends so: svcnotes trace FILE --from {one.source} --to {one.to}{more}"


def to_json(found: Sweep) -> dict[str, Any]:
    """Give a sweep as JSON's values."""
    return {
        "proxy_mode": found.proxy_mode,
        "flows": len(found.questions),
        "answered": found.answered,
        "groups": [asdict(group) for group in found.groups],
    }


def _lines(found: Sweep) -> Iterator[str]:
    yield headline(found)
    table = [HEADS, *rows(found)]
    widths = [max(len(row[at]) for row in table) for at in range(len(HEADS))]
    for row in table:
        cells = [
            text.rjust(width) if head == "flows" else text.ljust(width)
            for head, text, width in zip(HEADS, row, widths, strict=True)
        ]
        yield "  ".join(cells).rstrip()
    if found.groups:
        yield from ("", LEGEND, _next_step(found))


def _bar(total: int, first: int) -> Any:
    """A bar for a notebook where this is one; on a terminal's standard error, and none where that is no terminal."""
    from tqdm.auto import tqdm

    page = any(kind.__module__ == "tqdm.notebook" for kind in tqdm.__mro__)
    return tqdm(
        total=total, initial=first, unit=" flows", disable=False if page else None, dynamic_ncols=True
    )
