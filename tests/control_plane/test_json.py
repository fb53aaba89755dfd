"""A text that is JSON is read by the JSON decoder, and nobody can tell."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from svcnotes.control_plane import yaml_reader
from svcnotes.control_plane.json_reader import MAX_DEPTH, json_document
from svcnotes.control_plane.yaml_reader import YamlError, read

TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn"]), max_size=20)
NUMBERS = st.integers(-(2**70), 2**70) | st.floats(allow_nan=True, allow_infinity=True)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


def as_yaml(text):
    try:
        return [(one.value, one.line) for one in yaml_reader._documents(text, "input")]
    except YamlError as error:
        return str(error)


@given(st.dictionaries(TEXTS, VALUES, max_size=5), st.sampled_from([None, 2]), st.booleans())
@example({"a": 1e300}, None, False)
@example({"a": float("nan")}, None, False)
@example({"<<": {"a": 1}, "b": "NO", "c": "0o17", "d": "1e3", "e": "\u0085"}, None, True)
def test_json_is_read_as_yaml_would_read_it(value, indent, plain):
    text = json.dumps(value, indent=indent, ensure_ascii=plain)
    found = json_document(text)
    if found is not None:
        assert [found] == as_yaml(text)


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1e5}',
        '{"a": NaN}',
        '{"a": -Infinity}',
        '{"a": "\\ud83d\\ude00"}',
        '{"a": 01}',
        '{"a": 1,}',
        "{a: 1}",
        '{"a": 1} # so',
        '{"a": "two\nlines"}',
        '{"a": 1}\n---\n{"b": 2}',
        "[1]",
        "null",
        '{"a": ' * MAX_DEPTH + "1" + "}" * MAX_DEPTH + "]",
        '{"a": ' * (MAX_DEPTH + 1) + "1" + "}" * (MAX_DEPTH + 1),
        '{"a": ' * 100_000 + "1" + "}" * 100_000,
    ],
)
def test_what_is_not_plainly_the_same_is_left_to_yaml(text):
    assert json_document(text) is None


def test_the_deepest_object_is_as_deep_as_yaml_allows():
    text = '{"a": ' * MAX_DEPTH + "1" + "}" * MAX_DEPTH
    found = json_document(text)
    assert found is not None
    assert [found] == as_yaml(text)


def test_a_dump_in_json_names_the_line_where_it_begins():
    (document,) = read('\n\n {"kind": "Service",\n "kind": "Pod"}', "dump.json")
    assert (document.value, document.where) == ({"kind": "Pod"}, "dump.json: line 3")
