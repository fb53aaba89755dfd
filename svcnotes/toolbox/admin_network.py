"""`ip route add|del`, `sysctl -w` and `bridge link set`: what an administrator changes in a host's network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from ipaddress import ip_address, ip_network

from svcnotes.control_plane.cluster import Cluster
from svcnotes.errors import InputError
from svcnotes.network.addresses import prefix
from svcnotes.network.node_host import node_host
from svcnotes.network.outside import ROUTER, router_host
from svcnotes.network.plan import plan
from svcnotes.toolbox import mending
from svcnotes.toolbox.conntrack import most
from svcnotes.toolbox.output import Printed, err, note, out
from svcnotes.toolbox.session import Call
from svcnotes.toolbox.sysctl import MAXIMUM

_EXISTS = "RTNETLINK answers: File exists\n"
_NO_ROUTE = "RTNETLINK answers: No such process\n"
_NO_GATEWAY = "Error: Nexthop has invalid gateway.\n"
_ONLY_THERE = "a route of this model can be put back where the node had it: {}"


def route_changes(args: Sequence[str]) -> bool:
    """Whether the words of `ip` change a route."""
    words = [word for word in args if not word.startswith("-")]
    return words[:1] in (["route"], ["r"], ["ro"]) and words[1:2] in (
        ["add"], ["a"], ["del"], ["delete"], ["d"], ["replace"],
    )  # fmt: skip


def ip_route(call: Call) -> Printed:
    """`ip route add|del|replace DESTINATION [via ADDRESS] [dev INTERFACE]`, at a node or the router."""
    words = [word for word in call.args if not word.startswith("-")]
    verb, rest = words[1], words[2:]
    if not rest:
        return err('Command line is not complete. Try option "help"\n', 255)
    try:
        wanted = _destination(rest[0])
    except ValueError as error:
        return err(f"{error}\n", 2 if "length" in str(error) else 1)
    options = dict(zip(rest[1::2], rest[2::2], strict=False))
    if len(rest[1:]) % 2:
        return err('Command line is not complete. Try option "help"\n', 255)
    change = _at_router if call.place.host == ROUTER else _at_node
    return change(call, wanted, "add" if verb.startswith("a") else verb[:3], options.get("via", ""))


def _destination(text: str) -> str:
    """A range or an address as the World writes it. Raises ValueError with what `ip` says."""
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        raise ValueError(f'Error: any valid prefix is expected rather than "{text}".') from None
    if "/" in text and str(network.network_address) != text.partition("/")[0]:
        raise ValueError("Error: Invalid prefix for given prefix length.")
    alone = network.prefixlen == network.max_prefixlen
    return str(network.network_address) if alone else str(network)


def _at_node(call: Call, wanted: str, verb: str, via: str) -> Printed:
    node, cluster = call.place.host, call.cluster
    sound = _own_route(mending.route_restored(cluster, node, wanted), node, wanted)
    now = _own_route(cluster, node, wanted)
    if verb == "del":
        if now is None or via not in ("", now):
            return err(_NO_ROUTE, 2)
        call.session.cluster = mending.route_removed(cluster, node, wanted)
        return Printed()
    if now is not None and verb == "add":
        return err(_EXISTS, 2)
    if via and not _is_neighbour(cluster, node, via):
        return err(_NO_GATEWAY, 2)
    if sound is None or via != sound:
        known = f"{wanted} via {sound}" if sound else "no route to this range was ever there"
        return err("", 2).then(note(_ONLY_THERE.format(known), 2))
    call.session.cluster = mending.route_restored(cluster, node, wanted)
    return Printed()


def _own_route(cluster: Cluster, node: str, wanted: str) -> str | None:
    """The next hop of a node's route to exactly this range; None where it has none."""
    if all(prefix(cidr) != prefix(wanted) for cidr in _inner(cluster)):
        return None
    address = str(ip_network(wanted)[1]) if "/" in wanted else wanted
    route = node_host(cluster, node).routes.find(address)
    fallback = node_host(cluster, node).routes.find("198.51.100.1" if ":" not in wanted else "2001:db8:ff::1")
    return None if route is None or route == fallback else route.next_hop


def _is_neighbour(cluster: Cluster, node: str, address: str) -> bool:
    try:
        ip_address(address)
    except ValueError:
        return False
    where = plan(cluster)
    own = cluster.nodes[node].addresses
    near = where.network_of(address) in {where.network_of(one) for one in own} - {""}
    return near or cluster.world.cni == "vxlan"


def _at_router(call: Call, wanted: str, verb: str, via: str) -> Printed:
    cluster, routes = call.cluster, call.cluster.given_world.routes
    if verb == "del":
        if wanted not in routes:
            return _lost_at_router(call, wanted)
        call.session.cluster = mending.led_to(cluster, wanted, "")
        return Printed()
    restored = mending.route_restored(cluster, ROUTER, wanted)
    if restored is not cluster:
        call.session.cluster = restored
        return Printed()
    if verb == "add" and (wanted in routes or wanted in _inner(cluster)):
        return err(_EXISTS, 2)
    node = plan(cluster).node_of.get(via, "")
    if not node:
        return err(_NO_GATEWAY, 2).then(note(f"the nodes are {', '.join(plan(cluster).node_of)}", 2))
    call.session.cluster = mending.led_to(cluster, wanted, node)
    return Printed()


def _lost_at_router(call: Call, wanted: str) -> Printed:
    """Take away a route that the router has of itself: to the Pods of a node."""
    address = wanted.partition("/")[0]
    if wanted not in _inner(call.cluster) or router_host(call.cluster, None).route(address) is None:
        return err(_NO_ROUTE, 2)
    call.session.cluster = mending.route_removed(call.cluster, ROUTER, wanted)
    return Printed()


def _inner(cluster: Cluster) -> list[str]:
    """The ranges that the router knows the way to by itself."""
    return [cidr for node in cluster.nodes.values() for cidr in node.pod_cidrs]


def sysctl_writes(args: Sequence[str]) -> bool:
    """Whether the words of `sysctl` write a value."""
    return any(word in ("-w", "--write") or ("=" in word and not word.startswith("-")) for word in args)


def sysctl_write(call: Call) -> Printed:
    """`sysctl -w NAME=VALUE...`."""
    pairs = [word for word in call.args if not word.startswith("-")]
    quiet = any(word in ("-q", "--quiet") for word in call.args)
    if not pairs:
        return err("sysctl: no variables specified\nTry `sysctl --help' for more information.\n", 1)
    printed = Printed()
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not (name and equals and value):
            printed = printed.then(err("sysctl: command line(0): invalid syntax, continuing...\n", 1))
            continue
        done = _write(call, name.replace("/", "."), value)
        printed = printed.then(Printed((), 0) if quiet and not done.exit_code else done)
    return printed


def _write(call: Call, name: str, value: str) -> Printed:
    if name == MAXIMUM:
        if not value.isdecimal():
            return err(f'sysctl: setting key "{name}": Invalid argument\n', 1)
        if int(value) > most(call):
            call.session.cluster = mending.conntrack_enlarged(call.cluster, call.place.host)
        return out(f"{name} = {value}\n")
    try:
        after = mending.sysctl_set(call.cluster, name, value)
    except InputError:
        if not value.isdecimal():
            return err(f'sysctl: setting key "{name}": Invalid argument\n', 1)
        path = name.replace(".", "/")
        said = f"sysctl: cannot stat /proc/sys/{path}: No such file or directory\n"
        return err(said, 1).then(note("or it has no effect in this model", 1))
    call.session.cluster = after
    return out(f"{name} = {value}\n").then(note("in this model a setting is one for all nodes"))


def bridge_sets(args: Sequence[str]) -> bool:
    """Whether the words of `bridge` set something of a port."""
    words = [word for word in args if not word.startswith("-")]
    return words[:2] in (["link", "set"], ["l", "set"])


def bridge_link_set(call: Call) -> Printed:
    """`bridge link set dev VETH hairpin on|off`."""
    words = [word for word in call.args if not word.startswith("-")][2:]
    options = dict(zip(words[::2], words[1::2], strict=False))
    port, flag = options.get("dev", ""), options.get("hairpin", "")
    if not port or not flag:
        usage = "Usage: bridge link set dev DEV [ hairpin {on | off} ]\n"
        return err(usage, 255).then(note("of a port's flags this model has hairpin alone", 255))
    if flag not in ("on", "off"):
        return err(f'Error: argument of "hairpin" must be one of "off", "on", not "{flag}"\n', 234)
    host = node_host(call.cluster, call.place.host)
    if port not in host.interfaces and port not in host.veths.values():
        return err(f'Cannot find bridge device "{port}"\n', 255)
    if port not in host.veths.values() or call.cluster.world.cni == "routed":
        return err("RTNETLINK answers: Operation not supported\n", 255)
    call.session.cluster = mending.hairpin_set(call.cluster, call.place.host, on=flag == "on")
    return note("in this model the flag is one for all ports of a bridge")


def either(
    changes: Callable[[Sequence[str]], bool],
    change: Callable[[Call], Printed],
    show: Callable[[Call], Printed],
) -> Callable[[Call], Printed]:
    """A tool that changes where its words say so, and shows where they do not."""

    def tool(call: Call) -> Printed:
        return change(call) if changes(call.args) else show(call)

    return tool
