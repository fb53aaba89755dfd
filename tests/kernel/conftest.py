"""A kernel lab for the tests; where there can be none, they say why in one line. CI must have one."""

import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "tests" / "network")]

from svcnotes.kernel import Lab, available  # noqa: E402


@pytest.fixture(scope="session", autouse=True)
def here():
    why = available()
    if why and os.environ.get("CI"):
        pytest.fail(f"CI has no kernel lab: {why}")
    if why:
        pytest.skip(why)


@pytest.fixture(scope="session")
def lab():
    with Lab() as made:
        yield made
