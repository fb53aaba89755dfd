"""`kubectl describe service`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from svcnotes.control_plane.kubectl.describe_columns import NONE, UNSET, Object, head, selector, text

_AT_MOST = 3  # endpoints named in a line, the others are counted


def service(obj: Object, slices: Sequence[Object]) -> Iterator[str]:
    """The lines for a Service; `slices` are its EndpointSlices."""
    spec = obj.get("spec") or {}
    yield from head(obj)
    yield f"Selector:\t{text(selector(spec.get('selector')))}"
    yield f"Type:\t{spec.get('type', '')}"
    if spec.get("ipFamilyPolicy"):
        yield f"IP Family Policy:\t{spec['ipFamilyPolicy']}"
    yield f"IP Families:\t{','.join(spec.get('ipFamilies') or ()) or NONE}"
    yield f"IP:\t{text(spec.get('clusterIP') or '')}"
    yield f"IPs:\t{','.join(spec.get('clusterIPs') or ()) or NONE}"
    if spec.get("externalIPs"):
        yield f"External IPs:\t{','.join(spec['externalIPs'])}"
    if spec.get("loadBalancerIP"):
        yield f"Desired LoadBalancer IP:\t{text(spec['loadBalancerIP'])}"
    if spec.get("externalName"):
        yield f"External Name:\t{text(spec['externalName'])}"
    ingress = ((obj.get("status") or {}).get("loadBalancer") or {}).get("ingress") or ()
    if ingress:
        yield f"LoadBalancer Ingress:\t{text(', '.join(map(_ingress, ingress)))}"
    for port in spec.get("ports") or ():
        yield from _port(port, slices)
    yield f"Session Affinity:\t{spec.get('sessionAffinity', '')}"
    if spec.get("externalTrafficPolicy"):
        yield f"External Traffic Policy:\t{spec['externalTrafficPolicy']}"
    if spec.get("internalTrafficPolicy"):
        yield f"Internal Traffic Policy:\t{spec['internalTrafficPolicy']}"
    if spec.get("healthCheckNodePort"):
        yield f"HealthCheck NodePort:\t{spec['healthCheckNodePort']}"
    if spec.get("loadBalancerSourceRanges"):
        yield f"LoadBalancer Source Ranges:\t{','.join(spec['loadBalancerSourceRanges'])}"


def _ingress(entry: Object) -> str:
    if not entry.get("ip"):
        return str(entry.get("hostname") or "")
    return f"{entry['ip']} ({entry['ipMode']})" if entry.get("ipMode") else str(entry["ip"])


def _port(port: Object, slices: Sequence[Object]) -> Iterator[str]:
    name, protocol = text(port.get("name") or UNSET), port.get("protocol", "")
    yield f"Port:\t{name}\t{port.get('port', 0)}/{protocol}"
    yield f"TargetPort:\t{text(port.get('targetPort', 0))}/{protocol}"
    if port.get("appProtocol"):
        yield f"AppProtocol:\t{text(port['appProtocol'])}"
    if port.get("nodePort"):
        yield f"NodePort:\t{name}\t{port['nodePort']}/{protocol}"
    yield f"Endpoints:\t{_endpoints(slices, port.get('name') or '')}"


def _endpoints(slices: Sequence[Object], name: str) -> str:
    """The ready endpoints of a port: at most three, the others counted."""
    if not slices:
        return NONE
    found = [
        _join(address, target.get("port"))
        for one in slices
        for target in one.get("ports") or ()
        if (target.get("name") or "") == name
        for endpoint in one.get("endpoints") or ()
        if (endpoint.get("conditions") or {}).get("ready", True) is not False
        for address in endpoint.get("addresses") or ()
    ]
    shown = ",".join(found[:_AT_MOST])
    return f"{shown} + {len(found) - _AT_MOST} more..." if len(found) > _AT_MOST else shown


def _join(address: str, port: object) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
