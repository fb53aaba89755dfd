"""Write the pages of the book that follow from its lessons.

notebooks/misconceptions.md says which misconception has its moment in which cell of which lesson,
notebooks/exercises.md what each exercise of the coursework tests,
notebooks/glossary.md where each term of tools/terms.yaml is met first, notebooks/rules-and-chains.md where each
kind of rule of tools/chains.yaml is taught. In each lesson the section "Your own case" follows from the catalogue of
the coursework (tools/own_cases.py).

    python tools/make_book.py
"""
# ruff: noqa: INP001 - a script, no package

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from svcnotes import rules, scenarios
from svcnotes.exercises import coverage
from svcnotes.exercises.misconceptions import ALL as IDEAS
from svcnotes.exercises.misconceptions import LISTED, NUMBER, ideas_of
from svcnotes.exercises.personal import ALL as COURSEWORK
from svcnotes.exercises.personal import KINDS
from svcnotes.exercises.personal.skills import SKILLS

sys.path[:0] = [str(Path(__file__).parent)]

import own_cases  # noqa: E402 - tools are no package
import teaching_plan  # noqa: E402 - the same

TOOLS = Path(__file__).parent
NOTEBOOKS = TOOLS.parent / "notebooks"
MADE = "<!-- Written by tools/make_book.py: change that, or the lessons, and run it again. -->"


PROMISES = ("stage-try", "recap")


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a lesson: `lesson` is the notebook's name without `.ipynb`."""

    lesson: str
    name: str
    kind: str
    text: str


@cache
def cells(folder: Path = NOTEBOOKS) -> tuple[Cell, ...]:
    """All cells of all notebooks, in the book's order; a list of exercises explains nothing and is left out."""
    return tuple(
        Cell(path.stem, cell["id"], cell["cell_type"], "".join(cell["source"]))
        for path in sorted(folder.glob("[0-9][0-9]-*.ipynb"))
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]
        if cell["id"] != own_cases.TABLE
    )


def link(lesson: str, cell: str = "") -> str:
    """A link to a lesson, or to a cell in it (JupyterLab jumps there, elsewhere it opens the lesson)."""
    fragment = f"#cell-id={cell}" if cell else ""
    return f"[{lesson}{f': {cell}' if cell else ''}]({lesson}.ipynb{fragment})"


def table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table."""
    head = list(header)
    lines = [head, ["---"] * len(head), *map(list, rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def misconceptions() -> str:
    """The page that says where each of the listed misconceptions has its moment."""
    found = [
        (str(number), belief, moments(number, "kind"), moments(number, "link"), testing(*ideas_of(number)))
        for number, belief in LISTED.items()
    ]
    return page(
        "Misconceptions, and where each has its moment",
        "Each of these is believed by many, and none of them holds. In the cell named you commit to an answer, "
        "and a wrong one is recognised by the idea behind it. The last column names the exercises of the [coursework](exercises.md) that test it.",
        table(("", "What many believe", "You meet it as", "Where", "Tested by"), found),
    )


def moments(number: int, what: str) -> str:
    """The kinds of a misconception's moments, or the links to them, each once, in the book's order."""
    rows = [row for row in coverage.rows() if row.number == number]
    pairs = dict.fromkeys((row.kind, link(row.lesson, row.cell)) for row in rows)
    return "<br>".join(kind if what == "kind" else where for kind, where in pairs)


def testing(*keys: str) -> str:
    """The exercises of the coursework that test one of these ideas or skills, by id."""
    wanted = set(keys)
    return ", ".join(one.id for one in COURSEWORK.values() if wanted & set(one.tests))


def coursework() -> str:
    """The page that lists the exercises of the coursework, and which of them tests what."""
    lessons = dict.fromkeys(one.lesson for one in COURSEWORK.values())
    every = [
        (f"`{one.id}`", one.title, one.kind, str(one.minutes), str(one.points), link(one.lesson))
        for one in COURSEWORK.values()
    ]
    counts = [
        (
            link(lesson),
            *(str(_count(lesson, kind)) for kind in KINDS),
            str(sum(_count(lesson, kind) for kind in KINDS)),
        )
        for lesson in lessons
    ]
    others = [(words, testing(key)) for key, words in IDEAS.items() if NUMBER[key] is None and testing(key)]
    return page(
        "Coursework: the exercises, and what each tests",
        "Each exercise is drawn anew for each student: addresses, ports, names, faults. The points are the same for everybody, "
        "and each level of hints costs a tenth of those reached. The right answer stands nowhere: packets are followed, for each case.",
        table(("Exercise", "Title", "Kind", "Minutes", "Points", "After"), every),
        "## How many of each kind",
        table(("Lesson", *KINDS, "all"), counts),
        "## Skills",
        table(("What one can do", "Tested by"), ((words, testing(key)) for key, words in SKILLS.items())),
        "## Misconceptions",
        "Those with a number are the [24 of the lessons](misconceptions.md).",
        table(
            ("", "What many believe", "Tested by"),
            [
                *((str(number), belief, testing(*ideas_of(number))) for number, belief in LISTED.items()),
                *(("", *row) for row in others),
            ],
        ),
    )


def _count(lesson: str, kind: str) -> int:
    return sum((one.lesson, one.kind) == (lesson, kind) for one in COURSEWORK.values())


@dataclass(frozen=True, slots=True)
class Term:
    """A term of the glossary: what it is in a sentence, and the forms in which lessons write it."""

    term: str
    sentence: str
    forms: tuple[str, ...]
    at: str = ""

    def occurs(self, text: str) -> bool:
        """Whether a text holds the term in one of its forms."""
        return bool(re.search("|".join(map(_pattern, self.forms)), text))

    def places(self) -> list[Cell]:
        """The cell that explains the term, then the first one of each lesson whose words (not code) hold it.

        What a lesson promises at its beginning and gathers at its end counts only where nothing else holds the term.
        """
        every = [cell for cell in cells() if cell.kind == "markdown" and self.occurs(cell.text)]
        here = [cell for cell in every if cell.name not in PROMISES] or every
        # The start's map of the course names much that only its lesson says.
        here.sort(key=lambda cell: cell.lesson.startswith("00"))
        explains = [cell for cell in every if f"{cell.lesson}: {cell.name}" == self.at]
        return _first_of_each(explains + here)


def _pattern(form: str) -> str:
    """A form as a pattern: with a plural s, and by its capital letters if it has any."""
    text = rf"(?<![\w-]){re.escape(form)}s?(?!\w|-\d)"
    return text if form != form.lower() else f"(?i:{text})"


def _first_of_each(found: Iterable[Cell]) -> list[Cell]:
    first: dict[str, Cell] = {}
    for cell in found:
        first.setdefault(cell.lesson, cell)
    return list(first.values())


@cache
def terms() -> tuple[Term, ...]:
    """The terms of the glossary, by the alphabet."""
    given = yaml.safe_load((TOOLS / "terms.yaml").read_text(encoding="utf-8"))
    found = (
        Term(one["term"], one["is"], tuple(one.get("forms", [one["term"]])), one.get("at", ""))
        for one in given
    )
    return tuple(sorted(found, key=lambda one: one.term.lower()))


def glossary() -> str:
    """The page of terms; one that no lesson uses yet is left out."""
    found = []
    for term in terms():
        places = term.places()
        if places:
            first, more = places[0], (link(cell.lesson, cell.name) for cell in places[1:])
            found.append(
                (f"**{term.term}**", term.sentence, link(first.lesson, first.name), "<br>".join(more))
            )
    return page(
        "Glossary",
        "The terms that the lessons use, each in one sentence, and where to read of it first.",
        table(("Term", "What it is", "See", "Also in"), found),
    )


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of rule (or a chain as a whole, where `rule` is empty): what it does, which cells teach it."""

    chain: str
    table: str
    rule: str
    sentence: str
    words: tuple[str, ...]

    def fits(self, text: str) -> bool:
        """Whether a rule, as `iptables-save` prints it, is of this kind."""
        return bool(self.rule and re.search(self.rule, text))

    def places(self) -> list[Cell]:
        """The first cell of each lesson in whose words all of `words` stand."""
        return _first_of_each(
            cell
            for cell in cells()
            if cell.kind == "markdown"
            and not cell.name.startswith(("recall", "recap"))
            and all(word in cell.text for word in self.words)
        )


@cache
def kinds() -> tuple[Kind, ...]:
    """Every chain, each followed by the kinds of rules in it, in the order in which they are tried."""
    return tuple(
        Kind(
            one["chain"],
            one["table"],
            rule.get("rule", ""),
            rule["does"],
            tuple(rule.get("words", [one["chain"]])),
        )
        for one in yaml.safe_load((TOOLS / "chains.yaml").read_text(encoding="utf-8"))
        for rule in ({key: one[key] for key in ("does", "words") if key in one}, *one["rules"])
    )


def kind_of(table_name: str, rule: str) -> Kind | None:
    """The kind of a rule, None for one that the index does not know."""
    chain = chain_kind(rule.split(" ", 2)[1])
    here = (kind for kind in kinds() if kind.chain == chain and table_name in kind.table.split(", "))
    return next((kind for kind in here if kind.fits(rule)), None)


def chain_kind(chain: str) -> str:
    """A chain's name without the hash at its end: `KUBE-SVC` for `KUBE-SVC-SV7AMNAGZFKZEMQ4`."""
    return re.sub(r"-[A-Z2-7]{16}$", "", chain)


def rules_and_chains() -> str:
    """The index of chains and rules, with the hooks that lead to them."""
    rows = [
        (
            "" if kind.rule else f"**{kind.chain}**",
            "" if kind.rule else kind.table,
            kind.sentence,
            f"`{kind.rule}`".replace("|", "\\|") if kind.rule else "",
            "<br>".join(link(cell.lesson, cell.name) for cell in kind.places()),
        )
        for kind in kinds()
    ]
    return page(
        "Rules and chains, and where each is taught",
        "The chains that kube-proxy writes on a node in iptables mode, and in each the kinds of rules in the order in "
        "which they are tried. KUBE-EXT, KUBE-SVC, KUBE-SVL and KUBE-FW are made for each port of a Service, and their "
        "names end in a hash of it (`KUBE-SVC-SV7AMNAGZFKZEMQ4`); KUBE-SEP is made for each endpoint. "
        "To see the rules of a kind on a node: `iptables-save | grep KUBE-NAME | grep -P 'PATTERN'`.",
        table(("Chain", "Table", "What it does", "Pattern", "Taught in"), rows),
        "## From the kernel's hooks to these chains",
        table(("Table", "At the hook", "kube-proxy's chains are asked, in this order"), _entrances()),
    )


def _entrances() -> list[tuple[str, str, str]]:
    """Which chains the kernel's own lead to, as the rules of a node say."""
    cluster, name = scenarios.load("nodeport"), ""
    found: dict[tuple[str, str], list[str]] = {}
    for line in rules(cluster, next(iter(cluster.nodes))).splitlines():
        name = line[1:] if line.startswith("*") else name
        jump = re.fullmatch(r"-A ([A-Z]+) .*-j (KUBE-\S+)", line)
        if jump:
            found.setdefault((name, jump[1]), []).append(jump[2])
    return [(where, hook, ", ".join(chains)) for (where, hook), chains in found.items()]


def page(title: str, text: str, *parts: str) -> str:
    """A page of the book."""
    return "\n\n".join([f"# {title}", MADE, text, *parts]) + "\n"


PAGES: Mapping[str, Callable[[], str]] = {
    "misconceptions.md": misconceptions,
    "exercises.md": coursework,
    "glossary.md": glossary,
    "rules-and-chains.md": rules_and_chains,
    "teaching/plan.md": teaching_plan.plan,
}


def main() -> int:
    """Write every section and every page."""
    own_cases.write_all()
    for name, make in PAGES.items():
        (NOTEBOOKS / name).write_text(make(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
