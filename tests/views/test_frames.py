"""Tables in a notebook: to the left, wrapped, nothing cut, and still pandas tables."""

import re
import subprocess
import sys

import pytest
from hand_made import cluster_policy

from svcnotes.views.frames import MOST_ROWS, frame, table_html
from svcnotes.views.table import steps_table


@pytest.fixture
def steps():
    return steps_table(cluster_policy())


def test_what_is_made_of_a_table_shows_itself_as_one(steps):
    from IPython.core.interactiveshell import InteractiveShell

    from svcnotes.views.display import register

    shell = InteractiveShell()
    assert register(shell)
    part = steps[steps["path"] == 1].drop(columns="path").set_index("step")
    formats, _ = shell.display_formatter.format(part)
    assert "text-align:left" in formats["text/html"]
    assert "text-align:right" not in formats["text/html"]
    assert formats["text/html"].count('scope="row"') == len(part)
    assert "KUBE-POSTROUTING … MASQUERADE" in formats["text/html"]


def test_no_cell_is_cut_however_long(steps):
    long = "-A KUBE-SEP-X " + "x" * 300
    assert long in table_html(frame([(1, long)], ["step", "rule"]))
    assert "…</td>" not in table_html(steps)


def test_an_address_keeps_its_marks_colour_and_is_not_broken(steps):
    html = table_html(steps)
    assert re.search(
        r'nowrap"><span aria-hidden="true" style="color:#E69F00;[^"]*">▲</span> 192\.0\.2\.10:40112', html
    )


def test_words_with_markup_stay_words():
    html = table_html(frame([("<script>alert(1)</script>",)], ["<b>rule</b>"]))
    assert "<script" not in html
    assert "<b>" not in html


def test_a_very_long_table_says_how_much_it_leaves_out():
    html = table_html(frame([(n,) for n in range(MOST_ROWS + 30)], ["n"]))
    assert html.count("<tr") == MOST_ROWS + 1
    assert "… and 30 more rows" in html


def test_pandas_loads_with_the_first_table_and_not_before():
    code = (
        "import sys; from IPython.core.interactiveshell import InteractiveShell as S;"
        "from svcnotes.views.display import register; register(S()); import svcnotes.views.table;"
        "print('pandas' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
