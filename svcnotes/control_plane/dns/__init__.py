"""The cluster's DNS: what CoreDNS knows, what it answers, and how a Pod's resolver asks it.

Sources: Kubernetes' DNS specification 1.1; CoreDNS 1.13 (plugins kubernetes, forward, cache, and
plugin/backend_lookup.go) with the Corefile that kubeadm writes; resolv.conf(5); kubelet's pkg/network/dns.
"""

from svcnotes.control_plane.dns.records import Record, Reply
from svcnotes.control_plane.dns.resolv_conf import ResolvConf, resolv_conf
from svcnotes.control_plane.dns.resolver import DnsAnswer, Rung, ladder, query, resolve
from svcnotes.control_plane.dns.servers import OUTSIDE, cluster_dns, coredns, outside

__all__ = [
    "OUTSIDE",
    "DnsAnswer",
    "Record",
    "Reply",
    "ResolvConf",
    "Rung",
    "cluster_dns",
    "coredns",
    "ladder",
    "outside",
    "query",
    "resolv_conf",
    "resolve",
]
