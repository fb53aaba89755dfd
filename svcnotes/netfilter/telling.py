"""How a rule is told, in its own language: its short name, its remark, and the chains of a text for a listing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from svcnotes.netfilter.ipvs.hooks import TABLE as VIRTUAL_SERVERS
from svcnotes.netfilter.languages import split
from svcnotes.netfilter.nftables.chain import rule_lines
from svcnotes.netfilter.nftables.layout import layout
from svcnotes.packet import Step

Chains = Mapping[tuple[str, str], tuple[str, ...]]


def is_nft(table: str) -> bool:
    """Whether a step's table is one of nftables: they go by family and name, `ip kube-proxy`."""
    return " " in table


def target(step: Step) -> str:
    """What a rule does, as its language writes it: `MASQUERADE`, `goto service-X`, `-r POD:PORT`; empty for a chain's policy."""
    if not step.number:
        return ""
    if is_nft(step.table):
        if step.verdict == "continue":
            return "meta mark set" if step.before.mark != step.after.mark else step.verdict
        return step.verdict
    words = step.rule.split()
    if words[:1] == ["-a"]:  # a real server, as `ipvsadm -S` has it
        return " ".join(words[words.index("-r") :][:2])
    return next((words[i + 1] for i, word in enumerate(words[:-1]) if word in {"-j", "-g"}), "")


def remark(step: Step) -> str:
    """The comment of a rule, or else of the element that it found; empty for none."""
    for text in (step.rule, step.element):
        found = text.partition('comment "')[2].partition('"')[0]
        if found:
            return found
    return ""


def heading(table: str) -> str:
    """How a text begins a table; IPVS's has no beginning, and is told by its tool."""
    if table == VIRTUAL_SERVERS:
        return "# ipvsadm -Sn"
    return f"table {table}" if is_nft(table) else f"*{table}"


def chain_heading(table: str, chain: str) -> str:
    """How a text begins a chain's rules; empty where each rule names its chain."""
    return f"chain {chain}" if is_nft(table) else ""


def chains_in(text: str) -> Chains:
    """Sort a rules text by (table, chain), each with its rules as printed, in order."""
    nft, saved = split(text)
    return {**dict(_nft_chains(nft)), **_saved_chains(saved)}


def _saved_chains(text: str) -> Chains:
    chains: dict[tuple[str, str], list[str]] = {}
    table = ""
    for line in text.splitlines():
        if line.startswith("*"):
            table = line[1:].strip()
        elif line.startswith("-A "):
            chains.setdefault((table, line.split(maxsplit=2)[1]), []).append(line)
    return {key: tuple(lines) for key, lines in chains.items()}


def _nft_chains(text: str) -> Iterator[tuple[tuple[str, str], tuple[str, ...]]]:
    if not text:
        return
    found = layout(text)
    for table in found.tables.values():
        for name, block in table.chains.items():
            rules = tuple(line for _, line in rule_lines(found.lines, block))
            if rules:
                yield (table.title, name), rules
