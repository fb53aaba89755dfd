"""IP families of a Service: what clusterIP(s), ipFamilies and ipFamilyPolicy may say together.

This stage comes before allocation, so that what it finds is reported alone. Source:
ValidateServiceClusterIPsRelatedFields, and initIPFamilyFields of registry/core/service/storage.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from svcnotes.control_plane.api_server.addresses import is_v6, strict_ip
from svcnotes.control_plane.api_server.defaulting import headless
from svcnotes.control_plane.api_server.status import (
    DUPLICATE,
    INVALID,
    REQUIRED,
    UNSUPPORTED,
    FieldError,
    supported,
)

FAMILIES = ("IPv4", "IPv6")
POLICIES = ("PreferDualStack", "RequireDualStack", "SingleStack")


def family_of(address: str) -> str:
    """`IPv4` or `IPv6`."""
    return "IPv6" if is_v6(address) else "IPv4"


def normalize_cluster_ips(spec: dict[str, Any]) -> None:
    """Let clusterIPs follow a clusterIP that stands alone, in place (create only)."""
    if spec.get("clusterIP") and not spec.get("clusterIPs"):
        spec["clusterIPs"] = [spec["clusterIP"]]


def validate_cluster_ip_fields(spec: Mapping[str, Any], *, accepted: Sequence[str] = ()) -> list[FieldError]:
    """Errors of clusterIP(s), ipFamilies and ipFamilyPolicy; `accepted` addresses pass unchecked."""
    if spec.get("type") == "ExternalName":
        return []
    errors: list[FieldError] = []
    ips: list[str] = list(spec.get("clusterIPs") or ())
    families: list[str] = list(spec.get("ipFamilies") or ())
    if spec.get("clusterIP"):
        if not ips:
            errors.append(FieldError("spec.clusterIPs", REQUIRED))
        elif ips[0] != spec["clusterIP"]:
            errors.append(FieldError("spec.clusterIPs", INVALID, ips, "first value must match `clusterIP`"))
    elif ips:
        text = "must be empty when `clusterIP` is not specified"
        errors.append(FieldError("spec.clusterIPs", INVALID, ips, text))
    for index, family in enumerate(families):
        field = f"spec.ipFamilies[{index}]"
        if family not in FAMILIES:
            errors.append(FieldError(field, UNSUPPORTED, family, supported(FAMILIES)))
        if family in families[:index]:
            errors.append(FieldError(field, DUPLICATE, family))
    policy = spec.get("ipFamilyPolicy")
    if policy is not None and policy not in POLICIES:
        errors.append(FieldError("spec.ipFamilyPolicy", UNSUPPORTED, policy, supported(POLICIES)))
    malformed = False
    for index, ip in enumerate(ips):
        if index == 0 and ip == "None":
            if len(ips) > 1:
                malformed = True
                text = "'None' must be the first and only value"
                errors.append(FieldError("spec.clusterIPs", INVALID, ips, text))
            continue
        said = [] if ip in accepted else strict_ip(f"spec.clusterIPs[{index}]", ip)
        malformed = malformed or bool(said)
        errors += said
    if len(ips) > 2:
        errors.append(FieldError("spec.clusterIPs", INVALID, ips, "may only hold up to 2 values"))
    if malformed:
        return errors
    if len(ips) > 1 and len({is_v6(ip) for ip in ips}) == 1:
        text = "may specify no more than one IP for each IP family"
        errors.append(FieldError("spec.clusterIPs", INVALID, ips, text))
    if not headless(spec):
        for index, (ip, family) in enumerate(zip(ips, families, strict=False)):
            if family in FAMILIES and family != family_of(ip):
                text = f"expected an {family} value as indicated by `ipFamilies[{index}]`"
                errors.append(FieldError(f"spec.clusterIPs[{index}]", INVALID, ip, text))
    return errors


def _other(family: str) -> str:
    return "IPv6" if family == "IPv4" else "IPv4"


def default_families(
    spec: dict[str, Any], cluster: Sequence[str], earlier: Mapping[str, Any] | None = None
) -> list[FieldError]:
    """Fill in ipFamilyPolicy and ipFamilies, in place; gives the errors that stop the request here.

    `cluster`: the families that the cluster has, first is the default. `earlier`: the spec
    stored before, on update.
    """
    if spec.get("type") == "ExternalName":
        return []
    selectorless = spec.get("clusterIP") == "None" and not spec.get("selector")
    if spec.get("ipFamilyPolicy") is None:
        before = (earlier or {}).get("ipFamilyPolicy")
        spec["ipFamilyPolicy"] = before or ("RequireDualStack" if selectorless else "SingleStack")
    errors = validate_cluster_ip_fields(spec, accepted=(earlier or {}).get("clusterIPs") or ())
    if errors:
        return errors
    policy = spec["ipFamilyPolicy"]
    if earlier is not None:
        errors += _released(spec, earlier)
    ips: list[str] = list(spec.get("clusterIPs") or ())
    families: list[str] = list(spec.get("ipFamilies") or ())
    if policy == "SingleStack":
        wanted = "must be 'RequireDualStack' or 'PreferDualStack' when multiple %s are specified"
        if len(ips) == 2:
            errors.append(FieldError("spec.ipFamilyPolicy", INVALID, policy, wanted % "cluster IPs"))
        if len(families) == 2:
            errors.append(FieldError("spec.ipFamilyPolicy", INVALID, policy, wanted % "IP families"))
    for index, ip in enumerate(ips):
        if ip == "None":
            break
        if index >= len(families):
            family = family_of(ip)
            if family in cluster:
                families.append(family)
            else:
                text = f"{family} is not configured on this cluster"
                errors.append(FieldError(f"spec.clusterIPs[{index}]", INVALID, ips, text))
    if errors:
        return errors
    if selectorless:
        families = families or [cluster[0]]
        if len(families) < 2 and policy != "SingleStack":
            families.append(_other(families[0]))
        spec["ipFamilies"] = families
        return []
    if policy == "RequireDualStack" and len(cluster) < 2:
        text = "this cluster is not configured for dual-stack services"
        errors.append(FieldError("spec.ipFamilyPolicy", INVALID, policy, text))
    for index, family in enumerate(families):
        if family not in cluster:
            errors.append(
                FieldError(f"spec.ipFamilies[{index}]", INVALID, family, "not configured on this cluster")
            )
    if errors:
        return errors
    families = families or [cluster[0]]
    if policy != "SingleStack" and len(families) == 1 and len(cluster) == 2:
        families.append(_other(families[0]))
    spec["ipFamilies"] = families
    return []


def _released(spec: dict[str, Any], earlier: Mapping[str, Any]) -> list[FieldError]:
    """On update: what SingleStack lets go without a word, and what else needs that word."""
    errors = []
    for field, what in (("clusterIPs", "cluster IP"), ("ipFamilies", "IP family")):
        new, old = list(spec.get(field) or ()), list(earlier.get(field) or ())
        if spec["ipFamilyPolicy"] == "SingleStack":
            if new == old and len(new) > 1:
                spec[field] = new[:1]
        elif new and len(new) < len(old):
            text = f"must be 'SingleStack' to release the secondary {what}"
            errors.append(FieldError("spec.ipFamilyPolicy", INVALID, spec["ipFamilyPolicy"], text))
    return errors
