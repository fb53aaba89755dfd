"""What a command printed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

OUT, ERR = 1, 2


@dataclass(frozen=True, slots=True)
class Output:
    """What a command printed, both streams as a screen shows them, and its exit status.

    `str()` is the text. `runs` are the outputs one by one where a command ran several times.
    """

    text: str
    exit_code: int = 0
    runs: tuple[Output, ...] = ()

    def __str__(self) -> str:
        return self.text

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """Show the text itself in a notebook (IPython asks)."""
        del cycle
        printer.text(self.text.rstrip("\n"))


@dataclass(frozen=True, slots=True)
class Printed:
    """What one tool wrote, in order: (stream, text) pairs, the stream 1 or 2; and its exit status."""

    parts: tuple[tuple[int, str], ...] = ()
    exit_code: int = 0

    @property
    def stdout(self) -> str:
        """What a pipe would carry on."""
        return "".join(text for stream, text in self.parts if stream == OUT)

    @property
    def text(self) -> str:
        """Both streams, as a screen shows them."""
        return "".join(text for _, text in self.parts)

    def then(self, other: Printed) -> Printed:
        """This, and after it the other, whose exit status counts."""
        return Printed(self.parts + other.parts, other.exit_code)


def out(text: str | Iterable[str], exit_code: int = 0) -> Printed:
    """Text, or lines without their ends, on the standard output."""
    text = text if isinstance(text, str) else "".join(f"{line}\n" for line in text)
    return Printed(((OUT, text),) if text else (), exit_code)


def err(text: str | Iterable[str], exit_code: int = 1) -> Printed:
    """Text, or lines without their ends, on the error output."""
    text = text if isinstance(text, str) else "".join(f"{line}\n" for line in text)
    return Printed(((ERR, text),) if text else (), exit_code)


def note(text: str, exit_code: int = 0) -> Printed:
    """A remark of svcnotes, which the real tool would not print: such lines begin with `# `."""
    return err(f"# {text}\n", exit_code)
