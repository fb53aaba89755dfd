"""svcnotes: how traffic from outside reaches a Kubernetes Service, rule by rule."""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from svcnotes.control_plane.cluster import Cluster as Cluster
    from svcnotes.control_plane.load import load as load
    from svcnotes.control_plane.load import loads as loads
    from svcnotes.errors import SvcnotesError as SvcnotesError
    from svcnotes.kube_proxy import rules as rules
    from svcnotes.scenarios.sweep import sweep as sweep
    from svcnotes.trace import Trace as Trace
    from svcnotes.trace import trace as trace

__version__ = "0.1.0"

# Names load on first use (PEP 562), so that `import svcnotes` stays quick and needs no plotting library.
_HOMES = {
    "Cluster": "svcnotes.control_plane.cluster",
    "SvcnotesError": "svcnotes.errors",
    "Trace": "svcnotes.trace",
    "load": "svcnotes.control_plane.load",
    "loads": "svcnotes.control_plane.load",
    "rules": "svcnotes.kube_proxy",
    "sweep": "svcnotes.scenarios.sweep",
    "trace": "svcnotes.trace",
}

_MODULES = ("flow",)  # said with their name: svcnotes.flow.open

__all__ = sorted([*_HOMES, *_MODULES, "__version__"])  # noqa: PLE0605 - computed from the one table above


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if name in _MODULES:
        return import_module(f"svcnotes.{name}")
    if home is None:
        raise AttributeError(f"module 'svcnotes' has no attribute {name!r}")
    value = getattr(import_module(home), name)
    globals()[name] = value
    if "IPython" in sys.modules:
        from svcnotes.views.display import register

        register()
    return value


def __dir__() -> list[str]:
    return __all__


class _Package(ModuleType):
    """A package whose functions are not hidden by submodules of the same name (`svcnotes.trace`)."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in _HOMES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package


def load_ipython_extension(shell: Any) -> None:
    """Teach IPython `%%answer`, `%student` and `%answer-new` (`%load_ext svcnotes`; importing does it, too)."""
    from svcnotes.widgets.answer_magics import register

    register(shell)


def _inside_ipython() -> None:
    """Where a shell of IPython runs this import, the magics are there after it."""
    module = sys.modules.get("IPython.core.getipython") or sys.modules.get("IPython")
    shell = module.get_ipython() if module is not None and hasattr(module, "get_ipython") else None
    if shell is not None:
        load_ipython_extension(shell)


_inside_ipython()
