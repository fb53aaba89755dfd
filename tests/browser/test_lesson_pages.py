"""Each lesson's stages as pages of their own: they step in Chromium with no kernel and no request to any network."""

import ast
import json
import re
from itertools import pairwise
from pathlib import Path

import pytest

from svcnotes.widgets.stage import Stage

pytestmark = pytest.mark.browser
FOLDER = Path(__file__).parent.parent.parent / "notebooks"
# 09-scale has a slider in place of a stage; tests/widgets/test_scale.py does the same with its page.
LESSONS = [path for path in sorted(FOLDER.glob("*.ipynb")) if path.stem != "09-scale"]
MOST_BYTES = 4_000_000


def stages_of(path, monkeypatch):
    """The stages that a lesson makes, in order: its cells up to the last one that speaks of a Stage are run."""
    made = []
    real = Stage.__init__
    monkeypatch.setattr(Stage, "__init__", lambda self, *a, **k: (real(self, *a, **k), made.append(self))[0])
    cells = [c for c in json.loads(path.read_text(encoding="utf-8"))["cells"] if c["cell_type"] == "code"]
    texts = ["".join(cell["source"]) for cell in cells]
    last = max(index for index, text in enumerate(texts) if "Stage(" in text)
    names = {"__name__": "lesson", "display": print}
    for text in texts[: last + 1]:
        exec(compile(ast.parse(text), str(path), "exec"), names)
    return made


def plain(text):
    return re.sub(r"[▲●■◆✚▼]\s*", "", text)


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_every_stage_of_the_lesson_steps_by_keyboard_with_no_kernel_and_no_network(
    path, browser, monkeypatch, tmp_path, capsys
):
    stages = stages_of(path, monkeypatch)
    capsys.readouterr()
    assert stages, f"{path.name} has no stage"
    for number, stage in enumerate(stages):
        page_file = stage.save_html(tmp_path / f"{path.stem}-{number}.html")
        assert page_file.stat().st_size < MOST_BYTES
        page = browser.new_page(viewport={"width": 1100, "height": 900})
        page.set_default_timeout(5000)
        faults, requests = [], []
        page.on("pageerror", lambda error, found=faults: found.append(str(error)))
        page.on(
            "console",
            lambda m, found=faults: found.append(m.text) if m.type in {"error", "warning"} else None,
        )
        page.on("request", lambda request, found=requests: found.append(request.url))
        page.goto(page_file.as_uri())
        page.wait_for_selector(".svcnotes-stage svg")
        assert plain(page.inner_text(".verdict")).startswith(plain(stage.sentence)[:40])
        seen = {page.inner_text(".verdict")}
        groups = page.locator("[role=radiogroup][data-control]:visible").count()
        assert groups >= 1
        page.keyboard.press("Tab")
        for _ in range(groups):
            shown = page.evaluate("document.activeElement.closest('[role=radiogroup]')?.children.length ?? 0")
            for _ in range(shown):
                page.keyboard.press("ArrowRight")
                seen.add(page.inner_text(".verdict"))
            page.keyboard.press("Tab")
        assert len(seen) > 1, "no control changes what the stage says"
        page.locator(".steps button.step").first.focus()
        page.keyboard.press("Home")
        strips = [page.inner_text(".strip")]
        steps = page.locator(".steps button.step").count()
        for _ in range(steps - 1):
            page.keyboard.press("ArrowRight")
            strips.append(page.inner_text(".strip"))
        assert all(f"Step {index} of {steps}" in strip for index, strip in enumerate(strips, 1))
        assert all(before != after for before, after in pairwise(strips))
        page.locator(".twin summary").focus()
        page.keyboard.press("Enter")
        assert page.locator(".twin ol li").count() == steps
        assert page.locator(".svcnotes-stage svg[role=img]").first.get_attribute("aria-label")
        assert faults == []
        assert [url for url in requests if not url.startswith("file:")] == []
        page.close()
