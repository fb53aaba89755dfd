"""Named worlds in YAML, shared by notebooks, exercises and tests."""

from __future__ import annotations

from importlib.resources import files

from svcnotes.control_plane.cluster import Cluster
from svcnotes.control_plane.load import loads
from svcnotes.errors import InputError

__all__ = ["load", "names", "text"]


def names() -> tuple[str, ...]:
    """The names of all scenarios, in alphabetical order."""
    found = (entry.name for entry in files(__name__).iterdir() if entry.name.endswith(".yaml"))
    return tuple(sorted(name.removesuffix(".yaml") for name in found))


def text(name: str) -> str:
    """The YAML of a scenario; raises InputError, with the names there are, for an unknown one."""
    if name not in names():
        raise InputError(f"no scenario {name!r}. There are: {', '.join(names())}")
    return (files(__name__) / f"{name}.yaml").read_text(encoding="utf-8")


def load(name: str) -> Cluster:
    """The scenario as a Cluster; raises InputError for an unknown name."""
    return loads(text(name))
