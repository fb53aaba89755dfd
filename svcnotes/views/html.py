"""One self-contained HTML page: no request leaves it, and only its own script and style may run.

Names from a cluster may hold markup: words are escaped, data is JSON in a block that is never run.
"""

from __future__ import annotations

import base64
import hashlib
import json
from html import escape
from typing import Any

from svcnotes.trace import Trace
from svcnotes.views.cast import cast_of
from svcnotes.views.headline import choice, headline
from svcnotes.views.layout import NARROW, layout
from svcnotes.views.marks import MARKS, Mark, names_of
from svcnotes.views.pack import alt_text
from svcnotes.views.prose import ADDRESS, CODE, STRONG, Prose
from svcnotes.views.story import Story, tell
from svcnotes.views.svg import svg

# JupyterLab's colours of the theme, and what stands for them elsewhere.
INK = "var(--jp-ui-font-color0, #1d232b)"
SOFT = "var(--jp-ui-font-color1, #4d5766)"
LINE = "var(--jp-border-color1, #b4bbc6)"
TINT = "var(--jp-layout-color2, #f0f2f5)"

PAGE_STYLE = """
:root { color-scheme: light dark; }
body { margin: 16px; font: 14px/1.45 system-ui, "DejaVu Sans", sans-serif; background: #ffffff; color: #1d232b; }
@media (prefers-color-scheme: dark) {
  :root { --jp-ui-font-color0: #ffffff; --jp-ui-font-color1: #d3d8df; --jp-layout-color0: #15181c;
    --jp-layout-color2: #22272e; --jp-border-color1: #5c6570; }
  body { background: #15181c; color: #ffffff; }
  body .svcnotes-stage { --bad: #ff9d5c; --lit: #463a12; }
}
"""


def page(title: str, script: str, style: str, data: Any, twin: str) -> str:
    """Write a page around a module script that finds `data` (JSON) in the element `svcnotes-data`.

    `twin` is the page's story in plain words, for readers without scripts.
    """
    style = style + PAGE_STYLE
    policy = (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{escape(policy)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<style>{style}</style>
</head>
<body>
<main id="svcnotes-stage"></main>
<noscript><pre>{escape(twin)}</pre></noscript>
<script type="application/json" id="svcnotes-data">{_json(data)}</script>
<script type="module">{script}</script>
</body>
</html>
"""


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _json(data: Any) -> str:
    """Write JSON that cannot end its script element: `<`, `>` and `&` are written as escapes."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    for sign, written in (("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026")):
        text = text.replace(sign, written)
    return text


def sentence_html(sentence: Prose) -> str:
    """Write a sentence as HTML, each address with its mark."""
    parts = []
    for run in sentence:
        text = escape(run.text)
        if run.kind == ADDRESS:
            parts.append(mark_html(run.role, run.text))
        elif run.kind == CODE:
            parts.append(f"<code>{text}</code>")
        elif run.kind == STRONG:
            parts.append(f"<strong>{text}</strong>")
        else:
            parts.append(text)
    return "".join(parts)


def mark_html(role: str, text: str) -> str:
    """Write an address, or whatever else is somebody's, with the mark of its owner's role."""
    mark = glyph_html(MARKS[role])
    return f'<span style="white-space:nowrap;font-family:monospace">{mark} {escape(text)}</span>'


def glyph_html(mark: Mark) -> str:
    """Write a mark with an edge of ink: some of the colours are light on light paper, others dark on dark."""
    style = f"color:{mark.colour};-webkit-text-stroke:.5px {INK}"
    return f'<span aria-hidden="true" style="{style}">{mark.glyph}</span>'


def trace_html(trace: Trace) -> str:
    """Write a trace as a fragment of HTML: for each path its sentence, picture and moments."""
    names = names_of(trace)
    return "".join(_path(tell(trace, path, names)) for path in trace.paths)


def _path(story: Story) -> str:
    picture = svg(layout(story, cast_of(story.trace), NARROW), alt_text(story))
    moments = "".join(f"<li>{sentence_html(moment.sentence)}</li>" for moment in story.moments)
    share = choice(story)
    return (
        f"<section><p>{sentence_html(headline(story))}{f' {escape(share)}.' if share else ''}</p>{picture}"
        f"<details><summary>The same in words</summary><ol>{moments}</ol></details>{_not_understood(story)}</section>"
    )


def _not_understood(story: Story) -> str:
    said = "".join(f"<li>{escape(text)}</li>" for text in story.path.not_understood)
    return f"<p>Rules on the way that are not understood:</p><ul>{said}</ul>" if said else ""
