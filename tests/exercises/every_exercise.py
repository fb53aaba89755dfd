"""Every exercise of every lesson, by MODULE.NAME, found in the modules' `__all__`."""

import importlib
import pkgutil

import svcnotes.exercises
from svcnotes.exercises import Exercise


def every_exercise() -> dict[str, Exercise]:
    found = {}
    for info in pkgutil.walk_packages(svcnotes.exercises.__path__, "svcnotes.exercises."):
        module = importlib.import_module(info.name)
        for name in getattr(module, "__all__", ()):
            value = getattr(module, name)
            if isinstance(value, Exercise):
                found[f"{info.name.removeprefix('svcnotes.exercises.')}.{name}"] = value
    return found


EVERY = every_exercise()
