"""Objects that follow from the store: the ServiceCIDR of the flags, an IPAddress for each ClusterIP."""

from __future__ import annotations

from typing import Any

from svcnotes.control_plane.api_server.state import ApiState

Json = dict[str, Any]


def service_cidr(state: ApiState) -> Json:
    """The ServiceCIDR `kubernetes`, which says what --service-cluster-ip-range was given."""
    ready = {
        "type": "Ready",
        "status": "True",
        "reason": "",
        "message": "Kubernetes default Service CIDR is ready",
    }
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "ServiceCIDR",
        "metadata": {"name": "kubernetes"},
        "spec": {"cidrs": list(state.service_cidrs)},
        "status": {"conditions": [ready]},
    }


def ip_addresses(state: ApiState) -> list[Json]:
    """One IPAddress for each ClusterIP in use, naming its Service."""
    return [
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "IPAddress",
            "metadata": {"name": address},
            "spec": {
                "parentRef": {"group": "", "resource": "services", "namespace": owner[1], "name": owner[2]}
            },
        }
        for address, owner in sorted(state.cluster_ips.items())
    ]


def with_derived(state: ApiState, kinds: list[str]) -> ApiState:
    """The state with those objects of these kinds that the store does not hold itself."""
    made = [service_cidr(state)] if "ServiceCIDR" in kinds else []
    made += ip_addresses(state) if "IPAddress" in kinds else []
    for obj in made:
        if state.get(obj["kind"], "", obj["metadata"]["name"]) is None:
            state = state.with_object(obj)
    return state
