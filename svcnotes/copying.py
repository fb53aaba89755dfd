"""Frozen values made quickly, and copies of them with a few fields changed: a trace makes thousands of both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__all__ = ["changed", "value"]

if TYPE_CHECKING:  # the same promises, so that mypy checks the fields' names and types
    from dataclasses import dataclass as value
    from dataclasses import replace as changed
else:
    from dataclasses import MISSING, dataclass, fields

    def changed(old: Any, /, **changes: Any) -> Any:
        """Give a copy of a dataclass instance without slots, with some fields changed.

        As `dataclasses.replace`, which calls `__init__` with every field: this copies them at one stroke, several
        times as quickly where there are many. So `__post_init__` is not called, and a field that there is not
        raises nothing: mypy finds it.
        """
        new = object.__new__(old.__class__)
        object.__setattr__(new, "__dict__", {**old.__dict__, **changes})
        return new

    def value(**options: Any) -> Any:
        """Make a class a `dataclass(frozen=True, slots=True)` whose instances are made several times as quickly.

        The `__init__` of a frozen dataclass sets each field by a call of `object.__setattr__`. Here an instance begins as
        one of a blank class with the same slots, which may be written to, and takes its own class when all are set. There
        is no `__post_init__`.
        """

        def made(cls: type) -> type:
            whole = dataclass(**options)(cls)
            whole.__new__ = _maker(whole)
            whole.__getnewargs__ = lambda self: tuple(getattr(self, name) for name in whole.__match_args__)
            del whole.__init__
            return whole

        return made

    def _maker(whole: type) -> Any:
        """What makes an instance of a frozen dataclass, written out as dataclasses itself writes `__init__`."""
        known = {"_make": object.__new__, "_blank": type(whole.__name__, (), {"__slots__": whole.__slots__})}
        lines = [f"def __new__(_kind, {', '.join(whole.__match_args__)}):", "_new = _make(_blank)"]
        defaults = []
        for one in fields(whole):
            if one.default_factory is not MISSING:
                known[f"_made_{one.name}"] = one.default_factory
                lines.append(f"_new.{one.name} = _made_{one.name}() if {one.name} is None else {one.name}")
                defaults.append(None)
            else:
                lines.append(f"_new.{one.name} = {one.name}")
                defaults += [] if one.default is MISSING else [one.default]
        exec("\n    ".join([*lines, "_new.__class__ = _kind", "return _new"]), known)  # noqa: S102 - only the fields' own names
        create = known["__new__"]
        create.__defaults__ = tuple(defaults)
        return create
