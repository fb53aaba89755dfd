"""Run real tools in namespaces wired as a scenario, and write down what they print (see README.md)."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import svcnotes
from svcnotes import scenarios

HERE = Path(__file__).parent
CLUSTER = scenarios.load("nodeport-local")
PREFIX = "rec-"
SERVER = r"""
import socket, threading
def serve(port):
    listener = socket.create_server(("0.0.0.0", port), backlog=511)
    while True:
        line, (who, _) = listener.accept()
        threading.Thread(target=answer, args=(line, who), daemon=True).start()
def answer(line, who):
    if b"HTTP/1" in line.recv(65536):
        body = f"Hello from NAME, you are {who}\n"
        head = f"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\n\r\n"
        line.sendall((head + body).encode())
        line.recv(1)
    else:
        line.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    line.close()
threading.Thread(target=serve, args=(80,), daemon=True).start()
serve(443)
"""
WAITING = r"""
import socket, time
def four(address, port, backlog):
    return socket.create_server((address, port), backlog=backlog)
def both(port, backlog, only=False):
    s = socket.socket(socket.AF_INET6)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, only)
    s.bind(("::", port)); s.listen(backlog)
    return s
kept = [four("0.0.0.0", 22, 128), both(22, 128, True), four("127.0.0.1", 10248, 4096), four("127.0.0.1", 10249, 4096),
        both(10250, 4096), both(10256, 4096)]
time.sleep(100000)
"""


def run(*words, **more):
    return subprocess.run(words, check=True, **more)


def space(host):
    return PREFIX + host.rpartition("/")[2]


def ip(host, line):
    run("ip", "-n", space(host), *line.split())


def wire(one, name, other, other_name):
    """A cable between two hosts. Its ends get their names inside, since the machine has an eth0 of its own."""
    run("ip", "link", "add", "rec-a", "type", "veth", "peer", "name", "rec-b")
    for end, host, wanted in (("rec-a", one, name), ("rec-b", other, other_name)):
        run("ip", "link", "set", end, "netns", space(host))
        ip(host, f"link set {end} name {wanted}")


def sysctl(host, *settings):
    for setting in settings:
        run("ip", "netns", "exec", space(host), "sysctl", "-qw", setting)


def build():
    nodes = {name: node.addresses[0] for name, node in CLUSTER.nodes.items()}
    pods = {pod.name: pod for pod in CLUSTER.pods.values()}
    for host in ("client", "router", *nodes, *pods):
        subprocess.run(["ip", "netns", "del", space(host)], check=False, stderr=subprocess.DEVNULL)
        run("ip", "netns", "add", space(host))
        ip(host, "link set lo up")
        sysctl(
            host,
            "net.ipv4.icmp_ratelimit=0",
            "net.ipv4.conf.all.rp_filter=0",
            "net.ipv4.conf.default.rp_filter=0",
        )
    wire("client", "eth0", "router", "wan")
    ip("client", "addr add 192.0.2.10/32 dev eth0")
    ip("router", "link add eth0 type bridge")
    ip("router", "addr add 172.18.0.1/24 dev eth0")
    for host, name in (("client", "eth0"), ("router", "wan"), ("router", "eth0")):
        ip(host, f"link set {name} up")
    ip("client", "route add default dev eth0 scope link")
    ip("router", "link set wan address 02:00:00:00:00:01")
    ip("router", "route add default dev wan scope link")
    for address in ("10.96.0.80", "10.96.7.7"):  # nobody's, so no proxy answers for them
        ip("client", f"neigh add {address} lladdr 02:00:00:00:00:01 dev eth0")
    sysctl("router", "net.ipv4.ip_forward=1", "net.ipv4.conf.wan.proxy_arp=1")
    for number, (node, address) in enumerate(nodes.items(), 1):
        sysctl(node, "net.ipv4.ip_forward=1", "net.ipv4.conf.all.route_localnet=1")
        wire(node, "eth0", "router", f"port-{number}")
        ip("router", f"link set port-{number} master eth0 up")
        ip(node, f"addr add {address}/24 dev eth0")
        ip(node, "link set eth0 up")
        ip(node, "route add default via 172.18.0.1")
        ip(node, "link add cni0 type bridge")
        ip(node, f"addr add 10.244.{number}.1/24 dev cni0")
        ip(node, "link set cni0 up")
        ip("router", f"route add 10.244.{number}.0/24 via {address}")
        for other, via in nodes.items():
            if other != node:
                ip(node, f"route add {CLUSTER.nodes[other].pod_cidrs[0]} via {via}")
        text = re.sub(r" -m nfacct --nfacct-name +\w+", "", svcnotes.rules(CLUSTER, node))
        lines = [line for line in text.splitlines(keepends=True) if line]
        (HERE / f"{node}.rules").write_text("".join(lines))
        run("ip", "netns", "exec", space(node), "iptables-restore", input=text.encode())
    ip("router", "route add throw 10.96.0.0/16")
    started = [python(node, WAITING) for node in nodes]
    for name, pod in pods.items():
        wire(name, "eth0", pod.node, f"veth-{name}")
        ip(name, f"addr add {pod.addresses[0]}/24 dev eth0")
        ip(name, "link set eth0 up")
        ip(name, f"route add default via {CLUSTER.nodes[pod.node].pod_cidrs[0].replace('.0/24', '.1')}")
        ip(pod.node, f"link set veth-{name} master cni0 up")
        ip(pod.node, f"link set veth-{name} type bridge_slave hairpin on")
        started.append(python(name, SERVER.replace("NAME", name)))
    time.sleep(2)  # until the bridges forward, and everybody listens
    return started


def python(host, text):
    return subprocess.Popen(["ip", "netns", "exec", space(host), sys.executable, "-c", text])


def shell(host, command):
    plain = {key: value for key, value in os.environ.items() if "proxy" not in key.lower()}
    done = subprocess.run(
        ["ip", "netns", "exec", space(host), "bash", "-c", command],
        check=False, capture_output=True, text=True, env=plain, stdin=subprocess.DEVNULL, timeout=200,
    )  # fmt: skip
    said = re.sub(r"^bash: line 1: ", "bash: ", done.stderr, flags=re.MULTILINE)
    return {"stdout": done.stdout, "stderr": said, "exit_code": done.returncode}


def captured(host, command, other, typed):
    watching = subprocess.Popen(
        ["ip", "netns", "exec", space(host), "bash", "-c", f"exec {command}"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    time.sleep(1.5)
    shell(other, typed)
    time.sleep(1)
    watching.send_signal(signal.SIGINT)
    out, said = watching.communicate()
    return {"stdout": out, "stderr": said, "exit_code": watching.returncode}


def main():
    started = build()
    try:
        with (HERE / "recorded.jsonl").open("w") as file:
            for line in (HERE / "commands.txt").read_text().splitlines():
                first, _, second = line.partition(" @ ")
                host, _, command = first.partition("$ ")
                other, _, typed = second.partition("$ ")
                record = captured(host, command, other, typed) if second else shell(host, command)
                about = {"host": host, "command": command}
                about |= {"during": [other, typed]} if second else {}
                file.write(json.dumps({**about, **record}, ensure_ascii=False) + "\n")
                print(record["exit_code"], line, flush=True)
    finally:
        for one in started:
            one.terminate()
        for host in ("client", "router", *CLUSTER.nodes, *(pod.name for pod in CLUSTER.pods.values())):
            subprocess.run(["ip", "netns", "del", space(host)], check=False)


if __name__ == "__main__":
    main()
