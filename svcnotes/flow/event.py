"""What happens to an open flow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from svcnotes.errors import QuestionError
from svcnotes.netfilter import Entry
from svcnotes.trace import Path

PROTOCOLS = ("tcp", "udp")
OPENED, SENT, CHANGED = "opened", "sent", "changed"


def flow_protocol(protocol: str) -> str:
    """The protocol of a flow, in small letters; raises QuestionError for one that is never open."""
    if protocol.lower() not in PROTOCOLS:
        raise QuestionError(f"protocol {protocol!r}: a flow stays open with one of {', '.join(PROTOCOLS)}")
    return protocol.lower()


@dataclass(frozen=True, slots=True)
class Event:
    """One moment of a flow's story: `kind` is opened, sent or changed, `now` the seconds since it began.

    `path` is what became of the packet (opened, sent), `ways` how many ways it could have gone. `note`
    says what changed; `entries` are the conntrack entries that kube-proxy deleted then, as (node, entry),
    and `lists` the affinity lists that went with their last rule, as (node, name).
    """

    now: float
    kind: str
    path: Path | None = None
    ways: int = 1
    note: str = ""
    entries: tuple[tuple[str, Entry], ...] = ()
    lists: tuple[tuple[str, str], ...] = ()


class Moments:
    """What an open flow is by its `past`: each moment of it holds the one before, from its opening on."""

    __slots__ = ()
    if TYPE_CHECKING:

        @property
        def path(self) -> Path:
            """The way of the last packet sent."""

        @property
        def event(self) -> Event:
            """What happened last."""

        @property
        def past(self) -> Self | None:
            """The flow before that."""

    @property
    def moments(self) -> tuple[Self, ...]:
        """This flow as it was after each event of its story, from its opening on."""
        found, moment = [self], self.past
        while moment is not None:
            found.append(moment)
            moment = moment.past
        return tuple(reversed(found))

    @property
    def story(self) -> tuple[Event, ...]:
        """What happened, in order."""
        return tuple(moment.event for moment in self.moments)

    @property
    def pod(self) -> str | None:
        """The Pod (`namespace/name`) that got the last packet; None where none did."""
        return self.path.pod
