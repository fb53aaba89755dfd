"""How kubectl ends: one error, or several, on stderr. Source: kubectl pkg/cmd/util/helpers.go."""

from __future__ import annotations

from collections.abc import Sequence

from svcnotes.control_plane.api_server.status import StatusError


class KubectlError(Exception):
    """An error of kubectl's own, such as a file that it cannot read; `str()` without `error: `."""


class RefusedError(KubectlError):
    """A refusal by the API server; `doing` is what kubectl puts before it: `error when creating "FILE"`."""

    def __init__(self, status: StatusError, doing: str = "") -> None:
        super().__init__(f"{doing}: {status.message}" if doing else status.message)
        self.status, self.doing = status, doing

    @property
    def line(self) -> str:
        """The refusal as one line among several, or as one that has no better form."""
        reason = f" ({self.status.reason})" if self.status.reason else ""
        return f"Error from server{reason}: {self}"


class SeveralError(KubectlError):
    """Errors collected on the way; printed by themselves where nothing else failed."""

    def __init__(self, errors: Sequence[KubectlError]) -> None:
        self.errors = tuple(errors)
        unique = list(dict.fromkeys(map(str, errors)))
        super().__init__(unique[0] if len(unique) == 1 else f"[{', '.join(unique)}]")


def printed(errors: Sequence[KubectlError]) -> str:
    """What kubectl prints on stderr for these errors, newline included; empty for none."""
    found = list(errors)
    while len(found) == 1 and isinstance(found[0], SeveralError):
        found = list(found[0].errors)
    if not found:
        return ""
    if len(found) > 1:
        return "".join(f"{error.line if isinstance(error, RefusedError) else error}\n" for error in found)
    only = found[0]
    if isinstance(only, RefusedError):
        return only.status.printed(only.doing) + "\n"
    text = str(only)
    return f"{text}\n" if text.startswith("error: ") else f"error: {text}\n"
