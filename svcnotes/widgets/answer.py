"""What one setting of a stage's controls leads to."""

from __future__ import annotations

import json
from typing import Any

from svcnotes.control_plane.cluster import Cluster
from svcnotes.network.node_rules import rules_text
from svcnotes.scenarios.scene import Scene
from svcnotes.trace import Path, Trace
from svcnotes.views.marks import names_of
from svcnotes.views.pack import pack
from svcnotes.views.story import Story, tell


class Answer:
    """A cluster, its trace, and the trace packed for the browser."""

    def __init__(self, cluster: Cluster, trace: Trace, story: dict[str, Any]) -> None:
        self.cluster = cluster
        self.trace = trace
        self.story = story
        self.text = as_json(story)
        self.names = names_of(trace, cluster)

    def tell(self, path: Path) -> Story:
        """Tell one of its paths."""
        return tell(self.trace, path, self.names)


def answer(scene: Scene, found: Trace) -> Answer:
    """The answer to a scene's question, with the rules of the nodes that it met."""
    hosts = {hop.host for path in found.paths for hop in path.hops if hop.kind == "node"}
    family = 6 if ":" in found.source_address else 4
    texts = {node: rules_text(scene.cluster, node, family=family) for node in sorted(hosts)}
    return Answer(scene.cluster, found, pack(found, scene.cluster, texts, scene.cast))


def as_json(value: Any) -> str:
    """Write JSON without spaces, for the browser."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
