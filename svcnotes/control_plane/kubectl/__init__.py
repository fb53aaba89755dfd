"""kubectl: what it sends, and what it prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from svcnotes.control_plane.api_server.state import ApiState
    from svcnotes.control_plane.kubectl.answer import Answer


def run(
    state: ApiState,
    line: str | Sequence[str],
    files: Mapping[str, str] | None = None,
    *,
    now: datetime | None = None,
) -> Answer:
    """What a kubectl command line such as `kubectl patch svc web -p ...` leaves behind and prints.

    `files` gives the text of the files that the line names (`-f FILE`); `now` is what ages count to.
    What kubectl or the server refuses is in the Answer; InputError is for a command not known here.
    """
    from svcnotes.control_plane.kubectl.command import command

    return command(line, state, files, now=now)
