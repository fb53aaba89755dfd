"""The recorded scenarios as questions for tools/conformance.py: with svcnotes' rules, then with the recorded ones.

Each flow is asked in the proxy mode that it was recorded in.
"""

# ruff: noqa: INP001 - a program to run, no package

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

import replay

from svcnotes.control_plane.cluster import Cluster
from svcnotes.kernel.lab import Asked
from svcnotes.kernel.loaders import lacking
from svcnotes.kernel.tracer import questions
from svcnotes.kube_proxy import modes as kube_proxy_modes
from svcnotes.network.node_rules import with_cni_masquerade
from svcnotes.trace import Path, Trace

KINDS = ("svcnotes'", "recorded")
MODES = tuple(mode.name for mode in kube_proxy_modes.MODES.values() if not lacking(mode.formats))


@dataclass(frozen=True)
class RecordedFlow:
    """One recorded flow, and the rules to ask it with; `part` numbers its scenario."""

    scenario: str
    rules: str
    part: int
    flow: dict[str, Any]

    def __str__(self) -> str:
        variant = f" ({self.flow['variant']})" if "variant" in self.flow else ""
        asked = f"{self.flow['from']} to {self.flow['dst']}"
        return f"{self.scenario}{variant}, {self.mode}, {self.rules} rules, {asked}"

    @property
    def mode(self) -> str:
        """The proxy mode that it was recorded in."""
        return str(self.flow["mode"])

    @cached_property
    def cluster(self) -> Cluster:
        """The recorded cluster, with the rules of the kind."""
        return _cluster(self.scenario, self.flow.get("variant"), self.rules, self.mode)

    def foretold(self) -> Trace:
        """What the simulation says."""
        return replay.asked(self.cluster, self.flow)

    def questions(self, foretold: Trace) -> list[Asked]:
        """What the lab is to ask."""
        return questions(
            self.cluster, foretold.source, foretold.to, foretold.protocol, foretold.via, foretold.proxy_mode
        )

    def differs_from_simulation(self, found: Trace) -> str:
        """What of the record the simulation does not allow."""
        return "; ".join(replay.disagreements(self.cluster, self.flow, found))

    def differs_from_kernel(self, paths: Iterable[Path], foretold: Trace) -> str:
        """What of the record the lab's kernel did not do: outcomes, refusals, Pods, the sources that each saw.

        A record is a number of tries and may lack what is rare (`foretold` has the chance).
        """
        every = list(paths)
        if self.flow["protocol"] == "HTTP":
            one = every[0]
            body = dict(one.body or {})
            same = self.flow["outcome"] == f"http-{one.status}" and self.flow["body"].items() <= body.items()
            return "" if same else f"record {self.flow['outcome']}, kernel {one.status} {body}"
        expected, outcomes = self._outcomes(foretold), {one.outcome for one in every}
        # With affinity one pick was kept for all tries: the record holds one end of several.
        affine = replay._affinity(self.cluster, self.flow)  # noqa: SLF001
        if not expected <= outcomes or (not affine and self._unlikely(outcomes - expected, foretold)):
            return f"record {sorted(expected)}, kernel {sorted(outcomes)}"
        return self._refusals(every) or self._answers(every, foretold, affine=affine)

    def _outcomes(self, foretold: Trace) -> set[str]:
        """The recorded outcomes; the record does not say what a send() that failed had met."""
        found = set(replay._expected(self.flow))  # noqa: SLF001
        return {replay._stopped(foretold) if one == "send-error" else one for one in found}  # noqa: SLF001

    def _unlikely(self, missing: set[str], foretold: Trace) -> bool:
        return self._rare([one for one in foretold.paths if one.outcome in missing])

    def _rare(self, paths: list[Path]) -> bool:
        """Whether it would be absurd that the record met none of these paths."""
        tries = sum(replay._expected(self.flow).values())  # noqa: SLF001
        return not replay.likely(0, tries, sum((one.probability for one in paths), Fraction()))

    def _refusals(self, every: list[Path]) -> str:
        if "how" not in self.flow:
            return ""
        family = 6 if self.flow["dst"].startswith("[") else 4
        senders = [replay.address(self.cluster, name, family) for name in self.flow.get("icmp_from") or [""]]
        wanted = {(self.flow["how"].lower(), sender) for sender in senders}
        seen = {(one.how, one.icmp_from) for one in every}
        return "" if seen == wanted else f"record {sorted(wanted)}, kernel {sorted(seen)}"

    def _answers(self, every: list[Path], foretold: Trace, *, affine: bool) -> str:
        answered = self.flow.get("answered_by") or {}
        if set(answered) == {"external-lb"}:
            return ""
        sources: dict[str, set[str]] = {}
        for one in every:
            if one.outcome == "connected":
                host = replay._outside(one.answered_by)  # noqa: SLF001
                who = one.pod.partition("/")[2] if one.pod else host
                sources.setdefault(who, set()).add(one.source_seen or "")
        more = {f"default/{who}" for who in set(sources) - set(answered)}
        missing = [one for one in foretold.paths if one.outcome == "connected" and one.pod in more]
        if not set(answered) <= set(sources) or (not affine and self._rare(missing)):
            return f"record answered by {sorted(answered)}, kernel {sorted(sources)}"
        by_pod = self.flow.get("seen_source_by_pod") or {
            who: list(self.flow.get("seen_source") or {}) for who in answered
        }
        wrong = {who: (seen, sources[who]) for who, seen in by_pod.items() if set(seen) != sources.get(who)}
        return f"sources: {wrong}" if wrong else ""


_CLUSTERS: dict[tuple[str, str | None, str, str], Cluster] = {}


def _cluster(scenario: str, variant: str | None, rules: str, mode: str) -> Cluster:
    key = (scenario, variant, rules, mode)
    if key not in _CLUSTERS:
        if len(_CLUSTERS) > 4:
            _CLUSTERS.clear()
        where = replay.cluster(scenario, variant)
        _CLUSTERS[key] = where if rules == KINDS[0] else _with_recorded_rules(scenario, where, mode)
    return _CLUSTERS[key]


def _with_recorded_rules(scenario: str, where: Cluster, mode: str) -> Cluster:
    version = where.families[0]
    (tool,) = kube_proxy_modes.mode_named(mode).formats
    for node in where.nodes:
        text = (replay.ORACLE / scenario / f"{node}.{tool}").read_text(encoding="utf-8")
        if where.world.cni_masquerade:
            text = with_cni_masquerade(text, where, node, version)
        where = where.with_rules(node, text, version)
    return where


def recorded() -> Iterator[RecordedFlow]:
    """Every recorded flow, by scenario, mode, kind of rules and variant."""
    for part, scenario in enumerate(replay.scenarios()):
        for mode in MODES:
            flows = sorted(replay.flows(scenario, mode), key=lambda flow: str(flow.get("variant")))
            for rules in KINDS:
                for flow in flows:
                    yield RecordedFlow(scenario, rules, part, flow)
