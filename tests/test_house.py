"""The files around the package agree with each other, and Binder reads them as meant."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import rattler
import yaml

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
# conda-forge's name for a library where it differs from PyPI's
CONDA_NAMES = {"matplotlib": "matplotlib-base"}


def environment(path: str) -> dict:
    return yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))


def conda_specs(path: str) -> list[str]:
    return [spec for spec in environment(path)["dependencies"] if isinstance(spec, str)]


def normal(spec: str) -> tuple[str, str]:
    name, version = re.fullmatch(r"([A-Za-z0-9_.-]+)\s*(.*)", spec).groups()
    name = name.lower()
    return CONDA_NAMES.get(name, name), version


def wanted() -> set[tuple[str, str]]:
    return {normal(spec) for spec in [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["lab"]]}


def test_conda_environment_asks_for_what_pyproject_asks_for():
    assert wanted() <= {normal(spec) for spec in conda_specs("environment.yml")}


def test_binder_environment_asks_for_what_pyproject_asks_for():
    assert wanted() <= {normal(spec) for spec in conda_specs("binder/environment.yml")}


def test_the_conda_environments_ask_for_nothing_more():
    tools = {"python", "pip", "setuptools"}
    for path in ("environment.yml", "binder/environment.yml"):
        names = {normal(spec)[0] for spec in conda_specs(path)}
        assert names - tools == {name for name, _ in wanted()}, path


def test_conda_specs_parse():
    for path in ("environment.yml", "binder/environment.yml"):
        for spec in conda_specs(path):
            assert rattler.MatchSpec(spec, strict=True).name is not None, spec


def test_every_python_asked_for_is_one_that_pyproject_allows():
    assert PROJECT["requires-python"] == ">=3.11"
    for path in ("environment.yml", "binder/environment.yml"):
        spec = next(s for s in conda_specs(path) if s.startswith("python "))
        first = re.search(r"3\.(\d+)", spec)
        assert first is not None
        assert int(first[1]) >= 11, path


def test_repo2docker_reads_binder_as_meant():
    done = subprocess.run(
        [sys.executable, "-m", "repo2docker", "--no-build", "--debug", str(ROOT)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert "binder/environment.yml" in said
    assert "RUN ./binder/postBuild" in said
    assert "PYTHON_VERSION" not in said or "3.12" in said


def test_post_build_is_executable_and_installs_only_svcnotes():
    script = ROOT / "binder" / "postBuild"
    assert script.stat().st_mode & 0o111
    assert "pip install --no-deps" in script.read_text(encoding="utf-8")


def test_the_environments_name_no_local_path_where_binder_caches():
    assert all(isinstance(spec, str) for spec in environment("binder/environment.yml")["dependencies"])


def test_notebooks_open_from_the_readme_badge():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for path in re.findall(r"urlpath=lab/tree/(notebooks/[\w./-]+)", readme):
        assert (ROOT / path).exists(), path
    assert "make lab" in readme
    assert "make test" in readme
    for picture in re.findall(r"!\[[^\]]+\]\((?!https?:)([^)]+)\)", readme):
        assert (ROOT / picture).exists(), picture


def test_importing_svcnotes_pulls_in_no_plotting_library():
    code = (
        "import sys, svcnotes; heavy = {'pandas','numpy','matplotlib','ipywidgets','yaml'} & set(sys.modules); "
        "print(sorted(heavy))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_version_is_said_once():
    code = "import svcnotes; print(svcnotes.__version__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == PROJECT["version"]


def test_notebooks_hold_no_outputs():
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        assert not any(cell.get("outputs") for cell in cells), path
