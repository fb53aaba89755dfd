"""Each draw of each exercise of the coursework keeps its promises; here a few draws, by `make seeds` a thousand."""

import pytest
from seed_checks import answers, check_seeds

from svcnotes.exercises.personal import ALL, draw
from svcnotes.exercises.personal.explain import explain

SEEDS = 3
COPIES = 8


@pytest.mark.parametrize("name", ALL)
def test_right_answers_are_right_wrong_ones_wrong_and_half_right_ones_half_right(name):
    findings = [check_seeds.examine(name, number) for number in range(SEEDS)]
    assert [problem for finding in findings for problem in finding.problems] == []


@pytest.mark.parametrize("name", ALL)
def test_the_way_of_its_packet_is_as_long_in_every_draw(name):
    measured = [check_seeds.measures(draw(name, "length", f"student-{number}")) for number in range(3)]
    for what in ("hops", "choices"):
        assert len({one[what] for one in measured}) == 1, what
    rules = [one["rules"] for one in measured]
    assert max(rules) - min(rules) <= 2


@pytest.mark.parametrize("name", ["00-visit", "02-log", "02-without", "05-guard", "07-office", "09-list"])
def test_an_answer_copied_from_another_student_is_seldom_right_and_earns_a_quarter_or_so(name):
    cases = [draw(name, "copies", f"student-{number}") for number in range(COPIES)]
    written = [answers.right(name, case) for case in cases]
    verdicts = [case.check(written[number - 1]) for number, case in enumerate(cases)]
    assert sum(verdict.ok for verdict in verdicts) <= COPIES // 4
    assert sum(verdict.score for verdict in verdicts) <= check_seeds.GENEROUS * COPIES


def test_an_exercise_that_pays_copies_is_found():
    paid = [check_seeds.Finding("01-nodes", f"student-{n}", copied=0.3) for n in range(check_seeds.ENOUGH)]
    fair = [check_seeds.Finding("01-close", f"student-{n}", copied=0.2) for n in range(check_seeds.ENOUGH)]
    (told,) = check_seeds.too_generous([*paid, *fair])
    assert told.startswith("01-nodes: an answer copied from another student earns 30%")


def test_a_broken_promise_is_found(monkeypatch):
    """The checks themselves are tried: with an exercise that takes any answer for right."""
    from dataclasses import replace

    from svcnotes.exercises.exercise import right

    lenient = replace(
        ALL["01-visitor"], make=lambda case: replace(ALL["01-visitor"].make(case), judge=lambda _: right())
    )
    every = {**ALL, "01-visitor": lenient}
    monkeypatch.setattr(check_seeds, "ALL", every)
    monkeypatch.setattr("svcnotes.exercises.personal.catalogue.ALL", every)
    assert check_seeds.examine("01-visitor", 0).problems


def test_two_causes_that_look_the_same_are_found():
    case = draw("01-silent", "twins", "ada")
    causes = [case.drawn["causes"][0], case.drawn["causes"][0]]
    site = case.drawn["site"]
    whole = site.whole()
    from svcnotes.exercises.personal.explain import Sighting

    twins = explain(
        "twins", "Which?", whole, causes, [host.name for host in site.hosts], (0, site.hosts[0].name),
        [Sighting("dial", whole.asks(site.client, site.dial(site.hosts[0])))], ("one", "two", "three"),
    )  # fmt: skip
    both = [twins.check(f"what: {number}\nwhere: {site.hosts[0].name}").ok for number in (1, 2)]
    assert both == [True, True]


@pytest.mark.parametrize("name", [name for name in ALL if ALL[name].ideas])
def test_the_misconceptions_that_it_tests_are_recognised_by_name(name):
    wanted, found = set(ALL[name].ideas), set()
    for number in range(4):
        found |= answers.recognised(name, draw(name, "ideas", f"student-{number}"), wanted - found)
        if found == wanted:
            break
    assert wanted - found == set()


def test_the_page_of_difficulty_has_a_row_for_each_exercise_and_no_times():
    findings = [
        check_seeds.Finding(name, student, [], {"hops": 4}, 1.0, [2.0], "", 0.5)
        for name in ALL
        for student in ("ada", "bob")
    ]
    text = check_seeds.page(findings, 1)
    assert [line.split(" | ")[0][2:] for line in text.splitlines() if line.startswith("| 0")] == list(ALL)
    assert ", ms" not in text
    assert "50%" in text


def test_a_run_that_was_cut_off_goes_on_from_its_journal(tmp_path, capsys):
    journal = tmp_path / "journal"
    flags = ["--only", "01-visitor", "--workers", "1", "--journal", str(journal)]
    assert check_seeds.main(["--seeds", "3", *flags]) == 0
    whole = journal.read_text(encoding="utf-8")
    journal.write_text(whole[:-40], encoding="utf-8")
    assert len(check_seeds.kept(journal)["01-visitor"]) == 2
    assert check_seeds.main(["--seeds", "4", *flags]) == 0
    assert "4 draws of 1 exercises, 0 with a problem" in capsys.readouterr().out
    found = check_seeds.kept(journal)["01-visitor"]
    assert [one.student for one in found] == [f"student-{number}" for number in range(4)]
