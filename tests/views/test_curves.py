"""Curves over a growing number: where points lie, what their words say, and that nothing is told by colour alone."""

import math
import re
from types import SimpleNamespace

import pytest
from IPython.core.formatters import DisplayFormatter

from svcnotes.scenarios.scale_live import Live
from svcnotes.views.curves import (
    LEFT,
    STYLES,
    WIDTH,
    Curves,
    Frame,
    Series,
    curves_html,
    drawing,
    exponent,
    plain,
    svg_of,
)
from svcnotes.views.display import register
from svcnotes.views.scale import measured_now, recorded

LINE = Series("in proportion", ((10, 20.0), (100, 200.0), (1000, 2000.0)))
FLAT = Series("flat <b>", ((10, 7.0), (1000, 7.0)), style=1, measured=True)
BOTH = Curves("Two lines", "how many", "how much", (LINE, FLAT))


def test_the_exponent_of_proportional_growth_is_one_and_of_a_flat_line_nought():
    assert math.isclose(LINE.growth, 1)
    assert math.isclose(FLAT.growth, 0, abs_tol=1e-12)
    assert math.isclose(exponent([(1, 1), (2, 4), (4, 16)]), 2)
    assert math.isnan(exponent([(1, 1)]))


def test_points_lie_in_steps_of_ten():
    frame = Frame.around(BOTH)
    assert (frame.x, frame.y) == ((1, 3), (0, 4))
    assert frame.at(10, 1)[0] == LEFT
    middle = frame.at(100, 1)[0]
    assert math.isclose(middle - frame.at(10, 1)[0], frame.at(1000, 1)[0] - middle, abs_tol=0.2)
    assert all(0 <= frame.at(x, y)[0] <= WIDTH for x, y in LINE.points)


def test_a_drawing_of_few_steps_of_ten_has_lines_in_between_to_read_a_value_off():
    def upwards(series: Series) -> list[str]:
        return [
            e.text
            for e in drawing(Curves("One", "x", "y", (series,)))
            if e.attributes.get("text-anchor") == "end"
        ][:-1]

    assert upwards(Series("within 10 and 100", ((10, 18.0), (1000, 95.0)))) == ["10", "20", "50", "100"]
    assert upwards(LINE) == ["10", "100", "1,000", "10,000"]


def test_the_axes_have_the_room_that_is_asked_for():
    wide = Curves("One", "x", "y", (FLAT,), room=((10, 10_000), (1, 1e5)))
    assert Frame.around(wide) == Frame((1, 4), (0, 5))


def test_the_words_hold_every_point():
    said = str(BOTH)
    assert "20 at 10, 2,000 at 1,000" in said
    assert said.count("\n") == 5
    assert list(BOTH.rows()) == [("10", ["20", "7"]), ("100", ["200", ""]), ("1,000", ["2,000", "7"])]
    assert BOTH.table().loc["100"].tolist() == ["200", ""]


def test_each_style_has_a_mark_and_a_colour_of_its_own():
    assert len({glyph for _, glyph in STYLES}) == len({colour for colour, _ in STYLES}) == len(STYLES)


TWO_VERSIONS = recorded("one_change_sync_ms", "milliseconds", "One change", ("1.36", "1.30"))


def test_two_recorded_versions_are_two_panels_in_which_a_backend_keeps_its_mark():
    new, old = TWO_VERSIONS.panels
    assert (new.title, old.title) == ("kube-proxy 1.36", "kube-proxy 1.30")
    assert {one.name: one.style for one in new.series} == {one.name: one.style for one in old.series}
    for panel in (new, old):
        assert len({one.glyph for one in panel.series}) == len({one.colour for one in panel.series}) == 3


def test_panels_have_the_same_axes_and_one_legend_and_the_table_tells_them_apart():
    new, old = TWO_VERSIONS.panels
    assert Frame.around(new) == Frame.around(old)
    html = curves_html(TWO_VERSIONS)
    assert html.count('role="img"') == 2
    assert html.count("<span>") == 3
    assert len(set(TWO_VERSIONS.table().columns)) == 6


def test_a_single_version_is_one_panel_and_says_which():
    alone = recorded("one_change_sync_ms", "milliseconds", "One change")
    assert alone.panels == (alone,)
    assert "nftables, kube-proxy 1.36" in curves_html(alone)


def test_what_was_measured_has_hollow_marks_and_a_broken_line():
    pieces = drawing(Curves("One", "x", "y", (FLAT,)))
    (line,) = [piece for piece in pieces if piece.tag == "polyline"]
    marks = [piece for piece in pieces if piece.tag == "path"]
    assert "stroke-dasharray" in line.attributes
    assert {mark.attributes["fill"] == FLAT.colour for mark in marks} == {False}


def test_the_picture_is_read_aloud_escaped_and_has_its_numbers_below():
    html = curves_html(BOTH)
    assert 'role="img"' in html
    assert "aria-label" in html
    assert "<b>" not in html
    assert "flat &lt;b&gt;" in html
    assert "<details>" in html
    assert html.count('scope="row"') == 3


def test_a_label_cannot_leave_its_attribute():
    assert '"><' not in svg_of((), '"><script>').partition(">")[0]


def test_without_any_series_the_note_says_why():
    none = Curves("Nothing", "x", "y", (), "There is no kernel here.")
    assert "There is no kernel here." in str(none)
    assert "<svg" not in curves_html(none)
    assert "There is no kernel here." in curves_html(none)


def test_a_notebook_shows_curves_as_a_picture_and_as_words():
    formatter = DisplayFormatter()
    register(SimpleNamespace(display_formatter=formatter))
    data, _ = formatter.format(BOTH)
    assert "<svg" in data["text/html"]
    assert "Two lines" in data["text/plain"]


@pytest.mark.parametrize(
    ("value", "text"), [(7, "7"), (1234.5, "1,234"), (12.34, "12.3"), (0.123, "0.12"), (1e5, "100,000")]
)
def test_a_number_is_written_for_people(value, text):
    assert plain(value) == text


def test_a_mode_keeps_its_colour_in_what_is_measured_here():
    found = Live(
        {("nftables", "nodeport"): ((10.0, 20.0),), ("iptables", "nodeport"): ((10.0, 20.0),)}, ("A note.",)
    )
    curves = measured_now(found)
    assert [(one.name.split()[0], one.style) for one in curves.series] == [("iptables", 0), ("nftables", 1)]
    assert re.search("A note", str(curves))
