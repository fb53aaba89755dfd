"""A flow that stays open while the cluster changes under it: the same packets, told over time.

Rules are asked once, for a flow's first packet; from then on every host goes by its memory. So an open
TCP connection outlives its endpoint's readiness, and even its Service; of UDP, kube-proxy deletes what
leads to no serving endpoint any more, and the next datagram is asked about anew.

`open` holds a flow in the simulation, `open_real` one in the real kernel (`svcnotes.kernel`), with a socket.
"""

from svcnotes.flow.event import CHANGED, OPENED, SENT, Event
from svcnotes.flow.real import RealFlow, open_real
from svcnotes.flow.simulated import Flow, open  # noqa: A004 - said as `svcnotes.flow.open`, the word for it

__all__ = ["CHANGED", "OPENED", "SENT", "Event", "Flow", "RealFlow", "open", "open_real"]
