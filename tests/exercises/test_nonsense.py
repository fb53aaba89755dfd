"""An answer is a text and nothing else: it is never run, and none of them breaks a check."""

import kinds
import pytest
from every_exercise import EVERY
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from svcnotes.exercises import Verdict, nodeport

ALL = {**EVERY, **{f"kind-{name}": exercise for name, exercise in kinds.KINDS.items()}}
NAMES = list(ALL)
FEW = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
PIECES = st.sampled_from(
    [
        "ports",
        "nodePort",
        "port",
        "spec",
        ":",
        "-",
        "{",
        "}",
        "[",
        "&a",
        "*a",
        "\t",
        "\n",
        " ",
        "30080",
        "99999",
        "KUBE-EXT-SV7AMNAGZFKZEMQ4",
        "KUBE-MARK-MASQ",
        "1",
        "/",
        "%",
        "-A",
        "-D",
        "-I",
        "-t",
        "nat",
        "*nat",
        "!!x",
        "<b>",
        "\x00",
        "…",
        '"',
    ]
)


@pytest.mark.parametrize("name", NAMES)
@FEW
@given(answer=st.one_of(st.text(max_size=60), st.lists(PIECES, max_size=30).map("".join)))
def test_no_text_breaks_a_check(name, answer):
    assert isinstance(ALL[name].check(answer), Verdict)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("answer", [None, 3.5, [], {"a": 1}, object(), b"refused", True, 30080, 10**50])
def test_an_answer_that_is_no_text_is_a_wrong_one(name, answer):
    verdict = ALL[name].check(answer)
    assert isinstance(answer, int) or not verdict.ok
    assert verdict.ok or verdict.explanation


@FEW
@given(cut=st.integers(0, 400), piece=PIECES)
def test_a_mangled_manifest_is_judged_all_the_same(cut, piece):
    text = nodeport.repair.start
    assert isinstance(nodeport.repair.check(text[:cut] + piece + text[cut:]), Verdict)


class Sly(str):
    """A text that claims to equal everything."""

    __slots__ = ()
    __hash__ = str.__hash__

    def __eq__(self, other):
        return True


@pytest.mark.parametrize("name", NAMES)
def test_a_text_that_equals_everything_gains_nothing(name):
    assert not ALL[name].check(Sly("nonsense")).ok


@pytest.mark.parametrize(
    "answer",
    [
        "!!python/object/apply:os.system ['touch {path}']",
        "__import__('pathlib').Path('{path}').touch()",
        "$(touch {path})",
        "{{{{ touch {path} }}}}",
    ],
)
@pytest.mark.parametrize("name", NAMES)
def test_no_check_runs_code(name, answer, tmp_path):
    path = tmp_path / "ran"
    assert not ALL[name].check(answer.format(path=path)).ok
    assert not path.exists()


def test_an_endless_answer_is_turned_away():
    assert "too many" in nodeport.repair.check("a" * 1_000_000).explanation
