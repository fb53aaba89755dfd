"""The controls that a stage offers: the usual ones by their names, or an author's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from svcnotes.control_plane.cluster import Cluster
from svcnotes.errors import QuestionError
from svcnotes.scenarios import changes
from svcnotes.scenarios import controls as usual
from svcnotes.scenarios.controls import Control

# In the order in which they are applied when they are set without being shown.
USUAL: Mapping[str, Callable[[Cluster, Sequence[str]], Control]] = MappingProxyType(
    {
        "mode": lambda _, __: usual.mode(),
        "policy": lambda _, __: usual.policy(),
        "pods": usual.pods,
        "cni": lambda _, __: usual.cni(),
        "cloud": lambda _, __: usual.cloud(),
        "hairpin": lambda _, __: usual.hairpin(),
        "bridge_nf": lambda _, __: usual.bridge_nf(),
        "enter": lambda cluster, _: usual.enter(cluster),
        "via": lambda cluster, _: usual.via(cluster),
        "engine": lambda _, __: usual.engine(),
    }
)


def offered(
    given: str | Control,
    cluster: Cluster,
    placements: Sequence[str],
    settings: Mapping[str, str],
    taken: Callable[[str], bool],
) -> Control:
    """A control as given, or the usual one of that name.

    `taken` says whether an attribute of that name is there already. Raises QuestionError for an unknown name,
    and for a Control that cannot be called so.
    """
    if isinstance(given, Control):
        other = given.name == "engine" and given.values != usual.engine().values
        if other or taken(given.name) or not given.name.isidentifier():
            raise QuestionError(f"controls: {given.name!r} is taken, or no name. Call the control otherwise")
        return given
    if given not in USUAL:
        raise QuestionError(f"controls: {given!r} is none. Choose from {', '.join(USUAL)}, or give a Control")
    if given == "pods" and "pods" in settings:
        choices = placements or changes.placements(cluster)
        placements = tuple(dict.fromkeys([*choices, settings["pods"]]))
    return USUAL[given](cluster, placements)
