"""Lay a text out as `nft list ruleset` prints it: people write a whole set or chain on one line, and nft takes that."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_TABLE = re.compile(r"\s*table (?:\w+ )?[^\s{]+ *\{")
_HEADS = (re.compile(r"table (?:\w+ )?\S+"), re.compile(r"(?:chain|set|map) \S+"))
"""What stands before a block's brace, outside of a table and in one; in a chain or set no block begins."""


@dataclass(slots=True)
class Spread:
    """A text in lines as nft prints them, and for each the number (from 1) of the line that it was written on."""

    lines: list[str] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)

    def __str__(self) -> str:
        return "\n".join(self.lines)


def spread(text: str) -> Spread:
    """Lay out the tables in a text; what stands outside of tables, and lines that are well, stay as they are."""
    found = Spread()
    open_ = _Open()
    for number, line in enumerate(text.split("\n"), 1):
        pieces = open_.pieces(line) if open_.blocks or _TABLE.match(line) else []
        if [piece.lstrip() for piece in pieces] in ([], [line.strip()]):
            pieces = [line]
        found.lines += pieces
        found.numbers += [number] * len(pieces)
    return found


@dataclass(slots=True)
class _Open:
    """What is open at a place of the text: `blocks` are the indents of table and block, `braces` counts those in a line."""

    blocks: list[str] = field(default_factory=list)
    braces: int = 0

    def pieces(self, line: str) -> list[str]:
        """The lines that nft would make of one; none of an empty one."""
        done: list[str] = []
        said, quoted = "", False
        own = line[: len(line) - len(line.lstrip())]

        def end(mark: str = "") -> None:
            nonlocal said
            if said.strip() or mark:
                deep = f"{self.blocks[-1]}\t" if self.blocks and done else own
                done.append(f"{deep}{said.strip()}{mark}")
            said = ""

        for at, letter in enumerate(line):
            if letter == "#" and not quoted and not said.strip():
                said = line[at:]  # a remark: nothing in it is read
                break
            quoted ^= letter == '"'
            if quoted or letter not in "{};":
                said += letter
            elif letter == "{" and not self.braces and self._begins(said.strip()):
                deep = f"{self.blocks[-1]}\t" if self.blocks and done else own
                end(" {")
                self.blocks.append(deep)
            elif letter == "}" and not self.braces:
                end()
                if not self.blocks:
                    return [line]  # one too many: whoever reads the text says so
                closing = self.blocks.pop()
                done.append(f"{closing if done else own}}}")
            elif letter == ";" and not self.braces:
                if _hangs(said) and line[at + 1 :].lstrip().startswith("policy "):
                    said += letter
                else:
                    end(letter if _hangs(said) else "")
            else:
                self.braces += {"{": 1, "}": -1}.get(letter, 0)
                said += letter
        end()
        return done

    def _begins(self, said: str) -> bool:
        return len(self.blocks) < len(_HEADS) and bool(_HEADS[len(self.blocks)].fullmatch(said))


def _hangs(said: str) -> bool:
    """Whether this is the line that hangs a chain at a hook: nft prints its policy on the same one."""
    return said.lstrip().startswith("type ") and " hook " in said
