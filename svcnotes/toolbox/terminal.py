"""A terminal on the simulated cluster: it runs a command line at a host and gives what that would print."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

from svcnotes.control_plane.cluster import Cluster
from svcnotes.errors import QuestionError
from svcnotes.toolbox import shell
from svcnotes.toolbox.filters import FILTERS
from svcnotes.toolbox.following import followed
from svcnotes.toolbox.loops import Loop, loop
from svcnotes.toolbox.output import ERR, OUT, Output, Printed, err, note
from svcnotes.toolbox.places import LAPTOP, Place, place
from svcnotes.toolbox.reconciling import reconcile
from svcnotes.toolbox.session import AGE, OPENED, Call, Session
from svcnotes.toolbox.tools import TOOLS, missing

MOST_TIMES = 1000
THINKING = 1.0  # seconds from one command to the next


class Terminal:
    """A terminal that can be at any host of a cluster and its world.

    It keeps what the hosts remember (conntrack), a clock, counters of rules, and a log. Which of
    several equally possible things happens is drawn with `seed`: the same commands with the same
    seed print the same. Nothing is run on the real machine.
    """

    def __init__(self, cluster: Cluster, *, seed: int = 1) -> None:
        session = Session(cluster, random.Random(seed), opened=_opened(cluster))  # noqa: S311 - dice, no secret
        session.execute, session.type_at = self._command, self._line
        session.born = dict.fromkeys(cluster.state.objects, -AGE)
        self._session = session
        self._log: list[tuple[str, str]] = []

    def __repr__(self) -> str:
        return f"<Terminal: {len(self._log)} commands run, {self._session.cluster!r}>"

    @property
    def cluster(self) -> Cluster:
        """The cluster as it is now: kubectl may have changed it."""
        return self._session.cluster

    @cluster.setter
    def cluster(self, cluster: Cluster) -> None:
        """Put another cluster in place; the hosts remember what they remember."""
        before, self._session.cluster = self._session.cluster, cluster
        reconcile(self._session, before)

    @property
    def log(self) -> list[tuple[str, str]]:
        """The commands run so far, in order: (host, command)."""
        return list(self._log)

    @property
    def files(self) -> dict[str, str]:
        """Texts by name, for `kubectl apply -f NAME` and `cat NAME`; `> NAME` writes here."""
        return self._session.files

    @property
    def now(self) -> float:
        """The seconds since the terminal was opened; each command takes a second, a timeout its time."""
        return self._session.now

    def wait(self, seconds: float) -> None:
        """Let time pass: memories of connections grow old. Raises QuestionError for a time that runs back."""
        if not seconds >= 0:
            raise QuestionError(f"wait: {seconds} seconds cannot pass; give a number of at least 0")
        self._session.now += seconds

    def run(
        self, host: str, command: str | None = None, *, times: int = 1, stdin: str | None = None
    ) -> Output:
        """Type a command at a host and read what it prints.

        `host` is `node-1`, `client`, an outside address, `pod/NAMESPACE/NAME`, `router`, or `laptop`, which
        has kubectl (`run("kubectl ...")` alone is at the laptop). `times` runs it several times, `stdin` is
        a text for `kubectl apply -f -`. What goes wrong is printed as the shell or the tool words it. Raises
        QuestionError for arguments that are no text, RuleError where a node's rules cannot be read.
        """
        if command is None:
            host, command = LAPTOP, host
        if not isinstance(host, str) or not isinstance(command, str):
            raise QuestionError('run: a host and a command are texts; write run("node-1", "ip route")')
        if not isinstance(times, int) or not 1 <= times <= MOST_TIMES:
            raise QuestionError(f"run: times={times!r}: write a number from 1 to {MOST_TIMES}")
        self._session.frames = []
        outputs = tuple(self._once(host, command, stdin) for _ in range(times))
        if times == 1:
            return outputs[0]
        return Output("".join(map(str, outputs)), outputs[-1].exit_code, outputs)

    def capture(self, host: str, tcpdump: str, command_host: str, command: str, *, times: int = 1) -> Output:
        """Run a command somewhere, and give what `tcpdump` at `host` prints meanwhile.

        The command's own output is in `runs`.
        """
        self._log.append((host, tcpdump))
        done = self.run(command_host, command, times=times)
        seen = self._typed(host, tcpdump, None)
        return Output(seen.text, seen.exit_code, done.runs or (done,))

    def _once(self, host: str, command: str, stdin: str | None) -> Output:
        self._log.append((host, command))
        printed = self._typed(host, command, stdin)
        return Output(printed.text, printed.exit_code)

    def _typed(self, host: str, command: str, stdin: str | None) -> Printed:
        self._session.now += THINKING
        try:
            here = place(self.cluster, host)
        except QuestionError as error:
            return err(f"ssh: Could not resolve hostname {host}: Name or service not known\n", 255).then(
                note(f"{error}", 255)
            )
        return self._line(here, command, stdin)

    def _line(self, here: Place, command: str, stdin: str | None) -> Printed:
        """Run a command line at a place."""
        try:
            looped = loop(command)
            if looped is not None:
                return self._looped(here, looped, stdin)
            pipelines = shell.parse(command)
        except shell.ShellError as error:
            return err(f"{error}\n", 2)
        return self._run(here, pipelines, stdin)

    def _looped(self, here: Place, looped: Loop, stdin: str | None) -> Printed:
        """Run a loop's command lines, and put all that they print into the pipe behind `done`."""
        rest = looped.rest.removeprefix("2>&1").lstrip()
        behind = shell.parse(rest[1:]) if rest[:1] in ("|", ";") else ()
        if rest and not behind:
            raise shell.ShellError(f"bash: syntax error near unexpected token `{rest.split()[0]}'")
        printed = Printed()
        for line in looped.lines:
            printed = printed.then(self._line(here, line, stdin))
        if rest[:1] != "|":
            return printed.then(self._run(here, behind, None)) if behind else printed
        merged = looped.rest != rest
        shown = tuple(part for part in printed.parts if part[0] == ERR and not merged)
        piped = self._piped(here, behind[0], printed.text if merged else printed.stdout)
        first = Printed(shown + piped.parts, piped.exit_code)
        return first.then(self._run(here, behind[1:], None)) if behind[1:] else first

    def _run(self, here: Place, pipelines: tuple[shell.Pipeline, ...], stdin: str | None) -> Printed:
        """Run pipelines one after the other, as `;`, `&&` and `||` say."""
        printed = Printed()
        for pipeline in pipelines:
            skips = {"&&": printed.exit_code != 0, "||": printed.exit_code == 0}
            if not skips.get(pipeline.link, False):
                printed = printed.then(self._piped(here, pipeline, stdin))
        return printed

    def _piped(self, here: Place, pipeline: shell.Pipeline, stdin: str | None) -> Printed:
        """Run the commands of a pipeline; what they write to the error output is shown before the end's."""
        shown: tuple[tuple[int, str], ...] = ()
        carried = stdin
        printed = Printed()
        for number, one in enumerate(pipeline.commands, 1):
            printed = self._redirected(here, one, carried)
            if number < len(pipeline.commands):
                shown += tuple(part for part in printed.parts if part[0] == ERR)
                carried = printed.stdout
        return Printed(shown + printed.parts, printed.exit_code)

    def _redirected(self, here: Place, one: shell.Command, carried: str | None) -> Printed:
        files = self._session.files
        stdin = carried if one.stdin is None else one.stdin
        if one.reads:
            if one.reads not in files:
                return err(f"bash: {one.reads}: No such file or directory\n")
            stdin = files[one.reads]
        printed = self._command(here, one.words, stdin)
        parts = tuple((OUT if one.merged else stream, text) for stream, text in printed.parts)
        parts = tuple(part for part in parts if part[0] not in one.quiet)
        printed = Printed(parts, printed.exit_code)
        if one.file:
            before = files.get(one.file, "") if one.appends else ""
            files[one.file] = before + printed.stdout
            parts = tuple(part for part in parts if part[0] == ERR)
        return Printed(parts, printed.exit_code)

    def _command(self, here: Place, words: tuple[str, ...], stdin: str | None) -> Printed:
        words = words[1:] if words[0] == "sudo" and len(words) > 1 else words
        name = words[0].rpartition("/")[2] or words[0]
        if name in FILTERS:
            return FILTERS[name](words[1:], stdin or "")
        tool = TOOLS.get(name)
        if tool is None or here.kind not in tool.where:
            return missing(here, words[0])
        before = self.cluster
        try:
            printed = tool.run(Call(self._session, here, name, words[1:], stdin))
        except QuestionError as error:
            printed = err(f"{name}: {error}\n")
        if self.cluster is not before:
            self._session.cluster = followed(before, self.cluster)
            reconcile(self._session, before)
        return printed


def _opened(cluster: Cluster) -> datetime:
    """The time of day at the beginning: after the last thing that the cluster's files date."""
    given = [str(obj["metadata"].get("creationTimestamp") or "") for obj in cluster.state.objects.values()]
    try:
        last = max((datetime.fromisoformat(text) for text in given if text), default=OPENED)
    except (ValueError, TypeError):
        return OPENED
    last = last if last.tzinfo else last.replace(tzinfo=UTC)
    return max(OPENED, last + timedelta(seconds=AGE))
