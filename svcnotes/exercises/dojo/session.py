"""One learner at one broken cluster: probes, a hypothesis, a fix, and the proof."""

from __future__ import annotations

import random
import textwrap
from collections.abc import Sequence

from svcnotes.control_plane.cluster import Cluster
from svcnotes.errors import SvcnotesError
from svcnotes.exercises.dojo.case import Case, Command, case, names
from svcnotes.exercises.dojo.evidence import enough, left, shortest, tell_tale
from svcnotes.exercises.dojo.faults import FAULTS
from svcnotes.exercises.verdict import WIDTH, Part, Printer, Verdict
from svcnotes.toolbox import Output, Terminal

SHOWN = 6
MOST_PROBES = 12
"""How many of the learner's probes are weighed; later ones count, and are not."""


class Session:
    """A case in work: `run` probes, `suspect` says what it is, `fix` changes something, `prove` follows the packets.

    State is the terminal's cluster, the probes run before the first fix, the hypothesis, and the fixes.
    """

    def __init__(self, given: Case) -> None:
        self.case = given
        self._terminal = Terminal(given.broken())
        self._probes: list[Command] = []
        self._fixes: list[Command] = []
        self._suspected = ""

    @property
    def cluster(self) -> Cluster:
        """The cluster as it is now."""
        return self._terminal.cluster

    @property
    def probes(self) -> tuple[Command, ...]:
        """The commands run before the first fix, each once, in order."""
        return tuple(dict.fromkeys(self._probes))

    def run(self, at: str, command: str, stdin: str = "") -> Output:
        """Run a tool at a host: `run("node-1", "iptables-save -t nat")`. What it prints comes from the model."""
        if not self._fixes:
            self._probes.append(Command(at, command, stdin))
        return self._terminal.run(at, command, stdin=stdin)

    def suspect(self, fault: str = "") -> str:
        """Say which fault you think it is; without one, list those there are. It can be changed until the fix."""
        if fault not in FAULTS:
            listed = "\n".join(f"  {name:<16} {words}" for name, words in FAULTS.items())
            unknown = f"{fault!r} is none of them. " if fault else ""
            return f"{unknown}Choose one:\n{listed}"
        if self._fixes:
            return "Too late for a new hypothesis: something was changed already. Start the case again."
        self._suspected = fault
        return f"Noted: {FAULTS[fault]} How would you see it? Probe, then fix."

    def fix(self, at: str, command: str, stdin: str = "") -> Output:
        """Change something: kubectl with YAML at the laptop, iptables, sysctl, ip or systemctl at a node."""
        self._fixes.append(Command(at, command, stdin))
        return self._terminal.run(at, command, stdin=stdin)

    def hint(self, level: int = 1) -> str:
        """A hint, from a nudge to the way itself."""
        every = (*self.case.hints, "One way: " + "\n".join(str(probe) for probe in shortest(self.case.name)))
        return every[max(0, min(level, len(every)) - 1)]

    def prove(self) -> Verdict:
        """Follow the packets of the symptom in the cluster as it is now, and weigh the way there."""
        name = self.case.name
        demands = [demand.part(self.cluster) for demand in self.case.demands]
        known = Part("the hypothesis, before the fix", ok=self._suspected == self.case.fault)
        said = next((seen for part, seen in demands if not part.ok), "")
        mended = all(part.ok for part, _ in demands)
        told = self._told(name) if mended else ""
        return Verdict(
            (*(part for part, _ in demands), known),
            said=said,
            explanation=told or self._wrong(),
            hint="" if mended else self.hint(1),
        )

    def _wrong(self) -> str:
        if not self._fixes:
            return "Nothing was changed yet, and the symptom is still there."
        return "The symptom is still there: this is what a trace of it shows now."

    def _told(self, name: str) -> str:
        """Which evidence would have told it, and how the learner's order of probes compares."""
        best = shortest(name)
        weighed = self.probes[:MOST_PROBES]
        lines = [f"It was: {FAULTS[self.case.fault]}"]
        if self._suspected and self._suspected != self.case.fault:
            lines.append(f"You suspected: {FAULTS[self._suspected]}")
        count = enough(name, weighed)
        others = left(name, weighed)
        if not weighed:
            lines.append("You changed something without looking first.")
        elif count:
            lines.append(
                f"After probe {count} of {len(self.probes)} no other case of the dojo was left; the shortest way is {len(best)}."
            )
        else:
            also = "; ".join(FAULTS[case(other).fault] for other in sorted(others)[:SHOWN])
            lines.append(f"Your {len(self.probes)} probes would have looked the same with: {also}")
        lines.append("What would have told it:")
        for probe in best:
            lines.append(f"  {probe}")
            lines += [f"    {line}" for line in tell_tale(name, probe)]
        return "\n".join(lines)

    def __str__(self) -> str:
        symptom = textwrap.fill(f"“{self.case.symptom}”", WIDTH)
        return f"Case {names().index(self.case.name) + 1}: {self.case.title}\n\n{symptom}"

    def _repr_pretty_(self, printer: Printer, cycle: bool) -> None:  # noqa: ARG002 - IPython's signature
        printer.text(str(self))


def open_case(name: str | int) -> Session:
    """Take a case in work, by its name or number. Raises QuestionError for an unknown one."""
    return Session(case(name))


def draw(seed: int, among: Sequence[str] = ()) -> Session:
    """Take a case by chance, the same for the same seed; its title is not given away by the name."""
    return Session(case(random.Random(seed).choice(tuple(among) or names())))  # noqa: S311 - a seeded draw, no secret


def solved(given: Case) -> Cluster:
    """The cluster after the case's own fix. Raises SvcnotesError where a command of it fails."""
    session = Session(given)
    for one in given.fix:
        output = session.fix(one.at, one.run, one.stdin)
        if output.exit_code:
            raise SvcnotesError(f"case {given.name}: {one}: {output}")
    return session.cluster
