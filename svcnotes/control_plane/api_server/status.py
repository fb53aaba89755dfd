"""What kube-apiserver says when it refuses: field errors, and the Status they are sent in."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from svcnotes.errors import ApiError

REQUIRED = "Required value"
INVALID = "Invalid value"
DUPLICATE = "Duplicate value"
UNSUPPORTED = "Unsupported value"
FORBIDDEN = "Forbidden"
TOO_LONG = "Too long"
TOO_MANY = "Too many"
INTERNAL = "Internal error"

_WITHOUT_VALUE = frozenset({REQUIRED, FORBIDDEN, TOO_LONG, INTERNAL})


def go_json(value: Any, *, sort_keys: bool = True) -> str:
    """A value as Go's encoding/json prints it: no blanks, <>& escaped; a map's keys are sorted."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=sort_keys)
    for char, escape in (("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026")):
        text = text.replace(char, escape)
    return text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


_ESCAPES = {"\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v"}
_ESCAPES |= {"\\": "\\\\", '"': '\\"'}


def go_quote(text: str) -> str:
    """A string as Go's %q prints it: printable characters stay, others are escaped."""
    out = []
    for char in text:
        code = ord(char)
        if char in _ESCAPES:
            out.append(_ESCAPES[char])
        elif char == " " or char.isprintable():
            out.append(char)
        elif code < 0x80:
            out.append(f"\\x{code:02x}")
        elif code < 0x10000:
            out.append(f"\\u{code:04x}")
        else:
            out.append(f"\\U{code:08x}")
    return '"' + "".join(out) + '"'


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing wrong with one field: path, type of error, the value met, what is asked.

    `kind` is one of the constants above. Source: apimachinery, util/validation/field.
    """

    field: str
    kind: str
    value: Any = None
    detail: str = ""

    @property
    def message(self) -> str:
        """Everything but the path, as in a Status' cause."""
        text = self.kind
        if self.kind not in _WITHOUT_VALUE:
            if isinstance(self.value, str):
                text += f": {go_quote(self.value)}"
            else:
                text += f": {go_json(self.value, sort_keys=False)}"  # a struct keeps its order
        if self.detail:
            text += f": {self.detail}"
        return text

    def __str__(self) -> str:
        return f"{self.field}: {self.message}"


class StatusError(ApiError):
    """A request that kube-apiserver refused; `str()` is what kubectl prints on stderr.

    `reason` is the Status' reason (Invalid, NotFound, ...), empty where kubectl prints a plain
    `Error from server: `; `message` the Status' message; `code` the HTTP status; `causes` the
    field errors of an Invalid; `kind` and `name` of the object refused; `warnings` were sent too.
    """

    def __init__(
        self,
        reason: str,
        message: str,
        *,
        code: int,
        kind: str = "",
        name: str = "",
        causes: tuple[FieldError, ...] = (),
        warnings: tuple[str, ...] = (),
    ) -> None:
        self.reason, self.message, self.code = reason, message, code
        self.kind, self.name, self.causes, self.warnings = kind, name, causes, warnings
        super().__init__(self.printed())

    def printed(self, doing: str = "") -> str:
        """The text that kubectl prints, without the last newline.

        `doing` is put before the message where kubectl does so: `error when creating "FILE"`
        (an Invalid is rebuilt from its causes and never shows it).
        """
        if self.reason == "Invalid" and self.causes:
            head = f'The {self.kind} "{self.name}" is invalid: ' if self.kind else "The request is invalid: "
            lines = list(dict.fromkeys(map(str, self.causes)))
            if len(lines) == 1:
                return head + lines[0]
            return "\n".join([head, *(f"* {line}" for line in lines)])
        if self.reason == "Invalid":
            return f"The request is invalid: {self.message}"
        server = f"Error from server ({self.reason})" if self.reason else "Error from server"
        return f"{server}: {doing}: {self.message}" if doing else f"{server}: {self.message}"

    def with_warnings(self, warnings: Iterable[str]) -> StatusError:
        """The same refusal, which came with these warnings."""
        return StatusError(
            self.reason,
            self.message,
            code=self.code,
            kind=self.kind,
            name=self.name,
            causes=self.causes,
            warnings=tuple(warnings),
        )


def invalid(kind: str, name: str, causes: Iterable[FieldError]) -> StatusError:
    """HTTP 422: the object's fields are wrong."""
    causes = tuple(causes)
    lines = list(dict.fromkeys(map(str, causes)))
    said = lines[0] if len(lines) == 1 else f"[{', '.join(lines)}]"
    message = f'{kind} "{name}" is invalid: {said}'
    return StatusError("Invalid", message, code=422, kind=kind, name=name, causes=causes)


def bad_request(message: str, *, kind: str = "", name: str = "") -> StatusError:
    """HTTP 400: the body cannot be read."""
    return StatusError("BadRequest", message, code=400, kind=kind, name=name)


def not_found(resource: str, name: str) -> StatusError:
    """HTTP 404; `resource` is the plural, with its group: `services`, `endpointslices.discovery.k8s.io`."""
    return StatusError("NotFound", f'{resource} "{name}" not found', code=404, name=name)


def already_exists(resource: str, name: str) -> StatusError:
    """HTTP 409: the name is taken."""
    return StatusError("AlreadyExists", f'{resource} "{name}" already exists', code=409, name=name)


def forbidden(resource: str, name: str, why: str) -> StatusError:
    """HTTP 403: an admission plugin said no."""
    message = f'{resource} "{name}" is forbidden: {why}'
    return StatusError("Forbidden", message, code=403, name=name)


def internal_error(why: str) -> StatusError:
    """HTTP 500 with a reason."""
    return StatusError("InternalError", f"Internal error occurred: {why}", code=500)


def supported(values: Iterable[str]) -> str:
    """The detail of an Unsupported value: the values that there are, in the order given."""
    return "supported values: " + ", ".join(map(go_quote, values))
