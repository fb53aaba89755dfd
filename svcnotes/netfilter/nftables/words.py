"""The words of an nft line, and a reader that takes them one by one."""

from __future__ import annotations

import re

from svcnotes.errors import RuleError

# A comma binds words into a list (`new,established`) unless a blank follows it.
_TOKEN = re.compile(r'\s*("[^"]*"(?=[\s{},()]|$)|[{}()]|,(?=\s|$)|(?:[^\s{}(),"]|,(?=\S))+)')


def split(text: str) -> list[str]:
    """Split a line into words; a text in double quotes keeps its quotes and is one word."""
    if '"' not in text and "{" not in text and "(" not in text:
        words = text.split()
        if not any(word[-1] == "," for word in words):
            return words
    words, position, end = [], 0, len(text.rstrip())
    while position < end:
        found = _TOKEN.match(text, position)
        if found is None:
            column = position + 1
            raise RuleError(
                f'this cannot be told apart at column {column}: a text stands in "..." of its own'
            )
        words.append(found.group(1))
        position = found.end()
    return words


class Words:
    """Words to be read from left to right; `at` is the place of the next one."""

    __slots__ = ("at", "every")

    def __init__(self, words: list[str]) -> None:
        self.every = words
        self.at = 0

    @property
    def next(self) -> str:
        """The next word, left where it is; empty at the end."""
        return self.every[self.at] if self.at < len(self.every) else ""

    def beyond(self, further: int) -> str:
        """A word behind the next one, left where it is; empty past the end."""
        place = self.at + further
        return self.every[place] if place < len(self.every) else ""

    def take(self, what: str = "a word") -> str:
        """Read the next word; `what` says in an error what is missing."""
        word = self.next
        if not word:
            before = f" after `{self.every[-1]}`" if self.every else ""
            raise RuleError(f"{what} is missing{before}: complete the line")
        self.at += 1
        return word

    def took(self, *words: str) -> bool:
        """Read these words if they come next."""
        if self.every[self.at : self.at + len(words)] == list(words):
            self.at += len(words)
            return True
        return False

    def expect(self, word: str) -> None:
        """Read a word that must come."""
        found = self.take(f"`{word}`")
        if found != word:
            raise RuleError(f"`{found}` stands where `{word}` must: correct the line")


def unquoted(word: str) -> str:
    """A text without its quotes."""
    return word[1:-1] if word[:1] == '"' else word
