"""Where printed lines are broken: a sentence between words, a rule never."""

from __future__ import annotations

import re

import pytest

from svcnotes.exercises.personal import ALL, draw
from svcnotes.exercises.verdict import WIDTH, Part, Verdict, wrapped

RULE = '-A KUBE-SEP-X -p tcp -m comment --comment "default/web:http" -m tcp -j DNAT --to-destination 10.244.1.10:8080'
SENTENCE = "The client waits in vain, since nobody answers it. " * 3
CHAIN = f"""\
  chain service-X {{
    ip daddr 10.96.0.10 tcp dport 80 ip saddr != 10.244.0.0/16 jump mark-for-masquerade {"comment" * 5}

    goto endpoint-X
  }}"""


@pytest.mark.parametrize("indent", ["", "    "])
@pytest.mark.parametrize(
    "line",
    [
        RULE,
        f"  {RULE}",
        f"-t nat {RULE}",
        f"iptables -t nat {RULE}",
        f"Hint 3: {RULE}",
        f"add rule ip kube-proxy nat-prerouting {'x ' * 50}y",
        f"nft add element ip kube-proxy service-ips {{ {'x ' * 50}y }}",
    ],
)
def test_a_rule_stays_on_one_line(line: str, indent: str) -> None:
    assert wrapped(line, indent) == [indent + line]


def test_what_nft_lists_in_braces_stays_as_it_is() -> None:
    assert wrapped(CHAIN) == CHAIN.splitlines()


def test_a_sentence_is_broken_also_after_a_chain() -> None:
    lines = wrapped(f"{CHAIN}\n{SENTENCE}")[len(CHAIN.splitlines()) :]
    assert len(lines) > 1
    assert all(len(line) <= WIDTH for line in lines)


def test_a_verdict_shows_its_rule_whole() -> None:
    verdict = Verdict((Part("the answer", ok=False),), rule=RULE, hint=RULE)
    assert f"\n    {RULE}\n" in str(verdict)
    assert str(verdict).endswith(f"\nHint: {RULE}")


@pytest.mark.parametrize("name", ["01-put-back", "07-stale", "08-mend", "09-move"])
def test_the_rules_of_a_question_can_be_copied(name: str) -> None:
    question = draw(name, "lines", "ada").question
    rules = [line for line in question.splitlines() if re.match(r" +(-A|elements|.* numgen) ", line)]
    assert any(len(line) > WIDTH for line in rules)
    shown = str(draw(name, "lines", "ada")).splitlines()
    assert [line for line in rules if line not in shown] == []


def test_what_is_no_rule_is_broken_in_every_question() -> None:
    rules = re.compile(r"\s*(-A|meta|ct|ip|elements|goto|numgen|comment|chain|set|map) ")
    for name in ALL:
        case = draw(name, "lines", "ada")
        for line in str(case).split("\nOne of: ")[0].splitlines():
            choice = line.strip().partition(". ")[2] in case.choices
            assert len(line) <= WIDTH or choice or rules.match(line), f"{name}: {line}"
