"""The commands that change a node's rules: `iptables -A -I -D -R -P -F -N -X -Z -C`, and `iptables-restore`.

Simplified: from then on the node keeps exactly the rules that stand there; kube-proxy does not come by to
write its own again until it is restarted, or until the text is what it would have written anyway.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from svcnotes.errors import RuleError
from svcnotes.netfilter import edits
from svcnotes.netfilter.languages import nft_text, saved_text, with_saved_text
from svcnotes.netfilter.rule import Rule
from svcnotes.netfilter.save import BASE_CHAINS, layout
from svcnotes.netfilter.words import quote
from svcnotes.network.node_rules import check_text, rules_text
from svcnotes.network.rule_text import with_rules
from svcnotes.toolbox import mending
from svcnotes.toolbox.output import Printed, err
from svcnotes.toolbox.session import Call

VERSION = "v1.8.11 (nf_tables)"
_OWN = {"-Z": "-Z", "--zero": "-Z", "-C": "-C", "--check": "-C"}
CHANGES = (*edits.ACTIONS, *_OWN)
_SAYS = {
    edits.NO_CHAIN: "No chain/target/match by that name.",
    edits.NO_RULE: "Bad rule (does a matching rule exist in that chain?).",
    edits.BAD_INDEX: "Index of {} too big.",
    edits.EXISTS: "Chain already exists.",
    edits.BUSY: "CHAIN_DEL failed (Device or resource busy): chain {}",
    edits.NOT_BUILT_IN: "Bad built-in chain name.",
    edits.BAD_POLICY: "Bad policy name. Run `dmesg' for more information.",
    edits.NO_DROP_IN_NAT: '\nThe "nat" table is not intended for filtering, the use of DROP is therefore inhibited.\n',
}
_INDEX = {"-I": "insertion", "-D": "deletion", "-R": "replacement"}


def change(call: Call, args: Sequence[str], command: str) -> Printed:
    """Run a command that changes rules of the node."""
    family = 6 if call.name.startswith("ip6") else 4
    words = [word for word in args if word not in ("-w", "-n", "-v", "--wait")]
    table = "filter"
    for name in ("-t", "--table"):
        if name in words[:-1]:
            at = words.index(name)
            table = words[at + 1]
            del words[at : at + 2]
    if table not in BASE_CHAINS:
        said = f"table '{table}' does not exist\nPerhaps iptables or your kernel needs to be upgraded."
        return failed(call, said, 3)
    words = words[words.index(command) :]
    action = edits.ACTIONS.get(command) or _OWN[command]
    if len(words) < 2 and action not in ("-F", "-X", "-Z"):
        said = f"option \"{command}\" requires an argument\nTry `{call.name} -h' or '{call.name} --help' for more information."
        return failed(call, said, 2)
    whole = rules_text(call.cluster, call.place.host, None, family)
    text = with_rules(saved_text(whole), table, ())  # iptables makes a table that it has not met
    try:
        if action == "-Z":
            return _zero(call, family, table)
        if action == "-C":
            return (
                Printed()
                if _is_there(text, table, words[1:])
                else err(f"{call.name}: {_SAYS[edits.NO_RULE]}\n", 1)
            )
        return put(call, with_saved_text(whole, edits.changed(text, table, words)), family)
    except edits.EditError as error:
        said = _SAYS[error.kind].format(words[1] if error.kind == edits.BUSY else _INDEX.get(action, ""))
        return err(f"{call.name}: {said}\n", 1)
    except RuleError as error:
        said = str(error).partition("\n")[0]
        return failed(call, said.partition(": ")[2] if said.startswith("line ") else said, 2)


def restore(call: Call) -> Printed:
    """`iptables-restore [FILE]`, on the standard input: the tables in the text replace those there are."""
    family = 6 if call.name.startswith("ip6") else 4
    names = [word for word in call.args if not word.startswith("-")]
    if names and names[0] not in call.session.files:
        return err(f"Can't open {names[0]}: No such file or directory\n", 1)
    given = call.session.files[names[0]] if names else call.stdin or ""
    try:
        check_text(call.cluster, call.place.host, given, family)
    except RuleError as error:
        where = f"\nline {error.line}: " if error.line else ""
        return failed(call, f"{where}{str(error).partition(': ')[2] or error}", 2)
    whole = rules_text(call.cluster, call.place.host, None, family)
    new, old = _tables(given), _tables(saved_text(whole))
    return put(call, with_saved_text(whole, "".join({**old, **new}.values())), family)


def put(call: Call, text: str, family: int) -> Printed:
    """Give the node these rules; where they are what kube-proxy would write, let it go on writing them.

    Raises RuleError for rules that cannot be read.
    """
    node = call.place.host
    check_text(call.cluster, node, text, family)
    after = mending.rules_replaced(call.cluster, node, text, family)
    kept = {key: old for key, old in after.node_rules.items() if key != (node, family)}
    mended = replace(after, node_rules=kept)
    same = _content(rules_text(mended, node, None, family)) == _content(text)
    call.session.cluster = mended if same else after
    return Printed()


def _tables(text: str) -> dict[str, str]:
    """The text cut into its tables."""
    found: dict[str, str] = {}
    table = ""
    for line in text.splitlines():
        if line.startswith("*"):
            table = line[1:].strip()
            found[table] = ""
        if table and not line.startswith("#"):
            found[table] += f"{line}\n"
    return found


def _content(text: str) -> tuple[str, dict[str, dict[str, tuple[str, tuple[str, ...]]]]]:
    """What nft prints, and policies and rules of iptables by table and chain, however the text is laid out."""
    found = layout(saved_text(text))
    return nft_text(text), {
        table: {
            name: (chain.policy, tuple(found.lines[number - 1].rstrip() for number in chain.numbers))
            for name, chain in chains.items()
        }
        for table, chains in found.tables.items()
    }


def _is_there(text: str, table: str, words: list[str]) -> bool:
    wanted = Rule.parse(" ".join(["-A", words[0], *map(quote, words[1:])]))
    found = layout(text)
    chain = found.tables.get(table, {}).get(words[0])
    return chain is not None and any(Rule.parse(found.lines[n - 1]) == wanted for n in chain.numbers)


def _zero(call: Call, family: int, table: str) -> Printed:
    for counted in (call.session.packets, call.session.bytes):
        for key in [key for key in counted if key[:3] == (call.place.host, family, table)]:
            del counted[key]
    return Printed()


def failed(call: Call, said: str, code: int) -> Printed:
    """A failure in iptables' words."""
    return err(f"{call.name} {VERSION}: {said}\n", code)
