"""Whatever text stands in the place of nftables rules: an error of ours, or a walk whose chances add up to 1."""

from functools import lru_cache
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rule_texts import HOST, SYN

from svcnotes.errors import RuleError
from svcnotes.netfilter import read_rules, walk
from svcnotes.netfilter.nftables.document import document
from svcnotes.netfilter.nftables.statements import rule

DATA = Path(__file__).parent.parent / "data"


@lru_cache
def lines() -> list[str]:
    text = (
        (DATA / "nftables" / "every-rule.nft")
        .read_text(encoding="utf-8")
        .replace("hook output", "hook forward")
    )
    return text.replace("127.0.0.0/8 counter packets 0 bytes 0 goto", "172.18.0.0/16 goto").splitlines()


def words() -> list[str]:
    return sorted({word for line in lines() for word in line.split()})


CHANGES = st.lists(
    st.tuples(
        st.integers(0, len(lines()) - 1),
        st.integers(0, 12),
        st.sampled_from(["drop", "put", "instead", "line"]),
        st.one_of(st.sampled_from(words()), st.text(max_size=6)),
    ),
    min_size=1,
    max_size=4,
)


def changed(changes) -> str:
    text = list(lines())
    for at, place, how, word in changes:
        parts = text[at].split(" ")
        if how == "line":
            text[at] = ""
        elif how == "drop":
            del parts[place % len(parts)]
        elif how == "put":
            parts.insert(place % len(parts), word)
        else:
            parts[place % len(parts)] = word
        if how != "line":
            text[at] = " ".join(parts)
    return "\n".join(text)


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(CHANGES, st.booleans())
def test_a_text_with_mistakes_is_refused_by_line_or_walked(changes, strict):
    text = changed(changes)
    try:
        read = read_rules(text, strict=strict).check()
        ways = walk(read, "FORWARD", SYN, HOST)
    except RuleError:
        return
    assert sum(way.probability for way in ways) == 1


@settings(max_examples=250, deadline=None)
@given(CHANGES)
def test_what_can_be_read_prints_as_what_is_read_again(changes):
    try:
        whole = document(changed(changes))
    except RuleError:
        return
    assert document(str(whole)) == whole


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(max_size=40), st.lists(st.sampled_from(words()), max_size=9).map(" ".join)))
def test_any_words_are_a_rule_that_prints_itself_or_an_error(text):
    try:
        found = rule(text)
    except RuleError:
        return
    assert rule(str(found)) == found
