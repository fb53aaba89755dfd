"""`kubectl apply --server-side`: not simulated yet."""

from __future__ import annotations

from svcnotes.control_plane.api_server.state import ApiState
from svcnotes.control_plane.kubectl.answer import Answer
from svcnotes.errors import InputError


def server_side_apply(
    text: str, filename: str, state: ApiState, *, namespace: str = "default", dry_run: str = ""
) -> Answer:
    """Refuse with InputError."""
    raise InputError(f"{filename}: server-side apply is not simulated: leave out --server-side")
