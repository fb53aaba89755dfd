"""What a name may be: labels, subdomains, qualified names, port names, with apimachinery's texts.

Each function gives the list of complaints, empty for a good value.
"""

from __future__ import annotations

import re

_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = rf"{_LABEL}(\.{_LABEL})*"
_QUALIFIED = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_VALUE = f"({_QUALIFIED})?"
_LABEL_RE, _SUBDOMAIN_RE, _QUALIFIED_RE, _VALUE_RE = (
    re.compile(text) for text in (_LABEL, _SUBDOMAIN, _QUALIFIED, _VALUE)
)
_LABEL_TEXT = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start "
    "and end with an alphanumeric character"
)
_SUBDOMAIN_TEXT = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must "
    "start and end with an alphanumeric character"
)
_QUALIFIED_TEXT = (
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric "
    "character"
)
_VALUE_TEXT = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must "
    "start and end with an alphanumeric character"
)


def _regex(text: str, pattern: str, *examples: str) -> str:
    said = " or ".join(f"'{example}', " for example in examples)
    return f"{text} (e.g. {said}regex used for validation is '{pattern}')"


def _too_long(limit: int, unit: str = "characters") -> str:
    return f"must be no more than {limit} {unit}"  # labels and their keys are told in bytes


def _size(value: str) -> int:
    return len(value.encode("utf-8", "surrogatepass"))


def dns_label(value: str) -> list[str]:
    """A DNS label (RFC 1123): names of Services, of ports, of Namespaces."""
    said = []
    if _size(value) > 63:
        said.append(_too_long(63))
    if not _LABEL_RE.fullmatch(value):
        if _SUBDOMAIN_RE.fullmatch(value):
            said.append("must not contain dots")
        else:
            said.append(_regex(_LABEL_TEXT, _LABEL, "my-name", "123-abc"))
    return said


def dns_subdomain(value: str, unit: str = "characters") -> list[str]:
    """A DNS subdomain (RFC 1123): names of most objects, externalName; `unit` as its length is told in."""
    said = []
    if _size(value) > 253:
        said.append(_too_long(253, unit))
    if not _SUBDOMAIN_RE.fullmatch(value):
        said.append(_regex(_SUBDOMAIN_TEXT, _SUBDOMAIN, "example.com"))
    return said


def qualified_name(value: str) -> list[str]:
    """A key of labels and annotations, an appProtocol: `name` or `prefix/name`."""
    said = []
    parts = value.split("/")
    expected = _regex(_QUALIFIED_TEXT, _QUALIFIED, "MyName", "my.name", "123-abc")
    if len(parts) > 2:
        return [
            (
                f"a valid label key {expected} with an optional DNS subdomain prefix and '/' "
                "(e.g. 'example.com/MyName')"
            )
        ]
    if len(parts) == 2:
        if not parts[0]:
            said.append("prefix part must be non-empty")
        else:
            said += [f"prefix part {text}" for text in dns_subdomain(parts[0], "bytes")]
    name = parts[-1]
    if not name:
        said.append("name part must be non-empty")
    elif _size(name) > 63:
        said.append(f"name part {_too_long(63, 'bytes')}")
    if not _QUALIFIED_RE.fullmatch(name):
        said.append(f"name part {expected}")
    return said


def label_value(value: str) -> list[str]:
    """A label's value."""
    said = []
    if _size(value) > 63:
        said.append(_too_long(63, "bytes"))
    if not _VALUE_RE.fullmatch(value):
        said.append(_regex(_VALUE_TEXT, _VALUE, "MyValue", "my_value", "12345"))
    return said


def port_name(value: str) -> list[str]:
    """A named targetPort (IANA service name)."""
    said = []
    if _size(value) > 15:
        said.append(_too_long(15))
    if not re.fullmatch(r"[-a-z0-9]*", value):
        said.append("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
    if not re.search(r"[a-z]", value):
        said.append("must contain at least one letter (a-z)")
    if "--" in value:
        said.append("must not contain consecutive hyphens")
    if value.startswith("-") or value.endswith("-"):
        said.append("must not begin or end with a hyphen")
    return said


def path_segment(value: str) -> list[str]:
    """A name that stands in a URL path."""
    if value in (".", ".."):
        return [f"may not be '{value}'"]
    return [f"may not contain '{char}'" for char in "/%" if char in value]


def port_number(value: int) -> list[str]:
    """A port number."""
    return [] if 1 <= value <= 65535 else ["must be between 1 and 65535, inclusive"]
