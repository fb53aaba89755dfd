"""Objects that follow from the store: the ServiceCIDRs, an IPAddress for each ClusterIP."""

from __future__ import annotations

from typing import Any

from svcnotes.control_plane.api_server.state import ApiState

Json = dict[str, Any]


def service_cidrs(state: ApiState) -> list[Json]:
    """The ServiceCIDR `kubernetes`, which says what --service-cluster-ip-range was given, and those added to it.

    Source: pkg/controlplane/controller/defaultservicecidr and pkg/controller/servicecidrs of Kubernetes 1.36.
    """
    return [
        _service_cidr("kubernetes", state.service_cidrs, "Kubernetes default Service CIDR is ready"),
        *(_service_cidr(*one, "Kubernetes Service CIDR is ready") for one in state.further_service_cidrs),
    ]


def _service_cidr(name: str, cidrs: tuple[str, ...], message: str) -> Json:
    ready = {"type": "Ready", "status": "True", "reason": "", "message": message}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "ServiceCIDR",
        "metadata": {"name": name},
        "spec": {"cidrs": list(cidrs)},
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
    made = service_cidrs(state) if "ServiceCIDR" in kinds else []
    made += ip_addresses(state) if "IPAddress" in kinds else []
    for obj in made:
        if state.get(obj["kind"], "", obj["metadata"]["name"]) is None:
            state = state.with_object(obj)
    return state
