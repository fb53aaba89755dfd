"""The lecturer's pages say what is so: links, commands and their options, the values for Kubernetes, what is measured."""

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

from svcnotes.coursework.course import create
from svcnotes.coursework.course_texts import README
from svcnotes.exercises.personal import ALL, draw

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "notebooks" / "teaching"
PAGES = sorted(FOLDER.glob("*.md"))
IDS = {"ids": lambda path: path.stem}
sys.path[:0] = [str(ROOT / "tools")]

import answers  # noqa: E402 - tools are no package

# Fields of the chart of Zero to JupyterHub 4 that the values may use; anything below a name with * is free.
CHART = {
    "hub.config.*",
    "hub.concurrentSpawnLimit",
    "proxy.https.enabled",
    "proxy.https.hosts",
    "proxy.https.letsencrypt.contactEmail",
    "singleuser.image.name",
    "singleuser.image.tag",
    "singleuser.defaultUrl",
    "singleuser.memory.guarantee",
    "singleuser.memory.limit",
    "singleuser.cpu.guarantee",
    "singleuser.cpu.limit",
    "singleuser.storage.capacity",
    "singleuser.storage.homeMountPath",
    "singleuser.lifecycleHooks.*",
    "singleuser.networkPolicy.enabled",
    "singleuser.networkPolicy.egressAllowRules.*",
    "scheduling.userScheduler.enabled",
    "scheduling.podPriority.enabled",
    "scheduling.userPlaceholder.enabled",
    "scheduling.userPlaceholder.replicas",
    "prePuller.hook.enabled",
    "prePuller.continuous.enabled",
    "cull.enabled",
    "cull.timeout",
    "cull.every",
    "cull.maxAge",
}


def text_of(name):
    return (FOLDER / name).read_text(encoding="utf-8")


def blocks(text, kind=""):
    return re.findall(rf"^```{kind}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def commands(text):
    """Every command line of svcnotes in the blocks of a page."""
    lines = [line.split("  ")[0].strip() for block in blocks(text, r"\w*") for line in block.splitlines()]
    return [line for line in lines if line.startswith("svcnotes ")]


@pytest.mark.parametrize("path", PAGES, **IDS)
def test_a_link_of_a_page_leads_somewhere(path):
    for link in re.findall(r"\]\(([^()\s]+)\)", path.read_text(encoding="utf-8")):
        if not link.startswith("https://"):
            assert (FOLDER / link.partition("#")[0]).is_file(), link


def test_the_readme_leads_lecturers_to_the_pages():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "](notebooks/teaching/README.md)" in readme
    tens = ["forty", "fifty", "sixty", "seventy", "eighty", "ninety"][(len(ALL) - 1) // 10 - 4]
    assert f"Over {tens} exercises" in readme, len(ALL)
    linked = set(re.findall(r"\]\(([a-z-]+\.md)\)", text_of("README.md")))
    assert linked == {path.name for path in PAGES} - {"README.md"}


@pytest.mark.parametrize(
    "command",
    sorted(
        {
            one
            for text in [*(path.read_text(encoding="utf-8") for path in PAGES), README]
            for one in commands(text)
        }
    ),
)
def test_a_command_of_the_pages_has_only_options_that_exist(command):
    import shlex

    from svcnotes.cli import _parser

    parsed = _parser(with_course=True).parse_args(shlex.split(command, comments=True)[1:])
    assert parsed.run


@pytest.mark.parametrize("path", PAGES, **IDS)
def test_a_page_names_only_exercises_and_lessons_that_are_there(path):
    lessons = {one.stem for one in (ROOT / "notebooks").glob("*.ipynb")}
    for name in re.findall(r"\b0\d-[a-z][a-z-]*", path.read_text(encoding="utf-8")):
        assert name in ALL or name in lessons, name


def test_the_plan_adds_up_each_lessons_exercises_and_leads_to_all_of_them():
    text = text_of("plan.md")
    for lesson in {one.lesson for one in ALL.values()}:
        here = [one for one in ALL.values() if one.lesson == lesson]
        (row,) = re.findall(rf"^\| \[{lesson}\].*$", text, re.MULTILINE)
        minutes, points = sum(one.minutes for one in here), sum(one.points for one in here)
        assert row.endswith(f"| {len(here)} in {minutes} minutes | {points} |")
    every = (FOLDER.parent / "exercises.md").read_text(encoding="utf-8")
    assert "](../exercises.md)" in text
    for one in ALL.values():
        assert f"| `{one.id}` | {one.title} | {one.kind} | {one.minutes} | {one.points} |" in every


def test_the_answer_shown_to_lecturers_has_the_form_that_the_exercise_asks_for():
    (shown,) = [block for block in blocks(text_of("README.md")) if block.startswith("%%answer")]
    first, *lines = shown.splitlines()
    case = draw(first.split()[1], "nets", "ana")
    assert [line.split(":")[0] for line in lines] == [line.split(":")[0] for line in case.start.splitlines()]


def fields(value, path=""):
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from fields(inner, f"{path}.{key}".lstrip("."))
    else:
        yield path, value


def test_the_values_for_kubernetes_have_only_fields_that_the_chart_knows():
    values = yaml.safe_load(text_of("zero-to-jupyterhub.yaml"))
    free = tuple(name.removesuffix("*") for name in CHART if name.endswith("*"))
    for path, value in fields(values):
        assert path in CHART or path.startswith(free), path
        assert value is not None, path


def size(text):
    number, unit = re.fullmatch(r"(\d+)([MG]i?)", text).groups()
    return int(number) * {"M": 10**6, "Mi": 2**20, "G": 10**9, "Gi": 2**30}[unit]


def test_the_values_for_kubernetes_are_sane():
    values = yaml.safe_load(text_of("zero-to-jupyterhub.yaml"))
    user = values["singleuser"]
    assert size(user["memory"]["guarantee"]) < size(user["memory"]["limit"])
    assert 16 * 10**9 * 0.9 // size(user["memory"]["guarantee"]) == 28
    assert "28 on one with 16 GB" in text_of("large-classes.md")
    assert user["cpu"]["guarantee"] < user["cpu"]["limit"]
    assert user["storage"]["capacity"] == "1Gi"
    assert values["cull"]["every"] < values["cull"]["timeout"] == 3600 < values["cull"]["maxAge"]
    assert values["scheduling"]["userPlaceholder"]["replicas"] == 10
    assert values["scheduling"]["podPriority"]["enabled"], "placeholders give way to students by priority"
    (command,) = [user["lifecycleHooks"]["postStart"]["exec"]["command"]]
    assert command[:2] == ["sh", "-c"]
    assert user["defaultUrl"].startswith("/lab/tree/lessons/")


def test_the_lessons_are_laid_out_for_a_student_and_never_over_the_students_own(tmp_path):
    command = yaml.safe_load(text_of("zero-to-jupyterhub.yaml"))["singleuser"]["lifecycleHooks"]["postStart"][
        "exec"
    ]["command"]
    (tmp_path / "kept").mkdir()
    shutil.copytree(ROOT / "notebooks", tmp_path / "notebooks")
    environment = os.environ | {"HOME": str(tmp_path)}
    subprocess.run(command, env=environment, check=True)
    assert (tmp_path / "lessons" / "00-start-here.ipynb").is_file()
    mine = tmp_path / "kept" / "lessons" / "01-nodeport.ipynb"
    mine.write_bytes(b"mine")
    subprocess.run(command, env=environment, check=True)
    assert mine.read_bytes() == b"mine"


def test_the_page_on_files_does_what_it_says_from_the_course_to_the_marks(tmp_path):
    """Its blocks are run as they stand, the installation aside, with a class's zip from Moodle."""
    _, make, generate, mark = blocks(text_of("files.md"), "bash")
    bin_folder = Path(sys.executable).parent
    environment = os.environ | {
        "HOME": str(tmp_path),
        "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}",
    }
    (tmp_path / "svcnotes").symlink_to(ROOT)
    course = tmp_path / "nets-2026"

    def run(text, at):
        done = subprocess.run(
            ["sh", "-e", "-c", text], cwd=at, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run(make.replace("../nets-2026", str(course)), tmp_path / "svcnotes")
    run(generate, course)
    released = json.loads(
        (course / "release" / "01-nodeport" / "01-nodeport.ipynb").read_text(encoding="utf-8")
    )
    with zipfile.ZipFile(course / "submissions.zip", "w") as handed_in:
        for number, (student, answer) in enumerate(
            {"ana": answers.right, "ben": lambda *_: "refused"}.items()
        ):
            for cell in released["cells"]:
                if "".join(cell["source"]).startswith("%%answer 01-visitor"):
                    given = answer("01-visitor", draw("01-visitor", "nets-2026", student))
                    cell["source"] = f"%%answer 01-visitor\n{given}"
            name = f"{student.title()} Lima_{100 + number}_assignsubmission_file_/01-nodeport.ipynb"
            handed_in.writestr(name, json.dumps(released))
    (course / "roster.csv").write_text(
        "student,name,moodle\nana,Ana Lima,100\nben,Ben Lima,101\ncleo,Cleo Lima,102\n", encoding="utf-8"
    )
    said = run(mark, course)
    assert "2 of 3 students handed in" in said
    found = json.loads((course / "marks" / "results.json").read_text(encoding="utf-8"))
    assert {one["student"]: one["points"] for one in found["students"]} == {
        "ana": "3",
        "ben": "0",
        "cleo": "0",
    }
    told = re.findall(r"`([a-z-]+\.(?:html|csv|zip))`", text_of("files.md").partition("What you find")[2])
    for name in set(told) - {"canvas-feedback.zip"}:  # these files came from Moodle
        assert (course / "marks" / name).is_file(), name
    assert len(list((course / "marks" / "feedback").glob("*.html"))) == 3
    summary = (course / "marks" / "summary.html").read_text(encoding="utf-8")
    section = "What is odd about files and answers"
    assert section in summary
    assert section in " ".join(text_of("files.md").split())
    assert "it does not say whose it is" in text_of("files.md")
    assert "01-nodeport.ipynb does not say whose it is" in summary


def test_a_courses_own_page_is_about_that_course(tmp_path):
    made = create(tmp_path / "nets", lessons=ROOT / "tests" / "data" / "coursework")
    assert "# nets\n" in (made.folder / "README.md").read_text(encoding="utf-8")
