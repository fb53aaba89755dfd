"""The tools there are: each by its name, the places that have it, and a line of help."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from svcnotes.toolbox.admin_network import (
    bridge_link_set,
    bridge_sets,
    either,
    ip_route,
    route_changes,
    sysctl_write,
    sysctl_writes,
)
from svcnotes.toolbox.admin_services import helm, systemctl
from svcnotes.toolbox.conntrack import conntrack
from svcnotes.toolbox.curl import curl
from svcnotes.toolbox.dns_tools import dig, nslookup
from svcnotes.toolbox.filters import FILTERS
from svcnotes.toolbox.iproute import bridge, ip
from svcnotes.toolbox.iptables import iptables, iptables_save
from svcnotes.toolbox.ipvsadm import ipset, ipvsadm
from svcnotes.toolbox.kubectl import kubectl
from svcnotes.toolbox.nc import nc
from svcnotes.toolbox.nft import nft
from svcnotes.toolbox.output import Printed, err, note, out
from svcnotes.toolbox.ping import ping, traceroute
from svcnotes.toolbox.places import LAPTOP, NODE, OUTSIDE, POD, Place
from svcnotes.toolbox.rule_changes import restore
from svcnotes.toolbox.session import Call
from svcnotes.toolbox.small_tools import (
    cat,
    date,
    dmesg,
    getent,
    hostname,
    nstat,
    sleep,
    true,
)
from svcnotes.toolbox.sockets import netstat, ss
from svcnotes.toolbox.sysctl import sysctl
from svcnotes.toolbox.tcpdump import tcpdump
from svcnotes.toolbox.wget import wget

ASKERS = frozenset({NODE, POD, OUTSIDE, LAPTOP})
HOSTS = frozenset({NODE, POD, OUTSIDE, "router"})
ENDS = frozenset({NODE, POD, OUTSIDE})
EVERYWHERE = ASKERS | HOSTS
NODES = frozenset({NODE})
_ROUNDS = "for i in $(seq 12); do COMMAND; done"
_EDIT = "kubectl apply -f - <<E, then the lines, then E; or kubectl patch"
INSTEAD = {
    "telnet": "nc -vz HOST PORT",
    "nmap": "nc -vz HOST PORT",
    "ssh": "every machine is a place of its own: be there, and type",
    "ps": "ss -lntp, or systemctl status kube-proxy on a node",
    "lsof": "ss -lntp",
    "journalctl": "dmesg, or systemctl status kube-proxy; kubectl logs for a pod",
    "ifconfig": "ip addr",
    "route": "ip route",
    "arp": "ip addr, ip route: nobody on a wire is hard to find here",
    "brctl": "bridge -d link",
    "ethtool": "ip link",
    "mtr": "traceroute -n HOST",
    "tracepath": "traceroute -n HOST",
    "host": "dig +short NAME",
    "ufw": "iptables-save",
    "firewall-cmd": "iptables-save",
    "watch": _ROUNDS,
    "seq": _ROUNDS,
    "crictl": "kubectl get pods -o wide",
    "docker": "kubectl get pods -o wide",
    "vi": _EDIT,
    "vim": _EDIT,
    "nano": _EDIT,
    "less": "| head -50",
    "more": "| head -50",
    "awk": "| grep -o, | cut",
    "sed": "| grep -o, | cut",
    "xargs": _ROUNDS,
    "diff": "run both, and compare; | sort | uniq -u",
}
"""What to type instead of a program that people reach for and that no place has."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool: what runs it, the kinds of place that have it, and how it is used."""

    run: Callable[[Call], Printed]
    where: frozenset[str]
    use: str


def missing(here: Place, name: str) -> Printed:
    """What a shell prints for a command that it does not have, and what it does have."""
    tool = TOOLS.get(name)
    if name in INSTEAD:
        hint = f"here: {INSTEAD[name]}"
    elif tool is not None:
        hint = f"{name} is at: {', '.join(sorted(tool.where))}"
    else:
        hint = f"commands here: {', '.join(available(here))}"
    return err(f"bash: {name}: command not found\n", 127).then(note(hint, 127))


def available(here: Place) -> list[str]:
    """The commands that a place has."""
    return [*(name for name, tool in TOOLS.items() if here.kind in tool.where), *FILTERS]


def help_(call: Call) -> Printed:
    """`help`: the tools of this place, each with its use."""
    uses = [tool.use for tool in TOOLS.values() if call.place.kind in tool.where and tool.use]
    return out([*uses, f"behind a pipe: {', '.join(FILTERS)}", f"several times: {_ROUNDS}"])


TOOLS: Mapping[str, Tool] = {
    "kubectl": Tool(
        kubectl,
        ASKERS,
        "kubectl get|describe|logs|exec|apply|patch|delete|label|scale|set env|rollout restart ...",
    ),
    "curl": Tool(curl, ASKERS, "curl [-v] [-s] [-m SECONDS] [-k] [-H 'Host: NAME'] [-w FORMAT] URL"),
    "wget": Tool(wget, ASKERS, "wget [-q] [-O-] [-T SECONDS] [-t TRIES] URL"),
    "nc": Tool(nc, ASKERS, "nc -vz [-u] [-w SECONDS] HOST PORT"),
    "iptables-save": Tool(iptables_save, NODES, "iptables-save [-t TABLE] [-c]"),
    "iptables": Tool(
        iptables,
        NODES,
        "iptables [-t TABLE] -L [CHAIN] [-n -v --line-numbers] | -S [CHAIN] | -A|-I|-D|-P|-F ...",
    ),
    "iptables-restore": Tool(restore, NODES, "iptables-restore < FILE"),
    "ip6tables-save": Tool(iptables_save, NODES, ""),
    "ip6tables": Tool(iptables, NODES, ""),
    "ip6tables-restore": Tool(restore, NODES, ""),
    "conntrack": Tool(
        conntrack, NODES, "conntrack -L|-D [-p tcp] [--dport N] [-s|-d|-r|-q ADDRESS] | -S | -C | -F"
    ),
    "ss": Tool(ss, ENDS, "ss -lnt[u][p] ['sport = :PORT']"),
    "netstat": Tool(netstat, ENDS, "netstat -lnt"),
    "ip": Tool(
        either(route_changes, ip_route, ip),
        HOSTS,
        "ip route | ip route get ADDRESS | ip [-br] addr | ip link | ip route add|del RANGE via ADDRESS",
    ),
    "bridge": Tool(
        either(bridge_sets, bridge_link_set, bridge),
        NODES,
        "bridge -d link | bridge link set dev VETH hairpin on|off",
    ),
    "sysctl": Tool(either(sysctl_writes, sysctl_write, sysctl), ENDS, "sysctl NAME | sysctl -w NAME=VALUE"),
    "tcpdump": Tool(
        tcpdump, HOSTS, "tcpdump -ni INTERFACE|any [-c N] [FILTER]   (while something is sent elsewhere)"
    ),
    "ping": Tool(ping, ASKERS, "ping -c N [-W SECONDS] HOST"),
    "traceroute": Tool(traceroute, ASKERS, "traceroute -n [-T -p PORT] HOST"),
    "dig": Tool(dig, ASKERS, "dig [@SERVER] NAME [TYPE] [+short] [+search]"),
    "nslookup": Tool(nslookup, ASKERS, "nslookup NAME"),
    "getent": Tool(getent, ASKERS, "getent hosts NAME"),
    "cat": Tool(cat, EVERYWHERE, "cat /etc/resolv.conf | /proc/sys/... | FILE"),
    "dmesg": Tool(dmesg, NODES, "dmesg"),
    "nstat": Tool(nstat, NODES, "nstat -az"),
    "ipvsadm": Tool(ipvsadm, NODES, "ipvsadm -Ln [-t ADDRESS:PORT] | ipvsadm -Lcn | ipvsadm -Sn"),
    "ipset": Tool(ipset, NODES, "ipset list [NAME] | ipset save"),
    "nft": Tool(
        nft,
        NODES,
        "nft [-a] list tables | ruleset | table FAMILY NAME | chain|set|map FAMILY TABLE NAME; "
        "nft add|insert|replace|delete rule ..., nft add|delete element ..., nft flush chain ...",
    ),
    "hostname": Tool(hostname, ENDS, ""),
    "date": Tool(date, EVERYWHERE, ""),
    "sleep": Tool(sleep, EVERYWHERE, "sleep SECONDS"),
    "true": Tool(true, EVERYWHERE, ""),
    "false": Tool(true, EVERYWHERE, ""),
    "systemctl": Tool(systemctl, NODES, "systemctl start|stop|restart|status|is-active kube-proxy"),
    "helm": Tool(helm, frozenset({LAPTOP}), "helm install metallb metallb/metallb -n metallb-system"),
    "help": Tool(help_, EVERYWHERE, ""),
}
