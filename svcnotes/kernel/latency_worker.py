"""The process that measures how long a connection takes: `python -m svcnotes.kernel.latency_worker`, in namespaces.

Its own network namespace is a node between a client and five pods (two more namespaces, three cables in all). It reads one
JSON object a line, `{"rules": TEXT, "to": [[ADDRESS, PORT], ...], "connects": N}`, loads the rules, connects N
times to each, and answers `{"micros": [MEDIAN, ...]}` or `{"error": SENTENCE}`. It dies with its parent.
"""

from __future__ import annotations

import json
import socket
import statistics
import struct
import sys
import time
from itertools import chain
from pathlib import Path
from typing import Any

from svcnotes.kernel import links, nft, restore
from svcnotes.kernel.load import tried
from svcnotes.kernel.namespaces import Namespace, die_with_parent
from svcnotes.kernel.netlink import ROUTE, Netlink
from svcnotes.kernel.nft_pieces import pieces

CLIENT, NODE, PORT = "192.0.2.10", "172.18.0.11", 8080
PODS = tuple(f"10.244.1.1{number}" for number in range(1, 6))


class Wires:
    """The client, the node (this process's namespace) and the pods, wired."""

    def __init__(self) -> None:
        self.client, self.pods = Namespace(), Namespace()
        net = Netlink(ROUTE)
        links.set_up(net, 1)
        self._cable(
            net, 10, "eth0", [f"{NODE}/24", "192.0.2.1/24"], self.client, [f"{CLIENT}/24"], "192.0.2.1"
        )
        own = [f"{address}/24" for address in PODS]
        self._cable(net, 20, "cni0", ["10.244.1.1/24"], self.pods, own, "10.244.1.1")
        links.route(net, "192.0.2.0/24", index=10)
        links.route(net, "10.244.1.0/24", index=20)
        Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
        self.listening = self.pods.run(_listener)
        until = time.monotonic() + 2
        while not links.carriers_up(net) and time.monotonic() < until:
            time.sleep(0.001)

    def _cable(
        self,
        net: Netlink,
        index: int,
        name: str,
        here: list[str],
        space: Namespace,
        there: list[str],
        gateway: str,
    ) -> None:
        mac = f"02:00:00:00:00:{index:02x}"
        other = f"02:00:00:00:00:{index + 1:02x}"
        links.add_pair(net, (index, name, mac), (index + 1, "eth0", other), space.fd)
        for address in here:
            links.add_address(net, index, address)
        links.set_up(net, index)
        for address in there:
            links.neighbour(net, index, address.partition("/")[0], other)

        def furnish() -> None:
            inside = Netlink(ROUTE)
            for address in there:
                links.add_address(inside, index + 1, address)
            links.set_up(inside, index + 1)
            links.route(inside, f"{gateway}/32", index=index + 1)
            links.route(inside, "0.0.0.0/0", index=index + 1, gateway=gateway)
            links.neighbour(inside, index + 1, gateway, mac)

        space.run(furnish)

    def median_micros(self, address: str, port: int, connects: int) -> float:
        """Connect so many times, each a new connection, and give the median time in microseconds."""
        return statistics.median(self._one(address, port) for _ in range(connects)) * 1e6

    def _one(self, address: str, port: int) -> float:
        caller = self.client.run(lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM))
        with caller:
            caller.settimeout(1.0)
            # No TIME_WAIT: the port is free again.
            caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            begun = time.perf_counter()
            caller.connect((address, port))
            took = time.perf_counter() - begun
            self.listening.accept()[0].close()
        return took


def _listener() -> socket.socket:
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.bind(("0.0.0.0", PORT))  # noqa: S104 - in a namespace that nobody else reaches
    listening.listen(64)
    return listening


def load(rules: str, variant: str) -> str:
    """Load a text with the tool that prints it; what the tool complained about, empty when all is well.

    Unlike in the lab no packet is traced: what is told of each rule would be measured, too.
    """
    if not rules.lstrip().startswith("table "):
        return tried((restore.program(4, variant), "-w", "5"), restore.without_counters(rules))
    program = nft.program()
    if not program:
        return "there is no nft"
    texts = chain(["flush ruleset\n"], pieces(rules))
    return next((said for text in texts if (said := tried((program, "-f", "-"), text))), "")


def _answer(wires: Wires, order: dict[str, Any], variant: str) -> dict[str, Any]:
    try:
        if wrong := load(order["rules"], variant):
            return {"error": wrong.splitlines()[0]}
        begun = time.perf_counter()
        found = [wires.median_micros(address, port, order["connects"]) for address, port in order["to"]]
        return {"micros": found, "seconds": time.perf_counter() - begun}
    except OSError as error:
        return {"error": f"{type(error).__name__}: {error}"}


def main() -> int:
    """Serve orders until the pipe ends; refuses to run in the machine's own namespace."""
    die_with_parent()
    own, variant = sys.argv[1:]
    if str(Path("/proc/self/ns/net").readlink()) == own:
        print(json.dumps({"error": "this is the machine's own network namespace"}), flush=True)  # noqa: T201
        return 1
    try:
        wires = Wires()
    except OSError as error:
        print(json.dumps({"error": f"the kernel refused a cable ({error})"}), flush=True)  # noqa: T201
        return 1
    for line in sys.stdin:
        print(json.dumps(_answer(wires, json.loads(line), variant)), flush=True)  # noqa: T201 - the pipe is stdout
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
