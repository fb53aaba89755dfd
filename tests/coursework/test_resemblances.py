"""Answers that are nearly the same, and answers that fit another student's case, are listed and no others."""

import random
import time
from fractions import Fraction

import pytest
from class_made import EXERCISES, book, right
from made import COURSE, submitted

from svcnotes.coursework.alike import LEAST, LIKE, alike, jaccard, words
from svcnotes.coursework.foreign import TRIALS, foreign
from svcnotes.coursework.grade import grade
from svcnotes.coursework.journal import Journal
from svcnotes.coursework.marking import BLANK, RIGHT, WRONG, Judgement
from svcnotes.coursework.pool import LocalPool
from svcnotes.coursework.results import Asked, Mark, Student
from svcnotes.coursework.roster import Roster
from svcnotes.coursework.submissions import find_submissions

START = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\n"
PLAIN = (
    "the quick brown fox jumps over the lazy dog while {} reads the rules of the node from top to bottom aloud "
    "and writes down what each of them does to a packet"
)


def one(student, answer, *, kind="manifest", state=RIGHT, question="", start=""):
    asked = Asked("01-x", "X", "01-nodeport", kind, question, start)
    return Student(
        student, student, "", "", True, (Mark(asked, Judgement(state, Fraction(1), 1), answer, "x, cell 1"),)
    )


def groups(*students):
    return [(group.students, group.common) for group in alike(students)]


def test_a_copy_with_another_address_spacing_and_case_is_found():
    text = PLAIN.format("10.0.0.1:30080")
    copy = PLAIN.format("10.9.9.9:31111").upper().replace(" ", "\n  ")
    assert groups(one("ada", text), one("bob", copy), one("cyd", text[::-1])) == [(("ada", "bob"), False)]


def test_a_copy_with_the_names_of_ones_own_case_is_found():
    def case(student, name, text):
        return one(student, text.format(name), question=f"Write a Service for {name} and say why.")

    others = [case(f"s{n}", f"name-{chr(97 + n)}", "something else entirely") for n in range(6)]
    assert groups(case("ada", "vote", PLAIN), case("bob", "wiki", PLAIN), *others) == [
        (("ada", "bob"), False)
    ]


def test_what_the_exercise_gave_is_taken_out_before_answers_are_compared():
    given = START * 5
    assert words(given + "type: NodePort", given) == ("type", ":", "nodeport")
    long = given + "selector: {app: a}\nports: [{port: 1}]"
    other = given + "selector: {tier: front}\nports: [{port: 2, name: http}]"
    assert groups(one("ada", long, start=given), one("bob", other, start=given)) == []


def test_answers_that_are_too_short_to_tell_and_words_of_choice_are_not_compared():
    assert groups(one("ada", "a b c d"), one("bob", "a b c d")) == []
    text = PLAIN.format("he")
    assert groups(one("ada", text, kind="predict"), one("bob", text, kind="predict")) == []


def test_the_usual_answer_of_a_class_is_marked_as_such():
    text = PLAIN.format("he")
    ((who, common),) = groups(*(one(f"s{number}", text) for number in range(20)))
    assert (len(who), common) == (20, True)


def test_no_pair_that_is_like_enough_is_missed():
    """Against measuring every pair, on random texts of few words."""
    dice = random.Random(5)
    base = [dice.choice("abcdefgh") for _ in range(40)]
    students = []
    for number in range(60):
        text = [dice.choice("abcdefgh") if dice.random() < 0.04 else word for word in base]
        students.append(one(f"s{number:02d}", " ".join(text)))
    texts = {s.student: words(s.marks[0].answer) for s in students}
    runs = {name: {text[i : i + 4] for i in range(len(text) - 3)} for name, text in texts.items()}
    pairs = {
        (a, b)
        for a in runs
        for b in runs
        if a < b and min(len(runs[a]), len(runs[b])) >= LEAST and jaccard(runs[a], runs[b]) >= LIKE
    }
    together = {(a, b) for group in alike(students) for a in group.students for b in group.students if a < b}
    assert len(pairs) > 20
    assert pairs <= together


def test_a_thousand_different_answers_take_seconds_and_not_quadratic_minutes():
    dice = random.Random(1)
    vocabulary = [f"word{chr(97 + n // 26)}{chr(97 + n % 26)}" for n in range(200)]
    base = [dice.choice(vocabulary) for _ in range(120)]
    students = []
    for number in range(1000):
        text = [dice.choice(vocabulary) if dice.random() < 0.3 else word for word in base]
        students.append(one(f"s{number}", " ".join(text)))
    begun = time.process_time()
    alike(students)
    assert time.process_time() - begun < 20


def never(trials):
    assert not trials
    return {}


def test_the_same_words_that_are_right_for_somebody_else_are_listed():
    class_ = [one(f"s{n:02d}", f"10.0.0.{n}", kind="predict") for n in range(20)]
    class_.append(one("zoe", "10.0.0.7", kind="predict", state=WRONG))
    ((found,),) = [foreign(class_, never)]
    assert (found.student, found.fits, found.same_words) == ("zoe", ("s07",), True)


def test_what_fits_half_the_class_and_a_word_of_choice_say_nothing():
    class_ = [one(f"s{n:02d}", "10.0.0.1", kind="predict") for n in range(20)]
    assert foreign([*class_, one("zoe", "10.0.0.1", kind="predict", state=WRONG)], never) == ()
    few = [one("ada", "refused", kind="predict"), one("zoe", "refused", kind="predict", state=WRONG)]
    assert foreign(few, never) == ()


def test_an_answer_with_anothers_addresses_is_tried_in_that_case_and_in_few_others():
    class_ = [
        one(f"s{n:02d}", "x 10.0.0.1", kind="predict", question=f"Dial 10.0.0.{n}:300{n:02d} on node-{n}.")
        for n in range(30)
    ]
    zoe = one("zoe", "it is node-7 at 10.0.0.7", kind="predict", state=WRONG, question="Dial 10.0.0.99.")
    asked = []

    def tried(trials):
        asked.extend(trials)
        return {trial: trial.other == "s07" for trial in trials}

    ((found,),) = [foreign([*class_, zoe], tried)]
    assert (found.student, found.fits, found.same_words) == ("zoe", ("s07",), False)
    assert len(asked) <= 2


def test_of_many_cases_with_the_same_names_that_one_is_tried_which_shares_the_rest_of_the_answer():
    def question(number):
        names = "radio on walrus" if number % 4 == 0 else "mail on otter"
        return f"{names}, port {9292 if number == 28 else 8080 + number}"

    class_ = [one(f"s{n:02d}", "x", kind="predict", state=BLANK, question=question(n)) for n in range(30)]
    zoe = one("zoe", "radio walrus 9292", state=WRONG, question="mail on otter, port 9292")

    def tried(trials):
        assert len(trials) <= TRIALS
        return {trial: trial.other == "s28" for trial in trials}

    ((found,),) = [foreign([*class_, zoe], tried)]
    assert found.fits == ("s28",)


@pytest.mark.parametrize("adapted", ["the same words", "in other words"])
def test_an_answer_copied_from_another_student_is_wrong_and_listed(adapted, tmp_path):
    for student in ("ada", "cyd", "dan"):
        submitted(tmp_path, student, book(student))
    copied = right("ada")["01-manifest"] + ("" if adapted == "the same words" else "\n# mine, honestly")
    submitted(tmp_path, "bob", book("bob", **{"01_manifest": copied}))
    pool = LocalPool(1, catalogue="tiny_catalogue")
    with Journal(tmp_path / "j") as journal:
        results = grade(
            find_submissions(tmp_path, Roster()), COURSE, EXERCISES, pool, journal, name="tiny_catalogue"
        )
    pool.close()
    assert {one.student: int(one.points) for one in results.students} == {
        "ada": 7,
        "bob": 5,
        "cyd": 7,
        "dan": 7,
    }
    ((found,),) = [[one for one in results.foreign if one.exercise == "01-manifest"]]
    assert (found.student, found.fits) == ("bob", ("ada",))
    assert found.same_words is (adapted == "the same words")
