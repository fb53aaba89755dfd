"""Objects as `kubectl get -o yaml` prints them: sorted keys, quotes only where YAML needs them."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

_BOOLEANS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false"})  # YAML 1.1, as kubectl's
_OTHER_WORDS = frozenset({"", "~", "null", "<<", "=", ".nan", ".inf", "+.inf", "-.inf"})
_NUMBER = re.compile(
    r"[-+]?(0b[01_]+|0o?[0-7_]+|0x[0-9a-fA-F_]+|[0-9][0-9_]*(\.[0-9_]*)?([eE][-+]?[0-9]+)?"
    r"|\.[0-9_]+([eE][-+]?[0-9]+)?)"
)
_BASE60 = re.compile(r"[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?")
_TIMESTAMP = re.compile(r"\d{4}-\d{1,2}-\d{1,2}([Tt ]\s*\d{1,2}:\d{1,2}:\d{1,2}.*)?")


class _Dumper(yaml.SafeDumper):
    """Writes scalars in the style that it is told, and lists without indentation."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - the interface is PyYAML's
        return True


_Dumper.yaml_implicit_resolvers = {}


def _string(text: str) -> yaml.ScalarNode:
    style: str | None = None
    if "\n" in text:
        style = "|"
    elif ambiguous(text):
        style = '"'
    return yaml.ScalarNode("tag:yaml.org,2002:str", text, style=style)


def ambiguous(text: str) -> bool:
    """Whether a plain scalar of that text would be read as something else than a string."""
    return (
        (text.lower() in _BOOLEANS | _OTHER_WORDS and (text.islower() or text.isupper() or text.istitle()))
        or text in _OTHER_WORDS
        or any(pattern.fullmatch(text) is not None for pattern in (_NUMBER, _BASE60, _TIMESTAMP))
    )


def _node(value: Any) -> yaml.Node:
    if isinstance(value, Mapping):
        pairs = [(_string(str(key)), _node(value[key])) for key in sorted(value, key=str)]
        return yaml.MappingNode("tag:yaml.org,2002:map", pairs, flow_style=not pairs)
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, Sequence):
        items = [_node(item) for item in value]
        return yaml.SequenceNode("tag:yaml.org,2002:seq", items, flow_style=not items)
    if value is None:
        text = "null"
    elif isinstance(value, bool):
        text = "true" if value else "false"
    else:
        text = str(value)
    return yaml.ScalarNode("tag:yaml.org,2002:str", text)


def to_yaml(value: Any) -> str:
    """The YAML text of an object of plain JSON values; reading it gives the same value again.

    Control characters come out escaped within double quotes.
    """
    stream = io.StringIO()
    dumper = _Dumper(stream, allow_unicode=True, width=80)
    dumper.open()
    dumper.serialize(_node(value))
    dumper.close()
    return stream.getvalue()
