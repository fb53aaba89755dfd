"""A rule text and the chains in it."""

from svcnotes.netfilter.interim.ruleset import Ruleset

__all__ = ["Ruleset"]
