"""The same world in the real kernel: namespaces for hosts, the real iptables for rules, real sockets; the same Trace.

`available` says why there is no lab here (empty: there is one), `Lab` holds one, `trace` asks in it.
A worker in user and network namespaces of its own does the work (`process` starts it, `machine` is what it
does); `blueprint` describes what to build, `answer` reads what was heard.
"""

from __future__ import annotations

from svcnotes.kernel.lab import Lab
from svcnotes.kernel.probe import available
from svcnotes.kernel.process import KernelError
from svcnotes.kernel.tracer import trace

__all__ = ["KernelError", "Lab", "available", "trace"]
