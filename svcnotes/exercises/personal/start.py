"""The coursework of the first ten minutes: one packet, its answer, and a first manifest."""

from __future__ import annotations

from svcnotes.exercises.exercise import Exercise
from svcnotes.exercises.personal.chance import Draw
from svcnotes.exercises.personal.definition import Definition
from svcnotes.exercises.personal.fields import reply_from
from svcnotes.exercises.personal.several import several
from svcnotes.exercises.personal.site import about, site
from svcnotes.exercises.share import share
from svcnotes.exercises.sources import source_seen

LESSON = "00-start-here"


def _visit(draw: Draw) -> Exercise:
    place = site(draw, (2, 1, 0))
    cluster = place.whole()
    entry = draw.keep("entry", place.empty())
    pod = draw.one("pod", place.pods)
    asked = cluster.asks(place.client, place.dial(entry))
    question = (
        f"{place.client} dials {entry.name}, {place.dial(entry)}, and {pod.name} answers. Write three addresses or shares.\n"
        f"{place.told(service=place.said())}"
    )
    made = several(
        "visit",
        question,
        {
            "sees": source_seen("sees", f"which source address does {pod.name} see?", asked, pod.key),
            "answer from": reply_from(
                f"from which address does the answer come, when {place.client} gets it?", asked, pod.key
            ),
            "share": share(
                "share",
                f"of many such connections, how large a part comes to {pod.name}?",
                asked,
                pod.key,
                ideas={
                    "1/2": (
                        "every-choice-is-even",
                        "It is pods that are chosen, each as likely as any other; nodes are not.",
                    )
                },
            ),
        },
        (
            "Which node does the packet come to first, and by which interface does it leave it?",
            f"{entry.name} runs no pod of {place.app}, so the packet leaves it by eth0, with MASQUERADE. It undoes both changes on the way back.",
            "sees: the address of the node dialled. answer from: the address dialled. share: one over the number of pods.",
        ),
    )
    return about(cluster, made)


DEFINITIONS = (
    Definition(
        "00-visit",
        LESSON,
        "One visit, three numbers",
        "predict",
        4,
        3,
        ("follow-a-packet", "the-answer-has-the-last-nodes-address", "every-choice-is-even"),
        _visit,
    ),
)
