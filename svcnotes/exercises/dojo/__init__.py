"""The dojo: broken clusters, each with a symptom, to be probed with the tools of the trade, mended, and proved.

Faults are in the model: a rule that is missing, a route, a label. Every tool prints what follows from that.
"""

from svcnotes.exercises.dojo.case import Case, Command, case, names
from svcnotes.exercises.dojo.catalogue import catalogue, clusters
from svcnotes.exercises.dojo.demand import Demand, Reported
from svcnotes.exercises.dojo.faults import FAULTS
from svcnotes.exercises.dojo.session import Session, draw, open_case

__all__ = [
    "FAULTS",
    "Case",
    "Command",
    "Demand",
    "Reported",
    "Session",
    "case",
    "catalogue",
    "clusters",
    "draw",
    "names",
    "open_case",
]
