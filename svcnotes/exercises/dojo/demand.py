"""What must hold when a cluster is whole: the symptom, turned round, as a question to a trace."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from svcnotes.control_plane.cluster import Cluster
from svcnotes.errors import QuestionError
from svcnotes.exercises.evidence import ending_rule, source_rule
from svcnotes.exercises.verdict import Part
from svcnotes.trace import Path, Trace, trace

_FIELDS = {"claim", "source", "to", "via", "protocol", "outcome", "sees", "then", "pods"}
_SECOND_PORT = 40999


@dataclass(frozen=True, slots=True)
class Demand:
    """A packet, and how every path of it must end.

    `claim` says it in words. `source`, `to`, `via`, `protocol` are those of `svcnotes.trace`. Every path must
    end as `outcome` says; where `sees` is given, it is the source that the pod must see. With `then`, a
    second caller asks after the first, and `pods` is how many different pods it must be able to reach.
    """

    claim: str
    source: str
    to: str
    via: str | None = None
    protocol: str = "tcp"
    outcome: str = "connected"
    sees: str = ""
    then: str = ""
    pods: int = 0

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> Demand:
        """Read a demand from a case's YAML. Raises QuestionError for an unknown field."""
        unknown = given.keys() - _FIELDS
        if unknown:
            raise QuestionError(
                f"a demand has no field {min(unknown)!r}; it has: {', '.join(sorted(_FIELDS))}"
            )
        return cls(**given)

    def holds(self, cluster: Cluster) -> bool:
        """Whether every path of the packet ends as it must."""
        return self.part(cluster)[0].ok

    def part(self, cluster: Cluster, *, reason: bool = True) -> tuple[Part, str]:
        """The demand as a part of a verdict, and what was seen where it does not hold.

        With `reason`, that is told with the rule or the place that decided; without, as the caller has it.
        """
        try:
            seen = self._seen(cluster, reason)
        except QuestionError as error:  # a name that nobody knows, above all
            seen = str(error)
        return Part(self.claim, ok=not seen), seen

    def _seen(self, cluster: Cluster, reason: bool) -> str:
        """What a path shows that does not end as it must; empty where all do."""
        for path in self._ask(cluster, self.source).paths:
            if path.outcome != self.outcome or (self.sees and path.source_seen != self.sees):
                return _told(path) if reason else _end(path)
            if self.then:
                reached = {after.pod for after in self._ask(cluster, self.then, path).paths}
                if len(reached) < self.pods:
                    held = ", ".join(sorted(map(str, reached)))
                    return f"after {self.source} came to {path.pod}, {self.then} can come only to {held}"
        return ""

    def _ask(self, cluster: Cluster, source: str, after: Path | None = None) -> Trace:
        if after is None:
            return trace(cluster, source, self.to, self.protocol, self.via)
        return trace(
            cluster,
            source,
            self.to,
            self.protocol,
            self.via,
            source_port=_SECOND_PORT,
            memories=after.memories,
        )


@dataclass(frozen=True, slots=True)
class Reported:
    """A part of what a user reports: of the packets from `source` to `to`, a `share` ends as `outcome` says."""

    source: str
    to: str
    outcome: str
    share: Fraction = Fraction(1)
    via: str | None = None
    protocol: str = "tcp"

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> Reported:
        """Read it from a case's YAML; `share` is text such as `1/3`."""
        return cls(**{**given, "share": Fraction(given.get("share", "1"))})

    def is_so(self, cluster: Cluster) -> bool:
        """Whether a trace shows just that."""
        paths = trace(cluster, self.source, self.to, self.protocol, self.via).paths
        share = sum((path.probability for path in paths if path.outcome == self.outcome), Fraction(0))
        return share == self.share


def _end(path: Path) -> str:
    """How it ends for the caller, who knows of no rule."""
    seen = f", {path.pod} sees {path.source_seen}" if path.source_seen and path.outcome == "connected" else ""
    return f"{path.outcome}{seen}"


def _told(path: Path) -> str:
    how = f" ({path.how})" if path.how else ""
    seen = f", {path.pod} sees {path.source_seen}" if path.source_seen else ""
    rule = ending_rule(path) or (source_rule(path) if path.source_seen else "")
    return f"{path.outcome}{how}{seen}" + (f": {rule}" if rule else f". {path.reason}" if path.reason else "")
