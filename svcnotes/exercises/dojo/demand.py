"""What must hold when a cluster is whole: the symptom, turned round, as a question to a trace."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from svcnotes.control_plane.cluster import Cluster
from svcnotes.errors import QuestionError, SvcnotesError
from svcnotes.exercises.evidence import ending_rule, source_rule
from svcnotes.exercises.verdict import Part
from svcnotes.trace import Path, trace

_FIELDS = {"claim", "source", "to", "via", "protocol", "outcome", "sees", "then", "pods"}


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

    def failing(self, cluster: Cluster) -> Path | None:
        """A path that does not end as it must; None where all do. Raises what the trace raises."""
        return next(self._failing(cluster), None)

    def _failing(self, cluster: Cluster) -> Iterator[Path]:
        for path in trace(cluster, self.source, self.to, self.protocol, self.via).paths:
            wrong_source = bool(self.sees) and path.source_seen != self.sees
            if path.outcome != self.outcome or wrong_source:
                yield path
            elif self.then:
                after = trace(
                    cluster,
                    self.then,
                    self.to,
                    self.protocol,
                    self.via,
                    source_port=40999,
                    memories=path.memories,
                )
                if len({second.pod for second in after.paths}) < self.pods:
                    yield from after.paths[:1]

    def part(self, cluster: Cluster) -> tuple[Part, str]:
        """The demand as a part of a verdict, and what was seen where it does not hold (with the rule, if one decided)."""
        try:
            path = self.failing(cluster)
        except SvcnotesError as error:
            return Part(self.claim, ok=False), str(error)
        if path is None:
            return Part(self.claim, ok=True), ""
        return Part(self.claim, ok=False), _seen(path)


def _seen(path: Path) -> str:
    how = f" ({path.how})" if path.how else ""
    seen = f", {path.pod} sees {path.source_seen}" if path.source_seen else ""
    rule = ending_rule(path) or (source_rule(path) if path.source_seen else "")
    return f"{path.outcome}{how}{seen}" + (f": {rule}" if rule else f". {path.reason}" if path.reason else "")
