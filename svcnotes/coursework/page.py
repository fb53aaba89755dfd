"""One self-contained page: no script, no request; every word from outside is escaped and shown for what it is."""

from __future__ import annotations

import base64
import hashlib
import unicodedata
from fractions import Fraction
from functools import cache
from html import escape
from pathlib import Path

from svcnotes.coursework.marking import BLANK, MISSING, PARTIAL, RIGHT, UNJUDGED, WRONG

STATES = {
    RIGHT: "✔ Right",
    PARTIAL: "◐ In part",
    WRONG: "✘ Not yet",
    BLANK: "– No answer",
    MISSING: "– No answer cell",
    UNJUDGED: "⚠ Not judged",
}

MOST_MARKS = 4
"""Marks over one letter; a pile of them would cover the lines above and below."""


@cache
def _style() -> tuple[str, str]:
    """The style, and its hash for the policy."""
    style = (Path(__file__).parent / "page.css").read_text(encoding="utf-8")
    return style, base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()


def page(title: str, body: str) -> str:
    """A whole page around a body that is HTML already."""
    style, digest = _style()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(policy)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n<meta name="robots" content="noindex">\n'
        f"<title>{text(title)}</title>\n<style>{style}</style>\n</head>\n<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def text(words: str) -> str:
    """Words from outside as HTML: markup escaped, and what cannot be seen or turns the text round made visible."""
    if words.isascii() and words.isprintable():
        return escape(words)
    shown, marks = [], 0
    for letter in words:
        marks = marks + 1 if unicodedata.category(letter) in {"Mn", "Me"} else 0
        shown.append(letter if _seen(letter) and marks <= MOST_MARKS else f"‹U+{ord(letter):04X}›")
    return escape("".join(shown))


def _seen(letter: str) -> bool:
    """Whether a letter may stand in the page as it is: no control, no formatting, no half of a pair."""
    return letter in "\n\t" or unicodedata.category(letter) not in {"Cc", "Cf", "Cs", "Co", "Cn"}


def name(words: str) -> str:
    """A name, kept from turning what stands beside it round."""
    return f"<bdi>{text(words)}</bdi>"


def meter(share: Fraction, kind: str = "meter") -> str:
    """A bar of that share (0 to 1), for the eye; the number stands beside it."""
    # An SVG, for its width may be an attribute: a page without inline styles needs no looser policy.
    width = f"{max(0.0, min(1.0, float(share))) * 100:.1f}"
    return (
        f'<svg class="{kind}" width="{"100%" if kind == "bar" else "96"}" height="8" viewBox="0 0 100 8" '
        'preserveAspectRatio="none" aria-hidden="true"><rect width="100" height="8" fill="var(--line)"/>'
        f'<rect width="{width}" height="8" fill="var(--bar)"/></svg>'
    )
