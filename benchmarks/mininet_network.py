"""The kernel lab's own blueprint, built by Mininet: run by bench_kernel_lab.py with the Python that Mininet is in.

Reads JSON from stdin (`blueprint`, `rules`: host to text, `rounds`, `ping`: host and address, `scratch`: a folder), prints JSON (`build` and `stop`: seconds a
round). Refuses to run in the machine's own network namespace, whose inode is the argument.
"""

import json
import sys
import time
from pathlib import Path

from mininet.link import Link
from mininet.log import setLogLevel
from mininet.net import Mininet


def commands(spec, rules):
    """Addresses, bridge ports, routes, switches and rules of one host; `rules` is a file."""
    names = {int(index): name for index, name in spec["names"].items()}
    yield from (f"ip link set {name} up" for name in ["lo", *names.values()])
    for port, bridge, hairpin in spec["ports"]:
        yield f"ip link set {names[port]} master {names[bridge]}"
        yield f"bridge link set dev {names[port]} hairpin {'on' if hairpin else 'off'}"
    yield from (f"ip addr replace {address} dev {names[index]}" for index, address in spec["addresses"])
    yield from (
        f"ip neigh replace {to} lladdr {mac} dev {names[index]}" for index, to, mac in spec["neighbours"]
    )
    for cidr, kind, index, hop in spec["routes"]:
        if kind == "unicast":
            via = f" via {hop} onlink" if hop else ""
            yield f"ip route replace {cidr}{via} dev {names[index]}"
    yield from (f"sysctl -qw {name.replace('/', '.')}={value}" for name, value in spec["sysctls"].items())
    if rules:
        yield f"iptables-legacy-restore {rules}"  # the variant that the lab takes first


def build(blueprint, rules, scratch):
    """The network, up and with its rules in: a script a host, which costs Mininet one command."""
    net = Mininet(build=False, controller=None)
    hosts = {
        name: net.addHost(f"h{number}", ip=None) for number, name in enumerate(blueprint["hosts"])
    }  # Mininet's names are those of interfaces too
    for kind, one, *rest in blueprint["links"]:
        if kind == "bridge":
            hosts[one[0]].cmd(f"ip link add {one[2]} address {one[3]} type bridge")
        else:
            other = rest[0]
            net.addLink(
                hosts[one[0]],
                hosts[other[0]],
                cls=Link,
                intfName1=one[2],
                intfName2=other[2],
                addr1=one[3],
                addr2=other[3],
            )
    net.build()
    for number, (name, spec) in enumerate(blueprint["hosts"].items()):
        script, text = scratch / f"{number}.sh", scratch / f"{number}.rules"
        if name in rules:
            text.write_text(rules[name])
        script.write_text("\n".join(commands(spec, text if name in rules else "")))
        if said := hosts[name].cmd(f"sh {script}").strip():
            sys.exit(f"{name}: {said}")
    return net, hosts


def main() -> None:
    asked = json.load(sys.stdin)
    if str(Path("/proc/self/ns/net").readlink()) == sys.argv[1]:
        sys.exit("not in the machine's own network namespace")
    setLogLevel("error")
    told = {"build": [], "stop": []}
    scratch = Path(asked["scratch"])
    for _ in range(asked["rounds"]):
        begun = time.monotonic()
        net, hosts = build(asked["blueprint"], asked["rules"], scratch)
        built = time.monotonic()
        said = hosts[asked["ping"][0]].cmd(f"ping -c 1 -W 1 {asked['ping'][1]}")
        if "1 received" not in said:
            sys.exit(f"the network does not carry a ping: {said}")
        pinged = time.monotonic()
        net.stop()
        told["build"].append(built - begun)
        told["stop"].append(time.monotonic() - pinged)
    json.dump(told, sys.stdout)


if __name__ == "__main__":
    main()
