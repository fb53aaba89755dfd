"""Edit a node's rules: the answer is a rule text, or commands that change it; then packets follow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from svcnotes.control_plane.cluster import Cluster
from svcnotes.errors import RuleError
from svcnotes.exercises.bounds import check_commands, check_rules
from svcnotes.exercises.claims import Claim, judged, untried
from svcnotes.exercises.exercise import Exercise, wrong
from svcnotes.exercises.verdict import Part, Verdict
from svcnotes.netfilter.editing import edited_rules, is_whole_text, loaded_rules
from svcnotes.network.node_rules import check_text, rules_text

LOADED = "the rules can be loaded"


def edit_rules(
    name: str,
    question: str,
    cluster: Callable[[], Cluster],
    node: str,
    claims: Sequence[Claim],
    hints: tuple[str, ...] = (),
    start: str = "",
) -> Exercise:
    """Ask for rules on `node` that make every claim true.

    The answer is whole tables, as `iptables-save` or `nft list ruleset` prints them (tables that it does not name stay), or
    commands, one a line, that change the rules which the node has: `-D CHAIN RULE`, `-A ...`, `-I ...` of iptables, or
    `add rule ...` and the like of nft.
    """

    def judge(answer: str) -> Verdict:
        before = cluster()
        family = before.families[0]
        try:
            whole = is_whole_text(answer)
            if not whole:
                check_commands(answer)
            rules = rules_text(before, node)
            text = loaded_rules(rules, answer, family) if whole else edited_rules(rules, answer, family)
            check_text(before, node, text, family)  # and once read, it is not read again for the packets
            check_rules(rules, text)
        except RuleError as error:
            found = wrong(said=str(error), explanation="The rules were left as they were.")
            return replace(found, parts=untried(claims, Part(LOADED, ok=False)))
        if text.split() == rules.split():
            found = wrong(explanation="This changes no rule: the node has these already.")
            return replace(found, parts=untried(claims, Part(LOADED, ok=False)))
        return judged(before.with_rules(node, text), claims, Part(LOADED, ok=True))

    return Exercise(name, question, judge, hints, start=start)
