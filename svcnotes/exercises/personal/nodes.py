"""One node of several is broken: what was seen node by node, from outside, on the node itself, and from a pod."""

from __future__ import annotations

from collections.abc import Sequence

from svcnotes.exercises.exercise import Exercise
from svcnotes.exercises.personal.explain import Cause, Sighting, explain
from svcnotes.exercises.personal.site import Drawn, Site, about


def one_node(
    name: str,
    story: str,
    place: Site,
    whole: Drawn,
    causes: Sequence[Cause],
    case: tuple[int, str],
    hints: tuple[str, ...],
) -> Exercise:
    """Ask which of the causes has hit which node: `case` is the one that did, by number and by the node's name."""
    sightings = [
        *(
            Sighting(
                f"{place.client} dials {one.name}, {place.dial(one)}",
                whole.asks(place.client, place.dial(one)),
            )
            for one in place.hosts
        ),
        *(
            Sighting(
                f"a program on {one.name} dials the clusterIP", whole.asks(f"node/{one.name}", place.inside)
            )
            for one in place.hosts
        ),
        Sighting("tool dials the clusterIP", whole.asks(place.tool.source, place.inside)),
    ]
    question = f"{story}\n{place.told(service=place.said())}"
    places = [one.name for one in place.hosts]
    return about(whole, explain(name, question, whole, causes, places, case, sightings, hints))
