"""Broken YAML in go-yaml's words, which kubectl prints.

go-yaml is a translation of libyaml and shares its problems' wording; how it tells the line differs.
"""

from __future__ import annotations

from typing import Any

import yaml

from svcnotes.control_plane.yaml_reader import TOO_DEEP, YamlError

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def go_yaml_error(text: str, error: YamlError) -> str:
    """What go-yaml says of that text, which our reader refused with `error`: `yaml: line 4: ...`.

    A scanner's line counts from 1, a parser's from 0 (go-yaml's own slip), and line 0 is not told.
    """
    if (
        error.problem == TOO_DEEP
    ):  # our reader's own limit: some versions of libyaml would go on, and take for ever
        return f"yaml: {error.problem}"
    try:
        for _ in yaml.parse(text, Loader=_Loader):
            pass
    except yaml.MarkedYAMLError as found:
        mark = found.problem_mark
        if mark is None or mark.line == 0:
            mark = found.context_mark or mark
        line = mark.line if mark else 0
        if line and isinstance(found, yaml.scanner.ScannerError):
            line += 1
        where = f"line {line}: " if line else ""
        return f"yaml: {where}{found.problem or 'unknown problem parsing YAML content'}"
    except yaml.YAMLError:
        return "yaml: control characters are not allowed"
    return f"yaml: {error.problem}"
