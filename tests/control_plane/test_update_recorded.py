"""Every recorded command but the single creates: what kubectl printed, and what was stored after it."""

from __future__ import annotations

from collections import Counter

import pytest
from recordings import cases, drawn, files, fresh, same_output, stored, text, translated

from svcnotes.control_plane.kubectl import run

CASES = {
    name: steps
    for name, steps in cases().items()
    if len(steps) > 1
    or name.startswith(("es-", "ep-"))
    or not steps[0]["command"].startswith("kubectl create -f")
}
KNOWN = {
    "default-kubernetes-service": "no API server runs here whose own address and port the slice and Service could show",
}


def follow(name):
    """Run a case's steps one after the other; gives what differs, empty for nothing."""
    state = fresh(CASES[name][0])
    pairs = {}
    differs = []
    for step in CASES[name]:
        answer = run(state, step["command"], files(step))
        state = answer.state
        ours = stored(state, slices=name.startswith(("es-", "ep-")))
        theirs = step.get("stored")
        pairs |= dict(drawn(theirs or {}, ours, step.get("allocated", ())))
        where = f"step {step['step']}"
        if answer.exit_code != step["rc"]:
            differs.append(f"{where}: exit status {answer.exit_code}, recorded {step['rc']}")
        if answer.stderr != text(step["stderr"], pairs):
            differs.append(f"{where}: stderr\n{answer.stderr}recorded\n{text(step['stderr'], pairs)}")
        if not same_output(step["command"], text(step["stdout"], pairs), answer.stdout):
            differs.append(f"{where}: stdout\n{answer.stdout}recorded\n{text(step['stdout'], pairs)}")
        if theirs is not None and translated(ours, {}) != translated(theirs, pairs):
            differs.append(f"{where}: stored\n{translated(ours, {})}\nrecorded\n{translated(theirs, pairs)}")
    return differs


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.xfail(reason=KNOWN[name], strict=True))
        if name in KNOWN
        else name
        for name in CASES
    ],
)
def test_a_case_ends_as_recorded_step_by_step(name):
    differs = follow(name)
    assert not differs, "\n".join(differs)


def test_the_count_by_family(capsys):
    total = Counter(name.partition("-")[0] for name in CASES)
    known = Counter(name.partition("-")[0] for name in KNOWN)
    steps = sum(len(found) for found in CASES.values())
    with capsys.disabled():
        table = ", ".join(
            f"{family} {total[family] - known[family]}/{total[family]}" for family in sorted(total)
        )
        print(
            f"\nrecorded commands: {len(CASES) - len(KNOWN)} of {len(CASES)} cases ({steps} steps): {table}"
        )
    assert set(KNOWN) <= set(CASES)
