"""Every lesson runs from top to bottom, keeps its budgets, and spoils nothing."""

import json
import re
import statistics
import sys
from pathlib import Path

import nbformat
import pytest
from made_book import make_book
from nbclient import NotebookClient

sys.path[:0] = [str(Path(__file__).parent.parent / "tools")]

import own_cases  # noqa: E402 - tools are no package

FOLDER = Path(__file__).parent.parent / "notebooks"
PATHS = sorted(FOLDER.glob("*.ipynb"))
LESSONS = [path for path in PATHS if not path.stem.startswith("00")]
START = [path for path in PATHS if path.stem.startswith("00")]
PAGES = [*PATHS, *sorted(FOLDER.glob("*.md"))]
IDS = {"ids": lambda path: path.stem}
# The lessons of the book. A link to one that is not written yet is a known gap, until it is.
BOOK = [
    "00-start-here",
    "01-nodeport",
    "02-snat",
    "03-loadbalancer",
    "04-externalname",
    "05-externalips",
    "06-hairpin",
    "07-debugging",
    "08-modes",
    "09-scale",
]

# Words that have no place in a lesson: they hurry, belittle, or come from the workshop.
UNWELCOME = [
    "simply",
    "obviously",
    "just do",
    "trivial",
    "of course you",
    "TODO",
    "FIXME",
    "XXX",
    "/work",
    "localhost:8888",
]


def cells(path: Path, kind: str) -> list[dict]:
    found = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [cell | {"text": "".join(cell["source"])} for cell in found if cell["cell_type"] == kind]


def code_cells(path: Path) -> list[dict]:
    """The cells that hold code; an answer cell is a form, and has a budget of its own."""
    return [cell for cell in cells(path, "code") if not cell["text"].startswith("%%answer")]


def answer_cells(path: Path) -> list[dict]:
    return [cell for cell in cells(path, "code") if cell["text"].startswith("%%answer")]


@pytest.fixture(scope="module")
def run(request):
    """The notebook after a run in a fresh kernel; an exception in a cell is a failure."""
    notebook = nbformat.read(request.param, as_version=4)
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(FOLDER)}}).execute()
    return notebook


def outputs(notebook):
    return [output for cell in notebook.cells for output in cell.get("outputs", [])]


def test_the_book_has_its_notebooks():
    assert [path.stem for path in PATHS] == BOOK


@pytest.mark.parametrize("run", PATHS, indirect=True, **IDS)
def test_runs_from_top_to_bottom_without_a_complaint(run):
    code = [cell for cell in run.cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in code)
    assert [output for output in outputs(run) if output.output_type == "error"] == []
    # nbclient passes over an exception in a widget's callback; it shows on stderr only
    said = [o.text for o in outputs(run) if o.output_type == "stream" and o.name == "stderr"]
    assert said == []
    for state in (
        run.metadata.get("widgets", {})
        .get("application/vnd.jupyter.widget-state+json", {})
        .get("state", {})
        .values()
    ):
        kept = state.get("state", {}).get("outputs", [])
        assert [output for output in kept if output.get("output_type") == "error"] == []


@pytest.mark.parametrize("run", PATHS, indirect=True, **IDS)
def test_every_cell_shows_something_and_every_picture_has_a_text_twin(run):
    for cell in run.cells:
        if cell.cell_type != "code":
            continue
        assert cell.outputs, f"{cell.id} shows nothing"
        for output in cell.outputs:
            data = output.get("data", {})
            if any(kind.startswith("image/") for kind in data):
                twin = data.get("text/plain", "")
                assert len(twin) > 80, f"{cell.id}: {twin!r} is no text twin"
                assert "<Figure size" not in twin, cell.id
            if "<svg" in data.get("text/html", ""):
                assert 'role="img"' in data["text/html"], cell.id
                assert "aria-label" in data["text/html"] or "<desc" in data["text/html"], cell.id


@pytest.mark.parametrize("run", LESSONS, indirect=True, **IDS)
def test_no_output_is_a_wall_of_text(run):
    for cell in run.cells:
        for output in cell.get("outputs", []):
            text = output.get("text", "") or output.get("data", {}).get("text/plain", "")
            if "text/html" not in output.get("data", {}):
                assert len(text.splitlines()) <= 80, f"{cell.id}: {len(text.splitlines())} lines"


@pytest.mark.parametrize("path", PATHS, **IDS)
def test_holds_no_outputs(path):
    for cell in cells(path, "code"):
        assert cell["outputs"] == []
        assert cell["execution_count"] is None


@pytest.mark.parametrize("path", PATHS, **IDS)
def test_every_cell_has_an_id_of_its_own(path):
    ids = [cell.get("id") for kind in ("code", "markdown") for cell in cells(path, kind)]
    assert all(ids)
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("path", LESSONS, **IDS)
def test_code_keeps_its_budget(path):
    lengths = [len(cell["text"].splitlines()) for cell in code_cells(path)]
    assert 15 <= len(lengths) <= 20
    assert statistics.median(lengths) <= 3
    assert max(lengths) <= 15


@pytest.mark.parametrize("path", START, **IDS)
def test_the_start_takes_ten_minutes(path):
    code = code_cells(path)
    assert 5 <= len(code) <= 8
    assert minutes(path) <= 12


@pytest.mark.parametrize("path", PATHS, **IDS)
def test_no_cell_defines_a_function(path):
    for cell in cells(path, "code"):
        assert not re.search(r"^\s*(async )?(def|class) |lambda", cell["text"], re.MULTILINE), cell["id"]


@pytest.mark.parametrize("path", PATHS, **IDS)
def test_no_line_of_code_is_too_wide_for_the_page(path):
    for cell in cells(path, "code"):
        assert all(len(line) <= 110 for line in cell["text"].splitlines()), cell["id"]


def minutes(path: Path) -> float:
    """120 words a minute for a text with rules in it, and half a minute for each cell to run and look at.

    The exercises with a case of one's own come on top; their table says what each takes.
    """
    words = sum(
        len(cell["text"].split()) for cell in cells(path, "markdown") if cell["id"] != own_cases.TABLE
    )
    return words / 120 + len(code_cells(path)) / 2


@pytest.mark.parametrize("path", PATHS, **IDS)
def test_the_exercises_with_a_case_of_ones_own_are_those_of_the_catalogue(path):
    assert path.read_text(encoding="utf-8") == own_cases.written(path), "run: make book"


@pytest.mark.parametrize("path", PATHS, **IDS)
def test_an_answer_cell_is_a_form_that_nbgrader_knows(path):
    found = answer_cells(path)
    assert len(found) == len(own_cases.exercises(path.stem)) <= 8
    for cell in found:
        exercise = cell["text"].split()[1]
        assert cell["text"] == f"%%answer {exercise}\n???"
        assert cell["id"] == cell["metadata"]["nbgrader"]["grade_id"] == exercise
        assert cell["metadata"]["nbgrader"]["solution"] is True


@pytest.mark.parametrize("path", LESSONS, **IDS)
def test_says_how_long_it_takes(path):
    (said,) = re.findall(r"\*\*Minutes\*\* \| (\d+)", text_of(path))
    assert minutes(path) <= int(said) <= minutes(path) + 5


@pytest.mark.parametrize("path", LESSONS, **IDS)
def test_takes_half_an_hour_to_three_quarters(path):
    assert 25 <= minutes(path) <= 45, f"about {minutes(path):.0f} minutes"


@pytest.mark.parametrize("path", LESSONS, **IDS)
def test_follows_the_anatomy_of_a_lesson(path):
    text = "\n".join(cell["text"] for cell in cells(path, "markdown"))
    assert re.match(r"# (?!The|A |An )[A-Z][a-z]+ ", text), "a title begins with a verb"
    for part in (
        "**You will**",
        "Afterwards you can",
        "**You need**",
        "**Minutes**",
        "## Warm up",
        "Answer each one aloud",
    ):
        assert part in text, part
    for heading in (
        "## Round 1",
        "## Round 2",
        "worked",
        "## Your turn",
        "## Debug",
        "## In practice",
        "**Versions.**",
        "**What this model leaves out.**",
        "### On a real cluster",
        "## Recap",
    ):
        assert heading in text, heading
    assert text.count("<details>") >= 6
    assert "**Next:**" in text
    assert sum("predict(" in cell["text"] for cell in cells(path, "code")) in (2, 3)


@pytest.mark.parametrize("path", PATHS, **IDS)
def test_uses_no_unwelcome_word_and_loads_nothing_from_elsewhere(path):
    text = path.read_text(encoding="utf-8")
    for word in UNWELCOME:
        assert not re.search(rf"(?<!\w){re.escape(word)}", text, re.IGNORECASE), word
    assert not re.search(r"<(script|img|iframe|style)|!\[[^\]]*\]\(https?:", text)


def test_the_lesson_on_nodeport_covers_what_it_promises():
    text = (FOLDER / "01-nodeport.ipynb").read_text(encoding="utf-8")
    for word in [
        "KUBE-NODEPORTS",
        "KUBE-EXT",
        "KUBE-SVC",
        "KUBE-SVL",
        "KUBE-SEP",
        "KUBE-MARK-MASQ",
        "KUBE-POSTROUTING",
        "targetPort",
        "30000 to 32767",
        "externalTrafficPolicy",
        "refused",
        "timeout",
        "1.36",
        "1.37",
    ]:
        assert word in text, word


def test_the_manifest_to_mend_is_the_one_that_the_exercise_knows():
    from svcnotes.exercises import nodeport

    cell = next(c for c in cells(FOLDER / "01-nodeport.ipynb", "code") if c["id"] == "exercise-repair")
    assert nodeport.repair.start in cell["text"]


def text_of(path: Path) -> str:
    """All of a page's words; of a notebook its text cells."""
    if path.suffix == ".md":
        return path.read_text(encoding="utf-8")
    return "\n\n".join(cell["text"] for cell in cells(path, "markdown"))


def anchors(path: Path) -> set[str]:
    """What a link may end in, after the #: a heading's words with dashes, or a cell of a notebook."""
    headings = re.findall(r"^#+ (.+)$", text_of(path), re.MULTILINE)
    found = {heading.strip().replace(" ", "-") for heading in headings}
    if path.suffix == ".ipynb":
        return found | {
            f"cell-id={cell['id']}" for kind in ("code", "markdown") for cell in cells(path, kind)
        }
    return found | {re.sub(r"[^\w -]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def links(path: Path) -> list[str]:
    found = re.findall(r"\]\(([^()\s]+)\)", text_of(path)) + re.findall(r'href="([^"]+)"', text_of(path))
    return list(dict.fromkeys(found))


LINKS = [
    pytest.param(
        path,
        target,
        id=f"{path.name}-{target}",
    )
    for path in PAGES
    for target in links(path)
    if not target.startswith("https://")
]


@pytest.mark.parametrize(("path", "target"), LINKS)
def test_a_link_leads_somewhere(path, target):
    name, _, anchor = target.partition("#")
    there = (path.parent / name).resolve() if name else path
    assert there.is_relative_to(FOLDER.parent.resolve())
    assert there.is_file(), target
    if anchor:
        assert anchor in anchors(there), target


def lessons_linked(text: str) -> set[str]:
    return set(re.findall(r"\]\(([0-9]{2}-[a-z-]+)\.ipynb", text))


@pytest.mark.parametrize("path", LESSONS, **IDS)
def test_each_lesson_leads_on_to_the_next_and_back_to_an_earlier_one(path):
    number = BOOK.index(path.stem)
    text = text_of(path)
    earlier = lessons_linked(text) & set(BOOK[:number])
    assert earlier or path.stem == "01-nodeport"
    following = text.partition("**Next:**")[2]
    if number + 1 < len(BOOK):
        assert BOOK[number + 1] in lessons_linked(following), "the next lesson is linked from **Next:**"
    else:
        assert lessons_linked(following) or "](" in following


def test_the_start_has_a_map_of_all_lessons():
    for path in START:
        assert lessons_linked(text_of(path)) >= set(BOOK[1:])


def warm_up(path: Path) -> list[str]:
    """The questions to recall, each with its answer."""
    section = text_of(path).partition("## Warm up")[2].partition("\n## ")[0]
    return re.findall(r"<details>(.*?)</details>", section, re.DOTALL)


@pytest.mark.parametrize("path", LESSONS, **IDS)
def test_three_questions_are_recalled(path):
    questions = warm_up(path)
    assert len(questions) == 3
    for question in questions:
        asked, _, answer = question.partition("</summary>")
        assert "?" in asked
        assert len(answer.split()) >= 3


def terms_in(text: str) -> set[str]:
    return {term.term for term in make_book.terms() if term.occurs(text)}


@pytest.mark.parametrize("path", LESSONS[1:], **IDS)
def test_what_is_recalled_was_said_in_an_earlier_lesson(path):
    earlier = "\n".join(text_of(one) for one in LESSONS if one.stem < path.stem)
    for question in warm_up(path):
        asked = terms_in(question)
        assert len(asked) >= 2, question
        assert asked <= terms_in(earlier), asked - terms_in(earlier)
        chains = set(re.findall(r"KUBE-[A-Z]+(?:-[A-Z]+)?", question))
        assert all(chain in earlier for chain in chains), chains


def test_the_first_lesson_recalls_nothing_of_kubernetes():
    for question in warm_up(LESSONS[0]):
        assert not re.search(r"[Pp]od|Service|kube|nodePort|[Ee]ndpoint|cluster", question)
