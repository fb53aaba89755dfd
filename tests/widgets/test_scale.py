"""The slider over the number of Services: what it says, and that its saved page needs nobody and no mouse."""

import json

import pytest
import traitlets

from svcnotes.kube_proxy.modes import MODES
from svcnotes.scenarios.scale import PACKETS, STEPS, cost
from svcnotes.views.scale import MEASURES
from svcnotes.widgets.scale import AT_ONCE, BUTTONS, Scale


@pytest.fixture(scope="module")
def small():
    return Scale(steps=(10, 30, 100))


def test_the_sentence_tells_the_count_of_each_mode(small):
    small.services, small.packet, small.measure = 100, "last", "visited"
    assert "116 in iptables mode" in small.sentence
    assert "14 in nftables mode" in small.sentence
    small.services = 30
    assert "46 in iptables mode" in small.sentence
    small.measure = "change"
    assert "114 in iptables mode, 3 in nftables mode" in small.sentence
    small.measure = "held"
    assert f"{cost(30, 'iptables').held.rules} in iptables mode" in small.sentence


def test_every_setting_has_its_sentence_its_row_and_its_place_on_the_curve(small):
    message = json.loads(small.message)
    for step in (10, 30, 100):
        for packet in PACKETS:
            assert len(message["rows"][f"{step}|{packet}"]) == len(MODES)
            assert message["sentences"][f"{step}|visited|{packet}"]
    assert message["notYet"] == {}
    assert {key.partition("|")[0] for key in message["plots"]} == set(MEASURES)
    places = [plot["at"] for plot in message["plots"].values()]
    assert all(place == places[0] for place in places)
    assert BUTTONS.keys() == PACKETS.keys()


def test_the_curves_of_all_packets_stand_on_the_same_axes(small):
    plots = json.loads(small.message)["plots"]
    ticks = {
        tuple(text for tag, _, text in plot["elements"] if tag == "text")
        for key, plot in plots.items()
        if key.startswith("visited")
    }
    assert len(ticks) == 1


def test_who_is_asked_about_packets_only_is_not_told_what_a_change_costs(small):
    asked = Scale(10, steps=(10,), packets=("last",), measures=("visited",))
    assert "one change rewrites" not in asked.text
    assert "rewrites" not in asked.message
    assert "one change rewrites" in small.text


def test_what_is_not_there_is_refused(small):
    for name, value in (("services", 11), ("packet", "middle"), ("measure", "beauty")):
        with pytest.raises(traitlets.TraitError):
            setattr(small, name, value)


def test_it_shows_at_once_what_is_counted_soon_and_says_so_of_the_rest(monkeypatch):
    monkeypatch.setattr("svcnotes.widgets.scale.count_ahead", lambda steps, _: Waiting(steps))
    monkeypatch.setattr("svcnotes.widgets.scale.counted", lambda _: False)
    widget = Scale()
    assert set(json.loads(widget.message)["notYet"]) == {str(step) for step in STEPS if step > AT_ONCE}
    widget.services = 10_000
    assert "10,000 Services: their rules are being written" in widget.sentence
    assert "A few seconds more" in widget.text


class Waiting:
    def __init__(self, steps):
        self.steps = steps


def test_what_is_counted_in_another_process_arrives():
    widget = Scale(10, steps=(10, 310)).wait()
    assert json.loads(widget.message)["notYet"] == {}
    widget.services = 310
    assert "326 in iptables mode" in widget.sentence


def test_a_notebook_without_widgets_gets_it_as_text(small):
    bundle = small._repr_mimebundle_()[0]
    assert small.sentence in bundle["text/plain"]


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    return Scale(100, steps=(10, 30, 100)).save_html(tmp_path_factory.mktemp("scale") / "scale.html")


@pytest.fixture(params=[(1280, "light"), (760, "dark")], ids=["wide-light", "narrow-dark"])
def page(browser, saved, request):
    width, scheme = request.param
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    page.set_default_timeout(5000)
    faults, requests = [], []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda m: faults.append(m.text) if m.type in {"error", "warning"} else None)
    page.on("request", lambda asked: requests.append(asked.url))
    page.goto(saved.as_uri())
    page.wait_for_selector(".svcnotes-scale svg")
    yield page
    assert faults == []
    assert [url for url in requests if not url.startswith("file:")] == []
    context.close()


def said(page):
    return page.locator(".verdict").inner_text()


@pytest.mark.browser
def test_the_saved_page_answers_to_the_keyboard_alone(page):
    page.keyboard.press("Tab")
    assert page.evaluate("() => document.activeElement.type") == "range"
    page.keyboard.press("ArrowLeft")
    assert "With 30 Services" in said(page)
    assert page.locator("input[type=range]").get_attribute("aria-valuetext") == "30 Services"
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    assert "nodePort tries so many rules: 109" in said(page) or "last Service" in said(page)
    page.keyboard.press("Tab")
    page.keyboard.press("End")
    assert "one endpoint less" in said(page)
    assert page.locator("[data-control=packet]").locator("..").is_hidden()


@pytest.mark.browser
def test_nothing_is_cut_off_and_no_type_is_small(page):
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    small = page.evaluate(
        """() => [...document.querySelectorAll('.svcnotes-scale svg text')]
        .filter((e) => parseFloat(getComputedStyle(e).fontSize) * e.getScreenCTM().a < 11.99).map((e) => e.textContent)"""
    )
    assert small == []


@pytest.mark.browser
def test_the_picture_has_a_text_twin_and_a_mark_for_each_mode(page):
    picture = page.locator(".plot svg")
    assert "116 at 100" in picture.get_attribute("aria-label")
    paths = page.evaluate(
        "() => new Set([...document.querySelectorAll('.plot svg path[transform]')].map((e) => e.getAttribute('d'))).size"
    )
    assert paths == len(MODES)
    page.locator("summary").click()
    assert page.locator(".twin table tbody tr").count() == 3
