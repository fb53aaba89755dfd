"""Scalars and documents are read as kubectl reads them, and broken text ends in one message."""

import json
import subprocess
import sys

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from svcnotes.control_plane import yaml_reader
from svcnotes.control_plane.scalars import plain_scalar
from svcnotes.control_plane.yaml_reader import YamlError, read
from svcnotes.errors import InputError


def value(text, **options):
    (document,) = read(text, "f.yaml", **options)
    return document.value


@pytest.mark.parametrize(
    "text", ["030080", "072600", "0o72600", "30_080", "3.008e4", "0x7580", "30080.0", "+30080"]
)
def test_the_number_30080_has_many_spellings(text):
    assert value(f"nodePort: {text}") == {"nodePort": 30080}
    assert isinstance(plain_scalar(text), int)


@pytest.mark.parametrize("text", ["y", "Y", "yes", "on", "On", "TRUE", "true"])
def test_yes_in_all_its_spellings_is_a_boolean(text):
    assert plain_scalar(text) is True


@pytest.mark.parametrize("text", ["n", "No", "off", "OFF", "False"])
def test_no_in_all_its_spellings_is_a_boolean(text):
    assert plain_scalar(text) is False


@pytest.mark.parametrize(
    "text",
    [
        "1:30",
        "2026-11-22",
        "2026-11-22T23:51:51Z",
        "10.96.0.1",
        "1.2.3",
        "yEs",
        "0x",
        "1e",
        "-",
        ".",
        "08:00",
    ],
)
def test_times_dates_and_addresses_stay_text(text):
    assert plain_scalar(text) == text


@pytest.mark.parametrize("text", ["'y'", '"030080"', "!!str 80", "'null'", "|-\n  on"])
def test_what_is_quoted_stays_text(text):
    assert isinstance(value(f"a: {text}")["a"], str)


@pytest.mark.parametrize("text", ["~", "null", "Null", "", "# nothing"])
def test_nothing_is_null(text):
    assert value(f"a: {text}\nb: 1") == {"a": None, "b": 1}


def test_the_last_of_two_equal_keys_wins():
    assert value("type: NodePort\ntype: ClusterIP") == {"type": "ClusterIP"}


def test_keys_become_text_as_in_json():
    assert value("1: a\ntrue: b\non: c\n1.5: d\n'2': e") == {"1": "a", "true": "c", "1.5": "d", "2": "e"}


def test_merge_keys_bring_in_a_map_and_explicit_keys_win():
    text = "base: &b {x: 1, z: 2}\nother: &o {x: 9}\none:\n  <<: *b\n  z: 3\ntwo:\n  <<: [*o, *b]\n"
    assert value(text)["one"] == {"x": 1, "z": 3}
    assert value(text)["two"] == {"x": 9, "z": 2}


def test_documents_know_where_they_begin_and_empty_ones_are_left_out():
    documents = read("a: 1\n---\n---\n# nothing\n---\nb: 2\n", "f.yaml")
    assert [(d.value, d.line) for d in documents] == [({"a": 1}, 1), ({"b": 2}, 6)]


def test_byte_order_mark_and_windows_line_ends_are_no_matter():
    assert value(b"\xef\xbb\xbfa: 1\r\nb:\r\n- x\r\n") == {"a": 1, "b": ["x"]}
    assert value("a: ü\n".encode("utf-16")) == {"a": "ü"}


def test_json_is_yaml_tabs_included():
    assert value('{\n\t"a": [1, "x", null],\n\t"b": {"c": true}}') == {"a": [1, "x", None], "b": {"c": True}}


@pytest.mark.parametrize(
    ("text", "line", "column", "words"),
    [
        ("metadata:\n\tname: web\n", 2, 1, "tabs"),
        ("ports:\n- port: 80\n   targetPort: 8080\n", 3, 14, "indentation"),
        ("a: [1, 2\n", 2, 1, "close every quote and bracket"),
        ("a: 'x\n", 2, 1, "quot"),
        ("a: *nobody\n", 1, 4, "anchor"),
        ("a: &a [*a]\n", 1, 8, "contains itself"),
        ("ok: 1\na: \x07\n", 2, 4, "control characters"),
        (b"a: 1\nb: \xff\n", 2, 4, "UTF-8"),
        ("? [1]\n: 2\n", 1, 5, "key"),
        ("a: .nan\n", 1, 4, "finite"),
        ("a: !!int x\n", 1, 4, "!!int"),
        ("a: !!binary '*'\n", 1, 4, "base64"),
        ("<<: 1\n", 1, 5, "merge"),
        ("x: " + "[" * 101, 1, 103, "deeper"),
        ("a: @x\n", 1, 4, "quotes"),
    ],
)
def test_broken_text_is_one_message_with_place_and_remedy(text, line, column, words):
    with pytest.raises(YamlError) as caught:
        read(text, "f.yaml")
    message = str(caught.value)
    assert message.startswith(f"f.yaml: line {line}, column {column}: ")
    assert words in message
    assert "\n" not in message
    assert (caught.value.line, caught.value.column) == (line, column)


def test_anchors_that_explode_are_refused_before_they_do():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    with pytest.raises(YamlError, match="aliases stand for more than 1000000 values"):
        read("\n".join(lines))


def test_aliases_are_welcome_while_they_stay_small():
    assert value("a: &a {x: 1}\nb: [*a, *a]") == {"a": {"x": 1}, "b": [{"x": 1}, {"x": 1}]}


def test_a_tag_cannot_name_a_python_type():
    assert value("a: !!python/object/apply:os.system ['true']") == {"a": ["true"]}


def test_a_text_over_the_limit_is_refused_and_the_limit_can_be_raised():
    text = "a: " + "x" * 100
    with pytest.raises(InputError, match=r"f.yaml: 103 bytes, more than the limit of 50.*max_bytes=103"):
        read(text, "f.yaml", max_bytes=50)
    assert value(text, max_bytes=103) == {"a": "x" * 100}
    assert yaml_reader.MAX_BYTES == 32 * 1024 * 1024


YAML_TEXT = st.text(
    st.sampled_from(list("ab: -[]{}&*<!|>'\"#%@`\n\t\r,?~01.e_\x00\ud800\u2028é")), max_size=60
)


@settings(max_examples=300, deadline=None)
@given(YAML_TEXT)
@example("a: \ud800")
@example("%YAML 1.3\n---\na: 1")
def test_any_text_is_values_or_one_error(text):
    message, documents = "", ()
    try:
        documents = read(text)
    except InputError as error:
        message = str(error)
    assert "\n" not in message
    assert all(document.value is not None for document in documents)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.text(st.characters(codec="utf-8", exclude_categories=["C"])),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text("abc123", max_size=3), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None)
@given(JSON.filter(lambda v: v is not None))
def test_what_is_dumped_as_json_comes_back(data):
    assert value(json.dumps(data, ensure_ascii=False)) == data


def test_without_libyaml_the_same_values_come_out():
    code = (
        "import yaml\n"
        "if hasattr(yaml, 'CSafeLoader'): del yaml.CSafeLoader\n"
        "from svcnotes.control_plane.yaml_reader import read\n"
        "print(read('a: &x 030080\\nb: [*x, y]\\n')[0].value)\n"
        "try: read('a:\\n\\tb: 1')\n"
        "except Exception as error: print(type(error).__name__, error)\n"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.startswith(
        "{'a': 30080, 'b': [30080, True]}\nYamlError input: line 2, column 1: found character '\\t'"
    )


def test_the_fast_parser_is_in_use_where_it_is_installed():
    assert hasattr(yaml, "CSafeLoader") == (yaml_reader._Loader is getattr(yaml, "CSafeLoader", None))
