"""`kubectl label` and `kubectl annotate`: set or remove labels or annotations of one object."""

from __future__ import annotations

from collections.abc import Sequence

from svcnotes.control_plane.api_server import update
from svcnotes.control_plane.api_server.state import ApiState, StatusError
from svcnotes.control_plane.kubectl.answer import Answer
from svcnotes.control_plane.kubectl.delete import unknown
from svcnotes.control_plane.kubectl.visit import answer, done, refused
from svcnotes.control_plane.resources import by_word


def label(
    word: str,
    name: str,
    pairs: Sequence[str],
    state: ApiState,
    *,
    namespace: str = "default",
    overwrite: bool = False,
    field: str = "labels",
) -> Answer:
    """What `kubectl label WORD NAME KEY=VALUE... KEY-...` leaves behind.

    `field` is labels, or annotations for `kubectl annotate`.
    """
    resource = by_word(word)
    if resource is None:
        return Answer(state, "", unknown(word), 1)
    where = namespace if resource.namespaced else ""
    try:
        old = state.get(resource.kind, where, name)
        if old is None:
            raise update.missing(resource.kind, name)
        held = old["metadata"].get(field) or {}
        wanted = {key: value for key, equals, value in (pair.partition("=") for pair in pairs) if equals}
        removed = [pair[:-1] for pair in pairs if "=" not in pair and pair.endswith("-")]
        for key, value in wanted.items():
            if not overwrite and held.get(key, value) != value:
                said = f"error: '{key}' already has a value ({held[key]}), and --overwrite is false\n"
                return Answer(state, "", said, 1)
        content = {"metadata": {field: wanted | dict.fromkeys(removed)}}
        written = update.patch(state, resource.kind, where, name, content, style="merge")
    except StatusError as error:
        return answer(refused(state, error))
    if field == "annotations":
        how = "annotated"
    elif written.object == old:
        how = "not labeled"
    else:
        how = "unlabeled" if removed and not wanted else "labeled"
    return answer(done(written, f"{resource.printed}/{name} {how}\n"))
