"""Write kube-proxy's settings: any are right with which the claims hold, once every node's kube-proxy has started anew."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from svcnotes.control_plane.cluster import Cluster
from svcnotes.control_plane.load import loads
from svcnotes.control_plane.objects import KubeProxyConfiguration
from svcnotes.control_plane.yaml_reader import read
from svcnotes.errors import InputError, SvcnotesError
from svcnotes.exercises.claims import Claim, judged, untried
from svcnotes.exercises.exercise import Exercise, wrong
from svcnotes.exercises.verdict import Part, Verdict

STARTS = "kube-proxy starts with it"
_KIND = "KubeProxyConfiguration"
_WHERE = re.compile(r"^input: (?:line \d+: )?")
"""What loads says of an answer's place: where its document begins, which is no line of a mistake. A YAML error has its own."""


def configure(
    name: str,
    question: str,
    cluster: Callable[[], Cluster],
    claims: Sequence[Claim],
    hints: tuple[str, ...] = (),
    start: str = "",
) -> Exercise:
    """Ask for a KubeProxyConfiguration that makes every claim true."""

    def judge(answer: str) -> Verdict:
        try:
            proxy = _settings(answer)
        except SvcnotesError as error:
            found = wrong(
                said=_WHERE.sub("", str(error)), explanation="kube-proxy would not start with this."
            )
            return replace(found, parts=untried(claims, Part(STARTS, ok=False)))
        return judged(replace(cluster(), proxy=proxy), claims, Part(STARTS, ok=True))

    return Exercise(name, question, judge, hints, start=start)


def _settings(answer: str) -> KubeProxyConfiguration:
    """Read the answer; raises SvcnotesError for settings that cannot be, and for anything else beside them."""
    values = [document.value for document in read(answer)]
    kinds = [value.get("kind") if isinstance(value, dict) else None for value in values]
    if kinds != [_KIND]:
        found = ", ".join(str(kind or "no kind")[:40] for kind in kinds[:3]) or "nothing"
        raise InputError(f"an answer is one {_KIND} (its kind says so); this is: {found}")
    return loads(answer).proxy
