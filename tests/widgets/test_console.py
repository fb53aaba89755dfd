"""A console types at the hosts of a simulated cluster, by keyboard alone, and shows what they print."""

import json
from pathlib import Path

import pytest

from svcnotes import scenarios
from svcnotes.exercises import dojo
from svcnotes.toolbox import Terminal
from svcnotes.widgets import console as module
from svcnotes.widgets.console import Console

FOLDER = Path(module.__file__).parent
FAKE_MODEL = """(first) => {
  const listeners = [], data = { message: first, typed: {} };
  window.model = {
    get: (name) => data[name], set: (name, value) => { data[name] = value; },
    on: (_, heard) => listeners.push(heard),
    save_changes: async () => { data.message = JSON.parse(await window.python(JSON.stringify(data.typed)));
      listeners.forEach((heard) => heard()); },
  };
  window.widget.render({ model: window.model, el: document.body });
}"""


@pytest.fixture
def console():
    return Console(Terminal(scenarios.load("dojo")))


def test_what_is_typed_runs_at_the_place_and_stands_on_the_console(console):
    assert "10.244.1.0/24" in console.type("node-3", "ip route")
    assert console.text.startswith("node-3$ ip route\n")
    assert console.message["at"] == "node-3"


def test_a_command_from_the_browser_runs_as_one_from_python_does(console):
    console.typed = {"at": "client", "command": "curl -sS http://172.18.0.11:30080/", "when": 1}
    assert "Hello from web-" in console.text


@pytest.mark.parametrize(
    "typed", [{}, {"at": "client"}, {"at": 1, "command": "x"}, {"at": "client", "command": "  "}]
)
def test_what_is_no_command_is_passed_over(console, typed):
    console.typed = typed
    assert console.message["log"] == []


def test_an_error_of_the_terminal_is_shown_and_not_raised(console):
    assert console.type("nowhere", "ip route").startswith("ssh: Could not resolve hostname nowhere")
    assert console.message["log"][-1]["code"] == 255
    assert console.message["at"] == console.message["places"][0]


def test_every_place_can_be_chosen(console):
    for place in ("laptop", "client", "router", "node-1", "pod/default/front", "pod/jobs/report"):
        assert place in console.message["places"]


def test_old_commands_are_let_go(console):
    for _ in range(module.KEPT + 5):
        console.type("laptop", "echo x")
    numbers = [one["number"] for one in console.message["log"]]
    assert numbers == list(range(6, module.KEPT + 6))


def test_a_tcpdump_listens_until_the_next_command_wherever_that_is_typed(console):
    assert console.type("node-3", "tcpdump -ni eth0 dst port 30080").startswith("# tcpdump listens.")
    console.type("client", "for i in $(seq 2); do curl -s http://172.18.0.13:30080/; done")
    waits, answers, seen = console.message["log"]
    assert waits["at"] == seen["at"] == "node-3"
    assert waits["command"] == seen["command"] == "tcpdump -ni eth0 dst port 30080"
    assert answers["at"] == "client"
    assert answers["text"].count("Hello from web-") == 2
    assert seen["text"].count("Flags [S]") == 2
    console.type("client", "curl -s http://172.18.0.13:30080/")
    assert len(console.message["log"]) == 4


def test_a_tcpdump_on_the_console_of_a_case_is_one_probe():
    case = dojo.open_case(3)
    console = Console(case)
    console.type("node-1", "tcpdump -ni any tcp port 80")
    assert case.probes == ()
    console.type("client", "curl -m 2 http://172.18.0.11:30080/")
    assert "Flags [R.]" in console.text
    assert [(probe.at, probe.during.at) for probe in case.probes] == [("node-1", "client")]


def test_a_tcpdump_nobody_can_read_is_refused_and_does_not_stay(console):
    console.type("node-3", "tcpdump -ni eth9")
    console.type("client", "curl -s http://172.18.0.13:30080/")
    assert "eth9: No such device exists" in console.text
    assert "10.244.3.0/24" in console.type("node-3", "ip route")


def test_a_case_of_the_dojo_brings_its_complaint_and_hears_what_is_typed():
    case = dojo.open_case(11)
    console = Console(case)
    assert console.message["title"] == str(case)
    console.type("node-2", "systemctl is-active kube-proxy")
    assert len(case.probes) == 1
    console.type("node-2", "systemctl restart kube-proxy")
    assert case.prove().parts[0].ok


@pytest.fixture
def page(browser, console):
    context = browser.new_context(viewport={"width": 760, "height": 900})
    page = context.new_page()
    faults = []
    page.on("pageerror", lambda error: faults.append(str(error)))

    def python(typed):
        console.typed = json.loads(typed)
        return json.dumps(console.message)

    page.expose_function("python", python)
    page.set_content("<!doctype html><html lang=en><title>console</title><body></body></html>")
    page.add_style_tag(path=FOLDER / "console.css")
    script = (FOLDER / "console.js").read_text(encoding="utf-8")
    page.add_script_tag(type="module", content=script.replace("export default", "window.widget ="))
    page.wait_for_function("() => window.widget")
    page.evaluate(FAKE_MODEL, console.message)
    yield page
    assert faults == []
    context.close()


@pytest.mark.browser
def test_by_keyboard_alone_a_place_is_chosen_and_a_command_typed(page):
    page.get_by_label("at", exact=True).focus()
    page.keyboard.type("node-3")
    page.keyboard.press("Tab")
    page.keyboard.type("ip route get 10.244.1.10")
    page.keyboard.press("Enter")
    page.locator(".entry pre").wait_for()
    assert page.locator(".entry .typed").inner_text() == "node-3$ ip route get 10.244.1.10"
    assert "via 172.18.0.11" in page.locator(".entry pre").inner_text()
    assert page.get_by_label("command").input_value() == ""


@pytest.mark.browser
def test_the_arrows_bring_earlier_commands_back_and_a_failure_is_told_in_words(page):
    line = page.get_by_label("command")
    line.focus()
    for command in ("echo one", "no-such-command"):
        page.keyboard.type(command)
        page.keyboard.press("Enter")
    page.locator(".entry").nth(1).wait_for()
    assert page.locator(".failed").inner_text() == "exit status 127"
    page.keyboard.press("ArrowUp")
    assert line.input_value() == "no-such-command"
    page.keyboard.press("ArrowUp")
    assert line.input_value() == "echo one"
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert line.input_value() == ""


@pytest.mark.browser
def test_several_lines_are_one_command_and_what_is_printed_is_text_not_markup(page):
    page.get_by_label("command").focus()
    for number, line in enumerate(
        ["kubectl apply -f - <<E", "apiVersion: v1", "kind: Namespace", "metadata: {name: new}", "E"]
    ):
        if number:
            page.keyboard.press("Shift+Enter")
        page.keyboard.type(line)
    page.keyboard.press("Enter")
    page.locator(".entry pre").wait_for()
    assert "namespace/new created" in page.locator(".entry pre").inner_text()
    page.keyboard.type("echo '<b>bold</b>'")
    page.keyboard.press("Enter")
    page.locator(".entry").nth(1).wait_for()
    assert page.locator(".log b").count() == 0
    assert "<b>bold</b>" in page.locator(".entry pre").nth(1).inner_text()


@pytest.mark.browser
def test_the_log_is_announced_and_everything_has_a_name(page):
    assert page.locator("[role=log]").get_attribute("aria-live") == "polite"
    assert page.get_by_role("combobox", name="at").count() == 1
    assert page.get_by_role("textbox", name="command").count() == 1
    assert page.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth")
