"""Manifests and rules that answer the coursework's exercises, each written for the case as drawn.

RIGHT, WRONG and PARTIAL map an exercise's id to a function of what was drawn.
"""

# ruff: noqa: INP001 - a tool, no package

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Drawn = Mapping[str, Any]
RIGHT: dict[str, Callable[[Drawn], str]] = {}
WRONG: dict[str, Callable[[Drawn], dict[str, str]]] = {}
PARTIAL: dict[str, Callable[[Drawn], dict[str, str]]] = {}


def service(drawn: Drawn, ports: list[dict[str, Any]] | None = None, **spec: Any) -> str:
    """The Service of the site as YAML, of type NodePort where `spec` says nothing; None takes a field away."""
    from svcnotes.exercises.personal.site import one_yaml

    name = spec.pop("name", drawn["site"].app)
    if ports is not None:
        spec["ports"] = ports
    made = drawn["site"].service(**{"clusterIP": None, **spec})
    made["metadata"]["name"] = name
    return one_yaml(made)


def port(number: int, target: Any, node_port: int | None = None, name: str = "http") -> dict[str, Any]:
    """A port of a Service."""
    return {"name": name, "port": number, "targetPort": target} | (
        {"nodePort": node_port} if node_port else {}
    )


# 01: NodePort


def _repaired(d: Drawn, **changes: Any) -> str:
    s = d["site"]
    ports = [port(s.port, s.target, s.node_port), port(s.port + 1, s.target + 1, s.spare_port, "admin")]
    return service(d, **{"ports": ports, **changes})


RIGHT["01-repair"] = _repaired
WRONG["01-repair"] = lambda d: {
    "selects nothing": _repaired(d, selector={"app": "none"}),
    "port 8080 of the nodes": _repaired(d).replace(f"nodePort: {d['site'].node_port}", "nodePort: 8080"),
    "a ClusterIP": service(
        d,
        [
            port(d["site"].port, d["site"].target),
            port(d["site"].port + 1, d["site"].target + 1, name="admin"),
        ],
        type="ClusterIP",
    ),
}
PARTIAL["01-repair"] = lambda d: {
    "Local": _repaired(d, externalTrafficPolicy="Local"),
    "a targetPort that is the Service's port": _repaired(
        d,
        ports=[
            port(d["site"].port, d["site"].port, d["site"].node_port),
            port(d["site"].port + 1, d["site"].target + 1, d["site"].spare_port, "admin"),
        ],
    ),
    "admin leads astray": _repaired(
        d,
        ports=[
            port(d["site"].port, d["site"].target, d["site"].node_port),
            port(d["site"].port + 1, d["site"].target, d["site"].spare_port, "admin"),
        ],
    ),
}


def _ext(d: Drawn, kind: str = "EXT") -> str:
    from svcnotes.kube_proxy.chain_names import service_hash

    return f"KUBE-{kind}-{service_hash(d['site'].key + ':http', 'tcp')}"


RIGHT["01-put-back"] = lambda d: f"-I {_ext(d)} -j KUBE-MARK-MASQ"
WRONG["01-put-back"] = lambda d: {"marks after the jump": f"-A {_ext(d)} -j KUBE-MARK-MASQ"}
PARTIAL["01-put-back"] = lambda d: {
    "everything is masqueraded": "-t nat -I POSTROUTING -j MASQUERADE",
    "accepts only": f"-I KUBE-FORWARD -d {d['site'].pod_range} -j ACCEPT",
}


def _drop(words: str, table: str = "raw", chain: str = "PREROUTING") -> str:
    return f"-t {table} -A {chain} {words} -j DROP"


RIGHT["01-close"] = lambda d: _drop(f"-s {d['site'].stranger} -p tcp --dport {d['site'].node_port}")
WRONG["01-close"] = lambda d: {
    "in INPUT": _drop(f"-s {d['site'].stranger} -p tcp --dport {d['site'].node_port}", "filter", "INPUT"),
}
PARTIAL["01-close"] = lambda d: {
    "no port": _drop(f"-s {d['site'].stranger}"),
    "no source": _drop(f"-p tcp --dport {d['site'].node_port}"),
}


def _doors(d: Drawn, node_port: int = 0, policy: str = "Local", admin: dict[str, Any] | None = None) -> str:
    s = d["site"]
    first = service(d, [port(s.port, s.target, node_port or d["low"] * 100)], externalTrafficPolicy=policy)
    second = service(
        d,
        [port(s.port, s.target + 1, name="admin")],
        **{"type": "ClusterIP", "name": f"{s.app}-admin", **(admin or {})},
    )
    return f"{first}---\n{second}"


RIGHT["01-two-doors"] = _doors
WRONG["01-two-doors"] = lambda d: {"out of range": _doors(d, 8080)}
PARTIAL["01-two-doors"] = lambda d: {
    "Cluster": _doors(d, policy="Cluster"),
    "both on nodes": _doors(d, admin={"type": "NodePort"}),
}


# 00: the first ten minutes

RIGHT["00-first"] = service
WRONG["00-first"] = lambda d: {
    "an ExternalName": service(d, type="ExternalName", externalName="example.com", ports=None, selector=None)
}
PARTIAL["00-first"] = lambda d: {
    "the pods' port for its own": service(d, [port(d["site"].target, d["site"].target, d["site"].node_port)]),
    "any nodePort": service(d, [port(d["site"].port, d["site"].target)]),
    "selects nothing": service(d, selector={"app": "none"}),
}


def _by_hand(d: Drawn, target: int = 0, words: str = "") -> str:
    s = d["site"]
    words = words or f"-p tcp --dport {s.spare_port}"
    return f"-t nat -A PREROUTING {words} -j DNAT --to-destination {d['pod'].address}:{target or s.target}"


RIGHT["00-by-hand"] = _by_hand
WRONG["00-by-hand"] = lambda d: {
    "at OUTPUT": _by_hand(d).replace("PREROUTING", "OUTPUT"),
}
PARTIAL["00-by-hand"] = lambda d: {
    "another port of the pod": _by_hand(d, 1),
    "with SNAT": _by_hand(d) + "\n-t nat -A POSTROUTING -j MASQUERADE",
}


def _audience(d: Drawn, selector: dict[str, str] | None = None, kind: str = "ClusterIP") -> str:
    s = d["site"]
    steady = {**s.selector, "track": d["live"]} if selector is None else selector
    outside = service(d, name=f"{s.app}-outside", selector=steady)
    return outside + "---\n" + service(d, [port(s.port, s.target)], type=kind)


RIGHT["00-audiences"] = _audience
WRONG["00-audiences"] = lambda d: {"nothing selected": _audience(d, {"track": "none"}, "ExternalName")}
PARTIAL["00-audiences"] = lambda d: {
    "everybody gets the trial": _audience(d, d["site"].selector),
    "two nodePorts": _audience(d, kind="NodePort"),
}


# 02: SNAT

RIGHT["02-exempt"] = lambda d: f"-t nat -I POSTROUTING -s {d['site'].office} -j ACCEPT"
WRONG["02-exempt"] = lambda d: {"in filter": f"-I FORWARD -s {d['site'].office} -j ACCEPT"}
PARTIAL["02-exempt"] = lambda d: {
    "for everybody": f'-D {_ext(d)} -m comment --comment "masquerade traffic for {d["site"].key}:http external destinations" -j KUBE-MARK-MASQ'
}
RIGHT["02-hardened"] = lambda d: "-t nat -D " + d["bad"].removeprefix("-A ")
WRONG["02-hardened"] = lambda d: {
    "another rule": "-t nat -D "
    + next(line for line in d["lines"] if "MASQUERADE" in line).removeprefix("-A ")
}
PARTIAL["02-hardened"] = lambda _: {
    "all rules": "-t nat -F POSTROUTING\n-t nat -A POSTROUTING -j KUBE-POSTROUTING",
    "masquerades all": "-t nat -I POSTROUTING -j MASQUERADE",
}
RIGHT["02-keep"] = lambda d: service(d, externalTrafficPolicy="Local")
WRONG["02-keep"] = lambda d: {"Cluster": service(d, externalTrafficPolicy="Cluster")}
PARTIAL["02-keep"] = lambda d: {
    "Local inside too": service(d, externalTrafficPolicy="Local", internalTrafficPolicy="Local"),
    "another nodePort": service(
        d, [port(d["site"].port, d["site"].target, d["site"].spare_port)], externalTrafficPolicy="Local"
    ),
}


def daemons(d: Drawn, target: int = 0, kind: str = "DaemonSet") -> str:
    """Pods of the site's label: on every node, or as few as a Deployment of one."""
    from svcnotes.exercises.personal.site import one_yaml

    s = d["site"]
    container = {
        "name": "main",
        "image": "example.com/main",
        "ports": [{"containerPort": target or s.target}],
    }
    spec: dict[str, Any] = {
        "selector": {"matchLabels": s.selector},
        "template": {"metadata": {"labels": s.selector}, "spec": {"containers": [container]}},
    }
    made = {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": s.app}, "spec": spec}
    return one_yaml(made)


def _everywhere(d: Drawn, kind: str = "DaemonSet", **spec: Any) -> str:
    s = d["site"]
    return (
        daemons(d, kind=kind)
        + "---\n"
        + service(
            d, [port(s.port, s.target, d["low"] * 100 + 7)], **{"externalTrafficPolicy": "Local", **spec}
        )
    )


RIGHT["02-everywhere"] = _everywhere
WRONG["02-everywhere"] = lambda d: {"pods only": daemons(d)}
PARTIAL["02-everywhere"] = lambda d: {
    "one pod": _everywhere(d, "Deployment"),
    "Cluster": _everywhere(d, externalTrafficPolicy="Cluster"),
    "inside Local": _everywhere(d, internalTrafficPolicy="Local"),
}


# 03: LoadBalancer


def balanced(d: Drawn, *ranges: str, **spec: Any) -> str:
    """The Service behind a load balancer that lets these ranges in."""
    s = d["site"]
    return service(
        d,
        [port(s.port, s.target)],
        **{"type": "LoadBalancer", "loadBalancerSourceRanges": list(ranges) or None, **spec},
    )


RIGHT["03-ranges"] = lambda d: balanced(d, d["site"].office, d["site"].pod_range)
WRONG["03-ranges"] = lambda d: {"a NodePort": service(d)}
PARTIAL["03-ranges"] = lambda d: {
    "no pods": balanced(d, d["site"].office),
    "the whole network": balanced(d, "192.0.2.0/24", d["site"].pod_range),
    "one client": balanced(d, d["site"].client + "/32", d["site"].pod_range),
    "everybody": balanced(d),
}
RIGHT["03-let-in"] = lambda d: f"-I {_ext(d, 'FW')} -s {d['site'].stranger} -j {_ext(d)}"
WRONG["03-let-in"] = lambda d: {
    "accepted in filter only": f"-t filter -I KUBE-PROXY-FIREWALL -s {d['site'].stranger} -j ACCEPT"
}
PARTIAL["03-let-in"] = lambda d: {"everybody": f"-I {_ext(d, 'FW')} -j {_ext(d)}"}
RIGHT["03-quiet"] = lambda d: balanced(
    d, d["site"].office, externalTrafficPolicy="Local", allocateLoadBalancerNodePorts=False
)
WRONG["03-quiet"] = lambda d: {"a NodePort": service(d)}
PARTIAL["03-quiet"] = lambda d: {
    "with nodePorts": balanced(d, d["site"].office, externalTrafficPolicy="Local"),
    "Cluster": balanced(d, d["site"].office, allocateLoadBalancerNodePorts=False),
    "everybody": balanced(d, externalTrafficPolicy="Local", allocateLoadBalancerNodePorts=False),
}


# 04: ExternalName


def _alias(d: Drawn, to: str = "", namespace: str = "") -> str:
    from svcnotes.exercises.personal.externalname import alias
    from svcnotes.exercises.personal.site import one_yaml

    full = f"{d['store']}.{d['domain']}"
    return one_yaml(alias(d["store"], to or full, namespace=namespace or d["space"]))


RIGHT["04-alias"] = _alias
WRONG["04-alias"] = lambda d: {"an address": _alias(d, d["site"].host, "default")}
PARTIAL["04-alias"] = lambda d: {
    "the wrong namespace": _alias(d, namespace="default"),
    "an address": _alias(d, d["site"].host),
}


def _translated(d: Drawn, words: str = "") -> str:
    s = d["site"]
    words = words or f"-d {s.host} -p tcp --dport {s.port}"
    return f"-t nat -I PREROUTING {words} -j DNAT --to-destination {s.host}:{d['served']}"


RIGHT["04-translate"] = _translated
WRONG["04-translate"] = lambda d: {"at OUTPUT": _translated(d).replace("PREROUTING", "OUTPUT")}
PARTIAL["04-translate"] = lambda d: {
    "every port": _translated(d, f"-d {d['site'].host} -p tcp"),
    "every address": _translated(d, f"-p tcp --dport {d['site'].port}"),
}


def _stand_in(d: Drawn, addresses: tuple[str, ...] = (), kind: str = "NodePort") -> str:
    from svcnotes.exercises.personal.site import one_yaml

    s = d["site"]
    made = service(
        d,
        [port(s.port, d["served"], s.node_port if kind == "NodePort" else None)],
        name=d["store"],
        selector=None,
        type=kind,
    )
    endpoints = [{"addresses": [address]} for address in addresses or (s.host, f"203.0.113.{d['second']}")]
    slices = {
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
        "metadata": {"name": f"{d['store']}-1", "labels": {"kubernetes.io/service-name": d["store"]}},
        "endpoints": endpoints, "ports": [{"name": "http", "port": d["served"]}],
    }  # fmt: skip
    return f"{made}---\n{one_yaml(slices)}"


RIGHT["04-stand-in"] = _stand_in
WRONG["04-stand-in"] = lambda d: {"no slice": _stand_in(d).partition("---\n")[0]}
PARTIAL["04-stand-in"] = lambda d: {
    "one machine": _stand_in(d, (d["site"].host,)),
    "inside only": _stand_in(d, kind="ClusterIP"),
}


# 05: externalIPs


def _published(d: Drawn, *addresses: str, ports: list[dict[str, Any]] | None = None, **spec: Any) -> str:
    s = d["site"]
    return service(
        d,
        ports or [port(s.port, s.target)],
        **{"type": "ClusterIP", "externalIPs": list(addresses or [d["public"]]), **spec},
    )


RIGHT["05-publish"] = _published
WRONG["05-publish"] = lambda d: {"another address": _published(d, "203.0.113.1", type="NodePort")}
PARTIAL["05-publish"] = lambda d: {
    "with a nodePort": _published(d, type="NodePort"),
    "the ports crossed": _published(d, ports=[port(d["site"].target, d["site"].port)]),
}


def _guarded(d: Drawn, words: str = "") -> str:
    s = d["site"]
    words = words or f"-i eth0 -d {d['public']} ! -s {s.office}"
    return f"-t raw -A PREROUTING {words} -j DROP"


RIGHT["05-guard"] = _guarded
WRONG["05-guard"] = lambda d: {
    "in INPUT": f"-t filter -I INPUT -i eth0 -d {d['public']} ! -s {d['site'].office} -j DROP"
}
PARTIAL["05-guard"] = lambda d: {
    "pods too": _guarded(d, f"-d {d['public']} ! -s {d['site'].office}"),
    "everything": _guarded(d, f"-i eth0 -s {d['site'].stranger}"),
    "everybody": _guarded(d, f"-i eth0 -d {d['public']}"),
}


def _addresses(d: Drawn) -> tuple[str, str]:
    return d["public"], f"203.0.113.{d['second']}"


RIGHT["05-two-addresses"] = lambda d: _published(d, *_addresses(d), externalTrafficPolicy="Local")
WRONG["05-two-addresses"] = lambda d: {"a NodePort": service(d)}
PARTIAL["05-two-addresses"] = lambda d: {
    "one address": _published(d, externalTrafficPolicy="Local"),
    "Cluster": _published(d, *_addresses(d)),
    "with a nodePort": _published(d, *_addresses(d), externalTrafficPolicy="Local", type="NodePort"),
}


# 06: hairpins


def _endpoint(d: Drawn) -> str:
    from svcnotes.kube_proxy.chain_names import endpoint_chain

    s = d["site"]
    return endpoint_chain(f"{s.key}:http", "tcp", f"{d['pod'].address}:{s.target}")


RIGHT["06-mark"] = lambda d: f"-I {_endpoint(d)} -s {d['pod'].address}/32 -j KUBE-MARK-MASQ"
WRONG["06-mark"] = lambda d: {
    "after the DNAT": f"-A {_endpoint(d)} -s {d['pod'].address}/32 -j KUBE-MARK-MASQ"
}
PARTIAL["06-mark"] = lambda d: {
    "all that it sends": f"-t nat -I POSTROUTING -s {d['pod'].address} -j MASQUERADE",
}


def _peers(d: Drawn, **spec: Any) -> str:
    s = d["site"]
    return service(
        d, [port(s.target, s.target)], **{"name": d["name"], "type": "ClusterIP", "clusterIP": "None", **spec}
    )


RIGHT["06-peers"] = _peers
WRONG["06-peers"] = lambda d: {"another name": _peers(d, name="somebody", clusterIP=None)}
PARTIAL["06-peers"] = lambda d: {
    "with an address": _peers(d, clusterIP=None),
    "selects nobody": _peers(d, selector={"app": "nobody"}),
}


def _both(d: Drawn, node_port: int = 0, **spec: Any) -> str:
    s = d["site"]
    return service(
        d, [port(s.port, s.target, node_port or d["low"] * 100)], **{"internalTrafficPolicy": "Local", **spec}
    )


RIGHT["06-both-ways"] = _both
WRONG["06-both-ways"] = lambda d: {"out of range": _both(d, 80)}
PARTIAL["06-both-ways"] = lambda d: {
    "Local both": _both(d, externalTrafficPolicy="Local"),
    "Cluster both": _both(d, internalTrafficPolicy="Cluster"),
    "any nodePort": _both(d, (d["low"] * 100 + 100 - 30000) % 2700 + 30000),
}


# 07: debugging


def _policy(d: Drawn, *sources: dict[str, Any]) -> str:
    from svcnotes.exercises.personal.debugging import policy
    from svcnotes.exercises.personal.site import one_yaml

    return one_yaml(policy(d["site"], *sources))


def _block(cidr: str) -> dict[str, Any]:
    return {"ipBlock": {"cidr": cidr}}


def _allowed(d: Drawn, *, nodes: bool = True, friend: bool = True) -> str:
    s = d["site"]
    around = [_block(s.router.rpartition(".")[0] + ".0/24")] if nodes else []
    pods = [{"podSelector": {"matchLabels": {"app": d["friend"]}}}] if friend else []
    return _policy(d, _block(s.office), *around, *pods)


RIGHT["07-allow"] = _allowed
WRONG["07-allow"] = lambda d: {
    "everybody": _policy(d, _block("192.0.0.0/8"), _block("172.16.0.0/12"), _block("10.0.0.0/8")).replace(
        "ingress", "egress"
    )
}
PARTIAL["07-allow"] = lambda d: {
    "no nodes": _allowed(d, nodes=False),
    "no friend": _allowed(d, friend=False),
    "everybody": _policy(d, _block("0.0.0.0/0")),
}


def _gone(d: Drawn) -> str:
    from svcnotes.kube_proxy.chain_names import endpoint_chain

    s = d["site"]
    return endpoint_chain(f"{s.key}:http", "tcp", f"{d['pod'].host.pods}.{d['gone']}:{s.target}")


RIGHT["07-stale"] = lambda d: (
    f"-R {_gone(d)} 2 -p tcp -m tcp -j DNAT --to-destination {d['pod'].address}:{d['site'].target}"
)
WRONG["07-stale"] = lambda d: {"nothing done": f"-A {_gone(d)} -j RETURN"}
PARTIAL["07-stale"] = lambda d: {
    "another pod's address": f"-R {_gone(d)} 2 -p tcp -m tcp -j DNAT --to-destination {next(p for p in d['site'].pods if p != d['pod']).address}:{d['site'].target}",
}


def _fenced(d: Drawn, policy: str = "Local", office: str = "") -> str:
    s = d["site"]
    made = service(d, [port(s.port, s.target, d["low"] * 100 + 7)], externalTrafficPolicy=policy)
    return f"{made}---\n{_policy(d, _block(office or s.office))}"


RIGHT["07-fence"] = _fenced
WRONG["07-fence"] = lambda d: {"no Service": _policy(d, _block(d["site"].office))}
PARTIAL["07-fence"] = lambda d: {
    "Cluster": _fenced(d, "Cluster"),
    "the whole network": _fenced(d, office="192.0.2.0/24"),
    "no policy": _fenced(d).partition("---\n")[0],
}


# 08: modes


def _mended(d: Drawn, rule: str = "", element: str = "") -> str:
    """A rule first in the chain that leads in from outside, and an element for the bridge."""
    rule = rule or f"insert rule ip kube-proxy external-{d['chain']} meta mark set meta mark | 0x4000"
    return f"{rule}\n{element or _bridge(d)}"


def _bridge(d: Drawn) -> str:
    return f"add element ip kube-proxy nodeport-ips {{ {d['entry'].bridge} }}"


RIGHT["08-mend"] = _mended
WRONG["08-mend"] = lambda d: {
    "behind the goto": f"add rule ip kube-proxy external-{d['chain']} meta mark set meta mark | 0x4000",
    "in words of iptables": f"-A KUBE-EXT -j KUBE-MARK-MASQ\n{_bridge(d)}",
}
PARTIAL["08-mend"] = lambda d: {
    "the rule only": _mended(d).partition("\n")[0],
    "the element only": _bridge(d),
    "in the connection's mark": _mended(
        d, f"insert rule ip kube-proxy external-{d['chain']} ct mark set 0x4000"
    ),
    "masquerades everything": _mended(d, "insert rule ip kube-proxy masquerading masquerade"),
    "refuses nothing any more": f"{_mended(d)}\nflush chain ip kube-proxy cluster-ips-check",
}


def _settings(d: Drawn, mode: str = "nftables", addresses: str = "", section: str = "") -> str:
    s = d["site"]
    addresses = addresses or f"[{s.router.rpartition('.')[0]}.0/24, {s.pod_range}]"
    return (
        "apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\n"
        f"clusterCIDR: {s.pod_range}\nmode: {mode}\nnodePortAddresses: {addresses}\n"
        f"{section or mode}: {{masqueradeAll: true}}\n"
    )


RIGHT["08-migrate"] = _settings
WRONG["08-migrate"] = lambda d: {
    "no such mode": _settings(d, "ebpf", section="iptables"),
    "iptables all the same": _settings(d, "iptables"),
    "a Service": service(d),
}
PARTIAL["08-migrate"] = lambda d: {
    "masqueradeAll left where it was": _settings(d, section="iptables"),
    "nothing said of addresses": _settings(d, addresses="[]"),
    "the bridges only": _settings(d, addresses=f"[{d['site'].pod_range}]"),
    "one node's addresses only": _settings(
        d, addresses=f"[{d['site'].tool.host.address}/32, {d['site'].tool.host.bridge}/32]"
    ),
    "IPVS": _settings(d, "ipvs", section="iptables"),
}


# 09: scale


def _down_the_list(d: Drawn, **changes: int) -> str:
    names = sorted(d["in_nat"])
    counts = {
        "first packet": names.index(d["called"]) + 1,
        "no Service": len(names) + 1,
        "all packets": names.index(d["kept open"]) + 1,
        "filter": d["idle"],
    }
    return "\n".join(f"{field}: {count}" for field, count in {**counts, **changes}.items())


RIGHT["09-list"] = _down_the_list
WRONG["09-list"] = lambda _: {"each line wrong": "first packet: 99\nno Service: 0\nall packets: 0\nfilter: 0"}
PARTIAL["09-list"] = lambda d: {"filter left out": _down_the_list(d, filter=0)}


def _moved(d: Drawn, words: str = "") -> str:
    from svcnotes.kube_proxy.chain_names import service_hash

    name = f"default/{d['called']}:http"
    words = words or f"-d {d['address']}/32 -p tcp -m tcp --dport {d['site'].port}"
    return f"-t nat -I KUBE-SERVICES {words} -j KUBE-SVC-{service_hash(name, 'tcp')}"


RIGHT["09-move"] = _moved
WRONG["09-move"] = lambda d: {"at the end": _moved(d).replace("-I", "-A")}
PARTIAL["09-move"] = lambda d: {
    "everything": _moved(d, "-p tcp"),
    "every address": _moved(d, f"-p tcp -m tcp --dport {d['site'].port}"),
    "every port": _moved(d, f"-d {d['address']}/32"),
    "one pod for all": _moved(d).partition(" -j ")[0]
    + f" -j DNAT --to-destination {d['site'].pods[0].address}:{d['site'].target}",
}


def _two_doors_cheap(d: Drawn, **spec: Any) -> str:
    s = d["site"]
    peers = service(
        d,
        [port(s.target, s.target)],
        **{"name": d["peers"], "type": "ClusterIP", "clusterIP": "None", **spec},
    )
    return service(d, [port(s.port, s.target, d["low"] * 100)]) + "---\n" + peers


RIGHT["09-price"] = _two_doors_cheap
WRONG["09-price"] = lambda d: {
    "an ExternalName": service(d, type="ExternalName", externalName="example.com", ports=None, selector=None)
}
PARTIAL["09-price"] = lambda d: {
    "with an address": _two_doors_cheap(d, clusterIP=None),
    "one door": _two_doors_cheap(d).partition("---\n")[0],
    "one Service for both": service(
        d, [port(d["site"].target, d["site"].target, d["low"] * 100)], name=d["peers"]
    ),
    "the peers only": _two_doors_cheap(d).partition("---\n")[2],
}
