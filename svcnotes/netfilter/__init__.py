"""What Linux does with a packet and a rule text: tables, chains, rules, matches, targets, conntrack.

`read_rules` reads a text in either language of rules, iptables' (`Ruleset`) or nftables' (`NftRuleset`), or in both at
once; what it gives is `Rules`: chains at hooks, each with a priority. IPVS's virtual servers are one more of that kind.

A host carries a packet like this: `walk` at PREROUTING or OUTPUT; decide the route by the packet that
came out; `walk` at INPUT, or at FORWARD and then POSTROUTING; each time with a `Context` that holds
`recent`, `learnt`, `conntrack` and `connection` of the `Walk` before. What conntrack does (look up, translate
by an entry, enter a new one into the table at INPUT or POSTROUTING) happens inside `walk`.
"""

from svcnotes.netfilter.balancing import Balancing, Served
from svcnotes.netfilter.conntrack import Connection, Conntrack, Entry, Flow
from svcnotes.netfilter.context import Context
from svcnotes.netfilter.fast import Decision, decide
from svcnotes.netfilter.languages import read_rules
from svcnotes.netfilter.learnt import Learnt
from svcnotes.netfilter.nftables.ruleset import NftRuleset
from svcnotes.netfilter.recent import Recent
from svcnotes.netfilter.ruleset import Ruleset
from svcnotes.netfilter.stops import Rules
from svcnotes.netfilter.translation import translate
from svcnotes.netfilter.walk import VisitedRule, Walk
from svcnotes.netfilter.walker import visited_rules, walk

__all__ = [
    "Balancing",
    "Connection",
    "Conntrack",
    "Context",
    "Decision",
    "Entry",
    "Flow",
    "Learnt",
    "NftRuleset",
    "Recent",
    "Rules",
    "Ruleset",
    "Served",
    "VisitedRule",
    "Walk",
    "decide",
    "read_rules",
    "translate",
    "visited_rules",
    "walk",
]
