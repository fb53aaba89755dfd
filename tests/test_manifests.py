"""What a lesson gives to `kubectl apply` on a real cluster is accepted: by this API server, and by the official schemas."""

import json
import re
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from svcnotes.control_plane.kubectl.check import check

FOLDER = Path(__file__).parent.parent / "notebooks"
LESSONS = [path.stem for path in sorted(FOLDER.glob("[0-9][0-9]-*.ipynb")) if not path.stem.startswith("00")]
FIRST_LINE = "# kubectl apply -f -\n"
# The newest schemas that the package carries; those of 1.36, which svcnotes speaks, and later ones must both agree.
VERSIONS = ("1.36", kubernetes_validate.latest_version())


def blocks(stem: str) -> dict[str, str]:
    """The YAML blocks of a notebook's text, by cell and number."""
    found = {}
    for cell in json.loads((FOLDER / f"{stem}.ipynb").read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "markdown":
            texts = re.findall(r"^```yaml\n(.*?)^```", "".join(cell["source"]), re.MULTILINE | re.DOTALL)
            found |= {f"{stem}: {cell['id']} {number}": text for number, text in enumerate(texts, 1)}
    return found


BLOCKS = {name: text for stem in LESSONS for name, text in blocks(stem).items()}
MANIFESTS = {name: text for name, text in BLOCKS.items() if text.startswith(FIRST_LINE)}
WITHOUT = [stem for stem in LESSONS if not any(name.startswith(stem) for name in MANIFESTS)]


@pytest.mark.parametrize("name", MANIFESTS)
def test_the_api_server_accepts_the_manifest(name, tmp_path):
    path = tmp_path / "manifest.yaml"
    path.write_text(MANIFESTS[name], encoding="utf-8")
    answer = check([path])
    assert answer.exit_code == 0, answer.stderr


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", MANIFESTS)
def test_the_official_schema_accepts_the_manifest(name, version):
    documents = [document for document in yaml.safe_load_all(MANIFESTS[name]) if document]
    assert documents
    for document in documents:
        kubernetes_validate.validate(document, version, strict=True)


def test_the_schema_refuses_a_field_that_is_not_there():
    wrong = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "x"},
        "spec": {"externalPolicy": "Local"},
    }
    with pytest.raises(kubernetes_validate.ValidationError, match="externalPolicy"):
        kubernetes_validate.validate(wrong, VERSIONS[-1], strict=True)


@pytest.mark.parametrize("name", BLOCKS)
def test_every_yaml_in_a_lessons_text_is_one_to_apply(name):
    assert BLOCKS[name].startswith(FIRST_LINE), "begin the block so, or drop `yaml` from its first line"


def test_every_lesson_has_a_manifest_for_a_real_cluster():
    assert WITHOUT == []
