"""What stands behind a pipe: grep, head, tail, wc, sort, uniq, cut, echo, cat."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from svcnotes.toolbox.options import Options, UsageError, read
from svcnotes.toolbox.output import Printed, err, out

Filter = Callable[[Sequence[str], str], Printed]
_LONGEST_PATTERN = 300


def _usage(name: str, error: UsageError) -> Printed:
    option = error.option
    if error.needs_value:
        said = f"option requires an argument -- '{option.lstrip('-')}'"
    elif option.startswith("--"):
        said = f"unrecognized option '{option}'"
    else:
        said = f"invalid option -- '{option[1:2]}'"
    return err(f"{name}: {said}\n", 2 if name == "grep" else 1)


def _lines(text: str) -> list[str]:
    return text.split("\n")[:-1] if text.endswith("\n") else text.split("\n") if text else []


def grep(args: Sequence[str], text: str) -> Printed:
    """`grep [-i -v -E -F -w -x -c -n -o -q -A N -B N -C N] PATTERN`, on what comes by the pipe."""
    try:
        flags = ("i", "v", "E", "F", "G", "P", "w", "x", "c", "n", "o", "q", "h", "color")
        found = read(_numbers(args, "C"), flags=flags, valued=("A", "B", "C", "e", "m"))
    except UsageError as error:
        return _usage("grep", error)
    patterns = found.all("e") or found.words[:1]
    files = found.words[0 if found.has("e") else 1 :]
    if not patterns:
        return err("Usage: grep [OPTION]... PATTERNS [FILE]...\n", 2)
    if [f for f in files if f != "-"]:
        return err(f"grep: {files[0]}: No such file or directory\n", 2)
    try:
        test = re.compile(
            "|".join(_pattern(one, found) for one in patterns), re.IGNORECASE if found.has("i") else 0
        )
        before, after = (int(found.get(side, "C", default="0")) for side in ("B", "A"))
    except (re.error, RecursionError):
        return err(f"grep: {patterns[0][:60]}: not a pattern that grep reads\n", 2)
    except ValueError:
        return err("grep: invalid context length argument\n", 2)
    lines = _lines(text)
    hits = [number for number, line in enumerate(lines) if bool(test.search(line)) != found.has("v")]
    code = 0 if hits else 1
    if found.has("q"):
        return Printed((), code)
    if found.has("c"):
        return out(f"{len(hits)}\n", code)
    if found.has("o"):
        return out([m.group() for number in hits for m in test.finditer(lines[number]) if m.group()], code)
    return out(list(_shown(lines, hits, before, after, numbered=found.has("n"))), code)


def _numbers(args: Sequence[str], letter: str) -> list[str]:
    """`-3` written out as `-C 3` (for grep) or `-n 3` (for head and tail), where it is no option's value."""
    found: list[str] = []
    for word in args:
        value = bool(found) and re.fullmatch(r"-[ABCnem]", found[-1])
        found += [f"-{letter}", word[1:]] if re.fullmatch(r"-\d+", word) and not value else [word]
    return found


def _pattern(text: str, found: Options) -> str:
    if len(text) > _LONGEST_PATTERN:
        raise re.error("too long")
    if found.has("F"):
        text = re.escape(text)
    elif not (found.has("E") or found.has("P")):
        text = _basic(text)
    if found.has("x"):
        return f"^(?:{text})$"
    return rf"(?<!\w)(?:{text})(?!\w)" if found.has("w") else f"(?:{text})"


def _basic(text: str) -> str:
    r"""A basic expression as an extended one: `\|` is the operator, `|` the character (POSIX)."""
    swapped = "".join(
        part[1] if len(part) == 2 and part[1] in "|+?(){}" else f"\\{part}" if part in "|+?(){}" else part
        for part in re.findall(r"\\.|.", text, re.DOTALL)
    )
    return re.sub(r"^\*", r"\\*", swapped)


def _shown(lines: list[str], hits: list[int], before: int, after: int, *, numbered: bool) -> Iterator[str]:
    last = -1
    chosen = set(hits)
    for number in sorted(
        {n for hit in hits for n in range(hit - before, hit + after + 1)} & set(range(len(lines)))
    ):
        if (before or after) and last >= 0 and number > last + 1:
            yield "--"
        mark = ":" if number in chosen else "-"
        yield f"{number + 1}{mark}{lines[number]}" if numbered else lines[number]
        last = number


def head(args: Sequence[str], text: str) -> Printed:
    """`head [-n N]`: the first lines; a negative N leaves out the last ones."""
    return _part("head", args, text)


def tail(args: Sequence[str], text: str) -> Printed:
    """`tail [-n N]`: the last lines; `+N` begins at line N."""
    return _part("tail", args, text)


def _part(name: str, args: Sequence[str], text: str) -> Printed:
    try:
        found = read(_numbers(args, "n"), valued=("n", "lines"), flags=("q",))
        word = found.get("n", "lines", default="10")
        count = int(word)
    except UsageError as error:
        return _usage(name, error)
    except ValueError:
        return err(f"{name}: invalid number of lines: ‘{word}’\n")
    if found.words and found.words != ["-"]:
        return err(f"{name}: cannot open '{found.words[0]}' for reading: No such file or directory\n")
    lines = _lines(text)
    if name == "head":
        return out(lines[:count])
    if word.startswith("+"):
        return out(lines[max(count - 1, 0) :])
    return out(lines[-abs(count) :] if count else [])


def wc(args: Sequence[str], text: str) -> Printed:
    """`wc [-l -w -c]`: lines, words, bytes."""
    try:
        found = read(args, flags=("l", "w", "c", "m"))
    except UsageError as error:
        return _usage("wc", error)
    counts = {"l": text.count("\n"), "w": len(text.split()), "c": len(text.encode()), "m": len(text)}
    asked = [key for key in ("l", "w", "c", "m") if found.has(key)]
    if len(asked) == 1:
        return out(f"{counts[asked[0]]}\n")
    return out("".join(f"{counts[key]:>8}" for key in asked or ("l", "w", "c")) + "\n")


def sort(args: Sequence[str], text: str) -> Printed:
    """`sort [-n -r -u -k N]`: the lines in order; simplified: byte order, as under LC_ALL=C."""
    try:
        found = read(args, flags=("n", "r", "u", "V", "h"), valued=("k", "t"))
        column = int(found.get("k", default="0").split(",")[0].rstrip("nr") or 0)
    except UsageError as error:
        return _usage("sort", error)
    except ValueError:
        return err(f"sort: invalid number at field start: ‘{found.get('k')}’\n", 2)
    numeric = found.has("n", "h") or "n" in found.get("k")

    def key(line: str) -> tuple[float, str]:
        parts = line.split(found.get("t") or None)
        value = line if not column else parts[column - 1] if column <= len(parts) else ""
        number = re.match(r"\s*(-?\d+(?:\.\d+)?)", value)
        return (float(number.group(1)) if numeric and number else 0.0), "" if numeric and number else value

    lines = sorted(_lines(text), key=lambda line: (key(line), line))
    lines = list(dict.fromkeys(lines)) if found.has("u") else lines
    return out(lines[::-1] if found.has("r") or "r" in found.get("k") else lines)


def uniq(args: Sequence[str], text: str) -> Printed:
    """`uniq [-c -d]`: neighbours that are alike become one line, perhaps with their count."""
    try:
        found = read(args, flags=("c", "d", "i"))
    except UsageError as error:
        return _usage("uniq", error)
    groups: list[tuple[str, int]] = []
    for line in _lines(text):
        if groups and groups[-1][0] == line:
            groups[-1] = line, groups[-1][1] + 1
        else:
            groups.append((line, 1))
    groups = [group for group in groups if group[1] > 1 or not found.has("d")]
    return out([f"{count:>7} {line}" if found.has("c") else line for line, count in groups])


def cut(args: Sequence[str], text: str) -> Printed:
    """`cut -d D -f N[,N]`: some fields of each line."""
    try:
        found = read(args, valued=("d", "f", "c"), flags=("s",))
        wanted = [int(part) for part in found.get("f").split(",")]
    except UsageError as error:
        return _usage("cut", error)
    except ValueError:
        return err("cut: you must specify a list of fields such as -f 1,3\n")
    by = found.get("d", default="\t")[:1]
    rows = [line.split(by) for line in _lines(text)]
    return out(
        [by.join(row[n - 1] for n in wanted if 0 < n <= len(row)) if len(row) > 1 else row[0] for row in rows]
    )


def echo(args: Sequence[str], text: str) -> Printed:
    """`echo [-n] WORD...`."""
    del text
    words = list(args)
    end = "\n"
    while words and words[0] in ("-n", "-e", "-E"):
        end = "" if words.pop(0) == "-n" else end
    return out(" ".join(words) + end)


FILTERS: dict[str, Filter] = {
    "grep": grep,
    "head": head,
    "tail": tail,
    "wc": wc,
    "sort": sort,
    "uniq": uniq,
    "cut": cut,
    "echo": echo,
}
"""The filters by name; a file that a `cat` reads is the terminal's business."""
