"""`-o jsonpath=` and `-o custom-columns=`: single fields of objects, by their paths."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from svcnotes.control_plane.api_server.status import go_json
from svcnotes.control_plane.kubectl.tables import table
from svcnotes.errors import InputError

_PATH = re.compile(r"(\.?[\w/-]+|\.?\*|\[(\d+|\*)\])*")


def jsonpath(obj: Any, template: str) -> str:
    """The values at a path such as `{.spec.ports[0].nodePort}`, with blanks between; empty where there is none.

    Simplified: one path and no template around it. Raises InputError for ranges, filters and several paths.
    """
    found = _at(obj, _plain(template.strip("'").removeprefix("{").removesuffix("}")))
    return " ".join(value if isinstance(value, str) else go_json(value) for value in found)


def custom_columns(objects: Sequence[Mapping[str, Any]], spec: str) -> str:
    """The table of `HEADER:.path,HEADER:.path`, one line an object; `<none>` where it has no such field.

    Raises InputError for what is no header with a plain path.
    """
    columns = [part.partition(":") for part in spec.split(",")]
    for header, colon, path in columns:
        if not (header and colon and path):
            raise InputError(
                f"kubectl: -o custom-columns={spec}: write HEADER:PATH, such as NAME:.metadata.name, with commas between"
            )
    paths = [_plain(path) for _, _, path in columns]
    cells = [[",".join(map(_as_go, _at(obj, path))) or "<none>" for path in paths] for obj in objects]
    return table([header for header, _, _ in columns], cells)


def _plain(path: str) -> str:
    if not _PATH.fullmatch(path):
        raise InputError(
            f"kubectl: the path {path!r} is not known here: write a plain one, such as .spec.ports[0].nodePort"
        )
    return path


def _at(obj: Any, path: str) -> list[Any]:
    found = [obj]
    for part in path.replace("[", ".").replace("]", "").split("."):
        if part == "*":
            found = [item for held in found if isinstance(held, list) for item in held]
        elif part.isdecimal():
            found = [held[int(part)] for held in found if isinstance(held, list) and int(part) < len(held)]
        elif part:
            found = [held[part] for held in found if isinstance(held, Mapping) and part in held]
    return found


def _as_go(value: Any) -> str:
    """A value as Go prints it: `[a b]`, `map[app:web]`, `true`."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{' '.join(map(_as_go, value))}]"
    if isinstance(value, Mapping):
        return f"map[{' '.join(f'{key}:{_as_go(value[key])}' for key in sorted(value))}]"
    return "<nil>" if value is None else str(value)
