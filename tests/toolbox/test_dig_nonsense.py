"""No words after dig or nslookup break it: they print something, or are refused in one sentence."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from svcnotes.control_plane.load import load
from svcnotes.errors import QuestionError
from svcnotes.toolbox.dig import run_dig
from svcnotes.toolbox.nslookup import run_nslookup
from svcnotes.toolbox.output import Printed

CLUSTER = load(str(Path(__file__).parent.parent / "data" / "dig" / "cluster.yaml"))
PIECES = st.sampled_from(
    [
        *(
            "my-db",
            "web.default.svc.cluster.local",
            "db.example.com.",
            ".",
            "",
            "..",
            "ü.example",
            "\x00",
            "\\",
        ),
        *(
            "A",
            "aaaa",
            "CNAME",
            "SRV",
            "ANY",
            "IN",
            "@10.96.0.10",
            "@192.0.2.53",
            "@",
            "@x",
            "@fd00::1",
            "-x",
        ),
        *(
            "10.96.0.7",
            "fd00::7",
            "-t",
            "-type=srv",
            "-q",
            "-p",
            "53",
            "70000",
            "-",
            "--",
            "-4",
            "-zz",
            "a" * 300,
        ),
        *(
            "+short",
            "+search",
            "+showsearch",
            "+noall",
            "+answer",
            "+tcp",
            "+tries=99999",
            "+ndots=x",
            "+",
            "+no",
        ),
        *(
            "+noedns",
            "+nocookie",
            "+norecurse",
            "+nottlid",
            "+noclass",
            "+trace",
            "a.b.c.d.e.f.g",
            "*.svc",
            "_a._b",
        ),
    ]
)
TEXTS = st.lists(st.one_of(PIECES, st.text(max_size=12)), max_size=6)


@pytest.mark.parametrize("run", [run_dig, run_nslookup], ids=["dig", "nslookup"])
@pytest.mark.parametrize("source", ["pod/default/shell", "node/node-1", "client"])
@settings(max_examples=150, deadline=None)
@given(words=TEXTS)
def test_no_words_break_it(run, source, words):
    try:
        printed = run(CLUSTER, source, words)
    except QuestionError as error:
        printed = Printed(((2, f"{error}\n"),), 1)
    assert printed.exit_code in (0, 1, 9, 10)
    assert printed.text == "" or printed.text.endswith("\n")
