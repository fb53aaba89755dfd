"""The one sentence that answers the question: who was reached, what it saw, and which rule decided."""

from __future__ import annotations

from svcnotes.views.entries import entered
from svcnotes.views.marks import is_address, short_name
from svcnotes.views.prose import Prose, Run, code, prose, strong
from svcnotes.views.story import Moment, Story, rule_name, second_connections, stray

MASQUERADES = frozenset({"snat"})


def headline(story: Story) -> Prose:
    """Say what became of the path's packet, and at which step which rule decided it."""
    return prose(_ending(story), _looked_up(story))


def _ending(story: Story) -> Prose:
    outcome = story.path.outcome
    if outcome == "connected":
        return _connected(story)
    if story.path.pod and outcome == "timeout":
        return _answer_lost(story)
    return {"refused": _refused, "timeout": _timeout, "external": _external}.get(outcome, _unreachable)(story)


def _looked_up(story: Story) -> Prose:
    """Where a name was dialled: which address it had become before there was a packet."""
    if not story.path.hops:
        return ()
    first = story.path.hops[0].packet
    name = story.trace.to.removesuffix(f":{first.destination_port}").strip("[]")
    if is_address(name) or name == story.names.of(first.destination).label:
        return ()  # the name of a node or of an outside host stands beside its address anyway
    had = story.names.run(first.destination)
    return prose(f" DNS had turned {name} into ", had, " before the packet set out.")


def choice(story: Story) -> str:
    """Say how likely this path is, as an exact fraction, empty where it is the only one; of real packets, how many went so."""
    paths = story.trace.paths
    if story.trace.packets:
        return _counted(story)
    if len(paths) < 2:
        return ""
    same = all(path.probability == paths[0].probability for path in paths)
    share = f"{story.path.probability} each" if same else str(story.path.probability)
    ends = {path.pod or path.answered_by for path in paths}
    ways = {(entered(path), path.pod or path.answered_by) for path in paths}
    what = "endpoints" if len(ends) == len(ways) and all(ends) else "ways"
    return f"1 of {len(paths)} {what}, {share}"


def _counted(story: Story) -> str:
    if story.trace.packets == 1:
        return "1 real packet was sent, and this is it"
    return f"{story.trace.share(story.path)} real packets went this way, and this is the first of them"


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
    if not moment.rule.chain:  # the kernel's own work is a sentence already
        said = moment.rule.rule.removeprefix(f"{short_name(moment.host)}: ").rstrip(".")
        return prose(f" {verb} at step {moment.number}: {said}.")
    return prose(f" {verb} at step {moment.number} by ", code(rule_name(moment.rule)), ".")


def _connected(story: Story) -> Prose:
    path = story.path
    who = short_name(path.pod or path.answered_by)
    seen = path.source_seen or ""
    asker = _asker(story)
    change = _last_source_change(story)
    second = second_connections(path)
    if second:
        return _proxied(story, who, seen, path.hops[second[-1]].packet.source)
    if seen == story.trace.source_address:
        return prose(
            strong(f"{who} sees "),
            story.names.run(seen),
            strong(f", {asker} itself"),
            ". No rule changed the source." if change is None else ".",
            _by(change, "Only its port was changed"),
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
        _by(change),
    )


def _proxied(story: Story, who: str, seen: str, proxy: str) -> Prose:
    """A proxy in between hides the asker, whatever the nodes do."""
    balancer, asker = story.names.run(proxy), prose(strong(f"not {_asker(story)}"), " ", _source(story))
    if seen == proxy:
        return prose(
            strong(f"{who} sees "),
            balancer,
            strong(", the load balancer"),
            ", ",
            asker,
            ". The balancer made a second connection, from its own address: no rule changed the source, "
            "and no traffic policy can bring the client back.",
        )
    return prose(
        strong(f"{who} sees "),
        story.names.run(seen),
        f" ({story.names.of(seen).label}), ",
        asker,
        ".",
        _by(_last_source_change(story)),
        " Without that rule it would see ",
        balancer,
        ", the load balancer, which made a second connection: the client is hidden either way.",
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
    if stray(path) and seen == story.trace.source_address:
        return _stray(story)
    return prose(
        strong(f"Timeout: {short_name(path.pod or '')} got the packet, its answer is lost"),
        ". It saw ",
        story.names.run(seen),
        f" ({story.names.of(seen).label}). ",
        _reason(story),
    )


def _stray(story: Story) -> Prose:
    asked, last = story.path.hops[0].packet, story.path.hops[-1].packet
    reset = "answers RST" if last.protocol == "tcp" else "throws the answer away"
    return prose(
        strong(f"Timeout: {short_name(story.path.pod or '')} answers {_asker(story)} directly"),
        ", from ",
        story.names.run(last.source, last.source_text),
        f". {_asker(story).capitalize() if _asker(story).startswith('the ') else _asker(story)} had dialled ",
        story.names.run(asked.destination, asked.destination_text),
        f": its connection knows no such peer. It {reset} and waits in vain.",
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
    closed = story.first("closed")
    host = path.pod or path.answered_by or (closed.host if closed else "")
    how = path.how.upper() if path.how == "rst" else path.how
    said = path.reason.strip().removeprefix(f"{host}: ").rstrip(".")
    return prose(
        strong(f"Refused: {short_name(host) or 'the destination'} answers{f' with {how}' if how else ''}"),
        f": {said}." if said else ".",
    )


def _external(story: Story) -> Prose:
    if not story.path.hops:
        return prose(strong("The name leads out of this world"), ". ", _reason(story))
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
    there = [hop for hop in path.hops if hop.direction == "there"]
    if path.how.endswith("ttl-exceeded") and len({hop.host for hop in there}) < len(there):
        return _circles(story)
    sender = (
        prose(" from ", story.names.run(path.icmp_from), f" ({story.names.of(path.icmp_from).label})")
        if path.icmp_from
        else ()
    )
    return prose(strong(f"Unreachable: {path.how or 'no way on'}"), sender, ". ", _reason(story))


def _circles(story: Story) -> Prose:
    """Two hosts hand a packet to each other until its TTL is used up."""
    path = story.path
    there = [hop for hop in path.hops if hop.direction == "there"]
    round_trip = list(dict.fromkeys(short_name(hop.host) for hop in there[1:]))
    last = there[-1].packet
    return prose(
        strong("Unreachable: the packet goes in circles"),
        f" between {' and '.join(round_trip)}: nobody owns ",
        story.names.run(last.destination, last.destination_text),
        " and no rule rewrites it, so each hands it on until its time to live (TTL) is used up. ",
        prose(f"{story.names.of(path.icmp_from).label} says so: "),
        code(path.how),
        ".",
    )


def _reason(story: Story) -> str:
    reason = story.path.reason.strip()
    if reason.startswith(("the ", "no ", "nothing ")):
        reason = reason[0].upper() + reason[1:]
    return reason if not reason or reason.endswith(".") else reason + "."
