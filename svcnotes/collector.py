"""The garbage collector at rest, while many values are made that stay."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def resting() -> Iterator[None]:
    """Let Python's garbage collector rest; around a block of code, or as a decorator.

    It looks for circles among all values whenever many were made. Among the objects of a large cluster and its rules
    there are none, and looking takes as long as making them.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
