"""Check the shape of a parsed object: the fields that are read must have the types they are read as.

A shape is `str`, `int`, `bool`, `dict` (any map), a list of one shape, `{"*": shape}` for a map with
any keys, or a map from field to shape; a tuple means any of several. Null stands for an absent field,
as in Kubernetes.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

from svcnotes.errors import InputError

_NAMES: dict[Any, str] = {
    str: "text",
    int: "a whole number",
    bool: "true or false",
    dict: "a map",
    float: "a number",
}


def show(value: Any) -> str:
    """A value for a message: short, on one line."""
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    text = f'"{value}"' if isinstance(value, str) else str(value)
    text = " ".join(text.split())
    return text if len(text) <= 60 else text[:57] + "..."


def check(value: Any, shape: Any, *, at: str, owner: str, closed: bool = False) -> None:
    """Raise an InputError where `value` does not have the `shape`; `at` is the field's path.

    `owner` names the object (`Pod default/web-a`). With `closed` every field that the shape does
    not list is refused, and the message says what is allowed.
    """
    if value is None:
        return
    if isinstance(shape, dict):
        if not isinstance(value, dict):
            _refuse(value, "a map (`key: value` lines)", at, owner)
        if "*" in shape:
            inner = shape["*"]
            for key, item in value.items():
                check(item, inner, at=f"{at}.{key}" if at else key, owner=owner, closed=closed)
            return
        if closed:
            refuse_unknown(value, shape, at=at, owner=owner)
        for key, inner in shape.items():
            if key in value:
                check(value[key], inner, at=f"{at}.{key}" if at else key, owner=owner, closed=closed)
    elif isinstance(shape, list):
        if not isinstance(value, list):
            _refuse(value, "a list (`- item` lines)", at, owner)
        for index, item in enumerate(value):
            if item is None:
                _refuse(item, "no empty items", at=f"{at}[{index}]", owner=owner)
            check(item, shape[0], at=f"{at}[{index}]", owner=owner, closed=closed)
    elif isinstance(shape, tuple):
        if not any(_is(value, one) for one in shape):
            _refuse(value, " or ".join(_NAMES[one] for one in shape), at, owner)
    elif not _is(value, shape):
        _refuse(value, _NAMES[shape], at, owner)


def _is(value: Any, shape: type) -> bool:
    """`isinstance`, with booleans no numbers."""
    return isinstance(value, shape) and (shape is bool or not isinstance(value, bool))


def refuse_unknown(value: dict[str, Any], allowed: Any, *, at: str, owner: str) -> None:
    """Raise an InputError for the first field that is not allowed: it names the nearest, or all where none is near."""
    for key in value:
        if key not in allowed:
            path = f"{at}.{key}" if at else key
            near = _nearest(key, allowed)
            remedy = (
                f"Did you mean {' or '.join(map(show, near))}?"
                if near
                else f"Allowed here: {', '.join(sorted(allowed))}"
            )
            raise InputError(f'{owner}: unknown field "{path}". {remedy}')


def _nearest(key: str, allowed: Any) -> list[str]:
    """At most two fields that may be meant: those of the same name one level down, else those spelt nearly so."""
    inner = allowed.items() if isinstance(allowed, dict) else ()
    below = [f"{field}.{key}" for field, shape in inner if isinstance(shape, dict) and key in shape]
    return below[:2] or get_close_matches(key, list(allowed), n=2, cutoff=0.7)


def _refuse(value: Any, wanted: str, at: str, owner: str) -> None:
    hint = ""
    if wanted == "text" and isinstance(value, bool | int | float):
        hint = " (put it into quotes)"
    elif wanted == "a whole number" and isinstance(value, str) and value.lstrip("-").isdigit():
        hint = " (leave the quotes out)"
    raise InputError(
        f"{owner}: {at or 'document'}: {show(value)} is not allowed here, it must be {wanted}{hint}"
    )
