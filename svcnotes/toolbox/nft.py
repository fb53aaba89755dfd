"""`nft list ...`: a node's own tables of nftables, with what packets have put into their sets by now."""

from __future__ import annotations

from collections.abc import Sequence

from svcnotes.netfilter.languages import nft_text, saved_text
from svcnotes.netfilter.nftables.document import Document, NftTable, document, with_learnt
from svcnotes.netfilter.save import layout
from svcnotes.network.flight import Memory
from svcnotes.network.node_rules import rules_text
from svcnotes.toolbox.output import Printed, err, note, out
from svcnotes.toolbox.session import Call

FAMILIES = {4: "ip", 6: "ip6"}


def nft(call: Call) -> Printed:
    """`nft list tables|ruleset|table FAMILY NAME|chain|set|map FAMILY TABLE NAME`."""
    words = [word for word in call.args if not word.startswith("-")]
    tables, saved = _own(call), _of_iptables(call)
    match words:
        case ["list", "tables"]:
            return _told([f"table {one.family} {one.name}" for one in tables] + saved, tables)
        case ["list", "ruleset"]:
            warnings = [f"# Warning: {one} is managed by iptables-nft, do not touch!" for one in saved]
            return _told([*warnings, *str(Document(tuple(tables))).splitlines()], tables)
        case ["list", "table", *rest]:
            found = _table(tables, rest)
            return out(str(found)) if found else _nothing(call, words, tables)
        case ["list", ("chain" | "set" | "map") as word, *rest]:
            found = _table(tables, rest[:-1])
            held = [one for one in found.held if (_word(one), one.name) == (word, rest[-1])] if found else []
            if not found or not held:
                return _nothing(call, words, tables)
            return out(str(NftTable(found.family, found.name, (), tuple(held))))
    return err("Error: syntax error\n", 1)


def _word(held: object) -> str:
    return str(getattr(held, "word", "chain"))


def _own(call: Call) -> list[NftTable]:
    """The tables that nft lists of this node; one of inet, which both IP families see, once."""
    found: dict[str, NftTable] = {}
    for family in call.cluster.families:
        node = call.place.host
        text = nft_text(rules_text(call.cluster, node, None, family))
        memory = call.session.memories.get((node, family), Memory())
        for table in with_learnt(document(text), memory.learnt, call.session.now).tables:
            found.setdefault(f"{table.family} {table.name}", table)
    return list(found.values())


def _of_iptables(call: Call) -> list[str]:
    """The tables that iptables keeps in nftables (iptables-nft), as nft calls them."""
    return [
        f"table {FAMILIES[family]} {table}"
        for family in call.cluster.families
        for table in layout(saved_text(rules_text(call.cluster, call.place.host, None, family))).tables
    ]


def _table(tables: Sequence[NftTable], words: Sequence[str]) -> NftTable | None:
    family, name = words if len(words) == 2 else ("ip", "".join(words))
    return next((one for one in tables if (one.family, one.name) == (family, name)), None)


def _nothing(call: Call, words: Sequence[str], tables: Sequence[NftTable]) -> Printed:
    line = " ".join(words)
    marks = " " * 11 + "^" * max(len(line) - 11, 1)
    del call
    return err(f"Error: No such file or directory\n{line}\n{marks}\n", 1).then(_remark(tables, 1))


def _told(lines: Sequence[str], tables: Sequence[NftTable]) -> Printed:
    return out(lines).then(_remark(tables))


def _remark(tables: Sequence[NftTable], code: int = 0) -> Printed:
    if tables:
        return Printed((), code)
    return note("kube-proxy of this node has no tables of nftables: read its rules with iptables-save", code)
