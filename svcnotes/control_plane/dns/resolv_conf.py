"""/etc/resolv.conf: which server a host asks, and what it puts behind a short name.

What a Pod's file holds is kubelet's work (pkg/kubelet/network/dns): it follows the Pod's dnsPolicy and dnsConfig.
Simplified: Nodes and outside hosts have one server, the outside's, and no search list.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from svcnotes.control_plane.dns.servers import OUTSIDE, cluster_dns
from svcnotes.control_plane.objects import Pod

if TYPE_CHECKING:
    from svcnotes.control_plane.cluster import Cluster

NDOTS = "5"
_DEFAULT_NDOTS = 1


@dataclass(frozen=True, slots=True)
class ResolvConf:
    """A resolv.conf: servers in the order asked, search list, options as (name, value) pairs."""

    nameservers: tuple[str, ...]
    search: tuple[str, ...] = ()
    options: tuple[tuple[str, str], ...] = ()

    @property
    def ndots(self) -> int:
        """How many dots a name needs to be asked for as it stands first; 1 where the file does not say."""
        given = dict(self.options).get("ndots", "")
        return int(given) if given.isdigit() else _DEFAULT_NDOTS

    def candidates(self, name: str) -> Iterator[str]:
        """The full names that glibc's resolver tries, in order, without the last dot.

        A last dot says that the name is full already. (musl, in Alpine images, does not come back to
        the search list for a name with enough dots.)
        """
        if name.endswith("."):
            yield name.rstrip(".")
            return
        searched = [f"{name}.{suffix}" for suffix in self.search]
        yield from [name, *searched] if name.count(".") >= self.ndots else [*searched, name]

    def __str__(self) -> str:
        """The file as containerd writes it."""
        lines = [f"search {' '.join(self.search)}"] if self.search else []
        lines += [f"nameserver {address}" for address in self.nameservers]
        words = " ".join(f"{name}:{value}" if value else name for name, value in self.options)
        lines += [f"options {words}"] if words else []
        return "".join(f"{line}\n" for line in lines)


def resolv_conf(cluster: Cluster, pod: Pod | None = None) -> ResolvConf:
    """The file of a Pod; of a Node or an outside host where there is no Pod."""
    outer = ResolvConf(tuple(a for a in OUTSIDE if (6 if ":" in a else 4) in cluster.families))
    if pod is None:
        return outer
    raw = cluster.state.get("Pod", pod.namespace, pod.name) or {}
    spec: Mapping[str, Any] = raw.get("spec") or {}
    policy = spec.get("dnsPolicy") or "ClusterFirst"
    if policy == "ClusterFirst" and pod.host_network:
        policy = "Default"  # the field's default does not hold for a Pod in the Node's network
    conf = outer
    if policy in ("ClusterFirst", "ClusterFirstWithHostNet"):
        domain = cluster.config.dns_domain
        search = (f"{pod.namespace}.svc.{domain}", f"svc.{domain}", domain)
        conf = ResolvConf(cluster_dns(cluster), search, (("ndots", NDOTS),))
    elif policy == "None":
        conf = ResolvConf(())
    return _with_config(conf, spec.get("dnsConfig") or {})


def _with_config(conf: ResolvConf, config: Mapping[str, Any]) -> ResolvConf:
    """The file with a Pod's dnsConfig put in: lists grow, an option of the same name is replaced."""
    options = dict(conf.options)
    options |= {str(one.get("name")): str(one.get("value") or "") for one in config.get("options") or ()}
    return ResolvConf(
        tuple(dict.fromkeys([*conf.nameservers, *map(str, config.get("nameservers") or ())])),
        tuple(dict.fromkeys([*conf.search, *map(str, config.get("searches") or ())])),
        tuple(options.items()),
    )
