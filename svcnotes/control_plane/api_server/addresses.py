"""IP addresses and CIDRs as Kubernetes reads them: sloppily parsed, strictly accepted.

Sloppy: Go's old parser, which took leading zeros in IPv4 for decimal. Strict: StrictIPCIDRValidation,
on since 1.36. Source: apimachinery util/validation/ip.go, KEP-4858.
"""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache

from svcnotes.control_plane.api_server.status import INVALID, FieldError, go_quote

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_OCTETS = re.compile(r"([0-9]+)\.([0-9]+)\.([0-9]+)\.([0-9]+)", re.ASCII)
_IP_TEXT = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
_CIDR_TEXT = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"


_LONGEST = 64  # in characters; what is longer is no address, and not kept in memory either


def parse_ip(value: str) -> Address | None:
    """An address, leading zeros and all; an IPv4-mapped IPv6 address is the IPv4 one (as in Go's net)."""
    return _parsed(value) if len(value) <= _LONGEST else None


@lru_cache(maxsize=65536)  # defaulting, allocation and validation each read every address of a dump
def _parsed(value: str) -> Address | None:
    match = _OCTETS.fullmatch(value)
    if match:
        octets = [int(octet) if len(octet) < 10 else 256 for octet in match.groups()]
        return ipaddress.IPv4Address(bytes(octets)) if max(octets) < 256 else None
    if ":" not in value or "%" in value:
        return None
    try:
        address = ipaddress.IPv6Address(value)
    except ValueError:
        return None
    return address.ipv4_mapped or address


def _leading_zeros(value: str) -> bool:
    """Whether an IPv4 address (also one at the end of an IPv6 address) has an octet such as 010."""
    return bool(re.search(r"(?:^|[.:])0[0-9]+(?=\.)|\.0[0-9]+$", value)) and "." in value


def parse_cidr(value: str) -> tuple[Address, int] | None:
    """An address and its prefix length, leading zeros and all; host bits are kept."""
    text, slash, length = value.partition("/")
    address = parse_ip(text)
    if not slash or address is None or not re.fullmatch(r"[0-9]{1,9}", length, re.ASCII):
        return None
    bits = 128 if ":" in text else 32
    if int(length) > bits:
        return None
    return address, int(length)


def canonical(value: str) -> str:
    """The address in canonical form (RFC 5952); text that is no address stays as it is."""
    address = parse_ip(value)
    return value if address is None else str(address)


def is_v6(value: str) -> bool:
    """Whether the text is an IPv6 address."""
    return isinstance(parse_ip(value), ipaddress.IPv6Address)


def strict_ip(field: str, value: str) -> list[FieldError]:
    """Errors of a field that must hold one address in its plain form."""
    if parse_ip(value) is None:
        return [FieldError(field, INVALID, value, _IP_TEXT)]
    if _leading_zeros(value):
        return [FieldError(field, INVALID, value, "must not have leading 0s")]
    if ":" in value and not is_v6(value):
        return [FieldError(field, INVALID, value, "must not be an IPv4-mapped IPv6 address")]
    return []


def strict_cidr(field: str, value: str) -> list[FieldError]:
    """Errors of a field that must hold one range in its plain form."""
    parsed = parse_cidr(value)
    if parsed is None:
        return [FieldError(field, INVALID, value, _CIDR_TEXT)]
    text, _, length = value.partition("/")
    if _leading_zeros(text) or (len(length) > 1 and length[0] == "0"):
        return [FieldError(field, INVALID, value, "must not have leading 0s in IP or prefix length")]
    errors = []
    mapped = ":" in text and not is_v6(text)
    if mapped:
        errors.append(FieldError(field, INVALID, value, "must not have an IPv4-mapped IPv6 address"))
    whole = ipaddress.IPv6Address(text) if ":" in text else ipaddress.IPv4Address(text)
    if int(whole) & ((1 << (whole.max_prefixlen - int(length))) - 1):
        errors.append(FieldError(field, INVALID, value, "must not have bits set beyond the prefix length"))
    return errors


def ordinary_ip(field: str, value: str) -> list[FieldError]:
    """Errors of an address that must be no special one: unspecified, loopback, link-local."""
    address = parse_ip(value)
    if address is None:
        return [FieldError(field, INVALID, value, "must be a valid IP address")]
    said = []
    if address.is_unspecified:
        said.append(f"may not be unspecified ({value})")
    if address.is_loopback:
        said.append("may not be in the loopback range (127.0.0.0/8, ::1/128)")
    packed = address.packed
    if address.version == 4:
        unicast, multicast = packed[:2] == b"\xa9\xfe", packed[:3] == b"\xe0\x00\x00"
    else:
        unicast = packed[0] == 0xFE and packed[1] & 0xC0 == 0x80
        multicast = packed[0] == 0xFF and packed[1] & 0x0F == 0x02
    if unicast:
        said.append("may not be in the link-local range (169.254.0.0/16, fe80::/10)")
    if multicast:
        said.append("may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)")
    return [FieldError(field, INVALID, value, text) for text in said]


def ip_warnings(field: str, value: str) -> list[str]:
    """Warnings of an address that is accepted but not written as it should be."""
    address = parse_ip(value)
    if address is None:
        return []
    if _leading_zeros(value) or (":" in value and address.version == 4):
        return [
            f"{field}: non-standard IP address {go_quote(value)} is invalid: use {go_quote(str(address))}"
        ]
    if address.version == 6 and str(address) != value:
        return [
            (
                f"{field}: IPv6 address {go_quote(value)} should be in RFC 5952 canonical format "
                f"({go_quote(str(address))})"
            )
        ]
    return []


def cidr_warnings(field: str, value: str) -> list[str]:
    """Warnings of a range that is accepted but not written as it should be."""
    parsed = parse_cidr(value)
    if parsed is None or parsed[0].version == 4:
        return []
    plain = f"{parsed[0]}/{parsed[1]}"
    if plain == value:
        return []
    return [
        (
            f"{field}: IPv6 CIDR value {go_quote(value)} should be in RFC 5952 canonical format "
            f"({go_quote(plain)})"
        )
    ]
