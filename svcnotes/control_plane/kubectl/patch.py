"""`kubectl patch`: change some fields of one object."""

from __future__ import annotations

from typing import Any

from svcnotes.control_plane.api_server import update
from svcnotes.control_plane.api_server.go_json import parse
from svcnotes.control_plane.api_server.state import ApiState, StatusError
from svcnotes.control_plane.api_server.status import go_quote
from svcnotes.control_plane.kubectl.answer import Answer
from svcnotes.control_plane.kubectl.delete import unknown
from svcnotes.control_plane.kubectl.messages import KubectlError
from svcnotes.control_plane.kubectl.visit import MARKS, Outcome, answer, done, refused
from svcnotes.control_plane.kubectl.yaml_errors import go_yaml_error
from svcnotes.control_plane.resources import by_word
from svcnotes.control_plane.yaml_reader import YamlError, read


def patch(
    word: str,
    name: str,
    text: str,
    state: ApiState,
    *,
    style: str = "strategic",
    namespace: str = "default",
    subresource: str = "",
    dry_run: str = "",
) -> Answer:
    """What `kubectl patch WORD NAME -p TEXT --type=STYLE` leaves behind.

    `word` is a kind as on a command line (`svc`), `style` strategic, merge or json, `subresource`
    empty or `status`. The text may be YAML.
    """
    if not text:
        return Answer(
            state, "", "error: must specify --patch or --patch-file containing the contents of the patch\n", 1
        )
    if style not in ("json", "merge", "strategic"):
        said = f'error: --type must be one of [json merge strategic], not "{style}"\n'
        return Answer(state, "", said, 1)
    known = by_word(word)
    if known is None:
        return Answer(state, "", unknown(word), 1)
    where = namespace if known.namespaced else ""
    before = state.get(known.kind, where, name)
    try:
        if before is None:
            raise update.missing(known.kind, name)
        written = update.patch(
            state,
            known.kind,
            where,
            name,
            _content(text),
            style=style,
            subresource=subresource,
            validate="warn",
            dry_run=bool(dry_run),
        )
    except StatusError as error:
        return answer(refused(state, error))
    except YamlError as error:
        said = f"unable to parse {go_quote(text)}: {go_yaml_error(text, error)}"
        return answer(Outcome(state, failure=KubectlError(said)))
    same = " (no change)" if written.object == before else ""
    return answer(done(written, f"{known.printed}/{name} patched{MARKS[dry_run]}{same}\n"))


def _content(text: str) -> Any:
    """The patch as the server reads it: text that begins as JSON is sent as it is, other YAML is converted."""
    if text.lstrip().startswith("{"):
        return parse(text)
    documents = read(text, "patch")
    return documents[0].value if documents else {}
