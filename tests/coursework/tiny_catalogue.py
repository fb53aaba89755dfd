"""Four small exercises for tests of the grader, and some that misbehave; the same API as the real catalogue."""

import hashlib
import os
import time
from types import SimpleNamespace

from svcnotes.exercises import Exercise, Part, Verdict

LESSON = "01-nodeport"


def number(course, exercise, student):
    return int(hashlib.sha256(f"{course}/{exercise}/{student}".encode()).hexdigest()[:6], 16)


def _address(exercise, course, student):
    n = number(course, exercise, student)
    wanted = f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}"

    def judge(answer):
        ok = answer.strip() == wanted
        return Verdict(
            (Part("the address", ok=ok, points=2),),
            "" if ok else "snat-uses-the-nodes-address",
            explanation=f"It is {wanted}." if ok else "Look at the rule.",
            rule="-A KUBE-POSTROUTING -j MASQUERADE",
        )

    return Exercise(exercise, f"Which address is {wanted}?", judge, ("one", "two", "three"))


def _manifest(exercise, course, student):
    port = 30000 + number(course, exercise, student) % 2768

    def judge(answer):
        return Verdict(
            (
                Part("it is a Service", ok="kind: Service" in answer, points=1),
                Part("it has the port", ok=f"nodePort: {port}" in answer, points=2),
            )
        )

    return Exercise(exercise, f"A Service with nodePort {port}.", judge, ("h",), start="kind: Pod\nport: ?")


def _word(exercise, course, student):
    wanted = ("refused", "timeout")[number(course, exercise, student) % 2]

    def judge(answer):
        return Verdict((Part(wanted, ok=answer == wanted),))

    return Exercise(exercise, f"It is {wanted}.", judge)


def _trap(exercise, _course, _student):
    def judge(answer):
        if answer == "sleep":
            time.sleep(3600)
        if answer == "spin":
            while True:
                pass
        if answer == "die":
            os._exit(3)
        if answer == "raise":
            raise RuntimeError("no")
        if answer == "memory":
            return bytearray(50_000_000_000)
        return Verdict((Part("survived", ok=answer == "fine"),))

    return Exercise(exercise, "Say fine.", judge)


def _definition(name, kind, points, make):
    return SimpleNamespace(
        id=name, lesson=LESSON, title=f"The exercise {name}", kind=kind, points=points, minutes=3, make=make
    )


ALL = {
    one.id: one
    for one in (
        _definition("01-address", "predict", 2, _address),
        _definition("01-manifest", "manifest", 3, _manifest),
        _definition("01-word", "predict", 1, _word),
        _definition("01-trap", "predict", 1, _trap),
    )
}


def draw(exercise_id, course, student):
    return ALL[exercise_id].make(exercise_id, course, student)
