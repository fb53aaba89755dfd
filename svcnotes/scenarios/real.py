"""Real packets for a scene: some are sent through the kernel lab, and counted by the way that they went."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

from svcnotes import kernel
from svcnotes.control_plane.cluster import Cluster
from svcnotes.kernel import Lab
from svcnotes.trace import Path, Trace

PACKETS = 12  # with three endpoints, 98 times in 100 each of them is met
DEADLINE = 0.2  # seconds; an answer in the lab takes a hundredth of that
SILENT = 3  # after so many packets without an answer no more are sent: each costs the whole deadline


def real_trace(
    cluster: Cluster,
    source: str,
    to: str,
    protocol: str = "tcp",
    via: str | None = None,
    proxy_mode: str | None = None,
    *,
    lab: Lab | None = None,
    packets: int = PACKETS,
    deadline: float = DEADLINE,
) -> Trace:
    """Send real packets, one after the other, and give a Trace with a path for each way that they went.

    The questions are those of `svcnotes.trace`. The kernel throws its own dice: a path's probability is the share
    of the packets that went so (`Trace.packets`, `Trace.share`), its hops and rules are those of the first of
    them. `lab` is one to ask in, which stays up; `deadline` in seconds is how long silence is listened to.
    Raises QuestionError for what is not there, KernelError where no lab can be.
    """
    if lab is None:
        with Lab() as own:
            return real_trace(
                cluster, source, to, protocol, via, proxy_mode, lab=own, packets=packets, deadline=deadline
            )
    every: list[Path] = []
    silent = 0
    while True:
        # One to each address that a name has.
        found = kernel.trace(
            cluster, source, to, protocol, via, proxy_mode, lab=lab, tries=1, deadline=deadline
        )
        every += found.paths
        silent += any(path.outcome in ("timeout", "external") and not path.icmp_from for path in found.paths)
        if len(every) >= packets or silent >= SILENT:
            return replace(found, paths=tuple(_counted(every)), packets=len(every))


def _counted(every: list[Path]) -> Iterator[Path]:
    """One path for each way, with its share; in the order of the Pods' names, whichever the dice met first."""
    ways: dict[tuple[object, ...], list[Path]] = {}
    for path in every:
        end = (path.outcome, path.how, path.icmp_from, path.pod, path.answered_by, path.source_seen)
        ways.setdefault(end, []).append(path)
    for alike in sorted(ways.values(), key=lambda way: (way[0].pod or way[0].answered_by, way[0].outcome)):
        yield replace(alike[0], probability=Fraction(len(alike), len(every)))
