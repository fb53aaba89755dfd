"""Run real dig and nslookup against the model's messages, and write down what they print (see README.md)."""

import json
import socket
import struct
import subprocess
import tempfile
import threading
from pathlib import Path

import dns.message
import dns.rdatatype

from svcnotes.control_plane import dns as cluster_dns
from svcnotes.control_plane.dns.message import response
from svcnotes.control_plane.load import load

HERE = Path(__file__).parent
CLUSTER = load(str(HERE / "cluster.yaml"))
SERVERS = {"10.96.0.10": cluster_dns.coredns, "192.0.2.53": cluster_dns.outside}
RESOLV_CONF = (
    "search default.svc.cluster.local svc.cluster.local cluster.local\n"
    "nameserver 10.96.0.10\noptions ndots:5\n"
)


def reply(data, server):
    asked = dns.message.from_wire(data)
    (one,) = asked.question
    found = server(CLUSTER, one.name.to_text(), dns.rdatatype.to_text(one.rdtype))
    return response(asked, found).to_wire(want_shuffle=False)


def serve_udp(address, server):
    listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    listener.bind((address, 53))
    while True:
        data, who = listener.recvfrom(4096)
        listener.sendto(reply(data, server), who)


def serve_tcp(address, server):
    listener = socket.create_server((address, 53))
    while True:
        line, _ = listener.accept()
        (size,) = struct.unpack("!H", line.recv(2))
        answer = reply(line.recv(size), server)
        line.sendall(struct.pack("!H", len(answer)) + answer)
        line.close()


def run(*words):
    subprocess.run(words, check=True)


def main():
    run("ip", "link", "set", "lo", "up")
    for address in (*SERVERS, "10.96.0.11"):
        run("ip", "address", "add", f"{address}/32", "dev", "lo")
    run("iptables", "-A", "INPUT", "-d", "10.96.0.11", "-j", "DROP")
    run("iptables", "-A", "INPUT", "-p", "udp", "--dport", "5353", "-j", "DROP")
    with tempfile.NamedTemporaryFile("w", encoding="utf-8") as conf:
        conf.write(RESOLV_CONF)
        conf.flush()
        run("mount", "--bind", conf.name, "/etc/resolv.conf")
        for address, server in SERVERS.items():
            for serve in (serve_udp, serve_tcp):
                threading.Thread(target=serve, args=(address, server), daemon=True).start()
        with (HERE / "recorded.jsonl").open("w", encoding="utf-8") as written:
            for command in (HERE / "commands.txt").read_text(encoding="utf-8").splitlines():
                done = subprocess.run(
                    command,
                    shell=True,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                    check=False,
                )
                row = {"command": command, "code": done.returncode, "output": done.stdout}
                written.write(json.dumps(row, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
