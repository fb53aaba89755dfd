"""JSON text as Go reads it: the same values, and the same words about what is wrong with it."""

from __future__ import annotations

import json
from json import JSONDecodeError
from typing import Any

from svcnotes.control_plane.api_server.status import bad_request


def parse(text: str) -> Any:
    """The value of a JSON text. Raises StatusError (BadRequest) in encoding/json's words."""
    try:
        return json.loads(text, parse_constant=_refuse)
    except JSONDecodeError as error:
        raise bad_request(_message(text, error)) from None
    except RecursionError:
        raise bad_request("exceeded max depth") from None


def _refuse(word: str) -> Any:
    raise JSONDecodeError("Expecting value", word, 0)


def _message(text: str, error: JSONDecodeError) -> str:
    place = error.pos
    if "trailing comma" in error.msg:
        # Python points at the comma, Go at what follows it.
        place += 1
    while place < len(text) and text[place] in " \t\r\n":
        place += 1
    if place >= len(text) or "Unterminated string" in error.msg:
        return "unexpected end of JSON input"
    char = text[place]
    quoted = {"'": r"'\''", '"': "'\"'"}.get(char, f"'{char}'")
    return f"invalid character {quoted} {_where(text, error)}"


def _where(text: str, error: JSONDecodeError) -> str:
    said = error.msg
    if said.startswith("Extra data"):
        return "after top-level value"
    if said.startswith("Expecting property name") or ("trailing comma" in said and "object" in said):
        return "looking for beginning of object key string"
    if said.startswith("Expecting ':'"):
        return "after object key"
    if said.startswith("Expecting ','"):
        return "after object key:value pair" if _in_object(text[: error.pos]) else "after array element"
    if said.startswith("Invalid control character"):
        return "in string literal"
    if said.startswith("Invalid \\"):
        return "in string escape code"
    return "looking for beginning of value"


def _in_object(text: str) -> bool:
    """Whether the innermost bracket still open is a brace."""
    stack: list[str] = []
    quoted = escaped = False
    for char in text:
        if quoted:
            quoted = escaped or char != '"'
            escaped = char == "\\" and not escaped
        elif char == '"':
            quoted = True
        elif char in "{[":
            stack.append(char)
        elif char in "}]" and stack:
            stack.pop()
    return bool(stack) and stack[-1] == "{"
