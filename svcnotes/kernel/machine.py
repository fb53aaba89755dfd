"""The lab inside the worker: namespaces, rules, servers, and one question after the other."""

from __future__ import annotations

import contextlib
import select
import subprocess
import time
from functools import partial
from pathlib import Path
from typing import Any

from svcnotes.kernel import conntrack, links, restore
from svcnotes.kernel.asking import Question, ask
from svcnotes.kernel.capture import Capture
from svcnotes.kernel.hosts import Host, set_switches, wire
from svcnotes.kernel.netlink import NETFILTER, Netlink
from svcnotes.kernel.nft_tracing import NftTracing
from svcnotes.kernel.servers import Servers
from svcnotes.kernel.tracing import Tracing

_LOGGERS = ("net/netfilter/nf_log/2", "net/netfilter/nf_log/10")


SETTLED = 2.0  # seconds that the kernel is given to notice its new cables


class Ruled:
    """What a host with rules needs beside its namespace: a netfilter socket, an ear for TRACE."""

    def __init__(self, host: Host, variant: str) -> None:
        self.net = Netlink(NETFILTER)
        self.tracing: Tracing | NftTracing = (NftTracing if variant == "nft" else Tracing)(
            host.name, host.interfaces
        )
        self.texts: dict[int, str] = {}
        for path in _LOGGERS:
            with contextlib.suppress(OSError):
                (Path("/proc/sys") / path).write_text("nfnetlink_log")

    def close(self) -> None:
        """Close the sockets."""
        self.net.close()
        self.tracing.net.close()


class Machine:
    """One lab; every method takes and gives JSON values."""

    def __init__(self, variant: str) -> None:
        self.variant = variant
        self.hosts: dict[str, Host] = {}
        self.ruled: dict[str, Ruled] = {}
        self.captures: list[Capture] = []
        self.servers = Servers()
        self.poll = select.epoll()
        self.counters = True
        self.open: dict[int, tuple[Question, list[int]]] = {}

    def build(self, spec: dict[str, Any]) -> dict[str, Any]:
        """Take the old lab down, if there is one, and build this one (`Blueprint.to_json`)."""
        self.close()
        self.hosts = {name: Host(name) for name in spec["hosts"]}
        wire(self.hosts, spec["links"])
        failed = {}
        for name, own in spec["hosts"].items():
            failed[name] = self.hosts[name].furnish(own)
        until = time.monotonic() + SETTLED
        for host in self.hosts.values():
            while not links.carriers_up(host.net) and time.monotonic() < until:
                time.sleep(0.001)
        watched = [host for name, host in self.hosts.items() if name != "cables"]
        self.captures = [host.space.run(lambda host=host: Capture(host.name)) for host in watched]  # type: ignore[misc]
        return {"not_set": {name: what for name, what in failed.items() if what}}

    def rules(self, texts: list[list[Any]]) -> dict[str, Any]:
        """Load rules: [host, IP family, text] each; what is loaded already stays."""
        running: list[tuple[str, int, str, subprocess.Popen[str]]] = []
        for name, family, text in texts:
            host = self.hosts[name]
            if name not in self.ruled:
                self.ruled[name] = host.space.run(lambda host=host: Ruled(host, self.variant))  # type: ignore[misc]
            own = self.ruled[name]
            if own.texts.get(family, "") == text:
                continue
            if names := restore.counters(text):
                self.counters = restore.make_counters(names, own.net)
            loaded = text if self.counters else restore.without_counters(text)
            process = host.space.run(partial(restore.start, loaded, family, self.variant))
            running.append((name, family, text, process))
        wrong = []
        for name, family, text, process in running:
            said = restore.finished(process)
            self.ruled[name].texts[family] = "" if said else text
            self._learn(name, family)
            if said:
                wrong.append(f"{name}, IPv{family}: {said}")
        if wrong:
            raise OSError("; ".join(wrong))
        return {"nfacct": self.counters}

    def _learn(self, name: str, family: int) -> None:
        tracing = self.ruled[name].tracing
        if isinstance(tracing, NftTracing):
            self.hosts[name].space.run(lambda: tracing.learn(family))

    def listen(self, wanted: list[list[Any]]) -> dict[str, Any]:
        """Have just these processes listen."""
        failed = self.servers.become(wanted, lambda host, work: self.hosts[host].space.run(work))
        self.poll.close()
        self.poll = select.epoll()
        for fd in (*self.servers.by_fd, *self.servers.held):
            self.poll.register(fd, select.EPOLLIN)
        return {"not_opened": failed}

    def switch(self, host: str, sysctls: dict[str, str]) -> dict[str, Any]:
        """Set switches of a host."""
        one = self.hosts[host]
        return {"not_set": one.space.run(lambda: set_switches(sysctls, must=True))}

    def route(self, host: str, remove: list[list[Any]], add: list[list[Any]]) -> dict[str, Any]:
        """Change a host's routes."""
        for one in remove:
            self.hosts[host].route(one, remove=True)
        for one in add:
            self.hosts[host].route(one)
        return {}

    def neighbours(self, host: str, remove: list[list[Any]], add: list[list[Any]]) -> dict[str, Any]:
        """Change who answers for an address: [interface's index, address, MAC] each."""
        for index, address, mac in remove:
            links.neighbour(self.hosts[host].net, index, address, mac, remove=True)
        for index, address, mac in add:
            links.neighbour(self.hosts[host].net, index, address, mac)
        return {}

    def forget(self) -> None:
        """Empty what the hosts remember of earlier connections, and their lists of `recent`."""
        for name, own in self.ruled.items():
            restore.forget_connections(own.net)
            if any("-m recent" in text for text in own.texts.values()):
                self.hosts[name].space.run(lambda own=own: self._forget_recent(own))  # type: ignore[misc]

    def _forget_recent(self, own: Ruled) -> None:
        """Empty the lists; where only the machine's root may write them, load the rules anew, which makes new ones."""
        try:
            restore.forget_recent()
        except OSError:
            for family, text in own.texts.items():
                if "-m recent" in text:
                    for loaded in ("", text if self.counters else restore.without_counters(text)):
                        if said := restore.finished(restore.start(loaded, family, self.variant)):
                            raise OSError(said) from None

    def ask(self, spec: dict[str, Any]) -> dict[str, Any]:
        """Ask one question and tell all that was heard of it.

        Unless told to `remember`, end what is open and `forget` first; told to `keep` it under a number, leave the
        sockets open at both ends.
        """
        if not spec.get("remember"):
            self.hang_up(list(self.open))
            self.forget()
        self._drain()
        host = self.hosts[spec["host"]]
        try:
            question = host.space.run(lambda: Question(spec))
        except OSError as error:
            return {"event": "not-asked", "errno": error.strerror, "served": [], "frames": [], "rules": []}
        kept = False
        try:
            found = ask(question, self.servers, self.poll, spec["deadline"])
            frames, rules = self._drain()
            if spec.get("keep") and found["event"] == "answer":
                self.open[spec["keep"]] = (question, self.servers.hold())
                for fd in self.open[spec["keep"]][1]:
                    self.poll.register(fd, select.EPOLLIN)
                kept = True
        finally:
            if not kept:
                question.close()
                self.servers.hang_up()
        return {**found, "frames": frames, "rules": rules}

    def say(self, number: int, token: str, deadline: float) -> dict[str, Any]:
        """Ask again over an open flow's own sockets."""
        self._drain()
        question, _ = self.open[number]
        question.spec["token"] = token
        found = ask(question, self.servers, self.poll, deadline)
        frames, rules = self._drain()
        return {**found, "ends": question.ends, "frames": frames, "rules": rules}

    def hang_up(self, numbers: list[int]) -> dict[str, Any]:
        """End open flows."""
        for number in numbers:
            question, held = self.open.pop(number)
            question.close()
            self.servers.let_go(held)
        return {}

    def flows(self, host: str) -> list[list[Any]]:
        """The UDP flows that a host remembers (`conntrack.flows`)."""
        return conntrack.flows(self.ruled[host].net)

    def lists(self) -> list[list[str]]:
        """The lists of `recent` that hold somebody: [host, name] each."""
        found = {name: self.hosts[name].space.run(restore.recent_lists) for name in self.ruled}
        return [[host, name] for host, names in found.items() for name in names]

    def delete(self, host: str, flows: list[list[Any]]) -> dict[str, Any]:
        """Delete a host's conntrack entries of UDP, each given as its first packet went."""
        for one in flows:
            conntrack.delete(self.ruled[host].net, one)
        return {}

    def _drain(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        frames = [one for capture in self.captures for one in capture.drain()]
        rules = [one for own in self.ruled.values() for one in own.tracing.drain()]
        return frames, rules

    def close(self) -> None:
        """Take everything down; the kernel collects the namespaces when the last descriptor is closed."""
        self.hang_up(list(self.open))
        self.listen([]) if self.servers.by_fd else None
        for own in self.ruled.values():
            own.close()
        for capture in self.captures:
            capture.socket.close()
        for host in self.hosts.values():
            host.close()
        self.ruled, self.captures, self.hosts = {}, [], {}
