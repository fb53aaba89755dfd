"""A host, a packet and small rule texts to try rules with."""

from svcnotes.netfilter import Context
from svcnotes.packet import Packet

NODE = "172.18.0.11"
SYN = Packet("tcp", "192.0.2.10", 40000, NODE, 30080, "SYN")
HOST = Context(
    in_interface="eth0",
    out_interface="cni0",
    address_type=lambda address, _: "LOCAL" if address in (NODE, "10.244.1.1", "127.0.0.1") else "UNICAST",
    masquerade_address=lambda _, interface: {"cni0": "10.244.1.1", "eth0": NODE}.get(interface),
)


def table(name: str, *rules: str, policy: str = "ACCEPT") -> str:
    """A rules text of one table: base chains as needed, every chain that a rule stands in or jumps to."""
    base = {"nat": ["PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"], "filter": ["INPUT", "FORWARD", "OUTPUT"]}
    every = ["PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"]
    chains = base.get(name, every if name == "mangle" else ["PREROUTING", "OUTPUT"])
    users = {rule.split()[1] for rule in rules} - set(chains)
    lines = [f":{c} {policy}" for c in chains] + [f":{c} -" for c in sorted(users)]
    return "\n".join([f"*{name}", *lines, *rules, "COMMIT", ""])
