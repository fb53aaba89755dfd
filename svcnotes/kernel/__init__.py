"""The same world in the real kernel: namespaces for hosts, the real iptables and nft, real sockets; the same Trace.

`available` says why there is no lab here (empty: there is one), `Lab` holds one, `trace` asks in it.
A worker in user and network namespaces of its own does the work (`process` starts it, `machine` is what it
does); `blueprint` describes what to build, `loaders` names what loads the rules of a language, `answer` reads what was
heard.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from svcnotes.kernel.lab import Lab as Lab
    from svcnotes.kernel.probe import available as available
    from svcnotes.kernel.process import KernelError as KernelError
    from svcnotes.kernel.tracer import trace as trace

# Names load on first use (PEP 562): the worker, which needs none of them, starts in a fifth of the time.
_HOMES = {
    "KernelError": "svcnotes.kernel.process",
    "Lab": "svcnotes.kernel.lab",
    "available": "svcnotes.kernel.probe",
    "trace": "svcnotes.kernel.tracer",
}

__all__ = sorted(_HOMES)  # noqa: PLE0605 - computed from the one table above


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'svcnotes.kernel' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
