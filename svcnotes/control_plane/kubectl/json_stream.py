"""A stream of JSON documents, and broken JSON in the words of Go's encoding/json."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NoReturn

from svcnotes.control_plane.kubectl.messages import KubectlError
from svcnotes.control_plane.scalars import plain_scalar

_BLANKS = " \t\r\n"


def json_documents(text: str) -> Iterator[Any]:
    """The documents of a JSON text one after the other; a KubectlError is the last where it breaks."""
    decoder = json.JSONDecoder(parse_float=plain_scalar, parse_constant=_no_constant)
    position = 0
    while True:
        while position < len(text) and text[position] in _BLANKS:
            position += 1
        if position == len(text):
            return
        try:
            value, position = decoder.raw_decode(text, position)
        except json.JSONDecodeError as error:
            yield _broken(text, error)
            return
        except _NotJsonError as error:
            yield _broken(
                text, json.JSONDecodeError("Expecting value", text, text.find(str(error), position))
            )
            return
        except RecursionError:
            yield KubectlError("json: exceeded max depth")
            return
        yield value


class _NotJsonError(Exception):
    """NaN or Infinity, which Python's decoder takes for numbers."""


def _no_constant(name: str) -> NoReturn:
    raise _NotJsonError(name)


def _broken(text: str, error: json.JSONDecodeError) -> KubectlError:
    """Go tells the offending character and what it was looking for; its offset counts from 1."""
    place = error.pos
    control = error.msg.startswith("Invalid control character")
    while not control and place < len(text) and text[place] in _BLANKS:
        place += 1
    if place >= len(text) or error.msg.startswith("Unterminated string"):
        return KubectlError("unexpected EOF")
    looking = "looking for beginning of value"
    if error.msg.startswith(("Expecting property name", "Illegal trailing comma before end of object")):
        looking = "looking for beginning of object key string"
        place += text[place] == ","
        while text[place] in _BLANKS:
            place += 1
    elif error.msg.startswith("Expecting ':'"):
        looking = "after object key"
    elif error.msg.startswith("Expecting ','"):
        looking = "after object key:value pair" if _in_object(text[:place]) else "after array element"
    elif control:
        looking = "in string literal"
    elif error.msg.startswith("Invalid \\escape"):
        place += 1
        looking = "in string escape code"
    shown = {"'": "'\\''", '"': "'\"'"}.get(text[place], f"'{text[place]}'")
    if not text[place].isprintable():
        shown = {"\n": "'\\n'", "\t": "'\\t'", "\r": "'\\r'"}.get(text[place], f"'\\x{ord(text[place]):02x}'")
    return KubectlError(f"json: offset {place + 1}: invalid character {shown} {looking}")


def _in_object(before: str) -> bool:
    """Whether the innermost bracket that is open is a brace."""
    open_ones: list[str] = []
    quoted = escaped = False
    for char in before:
        if quoted:
            quoted, escaped = escaped or char != '"', char == "\\" and not escaped
        elif char == '"':
            quoted = True
        elif char in "{[":
            open_ones.append(char)
        elif char in "}]" and open_ones:
            open_ones.pop()
    return open_ones[-1:] == ["{"]
