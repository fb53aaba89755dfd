"""A prediction: nothing is given away before, the trace judges after."""

import pytest
import traitlets

from svcnotes.errors import QuestionError
from svcnotes.trace import trace
from svcnotes.widgets.predict import NONE_YET, Option, Predict


def seen(address):
    return lambda found: all(path.source_seen == address for path in found.paths)


@pytest.fixture
def asked():
    return []


@pytest.fixture
def predict(cluster, asked):
    def ask():
        asked.append(True)
        return trace(cluster, "192.0.2.10", "172.18.0.13:30080")

    options = [
        Option(
            "192.0.2.10",
            seen("192.0.2.10"),
            "a Service passes addresses through",
            "Under Cluster the node masquerades.",
        ),
        Option("172.18.0.13", seen("172.18.0.13")),
    ]
    return Predict("Which source does the pod see?", options, ask)


def test_run_all_leaves_it_unanswered_and_asks_no_trace(predict, asked):
    assert predict.feedback == NONE_YET
    assert predict.right is None
    assert predict.message["feedback"] == []
    assert asked == []


def test_a_wrong_answer_is_named_by_its_belief_and_judged_by_the_trace(predict):
    said = predict.choose("192.0.2.10")
    assert predict.right is False
    assert "“a Service passes addresses through”. Under Cluster the node masquerades." in said
    assert "sees 172.18.0.13 (node-3), not the client 192.0.2.10." in said


def test_a_right_answer_is_shown_with_the_rule(predict):
    predict.set_state({"chosen": 1})
    assert predict.right is True
    assert predict.feedback.startswith("✓ As you predicted.")
    assert "KUBE-POSTROUTING … MASQUERADE" in predict.feedback


def test_a_commitment_stays(predict, asked):
    predict.choose("192.0.2.10")
    predict.chosen = 1
    assert predict.chosen == 0
    assert predict.right is False
    assert len(asked) == 1


def test_an_answer_that_is_not_offered_is_refused(predict):
    with pytest.raises(QuestionError, match="none of the answers"):
        predict.choose("10.0.0.1")
    with pytest.raises(traitlets.TraitError):
        predict.chosen = 7
    with pytest.raises(QuestionError, match="at least one answer"):
        Predict("?", [], lambda: None)
