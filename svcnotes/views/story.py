"""One path of a trace as numbered moments: what happened to the packet, where, and by which rule.

Rules that match and change nothing (a jump from chain to chain) are not moments: they are the way to one,
and stand in the listing of the rules (`svcnotes.views.listing`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from svcnotes.netfilter.telling import remark, target
from svcnotes.packet import Packet, Step
from svcnotes.trace import Hop, Path, Trace
from svcnotes.views.marks import Names, short_name
from svcnotes.views.prose import Prose, Run, code, prose, strong

ENDS = frozenset({"drop", "reject"})
ENDINGS = frozenset({"accept", "receive", "closed", "deliver", "end"})  # told after all that the host did
MARKING = "KUBE-MARK-MASQ"  # kube-proxy's own chain: other programs mark for other ends
FIELDS = ("source", "destination")


@dataclass(frozen=True, slots=True)
class Moment:
    """One thing that happened to the packet.

    `number` is 1-based along the path. `kind` is send, accept, mark, dnat, snat, pass, receive, closed, drop,
    reject, end, answer, undo, deliver or icmp. `hop` is the index of the hop, `step` of the step in it (None for the
    hop itself). `changed` names what changed: source, destination, mark. `title` is a few words, `sentence`
    is for reading aloud.
    """

    number: int
    kind: str
    host: str
    host_kind: str
    direction: str
    hook: str
    title: str
    sentence: Prose
    before: Packet
    after: Packet
    changed: tuple[str, ...]
    hop: int
    step: int | None = None
    rule: Step | None = None


@dataclass(frozen=True, slots=True)
class Story:
    """The moments of one path, in order; `names` tells whose the addresses are."""

    trace: Trace
    path: Path
    moments: tuple[Moment, ...]
    names: Names

    def first(self, *kinds: str) -> Moment | None:
        """Give the first moment of one of these kinds, None where there is none."""
        return next((moment for moment in self.moments if moment.kind in kinds), None)


@dataclass(frozen=True, slots=True)
class _Draft:
    kind: str
    index: int
    hop: Hop
    title: str
    sentence: Prose
    step: Step | None = None

    def moment(self, number: int) -> Moment:
        came = _taken_in(self.hop) if self.kind in ENDINGS else self.hop.packet
        before, after = (self.step.before, self.step.after) if self.step else (came, came)
        return Moment(
            number=number,
            kind=self.kind,
            host=self.hop.host,
            host_kind=self.hop.kind,
            direction=self.hop.direction,
            hook=self.step.hook if self.step else "",
            title=self.title,
            sentence=self.sentence,
            before=before,
            after=after,
            changed=changed_fields(before, after),
            hop=self.index,
            step=self.hop.steps.index(self.step) if self.step else None,
            rule=self.step,
        )


def tell(trace: Trace, path: Path, names: Names) -> Story:
    """Turn a path of a trace into a story."""
    drafts = [
        draft for index, hop in enumerate(path.hops) for draft in _Hop(path, index, hop, names).drafts()
    ]
    return Story(trace, path, tuple(draft.moment(n) for n, draft in enumerate(drafts, start=1)), names)


def changed_fields(before: Packet, after: Packet) -> tuple[str, ...]:
    """Name what differs between two packets: source (address or port), destination, mark."""
    changed = [
        field
        for field in FIELDS
        if (getattr(before, field), getattr(before, f"{field}_port"))
        != (getattr(after, field), getattr(after, f"{field}_port"))
    ]
    return (*changed, *(["mark"] if before.mark != after.mark else []))


def rule_name(step: Step) -> str:
    """Shorten a rule to its chain and what it does, such as `KUBE-POSTROUTING … MASQUERADE`."""
    does = target(step)
    if does:
        return f"{step.chain} … {does}"
    return f"{step.chain}, its policy {step.verdict.upper()}" if step.chain else step.rule


def caller(steps: Sequence[Step], step: Step) -> Step | None:
    """Find the rule that sent the packet into a step's chain; None for a chain that the kernel calls."""
    before = steps[: steps.index(step)]
    sent = (s for s in reversed(before) if s.verdict in {f"jump {step.chain}", f"goto {step.chain}"})
    return next(sent, None)


def second_connections(path: Path) -> tuple[int, ...]:
    """Give the indices of the hops at which a proxy begins a connection of its own."""
    pairs = enumerate(zip(path.hops, path.hops[1:], strict=False), start=1)
    return tuple(
        index
        for index, (one, other) in pairs
        if one.host == other.host and one.direction == other.direction == "there" and one.leaves is None
    )


def stray(path: Path) -> bool:
    """Tell whether an answer came home that the asker does not recognise: it comes from somebody else."""
    if path.outcome != "timeout" or not path.hops:
        return False
    first, last = path.hops[0], path.hops[-1]
    if last.direction != "back" or last.host != first.host or last.packet.is_error:
        return False
    seen = last.steps[-1].after if last.steps else last.packet
    asked = first.packet
    return (seen.source, seen.source_port) != (asked.destination, asked.destination_port)


def _taken_in(hop: Hop) -> Packet:
    """The packet as the host's process gets it, after the host's rules and connection tracking."""
    return hop.steps[-1].after if hop.steps else hop.packet


def _refuses(hop: Hop) -> bool:
    """Tell whether the host's kernel found no process for the packet."""
    return any(step.table == "socket" and step.verdict == "refuse" for step in hop.steps)


@dataclass(frozen=True, slots=True)
class _Hop:
    """A hop in its place on the path, with the words for it."""

    path: Path
    index: int
    hop: Hop
    names: Names

    def drafts(self) -> Iterator[_Draft]:
        hop = self.hop
        arrival = self._arrival()
        steps = [draft for step in hop.steps if (draft := self._of_step(step))]
        ending = self._ending(steps)
        if arrival:
            yield arrival
        yield from steps
        if ending:
            yield ending
        # The router changes no address: unless something ends there, its hop is part of the arrow.
        if not (arrival or steps or ending) and hop.kind != "router":
            yield self._say("pass", "passes it on", f" ({self._whose()}) passes it on and changes nothing.")

    def _whose(self) -> str:
        return {"node": "a node", "pod": "a pod", "router": "the router"}.get(self.hop.kind, "a host")

    def _say(self, kind: str, title: str, *words: str | Run | Prose, step: Step | None = None) -> _Draft:
        name = short_name(self.hop.host)
        return _Draft(kind, self.index, self.hop, f"{name} {title}", prose(strong(name), *words), step)

    def _source(self, packet: Packet) -> Run:
        return self.names.run(packet.source, packet.source_text)

    def _destination(self, packet: Packet) -> Run:
        return self.names.run(packet.destination, packet.destination_text)

    @property
    def _last(self) -> bool:
        return self.index == len(self.path.hops) - 1

    @property
    def _begins_answer(self) -> bool:
        return (
            self.hop.direction == "back"
            and self.index > 0
            and self.path.hops[self.index - 1].direction == "there"
        )

    @property
    def _receives(self) -> bool:
        turns = self._last or self.path.hops[self.index + 1].direction == "back"
        reached = self.hop.host in {self.path.pod, self.path.answered_by} - {""}
        return self.hop.direction == "there" and turns and reached

    def _arrival(self) -> _Draft | None:
        packet = self.hop.packet
        if self.index == 0:
            to = self.names.of(packet.destination).label
            return self._say("send", "sends", " sends a packet to ", self._destination(packet), f" ({to}).")
        if self._begins_answer:
            return self._answer(packet)
        if self.index in second_connections(self.path):
            return self._say(
                "send",
                "connects anew",
                " makes a second connection, from its own address ",
                self._source(packet),
                " to ",
                self._destination(packet),
                f" ({self.names.of(packet.destination).label}).",
            )
        if self._hands_back(-1):
            client = self.names.run(packet.destination)
            source = self._source(packet)
            return self._say(
                "answer", "answers", " answers ", client, " over the first connection, from ", source, "."
            )
        return None

    def _hands_back(self, other: int) -> bool:
        """Whether a proxy has the answer of its own connection here, and gives one to its client there."""
        near = self.index + other
        hops = self.path.hops
        if not 0 <= near < len(hops) or self.hop.direction != "back":
            return False
        return hops[near].host == self.hop.host and hops[near].direction == "back"

    def _answer(self, packet: Packet) -> _Draft:
        to = self.names.run(packet.destination)
        if packet.is_error:
            why = packet.icmp.removeprefix("icmp-").removeprefix("icmp6-").replace("-", " ")
            return self._say("icmp", "refuses", f" sends an ICMP error, {why}, to ", to, ".")
        if "RST" in packet.flags:
            return self._say("icmp", "refuses", " answers with a TCP reset (RST) to ", to, ".")
        return self._say(
            "answer",
            "answers",
            " answers to ",
            to,
            ", the address that it saw, from ",
            self._source(packet),
            ".",
        )

    def _of_step(self, step: Step) -> _Draft | None:
        before, after = step.before, step.after
        rule = code(rule_name(step))
        at = f" at {step.hook}" if step.hook else ""
        if step.verdict.split(" ")[0] in ENDS:
            word = step.verdict.split(" ")[0]
            return self._say(word, f"{word}s it", f" {word}s the packet{at}: ", rule, ".", step=step)
        changed = changed_fields(before, after)
        if step.verdict == "translate" and changed and changed != ("mark",):
            words: list[str | Run | Prose] = [" remembers the connection and puts back"]
            if "source" in changed:
                words += [" source ", self._source(before), " → ", self._source(after)]
            if "destination" in changed:
                words += [
                    " and" if "source" in changed else "",
                    " destination ",
                    self._destination(before),
                    " → ",
                    self._destination(after),
                ]
            return self._say("undo", "undoes it", *words, ".", step=step)
        if "destination" in changed:
            ends = (self._destination(before), " → ", self._destination(after))
            return self._say(
                "dnat", "DNAT", " rewrites the destination ", *ends, at + ": ", rule, ".", step=step
            )
        if "source" in changed:
            froms = (self._source(before), " → ", self._source(after))
            return self._say("snat", "SNAT", " rewrites the source ", *froms, at + ": ", rule, ".", step=step)
        if "mark" in changed and after.mark:
            sender = caller(self.hop.steps, step)
            by: Prose = prose(", called by ", code(sender.chain)) if sender else ()
            asked = step.chain == MARKING or remark(step).startswith("masquerade")
            words = [
                f" marks the packet {after.mark:#x}{at}{', to be masqueraded when it leaves' if asked else ''}: ",
                rule,
                by,
                ".",
            ]
            return self._say("mark", "marks", *words, step=step)
        return None

    def _ending(self, steps: list[_Draft]) -> _Draft | None:
        hop = self.hop
        if any(draft.kind in ENDS for draft in steps):
            return None
        if self._receives and not _refuses(hop):
            return self._say(
                "receive", "receives", " receives it and sees the source ", self._source(self._seen()), "."
            )
        if hop.direction == "there" and _refuses(hop):
            text = f" ({self._whose()}) takes it in, but no process listens on port {self._seen().destination_port}."
            return self._say("closed", "takes it in: nobody listens", text)
        if self.index + 1 in second_connections(self.path):
            source = self._source(self._seen())
            return self._say(
                "accept", "accepts", " accepts the connection itself, and sees the source ", source, "."
            )
        if self._hands_back(1):
            seen = self._source(self._seen())
            return self._say(
                "deliver", "gets the answer", " gets the answer from ", seen, " on the second connection."
            )
        if not self._last:
            return None
        if hop.direction == "back" and stray(self.path):
            reset = ", answers RST" if hop.packet.protocol == "tcp" else ""
            return self._say(
                "end",
                "knows no such peer",
                " gets an answer from ",
                self._source(self._seen()),
                ", but had dialled ",
                self._destination(self.path.hops[0].packet),
                f": it knows no such connection{reset} and waits in vain.",
            )
        if hop.direction == "back" and self.path.outcome != "timeout" and hop.host == self.path.hops[0].host:
            return self._say(
                "deliver", "gets the answer", " gets the answer from ", self._source(self._seen()), "."
            )
        why = hop.ended or self.path.reason
        return self._say("end", "ends it", ": ", why) if why else None

    def _seen(self) -> Packet:
        return _taken_in(self.hop)
