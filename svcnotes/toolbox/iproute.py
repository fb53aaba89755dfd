"""`ip route`, `ip addr`, `ip link`, `ip rule` and `bridge link`, as iproute2 6.1 prints them.

Simplified: no link-local IPv6 addresses, no neighbours (ARP is not modelled), interface numbers counted
from 1; an outside host reaches the router by its wire, without a next hop.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from ipaddress import ip_address, ip_interface, ip_network

from svcnotes.network import cloud, faults
from svcnotes.network.addresses import family, prefix
from svcnotes.network.host import LOOPBACK, Host, Route
from svcnotes.network.node_host import BRIDGE, TUNNEL
from svcnotes.network.outside import ROUTER
from svcnotes.toolbox.hosts import Link, host_of, links, links_of, mac, network
from svcnotes.toolbox.output import Printed, err, out
from svcnotes.toolbox.session import Call

_OBJECTS = ("route", "address", "addr", "link", "rule", "neighbour", "neighbor")
_NOWHERE = {
    "blackhole": ("blackhole", "RTNETLINK answers: Invalid argument"),
    "unreachable": ("throw", "RTNETLINK answers: Network is unreachable"),
}
"""How iproute2 calls the model's kinds: a range that is answered with net-unreachable is a throw route."""
_BRIDGE_FLAGS = (
    "guard off root_block off fastleave off learning on flood on mcast_flood on bcast_flood on mcast_router 1 "
    "mcast_to_unicast off neigh_suppress off vlan_tunnel off isolated off locked off "
)


def ip(call: Call) -> Printed:
    """`ip [-4|-6] [-br] route [get ADDRESS] | addr | link | rule`; `admin_network` has what changes a route."""
    options = [word for word in call.args if word.startswith("-")]
    words = [word for word in call.args if not word.startswith("-")]
    if not words:
        return err("Usage: ip [ OPTIONS ] OBJECT { COMMAND | help }\n", 255)
    name = next((one for one in _OBJECTS if one.startswith(words[0])), "")
    run = _RUN.get(name)
    if run is None:
        return err(f'Object "{words[0]}" is unknown, try "ip help".\n', 1)
    return run(call, words[1:], options)


def _route(call: Call, words: list[str], options: Sequence[str]) -> Printed:
    command = words[0] if words else "show"
    if "get".startswith(command) and len(command) > 0:
        return _get(call, words[1:])
    version = 6 if "-6" in options else 4
    wanted = words[1:] if command in ("show", "list", "ls", "l") else words
    if wanted[:1] == ["table"]:
        return out(list(_local_table(host_of(call), version))) if wanted[1:2] == ["local"] else out("")
    host = host_of(call)
    rows = [row for row in host.routes if prefix(row[0])[0] == version and _has_family(host, version)]
    if wanted:
        chosen = wanted[-1]
        try:
            rows = [
                row
                for row in rows
                if ip_network(row[0])
                == ip_network(
                    chosen if chosen != "default" else "::/0" if version == 6 else "0.0.0.0/0", strict=False
                )
            ]
        except ValueError:
            return err(f'Error: any valid prefix is expected rather than "{chosen}".\n', 1)
    return out([line for cidr, route in rows for line in _route_lines(call, host, cidr, route)])


def _has_family(host: Host, version: int) -> bool:
    return any(family(a) == version for link in links(host) if link.name != LOOPBACK for a in link.addresses)


def _route_lines(call: Call, host: Host, cidr: str, route: Route) -> Iterator[str]:
    version, _, bits = prefix(cidr)
    shown = cidr.removesuffix("/32").removesuffix("/128") if bits else "default"
    if route.kind in _NOWHERE:
        yield f"{_NOWHERE[route.kind][0]} {shown} "
        return
    if route.kind == "spread":
        yield f"{shown} "
        yield from (f"\tnexthop via {node} dev {route.interface} weight 1 " for node in _spread(call, shown))
        return
    own = _own_address(host, route, cidr)
    if route.next_hop and route.next_hop != ROUTER:
        more = " onlink" if route.interface == TUNNEL else ""
        metric = " metric 1024 pref medium" if version == 6 else ""
        yield f"{shown} via {route.next_hop} dev {route.interface}{more}{metric} "
    elif own and version == 4:
        yield f"{shown} dev {route.interface} proto kernel scope link src {own} "
    elif own:
        yield f"{shown} dev {route.interface} proto kernel metric 256 pref medium"
    else:
        yield (
            f"{shown} dev {route.interface} scope link "
            if version == 4
            else f"{shown} dev {route.interface} metric 1024 pref medium"
        )


def _own_address(host: Host, route: Route, cidr: str) -> str:
    """The interface's address whose network this route is: the kernel made it with the address."""
    interface = host.interfaces.get(route.interface)
    for address in interface.addresses if interface is not None else ():
        if (
            family(address) == prefix(cidr)[0]
            and str(ip_interface(address).network) == cidr
            and "/32" not in cidr
        ):
            return address.partition("/")[0]
    return ""


def _spread(call: Call, address: str) -> tuple[str, ...]:
    """The nodes that a balancer's fabric hands an address to: those of its first port."""
    balancer = cloud.balancers(call.cluster).get(address)
    for service in balancer.services if balancer is not None else ():
        for port in service.ports:
            return network(call.session, call.place).spread(address, port.protocol.lower(), port.port)
    return ()


def _local_table(host: Host, version: int) -> Iterator[str]:
    for link in links(host):
        for address in link.addresses:
            if family(address) == version:
                own = address.partition("/")[0]
                yield f"local {own} dev {link.name} proto kernel scope host src {own} "


def _get(call: Call, words: list[str]) -> Printed:
    """`ip route get ADDRESS [from ADDRESS] [iif INTERFACE]`."""
    if not words:
        return err("need at least a destination address\n", 1)
    named = dict(zip(words[1::2], words[2::2], strict=False))
    try:
        address = str(ip_address(words[0].partition("/")[0]))
    except ValueError:
        return err(f'Error: any valid prefix is expected rather than "{words[0]}".\n', 1)
    host = host_of(call)
    route = host.route(address)
    if route is None:
        return err("RTNETLINK answers: Network is unreachable\n", 2)
    if route.kind in _NOWHERE:
        return err(f"{_NOWHERE[route.kind][1]}\n", 2)
    if route.kind == "local":
        source = host.source_for(address, route)
        return out([f"local {address} dev lo src {source} uid 0 ", "    cache <local> "])
    hop = route.next_hop if route.next_hop != ROUTER else ""
    if route.kind == "spread":
        hop = next(iter(_spread(call, address)), "")
    via = f" via {hop}" if hop else ""
    if "iif" in named:
        start = f"{address} from {named.get('from', '0.0.0.0')}"  # noqa: S104 - an address that is printed
        return out([f"{start}{via} dev {route.interface} ", f"    cache iif {named['iif']} "])
    source = named.get("from") or _source(host, address, route)
    return out([f"{address}{via} dev {route.interface} src {source} uid 0 ", "    cache "])


def _source(host: Host, address: str, route: Route) -> str:
    """The address that a packet made here gets; an outside host has one of a family."""
    if route.next_hop != ROUTER:
        return host.source_for(address, route)
    own = [
        a.partition("/")[0] for one in host.interfaces.values() for a in one.addresses if one.name != LOOPBACK
    ]
    return next((a for a in own if family(a) == family(address)), "")


def _chosen(call: Call, words: Sequence[str]) -> list[Link] | Printed:
    """The links that `show [dev] NAME` asks for."""
    rest = [word for word in words if word not in ("show", "list", "ls", "dev")]
    found = [link for link in links_of(call) if not rest or link.name == rest[0]]
    return found or err(f'Device "{rest[0]}" does not exist.\n', 1)


def _addr(call: Call, words: list[str], options: Sequence[str]) -> Printed:
    host = host_of(call)
    chosen = _chosen(call, words)
    if isinstance(chosen, Printed):
        return chosen
    only = 4 if "-4" in options else 6 if "-6" in options else 0
    if any(option in ("-br", "-brief") for option in options):
        return out([_brief(link, only) for link in chosen])
    lines: list[str] = []
    for link in chosen:
        addresses = [a for a in link.addresses if only in (0, family(a))]
        if only and not addresses:
            continue
        lines += list(_link_lines(host, link, short=bool(only)))
        lines += [line for address in addresses for line in _address_lines(link, address)]
    return out(lines)


def _brief(link: Link, only: int) -> str:
    state = "UNKNOWN" if link.name == LOOPBACK else "DOWN" if link.down else "UP"
    shown = "".join(f"{a} " for a in link.addresses if only in (0, family(a)))
    return f"{link.title:<16} {state:<14} {shown}"


def _address_lines(link: Link, address: str) -> Iterator[str]:
    scope = "host" if link.name == LOOPBACK else "global"
    if ":" in address:
        yield f"    inet6 {address} scope {scope} "
    else:
        yield f"    inet {address} scope {scope} {link.name}"
    yield "       valid_lft forever preferred_lft forever"


def _link_lines(host: Host, link: Link, mode: str = "", *, short: bool = False) -> Iterator[str]:
    master = f" master {link.master}" if link.master else ""
    mode = f" mode {mode}" if mode else ""
    if link.name == LOOPBACK:
        yield f"{link.index}: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN{mode} group default qlen 1000"
        if not short:
            yield f"    link/loopback {mac(host, link)} brd 00:00:00:00:00:00"
        return
    if link.down:
        yield f"{link.index}: {link.title}: <BROADCAST,NOARP> mtu 1500 qdisc noop state DOWN{mode} group default "
        if not short:
            yield f"    link/ether {mac(host, link)} brd ff:ff:ff:ff:ff:ff"
        return
    mtu = 1450 if link.name == TUNNEL else 1500
    yield (
        f"{link.index}: {link.title}: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu {mtu} qdisc noqueue{master} "
        f"state UP{mode} group default qlen 1000"
    )
    if not short:
        yield f"    link/ether {mac(host, link)} brd ff:ff:ff:ff:ff:ff"


def _link(call: Call, words: list[str], options: Sequence[str]) -> Printed:
    host = host_of(call)
    chosen = _chosen(call, words)
    if isinstance(chosen, Printed):
        return chosen
    if any(option in ("-br", "-brief") for option in options):
        return out([_brief_link(host, link) for link in chosen])
    return out([line for link in chosen for line in _link_lines(host, link, "DEFAULT")])


def _brief_link(host: Host, link: Link) -> str:
    flags = "LOOPBACK,UP,LOWER_UP" if link.name == LOOPBACK else "BROADCAST,MULTICAST,UP,LOWER_UP"
    state = "UNKNOWN" if link.name == LOOPBACK else "UP"
    if link.down:
        flags, state = "BROADCAST,NOARP", "DOWN"
    return f"{link.title:<16} {state:<14} {mac(host, link)} <{flags}> "


def _rule(call: Call, words: list[str], options: Sequence[str]) -> Printed:
    del call, words, options
    return out(
        ["0:\tfrom all lookup local", "32766:\tfrom all lookup main", "32767:\tfrom all lookup default"]
    )


def _neighbour(call: Call, words: list[str], options: Sequence[str]) -> Printed:
    del call, words, options
    return err("# svcnotes has no ARP: whoever is on a wire is found at once\n", 0)


_RUN: Mapping[str, Callable[[Call, list[str], Sequence[str]], Printed]] = {
    "route": _route,
    "address": _addr,
    "addr": _addr,
    "link": _link,
    "rule": _rule,
    "neighbour": _neighbour,
    "neighbor": _neighbour,
}


def bridge(call: Call) -> Printed:
    """`bridge [-d] link [show dev PORT]`."""
    details = any(word in ("-d", "-details") for word in call.args)
    words = [word for word in call.args if not word.startswith("-")]
    if not words or not "link".startswith(words[0]):
        return err('Object "{}" is unknown, try "bridge help".\n'.format(words[0] if words else ""), 1)
    host = host_of(call)
    ports = [link for link in links(host) if link.master == BRIDGE]
    wanted = words[words.index("dev") + 1 :][:1] if "dev" in words else []
    if wanted and wanted[0] not in {link.name for link in links(host)}:
        return err(f'Cannot find device "{wanted[0]}"\n', 1)
    lines: list[str] = []
    for port in ports:
        if not wanted or port.name == wanted[0]:
            flags = "<BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500"
            lines.append(
                f"{port.index}: {port.title}: {flags} master {BRIDGE} state forwarding priority 32 cost 2 "
            )
            hairpin = "on" if faults.hairpin(call.cluster, host.name) else "off"
            lines += [f"    hairpin {hairpin} {_BRIDGE_FLAGS}"] if details else []
    return out(lines)
