"""YAML text to plain Python values, within bounds that keep a hostile file harmless.

PyYAML's parser (libyaml where it is there) gives events; this module builds dicts, lists and scalars
from them, so that nothing in a file can name a Python type.
"""

from __future__ import annotations

import base64
import re
import sys
from collections.abc import Hashable, Iterator
from typing import Any, NoReturn

import yaml

from svcnotes.control_plane.json_reader import MAX_DEPTH, json_document
from svcnotes.control_plane.scalars import plain_scalar
from svcnotes.copying import value
from svcnotes.errors import InputError

MAX_BYTES = 32 * 1024 * 1024
TOO_DEEP, FLATTEN = f"nested deeper than {MAX_DEPTH} levels", "Flatten the document"
MAX_ALIASED = 1_000_000

_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # PyYAML may be built without libyaml
_CORE = "tag:yaml.org,2002:"


class YamlError(InputError):
    """A text is no usable YAML; `problem` is libyaml's wording, `line` and `column` count from 1."""

    def __init__(self, name: str, line: int, column: int, problem: str, remedy: str) -> None:
        super().__init__(f"{name}: line {line}, column {column}: {problem}. {remedy}")
        self.line = line
        self.column = column
        self.problem = problem


@value(frozen=True, slots=True)
class Document:
    """One YAML document: its value, and the file and line where it begins."""

    value: Any
    name: str
    line: int

    @property
    def where(self) -> str:
        """`FILE: line N`."""
        return f"{self.name}: line {self.line}"


def read(source: str | bytes, name: str = "input", *, max_bytes: int = MAX_BYTES) -> tuple[Document, ...]:
    """Read all documents of a YAML (or JSON) text; empty documents are left out.

    `name` is the file's name for messages; `max_bytes` the largest text accepted. Raises YamlError
    (an InputError) for broken YAML, and for a text that is too large, too deep or whose aliases
    explode. A later duplicate key wins, as with kubectl.
    """
    size = (
        len(source)
        if isinstance(source, bytes) or source.isascii()
        else len(source.encode("utf-8", "replace"))
    )
    if size > max_bytes:
        raise too_large(name, size, max_bytes)
    text = _decode(source, name)
    match = _FORBIDDEN.search(text)
    if match:
        line, column = _position(text, match.start())
        raise YamlError(
            name, line, column, f"control characters are not allowed (U+{ord(match[0]):04X})", "Remove it"
        )
    found = json_document(text)
    return (Document(found[0], name, found[1]),) if found else tuple(_documents(text, name))


def too_large(name: str, size: int, max_bytes: int) -> InputError:
    """The error for a file over the limit, both in bytes."""
    return InputError(
        f"{name}: {size} bytes, more than the limit of {max_bytes}. "
        f"Split the file, or raise the limit: max_bytes={size}"
    )


def _decode(source: str | bytes, name: str) -> str:
    """The text without its byte order mark; UTF-16 only with one."""
    if isinstance(source, str):
        return source.removeprefix("\ufeff")
    encoding = "utf-16" if source[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return source.decode(encoding)
    except UnicodeDecodeError as error:
        line = source.count(b"\n", 0, error.start) + 1
        column = error.start - source.rfind(b"\n", 0, error.start)
        raise YamlError(
            name, line, column, f"this is not UTF-8 text ({error.reason})", "Save the file as UTF-8"
        ) from None


def _position(text: str, index: int) -> tuple[int, int]:
    """Line and column of a character, both from 1."""
    return text.count("\n", 0, index) + 1, index - text.rfind("\n", 0, index)


def _documents(text: str, name: str) -> Iterator[Document]:
    loader = _Loader(text)
    try:
        builder = _Builder(name)
        while (event := loader.get_event()) is not None:
            document = builder.take(event)
            if document is not None:
                yield document
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = error.problem or error.context or "broken YAML"
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        if "maximum nesting" in problem:  # newer libyaml bounds it too, when it looks ahead for a key
            raise YamlError(name, line, column, TOO_DEEP, FLATTEN) from None
        raise YamlError(name, line, column, problem, _remedy(problem, text, line)) from None
    except yaml.YAMLError as error:
        raise YamlError(name, 1, 1, str(error).splitlines()[0], "Save the file as plain UTF-8 text") from None
    finally:
        loader.dispose()


def _remedy(problem: str, text: str, line: int) -> str:
    """What to do about a problem that libyaml found."""
    lines = text.splitlines()
    here = lines[line - 1] if 0 < line <= len(lines) else ""
    if "\t" in here[: len(here) - len(here.lstrip())] or "'\\t'" in problem:
        return "Indent with blanks: YAML does not allow tabs there"
    if "expected" in problem or "not allowed" in problem:
        return "Compare the indentation with the lines above, and close every quote and bracket"
    if "undefined alias" in problem:
        return "Define the anchor (&name) before the alias (*name)"
    return "Put the value into quotes, or correct the line"


class _Builder:
    """A stack machine from YAML events to values; it never recurses, so depth is its own to bound."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.scalars: dict[str, Any] = {}
        self.keys: dict[str, str] = {}
        self.reset(1)

    def reset(self, line: int) -> None:
        """Begin a document: anchors do not outlive one."""
        self.line = line
        self.stack: list[tuple[Any, str | None, int]] = []  # container, its anchor, nodes before it
        self.pending: list[Any] = []  # for each open mapping its key, or _NO_KEY
        self.anchors: dict[str, tuple[Any, int]] = {}
        self.nodes = 0
        self.aliased = 0
        self.root: Any = None

    def take(self, event: Any) -> Document | None:
        """Take one event; give the document that it ends, if it ends one that holds something."""
        kind = type(event)
        if kind is yaml.ScalarEvent:
            self.nodes += 1
            value = self.scalar(event)
            if event.anchor:
                self.anchors[event.anchor] = (value, 1)
            self.add(value, event, plain=event.implicit[0])
        elif kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
            if len(self.stack) >= MAX_DEPTH:
                self.fail(event, TOO_DEEP, FLATTEN)
            mapping = kind is yaml.MappingStartEvent
            if event.anchor:
                self.anchors.pop(event.anchor, None)
            self.stack.append(({} if mapping else [], event.anchor, self.nodes))
            self.pending.append(_NO_KEY)
            self.nodes += 1
        elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
            value, anchor, before = self.stack.pop()
            self.pending.pop()
            if anchor:
                self.anchors[anchor] = (value, self.nodes - before)
            self.add(value, event)
        elif kind is yaml.AliasEvent:
            self.add(self.alias(event), event)
        elif kind is yaml.DocumentStartEvent:
            self.reset(event.start_mark.line + (2 if event.explicit else 1))
        elif kind is yaml.DocumentEndEvent and self.root is not None:
            return Document(self.root, self.name, self.line)
        return None

    def alias(self, event: Any) -> Any:
        """The anchored value, its size counted as if it were written out again."""
        if any(anchor == event.anchor for _, anchor, _ in self.stack):
            self.fail(event, f"anchor '{event.anchor}' value contains itself", "Write the value out")
        if event.anchor not in self.anchors:
            self.fail(
                event, f"unknown anchor '{event.anchor}' referenced", "Define it (&name) before the alias"
            )
        value, size = self.anchors[event.anchor]
        self.nodes += size
        self.aliased += size
        if self.aliased > MAX_ALIASED:
            self.fail(
                event,
                f"aliases stand for more than {MAX_ALIASED} values",
                "Write the values out: a file whose anchors multiply is refused",
            )
        return value

    def add(self, value: Any, event: Any, *, plain: bool = False) -> None:
        """Put a finished value where it belongs: root, list item, key, or value of the pending key."""
        if not self.stack:
            self.root = value
            return
        container = self.stack[-1][0]
        if isinstance(container, list):
            container.append(value)
            return
        key = self.pending[-1]
        if key is _NO_KEY:
            self.pending[-1] = _MERGE if plain and value == "<<" else self.key(value, event)
            return
        if key is _MERGE:
            self.merge(container, value, event)
        else:
            container.pop(key, None)
            container[key] = value
        self.pending[-1] = _NO_KEY

    def merge(self, into: dict[str, Any], value: Any, event: Any) -> None:
        """`<<: *anchor` (or a list of them, the first wins); keys below it win over what it brings."""
        sources = value if isinstance(value, list) else [value]
        if not all(isinstance(source, dict) for source in sources):
            self.fail(
                event,
                "map merge requires map or sequence of maps as the value",
                "Give `<<:` an alias of a map",
            )
        for source in reversed(sources):
            into.update(source)

    def key(self, value: Any, event: Any) -> str:
        """A key as text: kubectl turns numbers and booleans into JSON's spelling of them."""
        if isinstance(value, str):
            return self.keys.setdefault(value, sys.intern(value))
        if value is True or value is False:
            return "true" if value else "false"
        if not isinstance(value, int | float):
            self.fail(event, "a key must be text, a number or a boolean", "Put the key into quotes")
        return str(value)

    def scalar(self, event: Any) -> Any:
        """One scalar's value; equal short texts are one object, since dumps repeat themselves."""
        text, tag = event.value, event.tag
        if tag is None and event.implicit[0]:
            try:
                return self.scalars[text]
            except KeyError:
                value = self.number(plain_scalar(text), event)
                if len(text) < 64:
                    self.scalars[text] = value
                return value
        if tag is None or tag in ("!", _CORE + "str") or not tag.startswith(_CORE):
            return self.keys.setdefault(text, text) if len(text) < 64 else text
        return self.tagged(event, tag.removeprefix(_CORE))

    def tagged(self, event: Any, tag: str) -> Any:
        """A scalar with one of YAML's own tags, such as `!!int "80"` or `!!binary`."""
        if tag == "binary":
            try:
                return base64.b64decode("".join(event.value.split()), validate=True).decode(
                    "utf-8", "replace"
                )
            except ValueError:
                self.fail(event, "!!binary value contains invalid base64 data", "Correct the base64 text")
        value = self.number(plain_scalar(event.value), event)
        types: dict[str, tuple[type, ...]] = {
            "int": (int,),
            "float": (int, float),
            "bool": (bool,),
            "null": (type(None),),
        }
        if tag in types and not isinstance(value, types[tag]):
            self.fail(event, f"cannot read '{event.value[:40]}' as !!{tag}", "Correct the value or its tag")
        return value if tag in types else event.value

    def number(self, value: Hashable, event: Any) -> Any:
        """Refuse what JSON cannot hold: kubectl sends JSON."""
        if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):  # noqa: PLR0124
            self.fail(event, f"unsupported value: {event.value}", "Kubernetes takes finite numbers only")
        return value

    def fail(self, event: Any, problem: str, remedy: str) -> NoReturn:
        """Raise the one error for what stands at this event."""
        mark = event.start_mark
        raise YamlError(self.name, mark.line + 1, mark.column + 1, problem, remedy)


_NO_KEY = object()
_MERGE = object()
