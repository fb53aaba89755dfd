"""Edit a host's rules in whichever language they are: commands of iptables for the one, of nft for the other."""

from __future__ import annotations

import re

from svcnotes.errors import RuleError
from svcnotes.netfilter import edits
from svcnotes.netfilter.languages import nft_text, read_rules, saved_text, with_saved_text
from svcnotes.netfilter.nftables import edits as nft_edits
from svcnotes.netfilter.nftables.document import Document, NamedChain, NamedSet, NftTable, document
from svcnotes.netfilter.nftables.spreading import spread
from svcnotes.netfilter.save import layout

_LEADS = re.compile(r"\b(?:jump|goto) ([^\s,}]+)")
_MAP = re.compile(r" vmap @(\S+)")
_IPTABLES = re.compile(r"(?:sudo )?(?:ip6?tables\b|--?[A-Za-z])")
_LINE = re.compile(r"^( *line )(\d+)(?=:)", re.MULTILINE)
DICE = "numgen "


def is_whole_text(text: str) -> bool:
    """Whether a text is whole rules, as `iptables-save` or `nft list ruleset` prints them, and no list of commands."""
    return edits.is_whole(text) or nft_edits.is_whole(text)


def loaded_rules(text: str, whole: str, family: int = 4) -> str:
    """Give a host's rules after a whole text was loaded: the tables that it names are replaced, the others stay.

    So does `iptables-restore`; of nft's tables those named are replaced, as if it began with `delete table`. A set or a chain may
    be written on one line. Raises RuleError, naming the line, for what is not understood.
    """
    if nft_edits.is_whole(whole):
        new = _laid_out(whole, family)
    else:
        new = whole
        read_rules(new, family).check()
    return _nft_loaded(nft_text(text), nft_text(new)) + _saved_loaded(saved_text(text), saved_text(new))


def _laid_out(whole: str, family: int) -> str:
    """A text with each of nft's words on a line of its own; an error in it names the line on which it was written."""
    laid = spread(whole)
    try:
        read_rules(str(laid), family).check()
    except RuleError as error:
        numbers = [0, *laid.numbers]
        said = _LINE.sub(lambda found: f"{found[1]}{numbers[int(found[2])]}", str(error))
        raise RuleError(said, line=numbers[error.line], text=error.text) from None
    return str(laid)


def _nft_loaded(old: str, new: str) -> str:
    if not old or not new:
        return old or new
    named = {(one.family, one.name): one for one in document(new).tables}
    kept = [named.pop((one.family, one.name), one) for one in document(old).tables]
    return str(Document((*kept, *named.values())))


def _saved_loaded(old: str, new: str) -> str:
    named = set(layout(new).tables)
    kept: list[str] = []
    inside = ""
    for line in old.splitlines(keepends=True):
        inside = line[1:].strip() if line.startswith("*") else inside
        if inside and inside not in named:
            kept.append(line)
        if line.strip() == "COMMIT":
            inside = ""
    return "".join([new.rstrip("\n") + "\n" if kept and new.strip() else new, *kept])


def edited_rules(text: str, commands: str, family: int = 4) -> str:
    """Give a host's rules after these commands, all of iptables or all of nft, one a line.

    Which they are is told by the first, and where that is neither, by the host's rules. Raises RuleError that names the line for what cannot be done.
    """
    first = next((line for line in commands.splitlines() if line.strip() and line.strip()[0] != "#"), "")
    neither = nft_text(text) and not _IPTABLES.match(first.strip())
    if nft_edits.is_command(first) or neither:
        return nft_edits.edited(nft_text(text), commands) + saved_text(text)
    if nft_text(text):
        return with_saved_text(text, edits.edited(saved_text(text), commands, family))
    return edits.edited(text, commands, family)


def nft_weights(text: str) -> dict[str, tuple[int, int]]:
    """For each table of nftables (without circles), how many rules a packet visits at most from one chain, and the dice in all."""
    nft = nft_text(text)
    tables = document(nft).tables if nft else ()
    return {f"{one.family} {one.name}": (_visits(one), str(one).count(DICE)) for one in tables}


def _visits(table: NftTable) -> int:
    maps = {one.name: _LEADS.findall(str(one)) for one in table.held if isinstance(one, NamedSet)}
    chains = {
        one.name: [str(rule) for rule in one.rules] for one in table.held if isinstance(one, NamedChain)
    }
    known: dict[str, int] = {}

    def weight(name: str) -> int:
        if name not in known:
            known[name] = 0  # a table of the other IP family may have a circle: nobody walks it
            known[name] = sum(1 + deeper(rule) for rule in chains.get(name, ()))
        return known[name]

    def deeper(rule: str) -> int:
        asked = _MAP.search(rule)
        of_map = max((weight(one) for one in maps.get(asked[1], ())), default=0) if asked else 0
        return of_map + sum(weight(one) for one in _LEADS.findall(rule))

    return max(map(weight, chains), default=0)
