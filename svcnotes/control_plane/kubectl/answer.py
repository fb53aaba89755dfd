"""What a kubectl command leaves behind: the state, and what it printed."""

from __future__ import annotations

from dataclasses import dataclass

from svcnotes.control_plane.api_server.state import ApiState


@dataclass(frozen=True, slots=True)
class Answer:
    """A kubectl command's outcome: both streams as printed, newlines included, and its exit status."""

    state: ApiState
    stdout: str = ""
    stderr: str = ""
    exit_code: int = 0
