"""`kubectl describe endpointslice`."""

from __future__ import annotations

from collections.abc import Iterator

from svcnotes.control_plane.kubectl.describe_columns import UNSET, Object, head, text


def endpoint_slice(obj: Object) -> Iterator[str]:
    """The lines for an EndpointSlice."""
    yield from head(obj)
    yield f"AddressType:\t{obj.get('addressType', '')}"
    if not obj.get("ports"):
        yield f"Ports: {UNSET}"
    else:
        yield "Ports:"
        yield "  Name\tPort\tProtocol"
        yield "  ----\t----\t--------"
        for port in obj["ports"]:
            number = UNSET if port.get("port") is None else port["port"]
            yield f"  {text(port.get('name') or UNSET)}\t{number}\t{port.get('protocol', '')}"
    if not obj.get("endpoints"):
        yield "Endpoints: <none>"
        return
    yield "Endpoints:"
    for endpoint in obj["endpoints"]:
        yield from _endpoint(endpoint)


def _endpoint(endpoint: Object) -> Iterator[str]:
    ready = (endpoint.get("conditions") or {}).get("ready")
    yield f"  - Addresses:\t{', '.join(endpoint.get('addresses') or ())}"
    yield "    Conditions:"
    yield f"      Ready:\t{UNSET if ready is None else str(ready).lower()}"
    yield f"    Hostname:\t{text(endpoint.get('hostname') or UNSET)}"
    target = endpoint.get("targetRef")
    if target:
        yield f"    TargetRef:\t{text(target.get('kind', ''))}/{text(target.get('name', ''))}"
    yield f"    NodeName:\t{text(endpoint.get('nodeName') or UNSET)}"
    yield f"    Zone:\t{text(endpoint.get('zone') or UNSET)}"
