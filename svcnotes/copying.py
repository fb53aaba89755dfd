"""Copies of frozen values with a few fields changed, made quickly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__all__ = ["changed"]

if TYPE_CHECKING:  # the same promise, so that mypy checks the fields' names and types
    from dataclasses import replace as changed
else:

    def changed(value: Any, /, **changes: Any) -> Any:
        """Give a copy of a dataclass instance without slots, with some fields changed.

        As `dataclasses.replace`, which calls `__init__` with every field: this copies them at one stroke, several
        times as quickly where there are many. So `__post_init__` is not called, and a field that there is not
        raises nothing: mypy finds it.
        """
        new = object.__new__(value.__class__)
        fields = new.__dict__
        fields.update(value.__dict__)
        fields.update(changes)
        return new
