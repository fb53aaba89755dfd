"""Bad input ends in one clear error: it names file, object, field, value and remedy."""

from pathlib import Path

import pytest

from svcnotes.control_plane.load import load, loads
from svcnotes.errors import InputError, SvcnotesError

BAD = sorted((Path(__file__).parent.parent / "data/bad").glob("*.yaml"))


@pytest.mark.parametrize("path", BAD, ids=[path.stem for path in BAD])
def test_bad_input_is_refused_with_the_message_in_its_first_line(path):
    text = path.read_text(encoding="utf-8")
    expected = text.splitlines()[0].removeprefix("# ")
    with pytest.raises(SvcnotesError) as caught:
        load(path).pods  # noqa: B018 - pods are read on first use
    message = str(caught.value).replace(str(path), "input.yaml")
    assert expected in message
    assert "\n" not in message


def test_a_missing_file_is_one_message(tmp_path):
    with pytest.raises(InputError, match=r"nowhere.yaml: cannot be read \(No such file or directory\)"):
        load(tmp_path / "nowhere.yaml")
    with pytest.raises(InputError, match="cannot be read"):
        load(tmp_path)


def test_a_file_over_the_limit_is_refused_and_the_limit_can_be_raised(tmp_path):
    path = tmp_path / "big.yaml"
    path.write_text("# " + "x" * 1000)
    with pytest.raises(
        InputError,
        match=r"1002 bytes, more than the limit of 100. Split the file, or raise the limit: max_bytes=1002",
    ):
        load(path, max_bytes=100)
    assert load(path, max_bytes=2000).services == {}


def test_several_texts_are_named_by_their_number():
    with pytest.raises(InputError, match="input 2: line 1: kind is not set"):
        loads("apiVersion: v1\nkind: Pod\nmetadata: {name: a}", "apiVersion: v1")


def test_an_unknown_field_is_told_the_nearest_and_only_where_none_is_near_all():
    head = "apiVersion: svcnotes/v1\nkind: World\nspec: "
    with pytest.raises(InputError, match=r'unknown field "spec\.cnii"\. Did you mean "cni"\?$'):
        loads(head + "{cnii: routed}")
    with pytest.raises(InputError, match=r'unknown field "spec\.zzz"\. Allowed here: .*cloud.*, cni, '):
        loads(head + "{zzz: 1}")
