"""Fixtures that every test may use, and the rule that nothing skips in continuous integration."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

DATA = Path(__file__).parent / "data"
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]


def needs(what: str, available: bool, remedy: str) -> None:
    """Skip with one line that says how to enable it; in CI a missing tool is a failure."""
    if available:
        return
    message = f"skipped: {what} is missing; to enable: {remedy}"
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture(scope="session")
def data() -> Path:
    return DATA


@pytest.fixture(scope="session")
def kernel_lab() -> None:
    """For tests of real packets: where this machine cannot have a lab, it says why."""
    from svcnotes.kernel import available

    why = available()
    needs("the kernel lab", not why, f"see why it is not there ({why})")


ACCOUNTS = ["unshare", "--mount", "--pid", "--net", "--fork", "--kill-child", "--mount-proc"]


@pytest.fixture(scope="session")
def hub_proxy() -> str:
    """The proxy of a real JupyterHub, on a machine that lets the tests have accounts in a namespace of their own."""
    needs("jupyterhub", find_spec("jupyterhub") is not None, "pip install jupyterhub")
    found = shutil.which("configurable-http-proxy")
    needs("configurable-http-proxy", found is not None, "npm install --global configurable-http-proxy")
    root = os.name == "posix" and os.geteuid() == 0
    given = root and subprocess.run([*ACCOUNTS, "true"], check=False, capture_output=True).returncode == 0
    needs("the right to make accounts in a namespace", given, "run the tests as root, in a container say")
    assert found is not None
    return found


@pytest.fixture(scope="session")
def chromium_path() -> str:
    found = next(
        (p for n in ("chromium", "chromium-browser", "google-chrome") if (p := shutil.which(n))), None
    )
    needs("Chromium", found is not None, "install it (Debian and Ubuntu: apt install chromium)")
    assert found is not None
    return found


@pytest.fixture(scope="session")
def browser(chromium_path: str) -> Iterator[object]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium_path, args=CHROMIUM_FLAGS)
        yield running
        running.close()
