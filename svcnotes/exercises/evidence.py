"""What a trace shows: the step that decided, where a packet arrived. Nothing here knows the answer."""

from __future__ import annotations

import re
from collections.abc import Iterator

from svcnotes.packet import Step
from svcnotes.trace import Path

_ENDS = ("drop", "reject")


def steps_there(path: Path) -> Iterator[Step]:
    """The steps of the way there, in order."""
    for hop in path.hops:
        if hop.direction == "there":
            yield from hop.steps


def rule_text(step: Step | None) -> str:
    """A step's rule as `iptables-save` prints it, empty for none and for the kernel's own work."""
    return step.rule if step is not None and step.chain else ""


def source_rule(path: Path) -> str:
    """The rule that gave the packet another source, empty where none did."""
    for step in steps_there(path):
        if step.chain and (step.verdict in {"masquerade", "snat"} or step.before.source != step.after.source):
            return rule_text(step)
    return ""


def ending_rule(path: Path) -> str:
    """The rule that dropped or rejected the packet, on either way; empty where none did."""
    for hop in path.hops:
        for step in hop.steps:
            if step.chain and step.verdict in _ENDS:
                return rule_text(step)
    return ""


def target_rule(path: Path) -> str:
    """The rule that gave the packet another destination, empty where none did."""
    return next((rule_text(step) for step in steps_there(path) if step.verdict == "dnat"), "")


def chains(path: Path) -> tuple[str, ...]:
    """The chains of the nat table whose rules took part on the way there, each once, in order."""
    return tuple(
        dict.fromkeys(step.chain for step in steps_there(path) if step.chain and step.table == "nat")
    )


def service_of(path: Path) -> str:
    """The Service (`namespace/name`) whose rule gave the packet its pod, empty where none did.

    kube-proxy writes it into the comment of that rule, before the port's name (`default/web:http`).
    """
    found = re.search(r'--comment "?([^":\s]+/[^":\s]+)', target_rule(path))
    return found[1] if found else ""


def jump_rule(path: Path, prefix: str) -> str:
    """The rule that jumped to a chain whose name begins so, empty where none did."""
    for step in steps_there(path):
        words = step.verdict.split()
        if len(words) == 2 and words[1].startswith(prefix):
            return rule_text(step)
    return ""


def arrival(path: Path) -> tuple[str, int] | None:
    """The pod (`namespace/name`) that the packet came to, and on which port; None where it came to none."""
    for hop in reversed(path.hops):
        if hop.kind == "pod" and hop.direction == "there" and hop.in_interface:
            return hop.host, hop.packet.destination_port
    return None


def taken_in(path: Path) -> str:
    """The node one of whose own processes got the packet on the way there, empty where none did."""
    for hop in path.hops:
        if hop.kind == "node" and hop.direction == "there" and hop.leaves is None:
            ended = any(step.verdict in _ENDS for step in hop.steps)
            return hop.host if path.outcome == "connected" and not ended else ""
    return ""
