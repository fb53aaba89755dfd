"""A command line in parts, as a shell reads it: words and quotes, pipes, `;`, `&&`, `||`, redirections.

Simplified: no variables, substitutions, globs or background jobs: each is refused by name. Of loops, `loops` has `for`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

LONGEST = 10_000
_OPERATORS = ("&&", "||", "<<<", "<<", ">>", "|", ";", ">", "<", "&", "(", ")", "\n")
_CLOSE = "bash: unexpected EOF while looking for matching `{}'"
_KEYWORDS = ("for", "while", "until", "if", "case", "function", "{", "[[")
_NO = "bash: this terminal does not know `{}': {}"


class ShellError(Exception):
    """A line that the shell does not take; `str()` is what it prints."""


@dataclass(frozen=True, slots=True)
class Token:
    """A word with its quotes taken off, or an operator."""

    text: str
    operator: bool = False


@dataclass(frozen=True, slots=True)
class Command:
    """A program's name and arguments; `stdin` is a here-document's text.

    `file` is where its output goes (empty: the screen or the pipe); `quiet` are the streams that go
    to /dev/null; `merged` sends the error output where the output goes.
    """

    words: tuple[str, ...]
    stdin: str | None = None
    file: str = ""
    appends: bool = False
    reads: str = ""
    quiet: frozenset[int] = frozenset()
    merged: bool = False


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Commands joined by `|`; `link` is what stood before them: empty, `;`, `&&` or `||`."""

    commands: tuple[Command, ...]
    link: str = ""


def parse(line: str) -> tuple[Pipeline, ...]:
    """Read a command line; raises ShellError with what a shell would print."""
    if len(line) > LONGEST:
        raise ShellError(f"bash: the line is longer than {LONGEST} characters: shorten it")
    if "\0" in line:
        raise ShellError("bash: the line holds a NUL character: take it out")
    body, documents = _here_documents(line)
    return tuple(_pipelines(list(_tokens(body)), iter(documents)))


def _here_documents(line: str) -> tuple[str, list[str]]:
    """Take the texts of `<<WORD` out of a line; the line keeps `<<WORD`."""
    documents: list[str] = []
    kept: list[str] = []
    rest = line.split("\n")
    while rest:
        kept.append(rest.pop(0))
        for word in _marks(kept[-1]):
            text = []
            while rest and rest[0] != word:
                text.append(rest.pop(0))
            if not rest:
                raise ShellError(f"bash: here-document delimited by end-of-file (wanted `{word}')")
            rest.pop(0)
            documents.append("".join(f"{one}\n" for one in text))
    return "\n".join(kept), documents


def _marks(line: str) -> Iterator[str]:
    if "<<" not in line:
        return
    try:
        tokens = list(_tokens(line))
    except ShellError:
        return
    for before, after in itertools.pairwise(tokens):
        if before == Token("<<", True) and not after.operator:
            yield after.text.removeprefix("-")


def _tokens(line: str) -> Iterator[Token]:
    place, word, begun = 0, "", False
    while place < len(line):
        char = line[place]
        if char in " \t" or (char == "\\" and line[place + 1 : place + 2] == "\n"):
            if begun:
                yield Token(word)
            word, begun = "", False
            place += 2 if char == "\\" else 1
            continue
        operator = next((o for o in _OPERATORS if line.startswith(o, place)), "")
        if operator and not (operator == "&" and line.startswith("&>", place)):
            if operator == ">" and begun and word in ("1", "2"):
                operator, word, begun = f"{word}>", "", False
                place -= 1
            if begun:
                yield Token(word)
            word, begun = "", False
            yield Token(operator, True)
            place += len(operator)
        elif line.startswith("&>", place):
            yield Token("&>", True)
            place += 2
        elif char == "#" and not begun:
            end = line.find("\n", place)
            place = len(line) if end < 0 else end
        else:
            text, place = _piece(line, place)
            word, begun = word + text, True
    if begun:
        yield Token(word)


def _piece(line: str, place: int) -> tuple[str, int]:
    """One quoted stretch or one character, and the place after it."""
    char = line[place]
    if char == "'":
        end = line.find("'", place + 1)
        if end < 0:
            raise ShellError(_CLOSE.format("'"))
        return line[place + 1 : end], end + 1
    if char == '"':
        return _double_quoted(line, place + 1)
    if char == "\\":
        return line[place + 1 : place + 2], place + 2
    _refuse_expansion(line, place)
    return char, place + 1


def _double_quoted(line: str, place: int) -> tuple[str, int]:
    text = ""
    while place < len(line):
        char = line[place]
        if char == '"':
            return text, place + 1
        if char == "\\" and line[place + 1 : place + 2] in ('"', "\\", "$", "`", "\n"):
            text += line[place + 1].replace("\n", "")
            place += 2
            continue
        _refuse_expansion(line, place)
        text += char
        place += 1
    raise ShellError(_CLOSE.format('"'))


def _refuse_expansion(line: str, place: int) -> None:
    after = line[place + 1 : place + 2]
    if line[place] == "`" or (line[place] == "$" and (after.isalpha() or after in ("(", "{", "_"))):
        raise ShellError(_NO.format(line[place : place + 2], "write the value itself"))


def _pipelines(tokens: list[Token], documents: Iterator[str]) -> Iterator[Pipeline]:
    commands: list[Command] = []
    words: list[Token] = []
    link = ""
    for token in [*tokens, Token("\n", True)]:
        if not token.operator or token.text in ("<<<", "<<", "<", ">", ">>", "1>", "2>", "&>"):
            words.append(token)
            continue
        if token.text == "&" and words and words[-1] in (Token("2>", True), Token("1>", True)):
            words.append(token)  # 2>&1
            continue
        if token.text in ("&", "(", ")"):
            remedy = "run one command after the other" if token.text == "&" else "put it into quotes"
            raise ShellError(_NO.format(token.text, remedy))
        if words:
            commands.append(_command(words, documents))
        elif commands or token.text != "\n" or link in ("&&", "||"):
            shown = "newline" if token.text == "\n" else token.text
            raise ShellError(f"bash: syntax error near unexpected token `{shown}'")
        words = []
        if token.text == "|":
            continue
        if commands:
            yield Pipeline(tuple(commands), link)
            commands = []
            link = ";" if token.text == "\n" else token.text


def _command(tokens: list[Token], documents: Iterator[str]) -> Command:
    words: list[str] = []
    stdin, file, reads, appends, merged = None, "", "", False, False
    quiet: set[int] = set()
    rest = iter(tokens)
    for token in rest:
        if not token.operator:
            words.append(token.text)
            continue
        target = next(rest, None)
        if token.text == "2>" and target == Token("&", True):
            next(rest, None)
            merged = True
            continue
        if target is None or target.operator:
            raise ShellError("bash: syntax error near unexpected token `newline'")
        if token.text == "<<<":
            stdin = f"{target.text}\n"
        elif token.text == "<<":
            stdin = next(documents, "")
        elif token.text == "<":
            reads = target.text
        elif target.text == "/dev/null":
            quiet |= {2} if token.text == "2>" else {1, 2} if token.text == "&>" else {1}
        elif token.text == "2>":
            raise ShellError(_NO.format("2> FILE", "send it to /dev/null or to &1"))
        else:
            file, appends, merged = target.text, token.text == ">>", merged or token.text == "&>"
    if words[:1] and words[0] in _KEYWORDS:
        raise ShellError(_NO.format(words[0], "for ten times, write: for i in $(seq 10); do COMMAND; done"))
    if not words:
        raise ShellError("bash: a redirection needs a command")
    return Command(tuple(words), stdin, file, appends, reads, frozenset(quiet), merged)
