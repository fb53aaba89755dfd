"""A line that asks for an outcome and an address counts only when both are right; settings that shut clients out count for little."""

import pytest
from seed_checks import answers

from svcnotes.exercises.personal import draw


def holds(case, field, answer):
    """Whether a line of an answer is right."""
    parts = case.check(f"{field}: {answer}").parts
    return next(part.ok for part in parts if part.claim.startswith(f"{field}:"))


@pytest.fixture(scope="module")
def reach():
    """A case on an externalIP, and the line of a pod that dials it where no router knows it: any pod may answer."""
    case = draw("05-reach", "net-1", "ada")
    asked = next(text for text in case.question.splitlines() if "no router knows" in text and "tool" in text)
    return case, asked.partition(":")[0]


def test_a_word_alone_and_an_address_alone_earn_nothing(reach):
    case, field = reach
    pod = case.drawn["site"].pods[0].address
    for answer in ("connected", pod, f"timeout {pod}", "connected 192.0.2.99"):
        assert not holds(case, field, answer), answer
    assert holds(case, field, f"connected {pod}")


def test_any_pod_that_may_answer_is_right_and_no_other_address(reach):
    case, field = reach
    site = case.drawn["site"]
    assert all(holds(case, field, f"connected {pod.address}") for pod in site.pods)
    others = [
        site.client,
        site.tool.address,
        site.cluster_ip,
        case.drawn["public"],
        *(h.address for h in site.hosts),
    ]
    assert not any(holds(case, field, f"connected {address}") for address in others)


def test_it_may_be_written_in_several_ways(reach):
    case, field = reach
    pod = case.drawn["site"].pods[0]
    for answer in (
        f"Connected, {pod.address}.",
        f"connected to {pod.address}:80",
        f"{pod.address} (connected)",
    ):
        assert holds(case, field, answer), answer


def test_a_right_outcome_with_another_address_is_told_so(reach):
    case, field = reach
    lines = answers.right("05-reach", case).splitlines()
    elsewhere = f"{field}: connected {case.drawn['public']}"
    verdict = case.check("\n".join(elsewhere if one.startswith(f"{field}:") else one for one in lines))
    assert (verdict.points, verdict.out_of) == (5, 6)
    assert verdict.explanation.startswith(f"{field}: connected it is, but the address is another.")
    assert "DNAT" in verdict.rule


def test_where_a_port_is_asked_for_it_must_be_right_too():
    case = draw("04-ports", "net-1", "ada")
    site = case.drawn["site"]
    asked = next(text for text in case.question.splitlines() if f"tool dials {site.app}:{site.port}." in text)
    field, pod = asked.partition(":")[0], site.pods[0].address
    assert holds(case, field, f"connected {pod}:{site.target}")
    assert not holds(case, field, f"connected {pod}:{site.port}")
    assert not holds(case, field, f"connected {pod}")


def test_a_policy_sees_the_client_on_the_pods_own_node_although_the_pod_does_not():
    case = draw("07-office", "net-1", "ada")
    site = case.drawn["site"]
    asked = next(text for text in case.question.splitlines() if "the choice falls on" in text)
    field, host = asked.partition(":")[0], case.drawn["pod"].host
    assert holds(case, field, f"connected {site.client}")
    assert not holds(case, field, f"connected {host.bridge}")


def test_settings_that_shut_clients_out_are_worth_one_point():
    case, other = draw("08-migrate", "net-1", "ada"), draw("08-migrate", "net-1", "bob")
    verdict = case.check(answers.right("08-migrate", other))
    assert verdict.points == 1
    assert "every node's own must be among them" in verdict.explanation
