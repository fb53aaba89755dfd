"""The saved page in Chromium: real clicks, real keys, no kernel and no network."""

import re
import statistics

import pytest
from playwright.sync_api import expect

from svcnotes import scenarios
from svcnotes.exercises.loadbalancer import ROLLOUT
from svcnotes.widgets.stage import Stage

pytestmark = pytest.mark.browser

# Clicks a radio, and waits until the frame after the next has been painted.
CLICK_TO_PAINT = """async (name) => {
  const button = [...document.querySelectorAll('[role=radio]')].find((b) => b.dataset.value === name);
  const start = performance.now();
  button.click();
  await new Promise((done) => requestAnimationFrame(() => { const channel = new MessageChannel();
    channel.port1.onmessage = done; channel.port2.postMessage(0); }));
  return performance.now() - start;
}"""

CONTRAST = """() => {
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const rgb = (colour) => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    const d = canvas.getImageData(0, 0, 1, 1).data; return [d[0], d[1], d[2], d[3] / 255]; };
  const light = (c) => { const f = c.slice(0, 3).map((v) => { v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; });
    return 0.2126 * f[0] + 0.7152 * f[1] + 0.0722 * f[2]; };
  const behind = (e) => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor); if (c[3] > 0.99) return c; }
    return [255, 255, 255, 1]; };
  const bad = [];
  for (const e of document.querySelectorAll('.svcnotes-stage *')) {
    const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!own || e.closest('.aside') || e.classList.contains('mark') || /^mark-/.test(e.getAttribute('class') || '')) continue;
    const style = getComputedStyle(e);
    const inSvg = e.ownerSVGElement;
    const box = inSvg && e.closest('.badge')?.querySelector('rect');
    const front = rgb(inSvg ? style.fill : style.color);
    const back = box ? rgb(getComputedStyle(box).fill) : behind(inSvg ? e.ownerSVGElement.parentElement : e);
    const [a, b] = [light(front), light(back)].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    const size = parseFloat(style.fontSize) * (inSvg ? inSvg.getScreenCTM().a : 1);
    if (ratio < 4.5 || size < 11.99) bad.push([e.textContent.slice(0, 40), ratio.toFixed(2), size]);
  }
  return bad;
}"""


@pytest.fixture(scope="module")
def saved(cluster, tmp_path_factory):
    return Stage(cluster).save_html(tmp_path_factory.mktemp("page") / "stage.html")


@pytest.fixture
def open_page(browser, saved):
    pages = []

    def opened(width=1100, **settings):
        context = browser.new_context(viewport={"width": width, "height": 900}, **settings)
        page = context.new_page()
        page.set_default_timeout(5000)
        page.faults, page.requests = [], []
        page.on("pageerror", lambda error: page.faults.append(str(error)))
        page.on("console", lambda m: page.faults.append(m.text) if m.type in {"error", "warning"} else None)
        page.on("request", lambda request: page.requests.append(request.url))
        page.goto(saved.as_uri())
        page.wait_for_selector(".svcnotes-stage svg")
        pages.append(page)
        return page

    yield opened
    for page in pages:
        assert page.faults == []
        assert [url for url in page.requests if not url.startswith("file:")] == []
        page.context.close()


def verdict(page):
    return re.sub(r"[▲●■◆]\s*", "", page.inner_text(".verdict"))


def test_a_click_on_local_changes_the_sentence_and_says_what_changed(open_page):
    page = open_page()
    assert verdict(page).startswith("web-1 sees 172.18.0.12 (node-2), not the client 192.0.2.10.")
    page.get_by_role("radio", name="node-1", exact=True).first.click()
    page.get_by_role("radio", name="Local").click()
    assert verdict(page).startswith("web-1 sees 192.0.2.10, the client itself.")
    assert "10.244.1.1 → " in page.inner_text(".difference")
    assert "KUBE-MARK-MASQ" in page.inner_text(".difference")
    assert page.get_by_role("radio", name="Local").get_attribute("aria-checked") == "true"


def test_the_rule_that_did_it_is_lit_by_more_than_colour(open_page):
    page = open_page()
    lit = page.locator(".rules li.now")
    assert lit.count() == 1
    assert "MASQUERADE --random-fully" in lit.inner_text()
    assert "▶" in lit.inner_text()
    assert int(lit.evaluate("e => getComputedStyle(e).fontWeight")) >= 600
    assert lit.get_attribute("aria-current") == "true"


def test_everything_works_by_keyboard_alone(open_page):
    page = open_page()
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")  # policy Local
    assert verdict(page).startswith("Timeout: node-2 drops the packet")
    page.keyboard.press("Tab")
    page.keyboard.press("Home")  # enter by node-1
    assert verdict(page).startswith("web-1 sees 192.0.2.10")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")  # the steps
    page.keyboard.press("Home")
    assert "Step 1 of 6" in page.inner_text(".strip")
    page.keyboard.press("ArrowRight")
    assert "Step 2 of 6" in page.inner_text(".strip")
    page.keyboard.press("End")
    assert "Step 6 of 6" in page.inner_text(".strip")
    assert page.get_attribute(".step.now", "aria-current") == "step"
    page.keyboard.press("ArrowLeft")
    assert "Step 5 of 6" in page.inner_text(".strip")


def test_a_setting_seen_before_comes_back_with_the_same_answer_and_difference(open_page):
    page = open_page()
    page.get_by_role("radio", name="all nodes").click()
    page.get_by_role("radio", name="web-3 · 1/3").click()
    seen = []
    for _ in range(3):
        for policy in ("Local", "Cluster"):
            page.get_by_role("radio", name=policy, exact=True).click()
            seen.append(
                (page.inner_text(".verdict"), page.inner_text(".difference"), page.inner_text(".strip"))
            )
    assert "pod web-3 → web-2" in seen[0][1]  # Local keeps to the node entered; afterwards web-2 stays chosen
    assert "pod" not in seen[2][1]
    assert seen[1:3] == seen[3:5]
    assert "192.0.2.10" in seen[0][0]
    assert seen[0] != seen[1]


def test_endpoints_can_be_chosen_and_keep_their_share(open_page):
    page = open_page()
    page.get_by_role("radio", name="all nodes").click()
    assert "1 of 3 endpoints, 1/3 each" in page.inner_text(".verdict")
    page.get_by_role("radio", name="web-2 · 1/3").click()
    assert verdict(page).startswith("web-2 sees 10.244.2.1 (node-2)")


def test_the_picture_has_words_for_those_who_do_not_see_it(open_page):
    page = open_page()
    picture = page.locator(".svcnotes-stage svg[role=img]")
    assert "there and back: client, node-2, node-1, web-1, node-1, node-2, client" in picture.get_attribute(
        "aria-label"
    )
    page.locator(".twin summary").click()
    assert page.locator(".twin li").count() == 11


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [700, 1100, 1400])
def test_nothing_is_cut_too_small_or_too_faint(open_page, width, scheme):
    page = open_page(width, color_scheme=scheme)
    for policy in ("Cluster", "Local"):
        page.get_by_role("radio", name=policy, exact=True).click()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate(CONTRAST) == []


def test_reduced_motion_moves_nothing(open_page):
    page = open_page(reduced_motion="reduce")
    page.locator(".steps .step").nth(2).click()
    assert page.evaluate("document.querySelector('.bead').getAnimations().length") == 0


def test_the_focus_goes_with_the_step(open_page):
    page = open_page()
    page.locator(".steps .step").nth(2).focus()
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')").startswith("Step 5")
    page.keyboard.press("Home")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')").startswith("Step 1")
    tabbable = page.locator('.steps .step[tabindex="0"]')
    assert tabbable.count() == 1
    assert tabbable.get_attribute("aria-current") == "step"


@pytest.mark.parametrize("width", [1024, 1280, 1440])
def test_the_rule_of_the_step_is_in_sight_with_the_picture_on_a_laptop(open_page, width):
    page = open_page(width)
    rule = page.locator(".rules li.now").bounding_box()
    picture = page.locator(".picture svg").bounding_box()
    assert rule["y"] + rule["height"] < 760  # of 900: a notebook's own bars take the rest
    assert rule["x"] > picture["x"] + picture["width"]
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_on_a_narrow_page_the_rules_come_before_the_table(open_page):
    page = open_page(700)
    rules, hops = (page.locator(name).bounding_box() for name in (".rules-box", ".hops"))
    assert rules["y"] < hops["y"]
    assert abs(rules["x"] - hops["x"]) < 1


def test_play_goes_to_the_end_and_stops(open_page):
    page = open_page()
    page.get_by_role("radio", name="Local").click()
    page.locator(".steps .step").first.click()
    page.locator(".play").click()
    expect(page.locator(".strip")).to_contain_text("Step 2 of 2")
    expect(page.locator(".play")).to_have_text("Play")
    assert page.get_attribute(".play", "aria-pressed") == "false"


def test_a_click_repaints_in_under_50_ms(open_page):
    page = open_page()
    times = [page.evaluate(CLICK_TO_PAINT, name) for _ in range(15) for name in ("Local", "Cluster")]
    median = statistics.median(times)
    print(f"click to repaint in the saved page: median {median:.1f} ms of {len(times)}")
    assert median < 50


def test_a_saved_rollout_begins_where_it_was_and_stays_with_the_node_through_its_moments(browser, tmp_path):
    stage = Stage(
        scenarios.load("loadbalancer"),
        "default/my-nginx",
        controls=["policy", ROLLOUT.control()],
        to="203.0.113.1:80",
        policy="Local",
        path=1,
        question="A rollout, {time}.",
    )
    page = browser.new_page()
    page.goto(stage.save_html(tmp_path / "rollout.html").as_uri())
    assert verdict(page).startswith("my-nginx-2 sees 192.0.2.10")
    assert page.inner_text(".question") == "A rollout, before."
    page.get_by_role("radio", name="the old pod is gone").click()
    assert page.inner_text(".question") == "A rollout, the old pod is gone."
    assert verdict(page).startswith("Timeout: node-2 drops the packet")
    assert page.get_by_role("radio", name="node-2 → timeout").get_attribute("aria-checked") == "true"
    page.close()
