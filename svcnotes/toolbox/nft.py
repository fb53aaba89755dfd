"""`nft list ...`: a node's own tables of nftables, with what packets have put into their sets by now; `nft add ...` changes them.

Simplified: the numbers that `-a` prints are those of a table that was loaded at once; they stay while only commands of
nft change it.
"""

from __future__ import annotations

from collections.abc import Sequence

from svcnotes.errors import RuleError
from svcnotes.netfilter.languages import nft_text, saved_text
from svcnotes.netfilter.nftables.document import Document, NftTable, document, with_learnt
from svcnotes.netfilter.nftables.edits import changed, is_command
from svcnotes.netfilter.nftables.handles import listed_held, listed_table, numbered
from svcnotes.netfilter.save import layout
from svcnotes.network.flight import Memory
from svcnotes.network.node_rules import rules_text
from svcnotes.toolbox.output import Printed, err, note, out
from svcnotes.toolbox.rule_changes import put
from svcnotes.toolbox.session import Call

FAMILIES = {4: "ip", 6: "ip6"}
_NUMBERED = ("-a", "--handle")


def nft(call: Call) -> Printed:
    """`nft [-a] list tables|ruleset|table FAMILY NAME|chain|set|map FAMILY TABLE NAME`, `nft add|delete|... rule|element ...`."""
    words = [word for word in call.args if not word.startswith("-")]
    if is_command(" ".join(words)):
        return _change(call, " ".join(words))
    shown = listed_table if any(word in _NUMBERED for word in call.args) else str
    tables, saved = _own(call), _of_iptables(call)
    match words:
        case ["list", "tables"]:
            return _told([f"table {one.family} {one.name}" for one in tables] + saved, tables)
        case ["list", "ruleset"]:
            warnings = [f"# Warning: {one} is managed by iptables-nft, do not touch!" for one in saved]
            return _told([*warnings, *"".join(map(shown, tables)).splitlines()], tables)
        case ["list", "table", *rest]:
            found = _table(tables, rest)
            return out(shown(found)) if found else _nothing(call, words, tables)
        case ["list", ("chain" | "set" | "map") as word, *rest]:
            found = _table(tables, rest[:-1])
            held = [one for one in found.held if (_word(one), one.name) == (word, rest[-1])] if found else []
            if not found or not held:
                return _nothing(call, words, tables)
            inner = listed_held(held[0]) if shown is listed_table and word == "chain" else str(held[0])
            return out(f"table {found.family} {found.name} {{\n{inner}}}\n")
    return err("Error: syntax error\n", 1)


def _change(call: Call, command: str) -> Printed:
    """Run a command that changes the node's tables; one of inet is changed in both IP families."""
    node, done = call.place.host, 0
    said = f"Error: No such file or directory\n{command}\n"
    for family in call.cluster.families:
        text = rules_text(call.cluster, node, None, family)
        whole = _counted(call, family, nft_text(text))
        if not _meant(whole, command):
            continue
        try:
            after = changed(whole, command)
            put(call, str(after) + saved_text(text), family)
        except RuleError as error:
            return err(f"Error: {str(error).removeprefix('line 1: ').partition(chr(10))[0]}\n{command}\n", 1)
        call.session.counted[node, family] = after
        done += 1
    return Printed() if done else err(said, 1)


def _meant(whole: Document, command: str) -> bool:
    """Whether a command names one of these tables; without a word of its family it is one of ip."""
    words = command.split()[2:]
    family, name = (
        (words[0], words[1])
        if words[:1] and words[0] in ("ip", "ip6", "inet")
        else ("ip", "".join(words[:1]))
    )
    return any((one.family, one.name) == (family, name) for one in whole.tables)


def _counted(call: Call, family: int, text: str) -> Document:
    """The node's tables with their numbers: those that they had, as long as nobody else has written them anew."""
    kept = call.session.counted.get((call.place.host, family))
    if not isinstance(kept, Document) or str(kept) != text:
        kept = call.session.counted[call.place.host, family] = numbered(document(text))
    return kept


def _word(held: object) -> str:
    return str(getattr(held, "word", "chain"))


def _own(call: Call) -> list[NftTable]:
    """The tables that nft lists of this node; one of inet, which both IP families see, once."""
    found: dict[str, NftTable] = {}
    for family in call.cluster.families:
        node = call.place.host
        whole = _counted(call, family, nft_text(rules_text(call.cluster, node, None, family)))
        memory = call.session.memories.get((node, family), Memory())
        for table in with_learnt(whole, memory.learnt, call.session.now).tables:
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
