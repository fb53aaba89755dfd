"""The lab inside the worker: namespaces, rules, servers, and one question after the other."""

from __future__ import annotations

import contextlib
import select
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from svcnotes.kernel import conntrack, links, loaders, restore
from svcnotes.kernel.asking import Question, ask
from svcnotes.kernel.capture import Capture
from svcnotes.kernel.hosts import Host, set_switches, wire
from svcnotes.kernel.load import Load, Loader, finished
from svcnotes.kernel.netlink import NETFILTER, Netlink
from svcnotes.kernel.nft_tracing import NftTracing
from svcnotes.kernel.servers import Servers
from svcnotes.kernel.tracing import Tracing

_LOGGERS = ("net/netfilter/nf_log/2", "net/netfilter/nf_log/10")


SETTLED = 2.0  # seconds that the kernel is given to notice its new cables


class Ruled:
    """What a host with rules needs beside its namespace: a netfilter socket, an ear for the kernel's tracing.

    `texts` are the rules that are loaded, by language and IP family; `heard`: the ear knows their numbers.
    """

    def __init__(self, host: Host, variant: str) -> None:
        self.variant = variant
        self.net = Netlink(NETFILTER)
        self.tracing: Tracing | NftTracing = (NftTracing if variant == "nft" else Tracing)(
            host.name, host.interfaces
        )
        self.texts: dict[tuple[str, int], str] = {}
        self.heard = False
        for path in _LOGGERS:
            with contextlib.suppress(OSError):
                (Path("/proc/sys") / path).write_text("nfnetlink_log")

    def loads(self) -> Iterator[tuple[Loader, Load]]:
        """What is loaded, each with its loader."""
        for (language, family), text in self.texts.items():
            if text:
                yield loaders.LOADERS[language], Load(text, text, family, self.variant, self.net)

    def close(self) -> None:
        """Close the sockets."""
        self.net.close()
        self.tracing.close()


class Machine:
    """One lab; every method takes and gives JSON values."""

    def __init__(self, variant: str) -> None:
        self.variant = variant
        self.hosts: dict[str, Host] = {}
        self.languages: dict[str, list[str]] = {}
        self.ruled: dict[str, Ruled] = {}
        self.captures: list[Capture] = []
        self.servers = Servers()
        self.poll = select.epoll()
        self.open: dict[int, tuple[Question, list[int]]] = {}

    def build(self, spec: dict[str, Any]) -> dict[str, Any]:
        """Take the old lab down, if there is one, and build this one (`Blueprint.to_json`)."""
        self.close()
        self.hosts = {name: Host(name) for name in spec["hosts"]}
        self.languages = {name: own["languages"] for name, own in spec["hosts"].items()}
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
        """Load rules: [host, language, IP family, text] each; what is loaded already stays."""
        wrong: list[str] = []
        again: set[str] = set()  # hosts where chains were made that must not stay the newest
        for language, loader in loaders.LOADERS.items():
            own = [(name, family, text) for name, of, family, text in texts if of == language]
            wrong += self._load(language, loader, own, again)
        for name in {name for name, *_ in texts} & self.ruled.keys():
            self._learn(name)
        if wrong:
            raise OSError("; ".join(wrong))
        return {}

    def _load(
        self, language: str, loader: Loader, texts: list[tuple[str, int, str]], again: set[str]
    ) -> Iterator[str]:
        """Load the texts of one language side by side; what their programs complained about."""
        running = []
        anew = set()
        for name, family, text in texts:
            own = self._ruled(name)
            before = own.texts.get((language, family), "")
            if before == text and not (text and name in again):
                continue
            if loader.anew(before, text):
                anew.add(name)
            load = Load(before, text, family, own.variant, own.net)
            process = self.hosts[name].space.run(lambda load=load: loader.start(load))  # type: ignore[misc]
            running.append((name, family, text, process))
        for name, family, text, process in running:
            said = finished(process)
            self.ruled[name].texts[language, family] = "" if said else text
            self.ruled[name].heard = False
            if said:
                yield f"{name}, IPv{family}: {said}"
        again |= anew

    def _ruled(self, name: str) -> Ruled:
        if name not in self.ruled:
            host, variant = self.hosts[name], loaders.variant(self.languages[name], self.variant)
            self.ruled[name] = host.space.run(lambda: Ruled(host, variant))
        return self.ruled[name]

    def _learn(self, name: str) -> None:
        own = self.ruled[name]
        if isinstance(own.tracing, NftTracing) and not own.heard:
            self.hosts[name].space.run(own.tracing.learn)
        own.heard = True

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
        """Empty what the hosts remember of earlier connections, and what packets taught their rules."""
        for name, own in self.ruled.items():
            restore.forget_connections(own.net)
            for loader, load in own.loads():
                self.hosts[name].space.run(lambda one=loader, load=load: one.forget(load))  # type: ignore[misc]

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
        """The lists of `recent` and the sets that hold somebody: [host, name] each."""
        found = []
        for name, own in self.ruled.items():
            for loader, load in own.loads():
                held = self.hosts[name].space.run(
                    lambda one=loader, load=load: one.holding(load.after, load.net)  # type: ignore[misc]
                )
                found += [[name, one] for one in held]
        return found

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
