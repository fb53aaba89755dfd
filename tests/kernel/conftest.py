"""A kernel lab for the tests; where there can be none, they say why in one line. where namespaces work, CI must not skip."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "tests" / "network"), str(ROOT / "tests" / "flow")]

from svcnotes.kernel import Lab, available  # noqa: E402
from svcnotes.kernel.loaders import LOADERS  # noqa: E402
from svcnotes.kernel.probe import UNSHARE, unloadable  # noqa: E402


def namespaces_work():
    """Whether this machine gives namespaces to whoever asks; some CI machines do not."""
    unshare = shutil.which(UNSHARE[0])
    tried = [unshare, *UNSHARE[1:], "true"]
    return unshare is not None and not subprocess.run(tried, check=False, capture_output=True).returncode


@pytest.fixture(scope="session", autouse=True)
def here():
    why = available() or unloadable(frozenset(LOADERS))
    if why and os.environ.get("CI") and namespaces_work():
        pytest.fail(f"namespaces work here, and yet: {why}")
    if why:
        pytest.skip(f"skipped: {why}")


@pytest.fixture(scope="session")
def lab():
    with Lab() as made:
        yield made
