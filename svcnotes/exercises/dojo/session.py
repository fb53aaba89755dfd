"""One learner at one broken cluster: probes, a hypothesis, a fix, and the proof."""

from __future__ import annotations

import difflib
import random
import re
import textwrap
from collections.abc import Sequence

from svcnotes.control_plane.cluster import Cluster
from svcnotes.errors import QuestionError, SvcnotesError
from svcnotes.exercises.dojo.case import Case, Command, case, names
from svcnotes.exercises.dojo.faults import FAULTS
from svcnotes.exercises.dojo.telling import told
from svcnotes.exercises.verdict import WIDTH, Part, Printer, Verdict
from svcnotes.toolbox import Output, Terminal


class Text(str):
    """A text that a notebook shows as it is, without quotes."""

    __slots__ = ()

    def _repr_pretty_(self, printer: Printer, cycle: bool) -> None:  # noqa: ARG002 - IPython's signature
        printer.text(str(self))


class Session:
    """A case in work: `run` probes, `suspect` says what it is, `fix` changes something, `prove` follows the packets.

    State is the terminal, the probes run before the first change, the hypothesis, and the changes.
    """

    def __init__(self, given: Case) -> None:
        self.case = given
        self._terminal = Terminal(given.broken())
        self._probes: list[Command] = []
        self._changes: list[Command] = []
        self._idle: tuple[Command, Output] | None = None
        self._unknown = ""
        self.suspected = ""
        self.because = ""

    @property
    def cluster(self) -> Cluster:
        """The cluster as it is now."""
        return self._terminal.cluster

    @property
    def probes(self) -> tuple[Command, ...]:
        """The commands run before the first change, in order."""
        return tuple(self._probes)

    def run(self, at: str, command: str, stdin: str = "", *, times: int = 1) -> Output:
        """Run a tool at a host, such as `run("node-1", "iptables-save -t nat")`, once or several times.

        `stdin` is a text for the command to read. What it prints comes from the model. Raises
        QuestionError as `Terminal.run` does.
        """
        return self._typed(Command(at, command, stdin, times))

    def watch(self, at: str, tcpdump: str, other: str, command: str, *, times: int = 1) -> Output:
        """What a `tcpdump` at one host prints while a command runs at another.

        `watch("node-1", "tcpdump -ni any tcp port 8080", "client", "curl -m 2 http://172.18.0.11:30080/")`.
        """
        return self._typed(Command(at, tcpdump, times=times, during=Command(other, command)))

    def fix(self, at: str, command: str, stdin: str = "") -> Output:
        """Change something: kubectl at the laptop; iptables, sysctl, ip, bridge, systemctl at a node; ip at the router.

        What changes nothing counts as a probe, as what `run` changes counts as a change.
        """
        before, done = self.cluster, Command(at, command, stdin)
        output = self._typed(done)
        self._idle = (done, output) if self.cluster is before else None
        return output

    def _typed(self, command: Command) -> Output:
        before = self.cluster
        output = command.run_in(self._terminal)
        if self.cluster is not before:
            self._changes.append(command)
        elif not self._changes:
            self._probes.append(command)
        return output

    def suspect(self, fault: str = "", because: str = "") -> Text:
        """Say which fault you think it is, and why; without one, list those there are.

        It can be changed until something is changed. `because` is kept as you wrote it.
        """
        bare = re.sub(r"[\W_]", "", fault).lower()  # nodeport, Node Port and node-port are the same
        fault = next((name for name in FAULTS if name.replace("-", "") == bare), fault)
        if fault not in FAULTS:
            self._unknown = fault
            close = difflib.get_close_matches(fault, FAULTS, 1, 0.5)
            unknown = (
                f"{fault!r} is none of them.{f' Did you mean {close[0]}?' if close else ''} " if fault else ""
            )
            listed = "\n".join(f"  {name:<15} {words}" for name, words in FAULTS.items())
            return Text(f"{unknown}Choose one:\n{listed}")
        if self._changes:
            return Text("Too late for a new hypothesis: something was changed already. Open the case again.")
        self.suspected, self.because = fault, because
        why = f" Because: {because}" if because else ""
        return Text(
            f"Noted: {FAULTS[fault]}{why}\nWhich command would print something else if you were wrong?"
        )

    def hint(self, level: int = 1) -> Text:
        """A hint, from a nudge to the probe that tells it and a way to mend it."""
        given = self.case
        probes, mends = ("\n".join(map(str, commands)) for commands in (given.solver, given.fix))
        every = (*given.hints, f"This tells it:\n{probes}", f"This mends it:\n{mends}")
        at = max(1, min(level, len(every)))
        more = f"\n({at} of {len(every)} hints)" if at < len(every) else ""
        return Text(every[at - 1] + more)

    def prove(self) -> Verdict:
        """Follow the packets of the symptom in the cluster as it is now, and weigh the way there.

        The parts of the verdict are what must hold, and the hypothesis; the explanation tells which
        evidence decides, and how the order of your probes compares with the shortest.
        """
        reason = bool(self._changes)  # before any change it would give the answer away
        demands = [demand.part(self.cluster, reason=reason) for demand in self.case.demands]
        mended = all(part.ok for part, _ in demands)
        none = f"{self._unknown!r} is none of the faults" if self._unknown.strip("?") else "none was written"
        words = FAULTS.get(self.suspected, none).rstrip(".")
        known = Part(f"the hypothesis before the first change: {words}", ok=self.suspected == self.case.fault)
        return Verdict(
            (*(part for part, _ in demands), known),
            said=next((seen for part, seen in demands if not part.ok), ""),
            explanation=told(self.case, self.suspected, self.because, self.probes)
            if mended
            else self._still(),
            hint="" if mended else str(self.hint(1)),
        )

    def _still(self) -> str:
        if not self._changes and self._idle is not None:
            return self._in_vain(*self._idle)
        if not self._changes:
            return "Nothing was changed yet, and the symptom is there. Where and why it dies, your probes can tell."
        return "The symptom is still there: above is what a trace of it shows now."

    def _in_vain(self, command: Command, output: Output) -> str:
        """Why the last fix, after which nothing is different, was none; a cell need not have shown its output."""
        if not command.run.strip("? "):
            return "Nothing was changed yet: put a command in place of the question marks."
        why = str(output).partition("\n")[0] if output.exit_code else "it printed something, and that was all"
        return f"Nothing was changed yet. {command.at}$ {command.run}: {why}"

    def __str__(self) -> str:
        number = names().index(self.case.name) + 1
        symptom = textwrap.fill(f"“{self.case.symptom}”", WIDTH)
        return f"Case {number}: {self.case.title}\n\n{symptom}"

    def _repr_pretty_(self, printer: Printer, cycle: bool) -> None:  # noqa: ARG002 - IPython's signature
        printer.text(str(self))


def open_case(name: str | int) -> Session:
    """Take a case in work, by its name or number. Raises QuestionError for an unknown one."""
    return Session(case(name))


def draw(seed: int, among: Sequence[str | int] = ()) -> Session:
    """Take a case by chance, the same for the same seed; `among` are names or numbers, all of them where it is empty.

    Raises QuestionError for a seed that is no number, or an unknown case.
    """
    if not isinstance(seed, int):
        raise QuestionError(f"draw: seed={seed!r}: write a whole number, such as your birthday")
    chosen = tuple(among) or names()
    return Session(case(random.Random(seed).choice(chosen)))  # noqa: S311 - a seeded draw, no secret


def solved(given: Case) -> Cluster:
    """The cluster after the case's own fix. Raises SvcnotesError where a command of it fails."""
    session = Session(given)
    for one in given.fix:
        output = session.fix(one.at, one.run, one.stdin)
        if output.exit_code:
            raise SvcnotesError(f"case {given.name}: {one}: {output}")
    return session.cluster
