"""Shares: how large a part of the connections goes here? The answer is a fraction, a decimal or a percentage."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction

from svcnotes.exercises.asked import Asked
from svcnotes.exercises.evidence import jump_rule
from svcnotes.exercises.exercise import Exercise, right, wrong
from svcnotes.exercises.misconceptions import check_ideas
from svcnotes.exercises.verdict import Verdict
from svcnotes.trace import Path

COARSEST = Fraction(1, 100)
_NUMBER = re.compile(r"(?:about |ca\. ?|~|≈)?([0-9]{1,9}(?:[.,][0-9]{1,12})?) ?(%|percent|per cent)?")
_FRACTION = re.compile(r"([0-9]{1,9}) ?(?:/|in|of|out of) ?([0-9]{1,9})")


def share(
    name: str,
    question: str,
    asked: Asked | Sequence[Asked],
    of: str | Callable[[Path], bool],
    hints: tuple[str, ...] = (),
    *,
    ideas: Mapping[str, tuple[str, str]] | None = None,
    choices: tuple[str, ...] = (),
) -> Exercise:
    """Ask for the share of the connections that end as `of` says; several packets are equally likely.

    `of` is a pod (`namespace/name`), an outcome (`timeout`), or a predicate over paths. `ideas` maps a
    wrong share, written as `1/3`, to a misconception and an explanation.
    """
    packets = tuple(asked) if isinstance(asked, Sequence) else (asked,)
    known = {Fraction(text): idea for text, idea in (ideas or {}).items()}
    check_ideas((idea for idea, _ in known.values()), name)
    counts = of if callable(of) else _named(of)

    def judge(answer: str) -> Verdict:
        given = read_share(answer)
        if given is None:
            return wrong(explanation="An answer is a share of the whole, such as 1/3, 0.33 or 33 %.")
        value, within = given
        if not 0 <= value <= 1:
            return wrong(explanation="A share is at least 0 and at most 1 (100 %).")
        paths = [path for packet in packets for path in packet.trace().paths]
        exact = sum((path.probability for path in paths if counts(path)), Fraction(0)) / len(packets)
        rule = next((text for path in paths if counts(path) and (text := _dice(path))), "")
        if abs(value - exact) <= within:
            return right(show(exact), explanation=f"Exactly {show(exact)}.", rule=rule)
        idea, why = next((idea for one, idea in known.items() if abs(value - one) <= within), ("", ""))
        why = why or "Add up the probabilities of the paths that end so: svcnotes.trace gives each exactly."
        return wrong(show(value), misconception=idea, explanation=why, rule=rule)

    # Who sees what is another question, so a connection is not told of.
    return Exercise(
        name,
        question,
        judge,
        hints,
        choices,
        ask=packets[0].trace,
        tells=lambda path: counts(path) and path.outcome != "connected",
    )


def read_share(text: str) -> tuple[Fraction, Fraction] | None:
    """Read `1/3`, `1 in 3`, `0.33` or `33 %`: the share, and how far off it may be; None for anything else.

    A rounded number may be off by half of its last digit, at most by one hundredth; a fraction is exact.
    """
    plain = " ".join(text.strip().lower().rstrip(".!").split())
    if found := _FRACTION.fullmatch(plain):
        over, under = int(found[1]), int(found[2])
        return (Fraction(over, under), Fraction(0)) if under else None
    if found := _NUMBER.fullmatch(plain):
        digits, percent = found[1].replace(",", "."), bool(found[2])
        scale = Fraction(1, 100) if percent else Fraction(1)
        last = Fraction(1, 10 ** len(digits.partition(".")[2]))
        exact = "." not in digits and not percent
        return Fraction(digits) * scale, Fraction(0) if exact else min(last * scale / 2, COARSEST)
    return None


def show(share: Fraction) -> str:
    """A share in words: `1/3 (33.3 %)`, `1/2 (50 %)`."""
    percent = f"{float(share * 100):.1f}".removesuffix(".0")
    return f"{share} ({percent} %)"


def _named(what: str) -> Callable[[Path], bool]:
    if "/" in what:
        return lambda path: path.pod == what and path.outcome == "connected"
    return lambda path: path.outcome == what


def _dice(path: Path) -> str:
    """The rule that chose an endpoint with a probability, empty where there was only one."""
    rule = jump_rule(path, "KUBE-SEP-")
    return rule if "--probability" in rule else ""
