"""Real sockets, on 127.0.0.1 only: what no simulation can show as well, real HTTP and real TLS.

Nothing here knows Kubernetes. Each server picks a free port, lives in a daemon thread and in a `with`
block, and each call ends within seconds, so that no cell leaves anything behind.
"""

from svcnotes.loopback.client import Call, call
from svcnotes.loopback.server import Server, serving

__all__ = ["Call", "Server", "call", "serving"]
