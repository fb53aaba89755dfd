"""Run as root of a network namespace of its own: load sets and rules, send packets over lo, say which rules matched.

Reads JSON (sets, rules, packets) from the standard input, writes for each packet one truth value a rule. Packets are
(protocol, source, destination, port) in 127.0.0.0/8; the rules see those to 127.0.0.0/24.
"""

import fcntl
import json
import socket
import struct
import subprocess
import sys

SIOCSIFFLAGS, UP = 0x8914, 1


def tool(*words: str, given: str = "") -> str:
    done = subprocess.run(words, input=given, text=True, capture_output=True, check=False)
    if done.returncode:
        sys.exit(f"{words[0]}: {done.stderr}")
    return done.stdout


def send(protocol: str, source: str, destination: str, port: int) -> None:
    kind = socket.SOCK_DGRAM if protocol == "udp" else socket.SOCK_STREAM
    with socket.socket(socket.AF_INET, kind) as one:
        one.bind((source, 0))
        one.settimeout(1)
        try:
            one.connect((destination, port))
            one.send(b"x")
        except ConnectionRefusedError:
            pass  # nobody listens: the packet was sent all the same


def main() -> None:
    sets, rules, packets = json.load(sys.stdin)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        fcntl.ioctl(one, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", UP))
    tool("ipset", "restore", given=sets)
    head = "*filter\n:OUTPUT ACCEPT\n:T -\n-A OUTPUT -o lo -d 127.0.0.0/24 -j T\n"
    tool("iptables-legacy-restore", given=head + "".join(f"-A T {rule}\n" for rule in rules) + "COMMIT\n")
    found = []
    for packet in packets:
        tool("iptables-legacy", "-Z", "T")
        send(*packet)
        lines = tool("iptables-legacy", "-nvxL", "T").splitlines()[2:]
        found.append([line.split()[0] != "0" for line in lines])
    print(json.dumps(found))


if __name__ == "__main__":
    main()
