"""The cloud-controller-manager's part: an address and a finalizer for each Service of type LoadBalancer.

Simplified: all is done at once, where a real cloud takes a minute or so. No Events are stored; `kubectl
describe` tells those that would have been written (EnsuringLoadBalancer, EnsuredLoadBalancer).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from ipaddress import ip_network
from typing import Any

from svcnotes.control_plane.api_server.state import ApiState, Key, Object
from svcnotes.control_plane.api_server.versioned_map import VersionedMap
from svcnotes.control_plane.objects import World

# RFC 5737 and 3849 keep these for examples; RFC 2544's range follows where 254 are not enough.
CLOUD_POOLS = {"IPv4": ("203.0.113.0/24", "198.18.0.0/15"), "IPv6": ("2001:db8:113::/112",)}
# k8s.io/cloud-provider, controllers/service: it keeps a deleted Service until the cloud has cleaned up.
CLEANUP = "service.kubernetes.io/load-balancer-cleanup"
_IP_MODES = {"pass-through": "VIP", "proxying": "Proxy", "pods": "Proxy"}


def serve(
    state: ApiState, world: World, given: frozenset[str] = frozenset()
) -> tuple[ApiState, frozenset[str]]:
    """The state with an address for each LoadBalancer, where the World has a cloud that gives one.

    `given` are the addresses that the cloud gave before; the second value those it has given now. A
    pass-through cloud's address is a VIP that kube-proxy serves too; a proxying one's, and one that sends
    straight to Pods, has ipMode Proxy, as with cloud-provider-kind. Each Service served bears the finalizer
    `CLEANUP`; one that is being deleted, or has another type now, loses address and finalizer. In a World
    without a cloud nobody is there to take a finalizer away from a Service that is being deleted; those of
    others are taken back with the addresses, as if the cloud had never been. What a file says of a load
    balancer stays; a loadBalancerClass means somebody else's.
    """
    mode = _IP_MODES.get(world.cloud, "")
    if not mode and not given:
        return state, given
    free = _free_addresses(state)
    objects = dict(state.objects)
    now: set[str] = set()
    for key, obj in state.objects.items():
        if key[0] != "Service" or not all(item.get("ip") in given for item in _ingress(obj)):
            continue
        spec = obj.get("spec") or {}
        if _leaving(obj):
            if mode:
                _let_go(objects, key, obj)
            else:
                now |= {item["ip"] for item in _ingress(obj)}
        elif spec.get("type") == "LoadBalancer" and not spec.get("loadBalancerClass"):
            families = spec.get("ipFamilies") or ("IPv4",)
            old = [item["ip"] for item in _ingress(obj)]
            addresses = old or [next(free[family], "") for family in families]
            ingress = [{"ip": address, "ipMode": mode} for address in addresses if address and mode]
            now |= {item["ip"] for item in ingress}
            objects[key] = _with(obj, ingress)
        elif CLEANUP in _finalizers(obj):
            objects[key] = _with(obj, [])
    return replace(state, objects=VersionedMap(objects)), frozenset(now)


def _free_addresses(state: ApiState) -> Mapping[str, Iterator[str]]:
    used = {
        item.get("ip") for key, obj in state.objects.items() if key[0] == "Service" for item in _ingress(obj)
    }
    return {
        family: (
            str(address) for pool in pools for address in ip_network(pool).hosts() if str(address) not in used
        )
        for family, pools in CLOUD_POOLS.items()
    }


def _leaving(service: Object) -> bool:
    return bool(service["metadata"].get("deletionTimestamp")) and CLEANUP in _finalizers(service)


def _let_go(objects: dict[Key, Object], key: Key, service: Object) -> None:
    """Take the finalizer away from a Service that is being deleted; with the last one it is gone."""
    without = _with(service, [])
    if _finalizers(without):
        objects[key] = without
    else:
        del objects[key]
        objects.pop(("Endpoints", *key[1:]), None)


def _with(service: Object, ingress: list[dict[str, Any]]) -> dict[str, Any]:
    """The Service with these addresses, and with the finalizer exactly where there are some."""
    others = [one for one in _finalizers(service) if one != CLEANUP]
    finalizers = [*others, CLEANUP] if ingress else others
    metadata = {key: value for key, value in service["metadata"].items() if key != "finalizers"}
    if finalizers:
        metadata["finalizers"] = finalizers
    status = {**(service.get("status") or {}), "loadBalancer": {"ingress": ingress} if ingress else {}}
    return {**service, "metadata": metadata, "status": status}


def _finalizers(service: Object) -> list[str]:
    return list(service["metadata"].get("finalizers") or ())


def _ingress(service: Object) -> list[dict[str, Any]]:
    return list(((service.get("status") or {}).get("loadBalancer") or {}).get("ingress") or ())
