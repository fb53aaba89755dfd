"""Options of a command, read as getopt does: `-n`, `-nL`, `-m 2`, `-m2`, `--dport 80`, `--dport=80`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field


class UsageError(Exception):
    """A command line that a tool refuses; `option` is the word it stumbled over."""

    def __init__(self, option: str, *, needs_value: bool = False) -> None:
        super().__init__(option)
        self.option, self.needs_value = option, needs_value


@dataclass(slots=True)
class Options:
    """Options by their names without dashes (each may come several times), and the other words."""

    values: dict[str, list[str]] = field(default_factory=dict)
    words: list[str] = field(default_factory=list)

    def has(self, *names: str) -> bool:
        """Whether one of these options was given."""
        return any(name in self.values for name in names)

    def get(self, *names: str, default: str = "") -> str:
        """The last value of the first of these options that was given."""
        return next((self.values[name][-1] for name in names if name in self.values), default)

    def all(self, *names: str) -> list[str]:
        """All values of these options."""
        return [value for name in names for value in self.values.get(name, ())]


def read(
    args: Sequence[str],
    *,
    flags: Collection[str] = (),
    valued: Collection[str] = (),
    optional: Mapping[str, str] | None = None,
    single_dash: bool = False,
) -> Options:
    """Sort the words of a command line; raises UsageError for an option that is not known.

    `flags` take no value and `valued` take one; `optional` take the next word where it is no option,
    else the default given. `single_dash` reads `-foo` as one name (as `ip` and `dig` do).
    """
    found = Options()
    rest = list(args)
    optional = optional or {}
    while rest:
        word = rest.pop(0)
        if word == "--":
            found.words += rest
            break
        if not word.startswith("-") or word == "-":
            found.words.append(word)
        elif word.startswith("--") or single_dash:
            name, equals, value = word.lstrip("-").partition("=")
            _one(found, word, name, value if equals else None, rest, flags, valued, optional)
        else:
            _cluster(found, word[1:], rest, flags, valued, optional)
    return found


def _cluster(
    found: Options,
    letters: str,
    rest: list[str],
    flags: Collection[str],
    valued: Collection[str],
    optional: Mapping[str, str],
) -> None:
    """Letters written together: flags, and at the end perhaps an option with its value."""
    for place, letter in enumerate(letters):
        attached = letters[place + 1 :]
        if letter in valued or (letter in optional and not attached):
            _one(found, f"-{letter}", letter, attached or None, rest, flags, valued, optional)
            return
        if letter in optional:
            found.values.setdefault(letter, []).append(optional[letter])
        else:
            _one(found, f"-{letter}", letter, None, rest, flags, valued, optional)


def _one(
    found: Options,
    word: str,
    name: str,
    value: str | None,
    rest: list[str],
    flags: Collection[str],
    valued: Collection[str],
    optional: Mapping[str, str],
) -> None:
    values = found.values.setdefault(name, [])
    if name in valued:
        if value is None:
            if not rest:
                raise UsageError(word, needs_value=True)
            value = rest.pop(0)
        values.append(value)
    elif name in optional:
        takes = value is None and rest and not rest[0].startswith("-")
        values.append(rest.pop(0) if takes else optional[name] if value is None else value)
    elif name in flags:
        values.append(value or "true")
    else:
        del found.values[name]
        raise UsageError(word)
