"""Run as root of a network namespace of its own: load an nft text, send packets over lo, say which rules counted.

Reads JSON (text, packets) from the standard input, writes for each packet the counters that went up: [chain,
number of the rule from 1]. Packets are (protocol, source, destination, port).
"""

import json
import re
import socket
import subprocess
import sys

COUNTER = re.compile(r"counter packets (\d+) ")


def tool(*words: str, given: str = "") -> str:
    done = subprocess.run(words, input=given, text=True, capture_output=True, check=False)
    if done.returncode:
        sys.exit(f"{words[0]}: {done.stderr}")
    return done.stdout


def send(protocol: str, source: str, destination: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in destination else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM if protocol == "udp" else socket.SOCK_STREAM) as one:
        one.bind((source, 0))
        one.settimeout(0.05)
        try:
            one.connect((destination, port))
            one.send(b"x")
        except (ConnectionRefusedError, TimeoutError, PermissionError):
            pass  # nobody listens, or a rule drops it: the packet was sent all the same


def counters() -> dict[tuple[str, int], int]:
    found, chain, number = {}, "", 0
    for line in tool("nft", "list", "table", "inet", "t").splitlines():
        if line.startswith("\tchain "):
            chain, number = line.split()[1], 0
        elif chain and line.startswith("\t\t") and not line.startswith("\t\ttype "):
            number += 1
            counted = COUNTER.search(line)
            found[chain, number] = int(counted.group(1)) if counted else 0
        elif line == "\t}":
            chain = ""
    return found


def main() -> None:
    text, packets = json.load(sys.stdin)
    tool("ip", "link", "set", "lo", "up")
    for address in {one for packet in packets for one in packet[1:3] if ":" in one}:
        tool("ip", "-6", "address", "add", f"{address}/128", "dev", "lo", "nodad")
    tool("nft", "-f", "-", given=text)
    told, before = [], counters()
    for packet in packets:
        send(*packet)
        after = counters()
        told.append([list(rule) for rule, count in after.items() if count != before[rule]])
        before = after
    print(json.dumps(told))


if __name__ == "__main__":
    main()
