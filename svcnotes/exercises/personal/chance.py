"""A student's draw: everything that is left to chance in an exercise, the same whenever it is drawn again."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from typing import Any, TypeVar

T = TypeVar("T")


def seed_of(course: str, exercise: str, student: str, fresh: int = 0) -> str:
    """The seed of a draw: SHA-256 over its four parts, each with its length before it, so that no two are alike."""
    parts = (course, exercise, student, str(fresh))
    text = "".join(f"{len(part)}:{part}" for part in parts)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


class Draw:
    """Named choices by chance; `drawn` keeps them, so that it can be told what was drawn.

    The order of the calls counts: an exercise makes them in the same order each time.
    """

    def __init__(self, seed: str) -> None:
        self.random = random.Random(seed)  # noqa: S311 - a repeatable draw, no secret
        self.drawn: dict[str, Any] = {}

    def one(self, name: str, items: Sequence[T]) -> T:
        """Draw one of several, each as likely as any other."""
        return self.keep(name, self.random.choice(items))

    def some(self, name: str, items: Sequence[T], count: int) -> tuple[T, ...]:
        """Draw `count` different ones, in the order drawn."""
        return self.keep(name, tuple(self.random.sample(list(items), count)))

    def order(self, name: str, items: Sequence[T]) -> tuple[T, ...]:
        """Put all of them into an order."""
        return self.some(name, items, len(items))

    def number(self, name: str, least: int, most: int) -> int:
        """Draw a whole number, both ends included."""
        return self.keep(name, self.random.randint(least, most))

    def keep(self, name: str, value: T) -> T:
        """Keep a value by name, beside those drawn."""
        self.drawn[name] = value
        return value
