"""What the exercises on scale count with: costs of so many Services, and the recordings."""

from __future__ import annotations

from svcnotes.control_plane.cluster import Cluster
from svcnotes.kube_proxy.modes import DEFAULT, MODES
from svcnotes.scenarios.scale import Cost, cost, many

MAP = next(name for name in MODES if name != DEFAULT)
"""The mode that looks Services up in maps."""
THOUSAND, HUNDRED = 1_000, 100
NEW, SECONDS = 5_000, 120
SPREAD = 2.0  # the recordings are good to a factor of two


def ten() -> Cluster:
    """Ten Services: the cluster that a question is about, where it is about no special one."""
    return many(10)


def at(services: int = THOUSAND, endpoints: int = 5, mode: str = DEFAULT) -> Cost:
    """What so many Services cost a node, in the mode with the list unless another is named."""
    return cost(services, mode, endpoints)
