"""What Linux does with a packet and a rule text: tables, chains, rules, matches, targets, conntrack.

A host carries a packet like this: `walk` at PREROUTING or OUTPUT; decide the route by the packet that
came out; `walk` at INPUT, or at FORWARD and then POSTROUTING; each time with a `Context` that holds
`recent`, `conntrack` and `connection` of the `Walk` before. What conntrack does (look up, translate
by an entry, enter a new one into the table at INPUT or POSTROUTING) happens inside `walk`.
"""

from svcnotes.netfilter.conntrack import Connection, Conntrack, Entry, Flow
from svcnotes.netfilter.context import Context
from svcnotes.netfilter.fast import Decision, decide
from svcnotes.netfilter.recent import Recent
from svcnotes.netfilter.ruleset import Ruleset
from svcnotes.netfilter.translation import translate
from svcnotes.netfilter.walk import VisitedRule, Walk
from svcnotes.netfilter.walker import visited_rules, walk

__all__ = [
    "Connection",
    "Conntrack",
    "Context",
    "Decision",
    "Entry",
    "Flow",
    "Recent",
    "Ruleset",
    "VisitedRule",
    "Walk",
    "decide",
    "translate",
    "visited_rules",
    "walk",
]
