"""A whole trace as one message of plain lists and dicts: all that a browser needs to step without Python."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from svcnotes.netfilter.telling import Chains, chains_in
from svcnotes.packet import Packet, endpoint_text
from svcnotes.trace import Path, Trace
from svcnotes.views.cast import cast_of
from svcnotes.views.entries import entered
from svcnotes.views.headline import choice, headline
from svcnotes.views.layout import COMPACT, NARROW, WIDE, layout
from svcnotes.views.listing import Line, listing
from svcnotes.views.marks import MARKS, POD, Names, names_of, short_name
from svcnotes.views.prose import packed, plain
from svcnotes.views.story import Moment, Story, tell

if TYPE_CHECKING:
    from svcnotes.control_plane.cluster import Cluster

_WORD = re.compile(r"(?:[0-9]{1,3}\.){3}[0-9]{1,3}|[0-9a-f]*:[0-9a-f:]*:[0-9a-f]*")
ENDINGS = frozenset({"drop", "reject", "end", "closed"})
Rules = Mapping[str, str]  # a node's name to its rules text


def pack(
    trace: Trace,
    cluster: Cluster | None = None,
    rules: Rules | None = None,
    selector: frozenset[str] = frozenset(),
) -> dict[str, Any]:
    """Pack a trace: its paths, each with moments, pictures (of three widths) and the rules met.

    `rules` maps node names to rules texts, for the listings; without it they hold the rules that matched.
    `selector` names Pods (`namespace/name`) to draw although no path meets them.
    """
    names = names_of(trace, cluster)
    cast = cast_of(trace, cluster, selector)
    chains = {node: _chains(text) for node, text in (rules or {}).items()}
    paths = []
    for path, label in zip(trace.paths, labels(trace.paths, names), strict=True):
        story = tell(trace, path, names)
        paths.append(
            {
                "label": label,
                "share": trace.share(path),
                "outcome": path.outcome,
                "headline": packed(headline(story)),
                "choice": choice(story),
                "alt": alt_text(story),
                "deciding": deciding(story),
                "moments": [_moment(moment, names) for moment in story.moments],
                "pictures": [layout(story, cast, width).packed() for width in (COMPACT, NARROW, WIDE)],
                "listings": _listings(story, chains),
            }
        )
    marks = {role: [mark.glyph, mark.colour, mark.meaning] for role, mark in MARKS.items()}
    return {"paths": paths, "marks": marks, "names": _names_in(paths, names), "packets": trace.packets}


def labels(paths: Sequence[Path], names: Names | None = None) -> list[str]:
    """Name each path by the pod it leads to; by the node entered too, where there is no pod or one has several ways.

    A path that is lost on its way to a pod is told by that pod and the outcome, where `names` knows its address.
    """
    ends = [short_name(path.pod or path.answered_by) or _meant(path, names) for path in paths]
    twice = len(set(ends)) < len(ends)
    named = []
    for path, end in zip(paths, ends, strict=True):
        node = entered(path) if twice or not end else ""
        lost = "" if path.pod or path.answered_by else path.outcome
        named.append(" → ".join(word for word in (node, end, lost) if word))
    return named


def _meant(path: Path, names: Names | None) -> str:
    """Name the pod whose address the packet carried as its destination when it was lost; empty where none."""
    last = next((hop for hop in reversed(path.hops) if hop.direction == "there"), None)
    if last is None or names is None:
        return ""
    packet = last.leaves or (last.steps[-1].after if last.steps else last.packet)
    aim = names.of(packet.destination)
    return aim.label if aim.role == POD else ""


def _names_in(paths: list[dict[str, Any]], names: Names) -> dict[str, str]:
    """Give the role of each address that a listed rule speaks of, where somebody owns it."""
    texts = {line[0] for path in paths for lines in path["listings"].values() for line in lines}
    words = {word for text in texts for word in _WORD.findall(text)}
    return {word: names.by_address[word].role for word in sorted(words) if word in names.by_address}


def deciding(story: Story) -> int:
    """Number the moment to look at first: what ended the packet or its answer, else what changed its source, else its aim."""
    there = [moment for moment in story.moments if moment.direction == "there"]
    ended = [moment for moment in story.moments if moment.kind in ENDINGS]
    if ended and story.path.outcome != "connected":
        return next((moment.number for moment in reversed(ended) if moment in there), ended[-1].number)
    for kinds in (("snat",), ("dnat",), ("receive",)):
        found = [moment.number for moment in there if moment.kind in kinds]
        if found:
            return found[-1]
    return 1


def alt_text(story: Story) -> str:
    """Say what the picture of a path shows."""
    hosts = [short_name(hop.host) for hop in story.path.hops if hop.kind != "router"]
    way = [host for i, host in enumerate(hosts) if i == 0 or host != hosts[i - 1]]
    return f"{plain(headline(story))} The packet's way, there and back: {', '.join(way)}."


@lru_cache(maxsize=32)
def _chains(text: str) -> Chains:
    return chains_in(text)


def _end(packet: Packet, end: str, names: Names) -> list[str]:
    address = str(getattr(packet, end))
    port = int(getattr(packet, f"{end}_port"))
    text = endpoint_text(address, port) if port else address
    return [text, names.of(address).role, names.of(address).label]


def _moment(moment: Moment, names: Names) -> dict[str, Any]:
    message: dict[str, Any] = {
        "kind": moment.kind,
        "host": short_name(moment.host),
        "hook": moment.hook,
        "back": moment.direction == "back",
        "title": moment.title,
        "say": packed(moment.sentence),
        "hop": moment.hop,
    }
    for key, end in (("src", "source"), ("dst", "destination")):
        message[key] = [_end(moment.after, end, names)]
        if end in moment.changed:
            message[key].append(_end(moment.before, end, names))
    if moment.rule is not None:
        message["step"] = moment.step
        message["rule"] = moment.rule.told
    return message


def _listings(story: Story, chains: Mapping[str, Any]) -> dict[str, list[list[Any]]]:
    found: dict[str, list[list[Any]]] = {}
    for moment in story.moments:
        if moment.rule is None or moment.step is None:
            continue
        hop = story.path.hops[moment.hop]
        key = f"{moment.hop} {moment.hook}"
        if moment.rule.chain and key not in found:
            lines = listing(hop, moment.hook, chains.get(hop.host, {}))
            found[key] = [_line(line) for line in lines]
        elif not moment.rule.chain:
            found.setdefault(key, []).append([moment.rule.rule, "kernel", [moment.step]])
    return found


def _line(line: Line) -> list[Any]:
    return [line.text, line.kind, list(line.steps)]
