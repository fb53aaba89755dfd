"""Walk a packet through the tables of one hook, as the kernel would, forking where it would toss."""

from svcnotes.netfilter.interim.walker import TABLES, visited_rules, walk

__all__ = ["TABLES", "visited_rules", "walk"]
