"""dig and nslookup print what the real ones printed, to the letter."""

import json
import re
import shlex
from pathlib import Path

import pytest

from svcnotes.control_plane.load import load
from svcnotes.toolbox.dig import WHEN, run_dig
from svcnotes.toolbox.nslookup import run_nslookup

DATA = Path(__file__).parent.parent / "data" / "dig"
CLUSTER = load(str(DATA / "cluster.yaml"))
ROWS = [json.loads(line) for line in (DATA / "recorded.jsonl").read_text(encoding="utf-8").splitlines()]
TOOLS = {"dig": run_dig, "nslookup": run_nslookup}
# What differs from run to run: the message's number, the cookie, the time.
CHANGING = [(r"id: \d+", "id: N"), (r"COOKIE: \w+", "COOKIE: C"), (r"time: \d+ msec", "time: N msec")]


def masked(text: str) -> str:
    for pattern, word in [*CHANGING, (r"WHEN: .*", f"WHEN: {WHEN}")]:
        text = re.sub(pattern, word, text)
    return text


def test_many_commands_were_recorded():
    assert len(ROWS) > 90
    assert {row["command"].split()[0] for row in ROWS} == set(TOOLS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["command"])
def test_a_command_prints_what_the_real_one_printed(row):
    name, *words = shlex.split(row["command"])
    printed = TOOLS[name](CLUSTER, "pod/default/shell", words)
    assert masked(printed.text) == masked(row["output"])
    assert printed.exit_code == row["code"]
