"""Real packets on the stage: drawn like simulated ones, counted, compared; without a lab the stage says why."""

import json
import os
import re
import time
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from svcnotes import scenarios
from svcnotes.cli import main
from svcnotes.errors import QuestionError
from svcnotes.kernel import KernelError
from svcnotes.kernel import tracer as real
from svcnotes.scenarios import controls
from svcnotes.scenarios.changes import without_rule
from svcnotes.scenarios.scene import Scene
from svcnotes.trace import to_json, trace
from svcnotes.views.compare import compare, counterpart
from svcnotes.views.marks import names_of
from svcnotes.views.story import tell
from svcnotes.widgets import stage as stage_module
from svcnotes.widgets.lending import LENDING
from svcnotes.widgets.stage import Stage

WHY = "The kernel lab needs Linux; this is darwin."
BY_NODE_2 = "172.18.0.12:30080"
CLIENT = "192.0.2.10"
REAL = pytest.mark.usefixtures("kernel_lab")


@pytest.fixture(scope="module")
def nginx():
    return scenarios.load("nodeport")


@pytest.fixture
def stage(nginx):
    made = Stage(nginx, "default/my-nginx", controls=("policy", "enter", "engine"), enter="node-2")
    yield made
    made.close()


@pytest.fixture
def no_lab(monkeypatch):
    monkeypatch.setattr(stage_module, "available", lambda: WHY)
    monkeypatch.setattr("svcnotes.kernel.process.available", lambda: WHY)


def message(stage):
    return json.loads(stage.message)


def rules_lit(stage):
    """Each rule that the stage lights up at some step of the path shown: (text, rules of that hop's steps)."""
    story = message(stage)["story"]["paths"][stage.path]
    hops = stage.trace.paths[stage.path].hops
    for moment in story["moments"]:
        if "step" not in moment:
            continue
        lines = story["listings"][f"{moment['hop']} {moment['hook']}"]
        yield from (
            (line[0], hops[moment["hop"]].steps[moment["step"]])
            for line in lines
            if moment["step"] in line[2]
        )


@REAL
def test_real_packets_tell_the_story_that_the_simulation_told(stage):
    simulated = stage.sentence
    stage.engine = "kernel"
    assert (stage.error, stage.note) == ("", "")
    assert stage.trace.packets == real.PACKETS
    assert stage.sentence == simulated
    assert stage.difference == (
        "The kernel did what the simulation says: the same 28 rules matched, in the same order. "
        "Only the ports differ that are picked at random."
    )


@REAL
def test_the_kernel_throws_its_own_dice_and_the_stage_counts(stage):
    stage.engine = "kernel"
    paths = message(stage)["story"]["paths"]
    counts = [int(path["share"].removesuffix(" of 12")) for path in paths]
    assert sum(counts) == 12
    assert {path["label"] for path in paths} <= {"my-nginx-1", "my-nginx-2"}
    assert all(
        path["choice"].endswith("real packets went this way, and this is the first of them") for path in paths
    )


@REAL
def test_each_rule_lit_on_the_stage_is_one_that_the_kernel_traced(stage):
    stage.engine = "kernel"
    lit = [(text, step.rule) for text, step in rules_lit(stage) if step.chain]
    assert [text for text, _ in lit] == [rule for _, rule in lit]
    assert [text.split()[1] for text, _ in lit][-1] == "KUBE-POSTROUTING"
    assert len(lit) == 3  # the mark, DNAT, MASQUERADE


@REAL
def test_a_real_packet_is_really_dropped(stage):
    stage.policy, stage.enter = "Local", "node-3"
    simulated = stage.sentence
    stage.engine = "kernel"
    assert stage.trace.paths[0].outcome == "timeout"
    assert stage.sentence == simulated
    assert stage.sentence.startswith("Timeout: node-3 drops the packet")
    assert [step.verdict for _, step in rules_lit(stage)] == ["drop"]


@REAL
def test_packets_are_sent_anew_each_time_that_real_ones_are_asked_for(stage):
    stage.engine = "kernel"
    first = stage.trace
    assert stage.trace is first  # what is shown stays as it is
    stage.engine = "simulated"
    stage.engine = "kernel"
    ports = [{path.hops[0].packet.source_port for path in one.paths} for one in (first, stage.trace)]
    assert not ports[0] & ports[1]


@REAL
def test_side_by_side_the_real_packet_is_one_to_the_same_pod(stage, monkeypatch):
    monkeypatch.setattr("svcnotes.scenarios.scene.real_trace", partial(real.trace, packets=1))
    for _ in range(8):  # one packet meets one pod, and which one is chance
        both = stage.beside(engine="kernel")
        assert [side.title for side in both.sides] == [
            "packets: simulated",
            "packets: real, in this machine's kernel",
        ]
        assert len({side.story.path.pod for side in both.sides}) == 1
        assert both.differences == ()
        assert {row.kind for row in both.rows} == {"same"}
        assert "The kernel did what the simulation says" in str(both)


@REAL
def test_side_by_side_with_a_chosen_endpoint_shows_that_one(stage):
    stage.path = 1
    simulated, real = stage.beside(engine="kernel").sides
    assert simulated.story.path.pod == "default/my-nginx-2"
    assert real.story.path.pod in {"default/my-nginx-2", "default/my-nginx-1"}


@REAL
def test_a_kernel_that_met_other_rules_is_not_called_the_same(nginx):
    fewer = without_rule(nginx, "kubernetes forwarding rules", ["node-2"])
    told, sent = trace(fewer, CLIENT, BY_NODE_2), real.trace(nginx, CLIENT, BY_NODE_2)
    path = sent.paths[0]
    stories = [
        tell(one, counterpart(path, one.paths), names_of(one, cluster))
        for one, cluster in ((told, fewer), (sent, nginx))
    ]
    assert str(compare(*stories)) == (
        "The end is the same, the rules are not. The first that differs is number 10: "
        "FORWARD … KUBE-SERVICES on node-2 in the simulation, FORWARD … KUBE-FORWARD on node-2 in the kernel."
    )


@REAL
def test_the_lab_stays_up_between_settings_and_goes_with_the_last_stage(nginx):
    LENDING._holders.clear()  # stages of other tests, which nobody closed
    LENDING.close()
    one, other = (Stage(nginx, "default/my-nginx", engine="kernel") for _ in range(2))
    pid = LENDING.pid
    assert Path(f"/proc/{pid}").exists()
    one.policy, one.enter, other.enter = "Local", "node-1", "node-3"
    assert LENDING.pid == pid
    one.close()
    assert LENDING.pid == pid
    other.close()
    assert LENDING.pid is None
    assert not Path(f"/proc/{pid}").exists()


@REAL
def test_the_lab_lives_in_namespaces_of_its_own(stage):
    before = set(Path("/sys/class/net").iterdir())
    stage.engine = "kernel"
    for kind in ("user", "net"):
        own, labs = (Path(f"/proc/{pid}/ns/{kind}").readlink() for pid in ("self", LENDING.pid))
        assert own != labs
    assert set(Path("/sys/class/net").iterdir()) == before


@REAL
def test_a_lab_that_was_killed_comes_up_again_with_the_next_question(stage):
    stage.engine = "kernel"
    pid = LENDING.pid
    os.kill(pid, 9)
    stage.enter = "node-1"
    stage.engine = "kernel"  # where the death was noticed in the middle of a question
    assert stage.trace.packets == 12
    assert LENDING.pid != pid


@REAL
def test_a_question_that_is_broken_off_takes_the_lab_down(stage, monkeypatch):
    def broken_off(*_, **__):
        raise KeyboardInterrupt

    stage.engine = "kernel"
    assert LENDING.pid
    monkeypatch.setattr(Scene, "trace", broken_off)
    with suppress(KeyboardInterrupt):
        LENDING.ask(stage, Scene(stage.cluster))
    assert LENDING.pid is None


@pytest.mark.usefixtures("no_lab")
def test_without_a_lab_the_stage_says_why_and_goes_on_in_simulation(stage):
    simulated = stage.sentence
    stage.engine = "kernel"
    assert stage.engine == "simulated"
    assert stage.note == f"These packets are simulated. {WHY}"
    assert (stage.error, stage.sentence, stage.difference) == ("", simulated, "")
    assert message(stage)["note"] == stage.note
    said = stage.message
    stage.engine = "kernel"  # pressed again: the browser must hear of it, to put its switch back
    assert stage.message != said
    stage.policy = "Local"
    assert stage.note == ""


@pytest.mark.usefixtures("no_lab")
def test_a_stage_that_begins_with_real_packets_begins_in_simulation_without_a_lab(nginx):
    made = Stage(nginx, "default/my-nginx", engine="kernel")
    assert (made.engine, made.note) == ("simulated", f"These packets are simulated. {WHY}")
    assert LENDING.pid is None


@pytest.mark.usefixtures("no_lab")
def test_side_by_side_without_a_lab_is_refused_in_one_sentence_and_a_remedy(stage):
    with pytest.raises(KernelError, match=r"The kernel lab needs Linux; this is darwin\. Ask the simulation"):
        stage.beside(engine="kernel")


@REAL
def test_what_the_lab_cannot_do_is_said_on_the_stage(nginx):
    made = Stage(nginx, "default/my-nginx", protocol="sctp", controls=("engine",))
    made.engine = "kernel"
    assert made.note.startswith("These packets are simulated. engine kernel: protocol 'sctp'")
    assert made.engine == "simulated"
    made = Stage(
        scenarios.load("loadbalancer"), "default/my-nginx", to="203.0.113.1:80", controls=("engine",)
    )
    made.engine = "kernel"
    assert made.note == (
        "These packets are simulated. "
        "engine kernel: cloud: pass-through: the kernel lab has no cloud load balancers."
    )


@REAL
def test_a_saved_page_calls_real_packets_recorded(stage):
    data = json.loads(stage.html().split('id="svcnotes-data">')[1].split("</script>")[0])
    offered = {one["name"]: one["options"] for one in data["controls"]}
    assert offered["engine"] == [["simulated", "simulated"], ["kernel", "real, recorded"]]
    assert len(data["stories"]) == 2 * 3 * 2


@pytest.mark.usefixtures("no_lab")
def test_a_saved_page_offers_no_real_packets_where_there_were_none(stage):
    data = json.loads(stage.html().split('id="svcnotes-data">')[1].split("</script>")[0])
    assert [one["options"] for one in data["controls"] if one["name"] == "engine"] == [
        [["simulated", "simulated"]]
    ]
    assert (len(data["stories"]), data["errors"]) == (2 * 3, {})


def test_an_authors_control_cannot_take_the_name_of_the_engine(nginx):
    with pytest.raises(QuestionError, match="controls: 'engine' is taken"):
        Stage(
            nginx,
            "default/my-nginx",
            controls=[controls.control("engine", "engine", {"a": controls.unchanged})],
        )


@REAL
def test_a_real_trace_tells_how_many_packets_it_stands_on(nginx):
    found = real.trace(nginx, CLIENT, BY_NODE_2, packets=3)
    assert found.packets == 3
    assert sum(path.probability for path in found.paths) == 1
    assert str(found).splitlines()[0].endswith("(tcp, iptables mode, 3 real packets)")
    assert to_json(found)["packets"] == 3
    assert trace(nginx, CLIENT, BY_NODE_2).packets == 0


@REAL
def test_each_address_of_a_name_gets_its_packets(nginx):
    headless = "apiVersion: v1\nkind: Service\nmetadata: {name: bare}\nspec: {clusterIP: None, selector: {run: my-nginx}}"
    found = real.trace(nginx.apply(headless), "pod/default/my-nginx-2", "bare:80", packets=4)
    assert [(path.pod, found.share(path)) for path in found.paths] == [
        ("default/my-nginx-1", "2 of 4"),
        ("default/my-nginx-2", "2 of 4"),
    ]


@REAL
@pytest.mark.parametrize(
    ("to", "outcome"), [("172.18.0.13:30080", "timeout"), ("203.0.113.9:80", "external")]
)
def test_after_three_silences_no_more_packets_are_sent(nginx, to, outcome):
    local = nginx.patch("service", "my-nginx", "spec: {externalTrafficPolicy: Local}")
    begun = time.monotonic()
    found = real.trace(local, CLIENT, to)
    assert (found.packets, [path.outcome for path in found.paths]) == (3, [outcome])
    assert time.monotonic() - begun < 5


@REAL
def test_the_command_line_sends_real_packets(capsys):
    file = str(Path(scenarios.__file__).parent / "nodeport.yaml")
    order = ["trace", file, "--from", CLIENT, "--to", BY_NODE_2, "--engine", "kernel"]
    assert main([*order, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["packets"] == 12
    assert {path["source_seen"] for path in told["paths"]} <= {"172.18.0.12", "10.244.2.1"}


@pytest.mark.usefixtures("no_lab")
def test_the_command_line_says_why_there_are_no_real_packets(capsys):
    file = str(Path(scenarios.__file__).parent / "nodeport.yaml")
    assert main(["trace", file, "--from", CLIENT, "--to", BY_NODE_2, "--engine", "kernel"]) == 1
    assert (
        capsys.readouterr().err == f"{WHY} Ask the simulation (--engine simulated), which needs none of it.\n"
    )


# A browser's end of a widget whose kernel answers when the test says so.
FAKE = """(state) => { const heard = {}; window.sent = [];
  window.answer = (now) => { Object.assign(state, now); (heard["change:message"] || []).forEach((call) => call()); };
  window.start({ model: { get: (name) => state[name], set: (name, value) => { state[name] = value; },
    save_changes: () => window.sent.push(state.engine), on: (event, call) => { (heard[event] ||= []).push(call); } },
    el: document.body }); }"""


@pytest.fixture
def live(browser, stage):
    """The stage in a browser, and a function that hands it what Python says now."""
    folder = Path(stage_module.__file__).parent
    page = browser.new_page()
    page.set_default_timeout(5000)
    script = (folder / "stage.js").read_text(encoding="utf-8")
    style = (folder / "stage.css").read_text(encoding="utf-8")
    page.set_content(f"<style>{style}</style><script type=module>{script}\nwindow.start = render;</script>")

    def now():
        return {
            name: getattr(stage, name) for name in ("message", "path", "policy", "enter", "engine", "pods")
            if hasattr(stage, name)
        }  # fmt: skip

    page.wait_for_function("() => window.start")
    page.evaluate(FAKE, now())
    yield page, lambda: page.evaluate("(now) => window.answer(now)", now())
    page.close()


@pytest.mark.browser
@REAL
def test_while_the_lab_answers_the_stage_says_so_and_the_old_picture_fades(live, stage):
    page, answer = live
    page.get_by_role("radio", name="real, in this machine's kernel").click()
    page.wait_for_selector(".svcnotes-stage[aria-busy=true]")
    assert page.inner_text(".verdict") == "Real packets are on their way through this machine's kernel …"
    assert page.inner_text("[role=status]") == page.inner_text(".verdict")
    assert float(page.eval_on_selector(".board", "e => getComputedStyle(e).opacity")) < 0.5
    stage.engine = "kernel"
    answer()
    assert page.locator(".svcnotes-stage[aria-busy]").count() == 0
    assert re.search(r"\d+ of 12 real packets went this way", page.inner_text(".verdict"))
    assert "The kernel did what the simulation says" in page.inner_text(".difference")
    assert "as Linux itself traced it" in page.inner_text(".rules-box h4")


@pytest.mark.browser
@pytest.mark.usefixtures("no_lab")
def test_without_a_lab_the_switch_goes_back_with_the_focus_and_the_reason_is_read_out(live, stage):
    page, answer = live
    for _ in range(2):  # the second time as well
        page.get_by_role("radio", name="simulated").focus()
        page.keyboard.press("ArrowRight")
        assert page.evaluate("() => window.sent.at(-1)") == "kernel"
        stage.engine = "kernel"
        answer()
        assert page.get_by_role("radio", name="simulated").get_attribute("aria-checked") == "true"
        assert page.evaluate("() => document.activeElement.dataset.value") == "simulated"
        assert page.inner_text(".note") == f"These packets are simulated. {WHY}"
        assert page.inner_text("[role=status]").startswith(page.inner_text(".note"))


@pytest.mark.browser
@REAL
def test_real_packets_seen_before_are_not_shown_again_in_place_of_new_ones(live, stage):
    page, answer = live
    for _ in range(2):
        page.locator("[data-value=kernel]").click()
        assert "real packets went" not in page.inner_text(".verdict")
        stage.engine = "kernel"
        answer()
        assert "real packets went" in page.inner_text(".verdict")
        page.locator("[data-value=simulated]").click()
        stage.engine = "simulated"
        answer()
