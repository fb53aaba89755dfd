"""Make Steps of what the kernel told of nftables' own rules: the verdict is its word, the rest stands in the text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from svcnotes.errors import RuleError
from svcnotes.kernel.sorting import packet_of
from svcnotes.kernel.visits import Said
from svcnotes.netfilter import Context, NftRuleset, Rules
from svcnotes.netfilter.choices import every_way
from svcnotes.netfilter.languages import Joined
from svcnotes.netfilter.log import Log
from svcnotes.netfilter.nftables.compile import Compiled, compile_rule
from svcnotes.netfilter.nftables.statements import read_rule
from svcnotes.netfilter.nftables.syntax import Assign, Nat, Plain, Rule, Statement
from svcnotes.netfilter.nftables.verdicts import Jump
from svcnotes.netfilter.skb import Skb, Toss
from svcnotes.packet import Packet, Step


def own_rules(rules: Rules) -> NftRuleset | None:
    """What of a host's rules is nftables'; None for none."""
    parts = rules.parts if isinstance(rules, Joined) else (rules,)
    return next((part for part in parts if isinstance(part, NftRuleset)), None)


def steps(
    rules: NftRuleset, said: Said, before: Packet, after: Packet | None, tried: dict[tuple[str, str], int]
) -> Iterator[Step]:
    """The step that the kernel told of; `after` is the packet as it was seen next, None where nothing saw it.

    `tried` holds the number of the last rule noted, by table and chain.
    """
    where = (said["table"], said["chain"])
    chain = rules.chain(*where)
    if chain is None:
        return
    if said["kind"] != "rule":
        passed = len(chain.texts) - tried.pop(where, 0)
        if said["kind"] == "policy" and (chain.texts or chain.policy != "accept"):
            yield Step(said["hook"], *where, chain.policy_text, before, before, chain.policy, 0, passed)
        return
    number = said["number"]
    text = chain.texts[number - 1]
    passed = max(number - tried.get(where, 0) - 1, 0)
    tried[where] = number
    verdict = said["verdict"]
    word, _, to = verdict.partition(" ")
    if to:
        tried.pop((where[0], to), None)
    statements = read_rule(text)[0].statements
    nat = next((one.kind for one in statements if isinstance(one, Nat)), "")
    if nat and word == "accept":
        verdict = {"redirect": "dnat"}.get(nat, nat)
    elif word == "drop" and any(isinstance(one, Plain) and one.words[0] == "reject" for one in statements):
        verdict = "reject"
    if not nat:
        # The kernel tells the mark as the rule left it.
        marks = any(isinstance(one, Assign) for one in statements)
        after = replace(before, mark=packet_of(said["packet"]).mark) if marks else before
    element = _element(rules, where[0], statements, said, before, after)
    yield Step(said["hook"], *where, text, before, after or before, verdict, number, passed, element=element)


def _element(
    rules: NftRuleset,
    title: str,
    statements: Sequence[Statement],
    said: Said,
    before: Packet,
    after: Packet | None,
) -> str:
    """What a rule found in sets and maps: looked up for the packet, on the way that led where the kernel's did."""
    family = title.partition(" ")[0]
    asking = [one for one in statements if any(mark in str(one) for mark in "@{")]
    try:
        acts = [
            compile_rule(
                Rule((one,)),
                0,
                "",
                family,
                lambda asked, keys, values: rules.asked(title, asked, keys, values),
            )
            for one in asking
        ]
        ways = [found for _, found in every_way(lambda toss: _found(acts, said["hook"], before, toss))]
    except RuleError:
        return ""
    if len(ways) == 1:
        return ways[0][2]
    went = (said["verdict"], _to(after)), ("", _to(after))
    return next((element for word, to, element in ways if (word, to) in went), "")


def _to(packet: Packet | None) -> tuple[str, int] | None:
    return (packet.destination, packet.destination_port) if packet else None


def _found(
    acts: Sequence[Compiled], hook: str, packet: Packet, toss: Toss
) -> tuple[str, tuple[str, int] | None, str]:
    """The chain that a rule leads to (empty for none), where the packet goes then, and the elements that it finds."""
    s = Skb(packet, hook, Context(), toss)
    s.log = Log(hook)
    word = ""
    for one in acts:
        if one.match is not None:
            one.match(s)
        result = one.act(s)
        word = result.word if isinstance(result, Jump) else word
    return word, _to(s.as_packet()), "; ".join(s.log.elements)
