"""A case of the coursework is a student's own, the same whenever it is drawn, and whatever is answered to it has its mark."""

import time

import pytest

from svcnotes import loads
from svcnotes.errors import InputError, QuestionError
from svcnotes.exercises.exercise import Exercise, right
from svcnotes.exercises.misconceptions import ALL as IDEAS
from svcnotes.exercises.personal import ALL, KINDS, Definition, draw, find
from svcnotes.exercises.personal.chance import Draw, seed_of
from svcnotes.exercises.personal.definition import out_of
from svcnotes.exercises.personal.several import several
from svcnotes.exercises.personal.site import site
from svcnotes.exercises.personal.skills import SKILLS
from svcnotes.exercises.verdict import Part, Verdict

LESSONS = sorted({definition.lesson for definition in ALL.values()})


def test_there_are_forty_exercises_and_five_kinds_in_every_lesson_on_the_ways_in():
    assert len(ALL) >= 40
    assert len(LESSONS) == 10
    for lesson in LESSONS:
        mine = [definition for definition in ALL.values() if definition.lesson == lesson]
        # These two compare and count: there is less of one's own to write.
        if lesson in {"08-modes", "09-scale"}:
            assert len({definition.kind for definition in mine}) >= 4, lesson
        else:
            assert {definition.kind for definition in mine} == set(KINDS), lesson
            assert len(mine) >= 5


def test_every_skill_is_tested():
    assert {skill for definition in ALL.values() for skill in definition.skills} == set(SKILLS)


def test_the_titles_are_told_apart():
    titles = [definition.title for definition in ALL.values()]
    assert len(set(titles)) == len(titles)


@pytest.mark.parametrize("name", ALL)
def test_it_says_what_it_tests_and_has_three_hints_that_differ(name):
    definition, case = ALL[name], draw(name, "net-1", "ada")
    assert set(definition.tests) <= IDEAS.keys() | SKILLS.keys()
    assert definition.skills
    assert 3 <= definition.minutes <= 15
    assert len(set(case.hints)) == len(case.hints) == 3
    assert case.name == name
    assert case.definition is definition


@pytest.mark.parametrize("name", ALL)
def test_the_same_student_gets_the_same_case_and_others_get_others(name):
    one = draw(name, "net-1", "ada")
    again = draw(name, "net-1", "ada")
    assert (one.question, one.start, one.hints) == (again.question, again.start, again.hints)
    others = [draw(name, "net-1", "bob"), draw(name, "net-2", "ada"), draw(name, "net-1", "ada", fresh=1)]
    assert len({one.question, *(other.question for other in others)}) == 4


@pytest.mark.parametrize("name", ALL)
def test_the_world_that_it_shows_can_be_loaded_and_has_the_nodes_of_the_question(name):
    case = draw(name, "net-1", "ada")
    cluster = loads(case.world())
    assert len(cluster.nodes) >= 3
    assert all(node in case.question for node in cluster.nodes)
    assert all(node.addresses[0] in case.question for node in cluster.nodes.values())


def test_the_parts_of_a_seed_do_not_run_together():
    assert seed_of("ab", "c", "d") != seed_of("a", "bc", "d") != seed_of("a", "b", "cd")
    assert seed_of("a", "b", "c", 1) != seed_of("a", "b", "c1", 0)
    assert len(seed_of("", "", "\udcff")) == 64


def test_a_thousand_students_have_a_thousand_sites():
    sites = [site(Draw(seed_of("net-1", "x", f"student-{number}"))) for number in range(1000)]
    assert len({(one.client, one.hosts, one.node_port) for one in sites}) == 1000
    for one in sites:
        addresses = [
            one.tool.address,
            *(pod.address for pod in one.pods),
            *(host.address for host in one.hosts),
        ]
        assert len(set(addresses)) == len(addresses)
        assert 30000 <= one.node_port <= 32767
        assert one.node_port != one.spare_port
        assert len({one.client, one.neighbour, one.colleague}) == 3


def test_the_office_holds_its_colleagues_and_no_neighbours():
    from ipaddress import ip_address, ip_network

    for number in range(300):
        one = site(Draw(seed_of("net-1", "office", str(number))))
        office = ip_network(one.office)
        assert ip_address(one.client) in office
        assert ip_address(one.colleague) in office
        assert ip_address(one.neighbour) not in office
        assert ip_address(one.stranger) not in office


def test_an_unknown_exercise_names_the_nearest():
    with pytest.raises(QuestionError, match="01-visitor"):
        find("01-visitr")
    with pytest.raises(QuestionError):
        draw(None, "net-1", "ada")


def test_a_definition_that_contradicts_itself_is_refused():
    definition = ALL["01-visitor"]
    for change in ({"kind": "guess"}, {"lesson": "02-snat"}, {"tests": ("no-such-thing",)}, {"tests": ()}):
        with pytest.raises(InputError, match="01-visitor"):
            Definition(**{**vars(definition), **change})


def test_a_verdict_on_an_unreadable_answer_is_out_of_all_points():
    verdict = out_of(Verdict((Part("the answer", ok=False),), explanation="why"), 7)
    assert (verdict.points, verdict.out_of, verdict.explanation) == (0, 7, "why")


HOSTILE = {
    "empty": "",
    "a number": 7,
    "nothing": None,
    "bytes": b"\x00",
    "question marks": "???",
    "long": "a" * 20_001,
    "nul": "\x00\x01",
    "lone surrogate": "\udcff",
    "digits": "9" * 19_000,
    "a fraction of digits": "share: " + "9" * 9000 + "/" + "1" * 9000,
    "colons": ":" * 9000,
    "blanks": "what:" + " " * 19_000,
    "deep brackets": "[" * 19_000,
    "deep maps": "{a: " * 4000,
    "aliases": "a: &a [1,1,1,1,1,1,1,1,1]\n"
    + "".join(f"{chr(98 + i)}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 9)}]\n" for i in range(12)),
    "tags": "!!python/object/apply:os.system ['echo owned']",
    "many documents": "---\n" * 4000,
    "many pods": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\nspec: {replicas: 100000, selector: {matchLabels: {a: b}}, "
    "template: {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: i}]}}}",
    "many commands": "-t raw -F\n" * 1900,
    "a jump bomb": "".join(f"-t raw -N C{i}\n" for i in range(25))
    + "".join(f"-t raw -A C{i} -j C{i + 1}\n" * 2 for i in range(24))
    + "-t raw -A PREROUTING -j C0",
    "a loop": "-t raw -N A\n-t raw -A A -j A\n-t raw -A PREROUTING -j A",
    "tosses": "-t mangle -A PREROUTING -m statistic --mode random --probability 0.5 -j MARK --set-mark 1\n"
    * 12,
    "a jump bomb of nftables": "table ip t {\n\tchain p {\n\t\ttype filter hook prerouting priority raw;\n\t\tjump c0\n\t}\n"
    + "".join(f"\tchain c{i} {{\n\t\tjump c{i + 1}\n\t\tjump c{i + 1}\n\t}}\n" for i in range(13))
    + "\tchain c13 {\n\t\tcounter\n\t}\n}\n",
    "a circle of nftables": "insert rule ip kube-proxy services jump services",
    "dice of nftables": "add rule ip kube-proxy services numgen random mod 2 vmap { 0 : accept, 1 : drop }\n"
    * 90,
    "half a rule text": "*nat\n:PREROUTING ACCEPT\n-A PREROUTING -j",
    "code": "import os; os._exit(0)",
}


@pytest.mark.parametrize("what", HOSTILE)
def test_no_answer_stops_or_holds_up_the_marking(what):
    for name, definition in ALL.items():
        case = draw(name, "net-1", "eve")
        begun = time.process_time()
        verdict = case.check(HOSTILE[what])
        assert time.process_time() - begun < 3, name
        assert not verdict.ok, name
        assert verdict.out_of == definition.points, name
        assert verdict.explanation or verdict.said or verdict.parts, name
        assert str(verdict)


def word(name, good):
    return Exercise(
        name,
        f"{name}?",
        lambda answer: right() if answer == good else Verdict((Part("no", ok=False),), explanation="no"),
    )


BOTH = several(
    "both", "Two.", {"one": word("one", "1"), "two": word("two", "2")}, ("a", "b", "c"), points={"two": 3}
)


@pytest.mark.parametrize(
    ("answer", "points"),
    [
        ("one: 1\ntwo: 2", 4),
        ("two: 2\n\n  One = 1  ", 4),
        ("- one: 1\n- two: 2", 4),
        ("1\n2", 4),
        ("one: 1", 1),
        ("one: 1\ntwo: ???", 1),
        ("two: 2", 3),
        ("one: 2\ntwo: 1", 0),
        ("one: 9\none: 1", 1),
    ],
)
def test_the_lines_of_an_answer_count_each_for_itself(answer, points):
    verdict = BOTH.check(answer)
    assert (verdict.points, verdict.out_of) == (points, 4)
    assert verdict.ok == (points == 4)


def test_lines_without_names_are_not_guessed_at():
    assert BOTH.check("1").out_of == 1
    assert "one, two" in BOTH.check("1").explanation


def test_right_in_part_is_half_of_a_diagnosis():
    case = draw("01-silent", "half", "ada")
    what, where = case.drawn["what"] + 1, case.drawn["where"].name
    other = next(host.name for host in case.drawn["site"].hosts if host.name != where)
    assert case.check(f"what: {what}\nwhere: {where}").points == 2
    half = case.check(f"what: {what}\nwhere: {other}")
    assert half.points == 1
    assert half.said.startswith("broken so: ")
    assert case.check(f"where: {where}").points == 1
    assert case.check("what: 99\nwhere: nowhere").points == 0


def test_what_was_true_before_counts_for_nothing_alone():
    case = draw("01-close", "idle", "ada")
    assert case.check("-t filter -A INPUT -s 203.0.113.99 -j ACCEPT").points == 1
    assert case.check("-t raw -F").points == 0  # there is nothing to flush, so no rule is changed


def test_what_was_so_before_is_not_taken_for_broken():
    verdict = draw("08-mend", "words", "ana").check("insert rule ip kube-proxy masquerading counter")
    assert [part.ok for part in verdict.parts] == [True, False, False, False, False]
    assert "still is, counts as soon as something else is achieved" in verdict.explanation


def test_a_wrong_cause_is_told_with_what_was_seen():
    case = draw("08-switched", "words", "ana")
    told = [case.check(f"what: {what}\nwhere: {where}").said for what in range(1, 5) for where in range(1, 4)]
    wrong = [said.splitlines() for said in told if said]
    assert len(wrong) == 11
    for broken, seen in wrong:
        words = broken.removeprefix("broken so: ").partition(": ")[0]
        assert seen.startswith(f"seen was: {words}: ")
        assert broken.rpartition(": ")[2] != seen.rpartition(": ")[2]


def test_settings_without_a_kind_are_told_so():
    said = draw("08-migrate", "words", "ana").check("mode: nftables").said
    assert said == "an answer is one KubeProxyConfiguration (its kind says so); this is: no kind"


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("nodePortAddress: []", 'unknown field "nodePortAddress". Did you mean "nodePortAddresses"?'),
        (
            "masqueradeAll: true",
            'unknown field "masqueradeAll". Did you mean "iptables.masqueradeAll" or "nftables.masqueradeAll"?',
        ),
    ],
)
def test_a_misspelt_setting_is_told_the_nearest_and_no_line_that_is_not_its_own(line, told):
    answer = f"apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\n{line}"
    assert draw("08-migrate", "words", "ana").check(answer).said == f"KubeProxyConfiguration: {told}"


def test_broken_yaml_in_settings_is_told_its_line():
    said = draw("08-migrate", "words", "ana").check("kind: KubeProxyConfiguration\nmode: [").said
    assert said.startswith("line 3, column 1: ")


@pytest.mark.parametrize("name", ALL)
def test_no_hint_sends_the_student_to_a_cluster_that_is_not_at_hand(name):
    assert [hint for hint in draw(name, "net-1", "ada").hints if "svcnotes" in hint] == []
