"""Label selectors of a command line: `-l app=web,tier!=db,track in (a,b),!old` (apimachinery, pkg/labels)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from svcnotes.control_plane.kubectl.messages import KubectlError

Test = Callable[[Mapping[str, Any]], bool]
_PART = re.compile(
    r"\s*(?:(?P<key>[^\s!=,()]+)\s*(?P<op>==|=|!=)\s*(?P<value>[^\s,()=!]*)"
    r"|(?P<set>[^\s!=,()]+)\s+(?P<in>in|notin)\s*\((?P<values>[^()]*)\)"
    r"|!\s*(?P<absent>[^\s!=,()]+)"
    r"|(?P<present>[^\s!=,()]+))\s*(?:,|$)"
)


def chooser(selector: str) -> Test:
    """What tells whether an object's labels fit; an empty selector takes all. Raises KubectlError."""
    tests: list[Callable[[Mapping[str, str]], bool]] = []
    place = 0
    while place < len(selector):
        found = _PART.match(selector, place)
        if found is None:
            raise KubectlError(
                f"unable to parse requirement: found '{selector[place:][:60]}', expected: a label selector"
            )
        tests.append(_test(found.groupdict()))
        place = found.end()
    return lambda obj: all(test((obj.get("metadata") or {}).get("labels") or {}) for test in tests)


def _test(part: Mapping[str, str]) -> Callable[[Mapping[str, str]], bool]:
    if part["key"]:
        key, value = part["key"], part["value"]
        if part["op"] == "!=":
            return lambda labels: labels.get(key) != value
        return lambda labels: labels.get(key) == value
    if part["set"]:
        name, values = part["set"], {word.strip() for word in part["values"].split(",")}
        if part["in"] == "in":
            return lambda labels: labels.get(name) in values
        return lambda labels: labels.get(name) not in values
    if part["absent"]:
        return lambda labels: part["absent"] not in labels
    return lambda labels: part["present"] in labels
