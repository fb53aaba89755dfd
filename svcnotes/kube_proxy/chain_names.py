"""The names of the chains that kube-proxy makes for each port of a Service."""

from __future__ import annotations

from base64 import b32encode
from functools import lru_cache
from hashlib import sha256


@lru_cache(maxsize=65536)  # the nodes of a cluster write the same chains
def hashed(text: str) -> str:
    """Sixteen letters and digits that stand for a text in a chain's name."""
    # 16 characters of base32 are 80 bits: the first ten bytes of the digest are all that is needed.
    return b32encode(sha256(text.encode()).digest()[:10]).decode()


def service_hash(port_name: str, protocol: str) -> str:
    """The 16 characters that KUBE-SVC-, KUBE-SVL-, KUBE-EXT- and KUBE-FW- of one port share.

    `port_name` is `namespace/name` for an unnamed port and `namespace/name:port` for a named one,
    `protocol` is lower case. The kernel allows 28 characters for a chain's name, so kube-proxy
    writes a hash: base32 of SHA-256, cut off.
    """
    return hashed(port_name + protocol)


def endpoint_chain(port_name: str, protocol: str, endpoint: str) -> str:
    """The chain of one endpoint of a port, `KUBE-SEP-...`; `endpoint` is `IP:port` or `[IP]:port`."""
    return "KUBE-SEP-" + hashed(port_name + protocol + endpoint)
