"""The lessons in real JupyterLab, in a real browser: Run All, a click, and the keyboard alone."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from svcnotes.coursework.course_desk import NOBODY, SELF_STUDY
from svcnotes.exercises.personal import draw

sys.path[:0] = [str(Path(__file__).parent.parent.parent / "tools")]

import answers  # noqa: E402 - tools are no package

pytestmark = pytest.mark.browser
ROOT = Path(__file__).parent.parent.parent
NODE = "172.18.0.11"
CLIENT = "192.0.2.10"
LAST_HEADING = {"00-start-here": "Your own case"}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    home = tmp_path_factory.mktemp("lab")
    shutil.copytree(ROOT / "notebooks", home / "notebooks")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    quiet = {"JUPYTER_CONFIG_DIR": str(home / "c"), "JUPYTER_DATA_DIR": str(home / "d"), "HOME": str(home)}
    command = [
        sys.executable,
        "-m",
        "jupyterlab",
        "--no-browser",
        "--allow-root",
        f"--port={port}",
        "--ServerApp.ip=127.0.0.1",
        "--IdentityProvider.token=",
        f"--ServerApp.root_dir={home}",
        "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]
    log = (home / "log").open("w", encoding="utf-8")
    server = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, **quiet})
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            try:
                urllib.request.urlopen(f"{url}/api", timeout=2).close()
                break
            except (urllib.error.URLError, OSError):
                assert server.poll() is None, (home / "log").read_text(encoding="utf-8")
                time.sleep(0.1)
        yield url
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        log.close()


@pytest.fixture(scope="module")
def page(lab, browser):
    with opened(lab, browser, "01-nodeport") as page:
        yield page


@contextmanager
def opened(lab, browser, name):
    """A lesson in JupyterLab, run from top to bottom, at its first stage."""
    context = browser.new_context(viewport={"width": 1280, "height": 1000})
    page = context.new_page()
    page.goto(f"{lab}/lab/tree/notebooks/{name}.ipynb?reset")
    page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=60_000)
    page.get_by_text("Python 3 (ipykernel) | Idle").wait_for(timeout=60_000)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    # The notebook follows the running cell; what is far out of sight is not in the page at all.
    page.get_by_role("heading", name=LAST_HEADING.get(name, "Recap")).wait_for(timeout=120_000)
    page.get_by_text("Python 3 (ipykernel) | Idle").wait_for(timeout=120_000)
    page.wait_for_function(
        "() => { document.querySelector('.jp-WindowedPanel-outer').scrollTop = 0;"
        " return document.querySelector('.svcnotes-stage [role=radio]') }",
        timeout=60_000,
    )
    yield page
    context.close()


# The lesson on NodePort has tests of its own, below.
@pytest.mark.parametrize(
    "name", sorted({path.stem for path in (ROOT / "notebooks").glob("*.ipynb")} - {"01-nodeport"})
)
def test_the_lessons_first_stage_obeys_the_keyboard_alone_and_no_cell_complains(lab, browser, name):
    with opened(lab, browser, name) as page:
        before = sentence(page)
        # From the page's own start, Tab alone must come to the first control; then its choices are tried.
        page.evaluate("() => document.activeElement?.blur()")
        for _ in range(120):
            page.keyboard.press("Tab")
            if page.evaluate("() => document.activeElement?.getAttribute('role') === 'radio'"):
                break
        else:
            pytest.fail("Tab never came to a control")
        choices = page.evaluate("() => document.activeElement.parentElement.children.length")
        said = {before}
        for _ in range(choices - 1):
            shown = sentence(page)
            page.keyboard.press("ArrowRight")
            until = time.monotonic() + 5
            while sentence(page) == shown and time.monotonic() < until:
                page.wait_for_timeout(50)
            said.add(sentence(page))
        assert len(said) > 1, before
        assert complaints(page) == []


def first_stage(page):
    return page.locator(".svcnotes-stage").first


def sentence(page) -> str:
    return first_stage(page).locator(".verdict").first.inner_text()


def wait_for_sentence(page, part: str) -> None:
    end = time.monotonic() + 10
    while part not in sentence(page):
        assert time.monotonic() < end, sentence(page)
        page.wait_for_timeout(20)


def choose(page, name: str) -> None:
    first_stage(page).locator(f"[data-control=policy] [data-value={name}]").click()


def complaints(page, seen=None):
    """Every error and every line on stderr in the notebook, read from top to bottom; `seen` gathers the prompts."""
    errors = []
    for _ in range(80):
        for cell in page.locator(".jp-CodeCell").all() if seen is not None else ():
            seen.add(cell.locator(".jp-InputPrompt").first.inner_text())
        errors += page.locator("[data-mime-type='application/vnd.jupyter.error']").all_inner_texts()
        errors += page.locator("[data-mime-type='application/vnd.jupyter.stderr']").all_inner_texts()
        moved = page.evaluate(
            "() => { const p = document.querySelector('.jp-WindowedPanel-outer'); const old = p.scrollTop;"
            " p.scrollTop += 800; return p.scrollTop > old }"
        )
        page.wait_for_timeout(100)
        if not moved:
            break
    page.evaluate("() => { document.querySelector('.jp-WindowedPanel-outer').scrollTop = 0 }")
    page.wait_for_timeout(300)
    return errors


def test_run_all_leaves_no_error(page):
    seen = set()
    assert not complaints(page, seen)
    assert "[1]:" in seen
    assert len(seen) >= 15


def wait_while_in_sentence(page, part: str) -> None:
    end = time.monotonic() + 10
    while part in sentence(page):
        assert time.monotonic() < end, sentence(page)
        page.wait_for_timeout(20)


def test_a_click_on_local_changes_the_source_from_the_nodes_to_the_clients(page):
    choose(page, "Cluster")
    wait_for_sentence(page, f"{NODE} (node-1), not the client")
    choose(page, "Local")
    wait_while_in_sentence(page, "not the client")
    assert CLIENT in sentence(page)
    assert NODE not in sentence(page)


def test_the_keyboard_alone_does_the_same(page):
    choose(page, "Cluster")
    wait_for_sentence(page, "not the client")
    # Tab alone must come to this stage's policy; the lesson has another one further down.
    page.evaluate("() => document.activeElement?.blur()")
    for _ in range(240):
        page.keyboard.press("Tab")
        value = "() => document.activeElement?.closest('.svcnotes-stage') === document.querySelector('.svcnotes-stage')"
        if page.evaluate(f"{value} && document.activeElement.dataset.value") == "Cluster":
            break
    else:
        pytest.fail("Tab never came to the policy")
    page.keyboard.press("ArrowRight")
    wait_while_in_sentence(page, "not the client")
    assert CLIENT in sentence(page)


def test_a_prediction_committed_by_keyboard_keeps_the_keyboard_at_what_the_trace_says(page):
    page.evaluate("() => { document.querySelector('.jp-WindowedPanel-outer').scrollTop = 0 }")
    asked = scrolled_to(page, ".svcnotes-predict")
    asked.locator("input").first.focus()
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    asked.locator(".feedback:is(.right, .wrong)").wait_for(timeout=10_000)
    assert page.evaluate("() => document.activeElement.matches('.svcnotes-predict .feedback')")


@pytest.mark.usefixtures("kernel_lab")
def test_real_packets_are_drawn_on_the_same_stage_and_beside_the_simulated_ones(page):
    heading = page.get_by_role("heading", name="Do not take my word for it")
    for _ in range(60):
        if heading.count():
            break
        page.evaluate("() => { document.querySelector('.jp-WindowedPanel-outer').scrollTop += 600 }")
        page.wait_for_timeout(100)
    stage = page.locator(".svcnotes-stage:has([data-control=engine])")
    stage.locator("[data-value=kernel]").click()
    stage.get_by_text("of 12 real packets went this way").wait_for(timeout=10_000)
    assert "The kernel did what the simulation says" in stage.locator(".difference").inner_text()
    assert "as Linux itself traced it" in stage.locator(".rules-box h4").inner_text()
    both = page.locator("section[aria-label^='packets: simulated and packets: real']")
    assert both.locator("svg[role=img]").count() == 1  # they go the same way: one picture of both
    kinds = both.locator("tbody th[scope=row]").all_inner_texts()
    assert len(kinds) == 11
    assert set(kinds) == {"= same"}


def scrolled_to(page, selector):
    """A part of the notebook that may be far down: what is out of sight is not in the page."""
    for _ in range(80):
        if page.locator(selector).count():
            page.locator(selector).first.scroll_into_view_if_needed()
            return page.locator(selector).first
        page.evaluate("() => { document.querySelector('.jp-WindowedPanel-outer').scrollTop += 500 }")
        page.wait_for_timeout(100)
    pytest.fail(f"nothing on the page is {selector}")


def written_into(page, cell, text):
    """Replace a cell's text by keyboard and run it."""
    cell.locator(".cm-content").click()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(text)
    page.keyboard.press("Control+Enter")


def answer_cell(page, exercise):
    return scrolled_to(page, f".jp-CodeCell:has(.cm-content:has-text('%%answer {exercise}'))")


def in_editor(cell):
    return "\n".join(cell.locator(".cm-line").all_text_contents())


def test_an_answer_cell_gets_its_start_when_it_is_run_and_says_right_when_it_is_answered(page):
    case = draw("01-visitor", SELF_STUDY, NOBODY)
    cell = answer_cell(page, "01-visitor")
    assert in_editor(cell) == f"%%answer 01-visitor\n{case.start.strip()}"
    written_into(page, cell, f"%%answer 01-visitor\n{answers.right('01-visitor', case)}")
    cell.get_by_text("✔ Right: 3 of 3 points").wait_for(timeout=10_000)
    assert case.question.splitlines()[-1] in cell.locator(".jp-OutputArea").inner_text()


def test_a_form_is_filled_in_by_keyboard_and_the_answer_cell_takes_its_answer_over(page):
    case = draw("01-visitor", SELF_STUDY, NOBODY)
    written_into(page, answer_cell(page, "01-two-doors"), "%answer-form 01-visitor")
    shown = scrolled_to(page, ".jp-CodeCell:has(.widget-textarea)")
    field = shown.locator("textarea")
    field.focus()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(answers.right("01-visitor", case))
    page.keyboard.press("Tab")
    assert page.evaluate("() => document.activeElement.innerText") == "Check"
    page.keyboard.press("Enter")
    shown.get_by_role("status").get_by_text("✔ Right: 3 of 3 points").wait_for(timeout=10_000)
    page.evaluate("() => { document.querySelector('.jp-WindowedPanel-outer').scrollTop -= 3000 }")
    cell = answer_cell(page, "01-visitor")
    written_into(page, cell, "%%answer 01-visitor\n???")
    cell.get_by_text("✔ Right: 3 of 3 points").wait_for(timeout=10_000)
    assert in_editor(cell) == f"%%answer 01-visitor\n{answers.right('01-visitor', case)}"
