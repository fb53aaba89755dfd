"""The one sentence that answers the question: who was reached, what it saw, and which rule decided."""

from __future__ import annotations

from svcnotes.views.entries import entered
from svcnotes.views.marks import short_name
from svcnotes.views.prose import Prose, Run, code, prose, strong
from svcnotes.views.story import Moment, Story, rule_name

MASQUERADES = frozenset({"snat"})


def headline(story: Story) -> Prose:
    """Say what became of the path's packet, and at which step which rule decided it."""
    outcome = story.path.outcome
    if outcome == "connected":
        return _connected(story)
    if story.path.pod and outcome == "timeout":
        return _answer_lost(story)
    return {"refused": _refused, "timeout": _timeout, "external": _external}.get(outcome, _unreachable)(story)


def choice(story: Story) -> str:
    """Say how likely this path is, as an exact fraction; empty where it is the only one."""
    paths = story.trace.paths
    if len(paths) < 2:
        return ""
    same = all(path.probability == paths[0].probability for path in paths)
    share = f"{story.path.probability} each" if same else str(story.path.probability)
    ends = {path.pod or path.answered_by for path in paths}
    ways = {(entered(path), path.pod or path.answered_by) for path in paths}
    what = "endpoints" if len(ends) == len(ways) and all(ends) else "ways"
    return f"1 of {len(paths)} {what}, {share}"


def _source(story: Story) -> Run:
    return story.names.run(story.trace.source_address)


def _asker(story: Story) -> str:
    return (
        f"the {named.role}"
        if (named := story.names.of(story.trace.source_address)).label == named.role
        else named.label
    )


def _by(moment: Moment | None, verb: str = "Changed") -> Prose:
    if moment is None or moment.rule is None:
        return ()
    return prose(f" {verb} at step {moment.number} by ", code(rule_name(moment.rule)), ".")


def _connected(story: Story) -> Prose:
    path = story.path
    who = short_name(path.pod or path.answered_by)
    seen = path.source_seen or ""
    asker = _asker(story)
    if seen == story.trace.source_address:
        return prose(
            strong(f"{who} sees "),
            story.names.run(seen),
            strong(f", {asker} itself"),
            ". No rule changed the source.",
        )
    owner = story.names.of(seen).label
    return prose(
        strong(f"{who} sees "),
        story.names.run(seen),
        f" ({owner}), ",
        strong("not its own address" if who == asker else f"not {asker}"),
        " ",
        _source(story),
        ".",
        _by(_last_source_change(story)),
    )


def _last_source_change(story: Story) -> Moment | None:
    return next((m for m in reversed(story.moments) if m.kind == "snat" and m.direction == "there"), None)


def _timeout(story: Story) -> Prose:
    dropped = next((m for m in reversed(story.moments) if m.kind == "drop"), None)
    asker = _asker(story)
    if dropped is None:
        return prose(
            strong("Timeout"), f": no answer ever comes to {asker} ", _source(story), ". ", _reason(story)
        )
    return prose(
        strong(f"Timeout: {short_name(dropped.host)} drops the packet"),
        f", and {asker} ",
        _source(story),
        " waits in vain. No pod sees anything.",
        _by(dropped, "Dropped"),
    )


def _answer_lost(story: Story) -> Prose:
    path = story.path
    seen = path.source_seen or ""
    return prose(
        strong(f"Timeout: {short_name(path.pod or '')} got the packet, its answer is lost"),
        ". It saw ",
        story.names.run(seen),
        f" ({story.names.of(seen).label}). ",
        _reason(story),
    )


def _refused(story: Story) -> Prose:
    path = story.path
    rejected = story.first("reject")
    if rejected is not None:
        what = f", with {path.how}" if path.how else ""
        return prose(
            strong(f"Refused: {short_name(rejected.host)} rejects the packet"),
            f" at once{what}. No pod sees anything.",
            _by(rejected, "Rejected"),
        )
    who = short_name(path.pod or path.answered_by) or "the destination"
    return prose(
        strong(f"Refused: {who} answers that nothing listens there"),
        f" ({path.how.upper() if path.how == 'rst' else path.how or 'no process'}). ",
        _reason(story),
    )


def _external(story: Story) -> Prose:
    there = [hop.packet for hop in story.path.hops if hop.direction == "there"]
    last = there[-1] if there else None
    where = story.names.run(last.destination) if last else code(story.trace.destination)
    if not any(hop.kind in ("node", "pod") for hop in story.path.hops):
        return prose(
            strong("The packet never comes to the cluster"),
            ": no route leads to a node for ",
            where,
            ". ",
            _reason(story),
        )
    return prose(
        strong("The packet leaves the cluster"),
        " for ",
        where,
        ": no rule rewrote that address, and no host here owns it. ",
        _reason(story),
    )


def _unreachable(story: Story) -> Prose:
    path = story.path
    sender = (
        prose(" from ", story.names.run(path.icmp_from), f" ({story.names.of(path.icmp_from).label})")
        if path.icmp_from
        else ()
    )
    return prose(strong(f"Unreachable: {path.how or 'no way on'}"), sender, ". ", _reason(story))


def _reason(story: Story) -> str:
    reason = story.path.reason.strip()
    if reason.startswith(("the ", "no ", "nothing ")):
        reason = reason[0].upper() + reason[1:]
    return reason if not reason or reason.endswith(".") else reason + "."
