"""A broken cluster: what a user says of it, how it was broken, what must hold when it is whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

from svcnotes import scenarios
from svcnotes.control_plane.cluster import Cluster
from svcnotes.control_plane.yaml_reader import read
from svcnotes.errors import QuestionError
from svcnotes.exercises.dojo.demand import Demand, Reported
from svcnotes.exercises.dojo.faults import FAULTS
from svcnotes.toolbox import Output, Terminal

WORLD = "dojo"


@dataclass(frozen=True, slots=True)
class Command:
    """One command at a host; `stdin` is what it reads (a manifest, rules), `times` how often it runs.

    A `tcpdump` watches while another command runs: `during`, and then `times` is how often that one runs.
    """

    at: str
    run: str
    stdin: str = ""
    times: int = 1
    during: Command | None = None

    def run_in(self, terminal: Terminal) -> Output:
        """Type it in a terminal."""
        if self.during is None:
            return terminal.run(self.at, self.run, times=self.times, stdin=self.stdin or None)
        return terminal.capture(self.at, self.run, self.during.at, self.during.run, times=self.times)

    def __str__(self) -> str:
        often = f"   ({self.times} times)" if self.times > 1 else ""
        meanwhile = f"   (while {self.during})" if self.during else ""
        read = f"\n{self.stdin.rstrip()}" if self.stdin else ""
        return f"{self.at}$ {self.run}{meanwhile}{often}{read}"


@dataclass(frozen=True, slots=True)
class Case:
    """A broken cluster of the dojo.

    `symptom` is what a user reports, `shows` the parts of it that a trace can show, `breaks` what was done
    to the whole cluster (commands, and changes of the World), `demands` what must hold when it is mended.
    `fault` is a key of `FAULTS`. `solver` are as few probes as can tell it from every other case, `fix`
    commands that mend it: one way of several, for the tests and for the last hint. `lesson` names the
    notebook that taught it, `numbers` the misconceptions it is about.
    """

    name: str
    title: str
    symptom: str
    fault: str
    breaks: tuple[Command | Mapping[str, Any], ...]
    demands: tuple[Demand, ...]
    solver: tuple[Command, ...]
    fix: tuple[Command, ...]
    shows: tuple[Reported, ...] = ()
    hints: tuple[str, ...] = ()
    lesson: str = ""
    numbers: tuple[int, ...] = ()

    def whole(self) -> Cluster:
        """The cluster before anything was broken."""
        return whole()

    def broken(self) -> Cluster:
        """The cluster as the user has it; the same value each time."""
        return _broken(self.name)


def names() -> tuple[str, ...]:
    """The names of all cases, in order."""
    found = (entry.name for entry in (files(__package__) / "cases").iterdir())
    return tuple(sorted(name.removesuffix(".yaml") for name in found if name.endswith(".yaml")))


@lru_cache(maxsize=64)
def case(name: str | int) -> Case:
    """A case by its name, or by its number from 1. Raises QuestionError, with the names there are."""
    every = names()
    if isinstance(name, int) and 1 <= name <= len(every):
        name = every[name - 1]
    if name not in every:
        raise QuestionError(f"no case {name!r}. There are 1 to {len(every)}, by name: {', '.join(every)}")
    text = (files(__package__) / "cases" / f"{name}.yaml").read_text(encoding="utf-8")
    given = read(text, f"{name}.yaml")[0].value
    return _read(str(name), given)


@lru_cache(maxsize=1)
def whole() -> Cluster:
    """The dojo's cluster, with nothing broken."""
    return scenarios.load(WORLD)


@lru_cache(maxsize=64)
def _broken(name: str) -> Cluster:
    cluster = whole()
    for one in case(name).breaks:
        cluster = done(cluster, one)
    return cluster


def done(cluster: Cluster, one: Command | Mapping[str, Any]) -> Cluster:
    """The cluster after one command, or one change of the World. Raises QuestionError where it fails."""
    if isinstance(one, Command):
        terminal = Terminal(cluster)
        output = one.run_in(terminal)
        if output.exit_code:
            raise QuestionError(f"{one}: {output}")
        return terminal.cluster
    return cluster.with_world(**one)


def _read(name: str, given: Mapping[str, Any]) -> Case:
    if given["fault"] not in FAULTS:
        raise QuestionError(f"case {name}: fault {given['fault']!r} is none of {', '.join(FAULTS)}")
    if not all(isinstance(hint, str) for hint in given.get("hints", ())):
        raise QuestionError(f"case {name}: a hint is no text: put it into quotes, for the colon in it")
    return Case(
        name=name,
        title=given["title"],
        symptom=" ".join(given["symptom"].split()),
        fault=given["fault"],
        breaks=tuple(_step(one) for one in given["breaks"]),
        demands=tuple(Demand.read(one) for one in given["demands"]),
        solver=tuple(_command(one) for one in given["solver"]),
        fix=tuple(_command(one) for one in given["fix"]),
        shows=tuple(Reported.read(one) for one in given.get("shows", ())),
        hints=tuple(given.get("hints", ())),
        lesson=given.get("lesson", ""),
        numbers=tuple(given.get("numbers", ())),
    )


def _step(given: Mapping[str, Any]) -> Command | Mapping[str, Any]:
    return given["world"] if "world" in given else _command(given)


def _command(given: Mapping[str, Any]) -> Command:
    during = _command(given["during"]) if "during" in given else None
    return Command(given["at"], given["run"], given.get("stdin", ""), given.get("times", 1), during)
