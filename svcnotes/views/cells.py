"""The look of tables in a page: a notebook's own style turns cells to the right and stripes the rows."""

from __future__ import annotations

from svcnotes.views.html import LINE, SOFT

TABLE = "border-collapse:collapse;font-size:12.5px;margin:0"
CELL = f"text-align:left;vertical-align:top;padding:4px 8px;border-bottom:1px solid {LINE};max-width:none"
HEAD = f"{CELL};border-bottom:2px solid {SOFT};font-weight:600"
CAPTION = f"text-align:left;color:{SOFT};padding:2px 0;caption-side:top"
ALARM = "border-left:5px double #D55E00"  # double as well as red: a shape for those who do not see the colour
