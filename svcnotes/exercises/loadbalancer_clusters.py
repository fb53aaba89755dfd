"""The clusters that the lesson on load balancers asks in, and its rollout."""

from __future__ import annotations

from functools import lru_cache

from svcnotes import scenarios
from svcnotes.control_plane.cluster import Cluster
from svcnotes.scenarios.rollout import ENDING, GONE, Rollout

VIP = "203.0.113.1:80"
SERVICE = "default/my-nginx"
LONE = "default/my-nginx-2"
HEALTH = 31234
"""The healthCheckNodePort under Local: named here, so that a question can be stated before a cluster is read."""
ROLLOUT = Rollout(LONE, "my-nginx-3", "node-3")
"""The rollout of the lesson: my-nginx-2 on node-2 gives way to my-nginx-3 on node-3."""


@lru_cache(maxsize=1)
def cluster() -> Cluster:
    """Two pods of my-nginx behind a load balancer that hands packets on; policy Cluster."""
    return scenarios.load("loadbalancer")


@lru_cache(maxsize=1)
def without_service() -> Cluster:
    """The same without the Service."""
    return cluster().delete("service", "my-nginx")


@lru_cache(maxsize=1)
def pending() -> Cluster:
    """The same where no controller serves load balancers."""
    return cluster().with_world(cloud="none")


@lru_cache(maxsize=1)
def local() -> Cluster:
    """The same under policy Local."""
    spec = f"spec: {{externalTrafficPolicy: Local, healthCheckNodePort: {HEALTH}}}"
    return cluster().patch("service", "my-nginx", spec)


@lru_cache(maxsize=1)
def three() -> Cluster:
    """Three pods, two of them on node-1; policy Local."""
    return scenarios.load("loadbalancer-three")


@lru_cache(maxsize=1)
def proxied() -> Cluster:
    """Policy Local, behind a proxying load balancer."""
    return local().with_world(cloud="proxying")


@lru_cache(maxsize=1)
def guarded() -> Cluster:
    """Policy Cluster, and a range of sources that the client is not in."""
    return cluster().patch("service", "my-nginx", "spec: {loadBalancerSourceRanges: [198.51.100.0/24]}")


@lru_cache(maxsize=1)
def ending() -> Cluster:
    """The rollout under Local, when my-nginx-2 has been told to end."""
    return ROLLOUT.at(ENDING, local(), SERVICE)


@lru_cache(maxsize=1)
def gone() -> Cluster:
    """The rollout under Local, when my-nginx-2 is gone and the balancer has not noticed."""
    return ROLLOUT.at(GONE, local(), SERVICE)
