"""The names of well-known ports, as /etc/services of Debian has them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

SERVICES: Mapping[int, str] = MappingProxyType(
    {
        22: "ssh",
        53: "domain",
        80: "http",
        443: "https",
        3306: "mysql",
        5432: "postgresql",
        8080: "http-alt",
    }
)
