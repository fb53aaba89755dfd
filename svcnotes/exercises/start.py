"""The exercises of the first ten minutes: a prediction, and a number read off the stage."""

from __future__ import annotations

from svcnotes import scenarios
from svcnotes.control_plane.cluster import Cluster
from svcnotes.exercises.asked import Asked, Seen
from svcnotes.exercises.choose import Choice, choose
from svcnotes.exercises.evidence import source_rule
from svcnotes.exercises.exercise import Exercise, right, wrong
from svcnotes.exercises.verdict import Verdict
from svcnotes.trace import Trace
from svcnotes.views.marks import names_of
from svcnotes.views.story import Story, tell

__all__ = ["answer", "step"]

CLIENT = "192.0.2.10"


def _cluster() -> Cluster:
    return scenarios.load("nodeport")


def _comes_from(seen: Seen) -> str:
    """The address that the client's answer comes from, where my-nginx-1 answers."""
    path = next(path for path in seen.paths if path.pod == "default/my-nginx-1")
    return path.hops[-1].packet.source


answer = choose(
    "answer",
    "You (192.0.2.10) dial node-2, 172.18.0.12:30080; my-nginx-1, 10.244.1.10, on node-1 answers. "
    "From which address does that answer come, when it reaches you?",
    Asked(_cluster, CLIENT, "172.18.0.12:30080"),
    (
        Choice(
            "172.18.0.12 (node-2)",
            lambda seen: _comes_from(seen) == "172.18.0.12",
            because="It comes from the address that you dialled: on the way back node-2 undoes what it did on the way there.",
        ),
        Choice(
            "10.244.1.10 (the pod)",
            lambda seen: _comes_from(seen) == "10.244.1.10",
            "the-client-takes-any-answer",
            "You dialled 172.18.0.12, so an answer from any other address would belong to no connection of yours. "
            "node-2 remembers what it changed, and changes it back.",
        ),
        Choice(
            "172.18.0.11 (node-1)",
            lambda seen: _comes_from(seen) == "172.18.0.11",
            "the-answer-has-the-last-nodes-address",
            "node-1 only passes the packet on. node-2 changed it on the way there, and node-2 undoes that on the way back.",
        ),
    ),
    (
        "Which address did you write on your packet?",
        "An answer from elsewhere would belong to no connection of yours.",
        "The one that you dialled.",
    ),
    tells=lambda path: path.pod == "default/my-nginx-1",
)


def _read_step() -> Exercise:
    asked = Asked(_cluster, CLIENT, "172.18.0.11:30080")

    def judge(text: str) -> Verdict:
        trace: Trace = asked.trace()
        path = trace.paths[0]
        story: Story = tell(trace, path, names_of(trace, asked.cluster()))
        changed = story.first("snat")
        if changed is None:
            return wrong(explanation="No step of this packet changes its source: the question has no answer.")
        if not text.strip().isdecimal() or len(text.strip()) > 3:
            return wrong(explanation="The answer is a number, that of a step.")
        given = int(text)
        if given == changed.number:
            return right(f"step {given}", explanation=f"{changed.title}.", rule=source_rule(path))
        if not 1 <= given <= len(story.moments):
            return wrong(f"step {given}", explanation=f"The steps go from 1 to {len(story.moments)}.")
        moment = story.moments[given - 1]
        names = {
            "mark": "That step writes a mark on the packet; the source stays as it is.",
            "dnat": "That step changes the destination, not the source.",
            "undo": "That one is on the way back, where the change is undone. Asked is the way there.",
        }
        return wrong(
            f"step {given}",
            explanation=names.get(
                moment.kind, f"Step {given} is: {moment.title}. The source stays as it is."
            ),
        )

    return Exercise(
        "step",
        "The stage at the top, with policy Cluster: at which step, on the way there, does the packet get another source?",
        judge,
        (
            "Press Cluster, then look at the table “Every step of the packet”, column “source”.",
            "The cell with the frame is where it has just changed.",
            "It is the step whose lit rule ends in MASQUERADE.",
        ),
        ask=asked.trace,
    )


step = _read_step()
