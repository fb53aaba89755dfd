"""`kubectl set env` and `kubectl rollout restart`: change the template of a workload, and its Pods are made anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from svcnotes.control_plane import workloads
from svcnotes.control_plane.api_server import update
from svcnotes.control_plane.api_server.state import ApiState, StatusError
from svcnotes.control_plane.kubectl.answer import Answer
from svcnotes.control_plane.kubectl.delete import unknown
from svcnotes.control_plane.kubectl.visit import answer, done, refused
from svcnotes.control_plane.resources import by_word

_RESTARTED = "kubectl.kubernetes.io/restartedAt"


def set_env(word: str, name: str, pairs: Sequence[str], state: ApiState, *, namespace: str) -> Answer:
    """What `kubectl set env WORD/NAME KEY=VALUE... KEY-...` leaves behind: in every container of the template."""
    if not pairs or not all("=" in pair or pair.endswith("-") for pair in pairs):
        return Answer(state, "", "error: at least one environment variable must be provided\n", 1)
    variables = [
        {"name": pair[:-1], "$patch": "delete"}
        if "=" not in pair
        else dict(zip(("name", "value"), pair.split("=", 1), strict=True))
        for pair in pairs
    ]

    def template(old: Mapping[str, Any]) -> dict[str, Any]:
        containers = (old.get("spec") or {}).get("containers") or ()
        return {"spec": {"containers": [{"name": one.get("name"), "env": variables} for one in containers]}}

    return _changed(word, name, state, namespace, template, "env updated")


def restart(word: str, name: str, state: ApiState, *, namespace: str, now: datetime | None) -> Answer:
    """What `kubectl rollout restart WORD/NAME` leaves behind. Simplified: all Pods are made anew at once."""
    when = now.strftime("%Y-%m-%dT%H:%M:%SZ") if now is not None else ""

    def template(old: Mapping[str, Any]) -> dict[str, Any]:
        del old
        return {"metadata": {"annotations": {_RESTARTED: when}}}

    return _changed(word, name, state, namespace, template, "restarted")


def _changed(word: str, name: str, state: ApiState, namespace: str, template: Any, said: str) -> Answer:
    known = by_word(word)
    if known is None:
        return Answer(state, "", unknown(word), 1)
    try:
        old = state.get(known.kind, namespace if known.namespaced else "", name)
        if old is None:
            raise update.missing(known.kind, name)
        if known.kind not in workloads.KINDS:
            return Answer(
                state,
                "",
                f"error: {known.printed}/{name} has no template: name a workload, such as deploy/web\n",
                1,
            )
        content = {"spec": {"template": template((old.get("spec") or {}).get("template") or {})}}
        written = update.patch(state, known.kind, namespace, name, content, style="strategic")
    except StatusError as error:
        return answer(refused(state, error))
    return answer(done(written, f"{known.printed}/{name} {said}\n"))
