"""The stage: one question, one to three controls, and the whole answer at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path as FilePath
from typing import Any

import anywidget
import traitlets

from svcnotes.control_plane.cluster import Cluster
from svcnotes.errors import QuestionError, SvcnotesError
from svcnotes.kernel import available
from svcnotes.scenarios.changes import find_port, find_service
from svcnotes.scenarios.controls import Control
from svcnotes.scenarios.scene import KERNEL, SIMULATED, Scene
from svcnotes.trace import Path, Trace
from svcnotes.views.beside import SideBySide, beside
from svcnotes.views.compare import Comparison, compare, counterpart
from svcnotes.views.display import register
from svcnotes.views.headline import headline
from svcnotes.views.html import page
from svcnotes.views.prose import packed, plain
from svcnotes.views.story import Story
from svcnotes.views.text import trace_text
from svcnotes.widgets.answer import Answer, answer, as_json
from svcnotes.widgets.fold import fold
from svcnotes.widgets.lending import LENDING, reason
from svcnotes.widgets.offered import USUAL, offered

HERE = FilePath(__file__).parent
QUESTION = "The client dials {enter}. Who does the pod think is calling?"
TAKEN = frozenset({"message", "path"})
Setting = tuple[str, ...]


class Stage(anywidget.AnyWidget):
    """Show one question about a Service; changing a control repaints the answer.

    `cluster` holds the Service `service` (`namespace/name`); `port` is one of its ports by number or name,
    the first by default. The packet goes from `source` to `to` (`via` a Node, by `protocol`: all as in
    `svcnotes.trace`); without `to`, to the nodePort at the Node that the control `enter` names.
    `controls` are those shown: Controls, or names of the usual ones (mode, policy, enter, pods, cni, cloud,
    hairpin, bridge_nf, via, engine); their choices are applied to the scene in the order given. `question` may hold
    `{NAME}`: the choice of that control, in words. Each control is an attribute: `stage.policy = "Local"`.
    Further settings: `path`, the index of the path shown, and the start of any control, shown or not.
    `placements` are the choices of `pods`: node names with commas, or "all nodes".
    A setting that makes no sense raises TraitError; a cluster that cannot answer says so on the stage and
    in `error`. With `engine="kernel"` real packets are sent, new ones each time; where that cannot be, the stage
    says why (`note`), and goes on in simulation.
    """

    _esm = HERE / "stage.js"
    _css = HERE / "stage.css"

    # One text of JSON: ipywidgets would walk a dict of this size twice, looking for buffers.
    message = traitlets.Unicode().tag(sync=True)
    path = traitlets.Int(0).tag(sync=True)
    engine: str  # a control on every stage, shown or not

    def __init__(
        self,
        cluster: Cluster,
        service: str = "default/web",
        port: int | str | None = None,
        source: str = "192.0.2.10",
        question: str = QUESTION,
        controls: Sequence[str | Control] = ("policy", "enter", "pods"),
        placements: Sequence[str] | None = None,
        to: str = "",
        via: str | None = None,
        protocol: str = "tcp",
        **settings: Any,
    ) -> None:
        register()  # what a stage gives (`beside`) shows itself, even where nothing else of svcnotes was used
        scene = Scene(cluster, service, port, source, "", to, via, protocol)
        found = find_service(cluster, service)
        find_port(found, port)
        shown = [offered(one, cluster, placements or (), settings, _taken) for one in controls]
        names = [one.name for one in shown]
        # The usual controls may be set without being shown; which node is entered must be said somehow.
        always = {"engine"} if to else {"engine", "enter"}
        unseen = [
            offered(name, cluster, placements or (), settings, _taken)
            for name in USUAL
            if name not in names and (name in settings or name in always)
        ]
        self._scene = scene
        self._question = question
        self._controls = tuple(shown)
        self._every = (*unseen, *shown)
        self._answers: dict[Setting, Answer] = {}
        self._comparison: Comparison | None = None
        self._error = self._note = ""
        self._going_back, self._backs = (
            False,
            0,
        )  # each time a message of its own, so that the browser hears it
        start = {one.name: one.start or one.values[0] for one in self._every}
        if "policy" in start and found.external_traffic_policy:
            start["policy"] = found.external_traffic_policy
        self.add_traits(
            **{one.name: traitlets.Enum(one.values, start[one.name]).tag(sync=True) for one in self._every}
        )
        super().__init__(**{**start, **settings})
        if not to and not self._error:
            _ = self._scene_of(self._setting).aim  # a Service without a nodePort is the author's mistake
        self._settle()
        self._shown: Setting = self._setting
        self._show(None)
        self.observe(self._changed, [one.name for one in self._every])

    @property
    def _setting(self) -> Setting:
        return tuple(getattr(self, one.name) for one in self._every)

    @property
    def trace(self) -> Trace:
        """The trace that answers the present setting. Raises what the cluster raises."""
        return self._answer(self._setting).trace

    @property
    def cluster(self) -> Cluster:
        """The cluster as the controls have set it."""
        return self._answer(self._setting).cluster

    @property
    def sentence(self) -> str:
        """The sentence that the stage shows, in plain words."""
        if self._error:
            return self._error
        return plain(headline(self._story()))

    @property
    def difference(self) -> str:
        """What the last change of a control changed, in plain words; empty before any."""
        return str(self._comparison) if self._comparison else ""

    @property
    def error(self) -> str:
        """Why there is no answer, empty where there is one."""
        return self._error

    @property
    def note(self) -> str:
        """Why the simulation answers although real packets were asked for, empty otherwise."""
        return self._note

    def close(self) -> None:
        """Close the stage; the kernel lab goes with the last one that used it."""
        LENDING.give_back(self)
        super().close()

    def beside(self, **settings: str | Sequence[str]) -> SideBySide:
        """Put the answer shown beside those that other settings of its controls lead to: `stage.beside(policy="Local")`.

        Two choices of a control give two further answers: `stage.beside(mode=("nftables", "ipvs"))`. Real packets
        (`engine="kernel"`) are new ones; where they never met the pod shown, one that all meet is compared. Raises
        QuestionError for a control or a choice that is not there, KernelError where no real packets can be sent,
        and what the cluster raises.
        """
        names = [one.name for one in self._every]
        unknown = sorted(settings.keys() - names)
        if unknown or not all(settings.values()) or not settings:
            raise QuestionError(
                f"beside: {', '.join(unknown) or 'nothing'} is no control. Choose from {', '.join(names)}"
            )
        every = [self._setting, *self._others(settings)]
        shown = [one for one in self._every if one.name in settings]
        titles: list[str] = []
        for setting in every:
            chosen = dict(zip(names, setting, strict=True))
            title = ", ".join(f"{one.label}: {one.words(chosen[one.name])}" for one in shown)
            if title in titles:
                what = "what the stage shows" if title == titles[0] else "given"
                raise QuestionError(f"beside: {title} is {what} already. Choose another setting")
            titles.append(title)
        answers = [self._answer(one, fresh=number > 0) for number, one in enumerate(every)]
        traces = [answer.trace for answer in answers]
        return beside(
            dict(zip(titles, traces, strict=True)),
            cluster={title: answer.cluster for title, answer in zip(titles, answers, strict=True)},
            path=self._met_by_all(traces),
            service=self._scene.service,
        )

    def _others(self, settings: Mapping[str, str | Sequence[str]]) -> list[Setting]:
        """The settings to stand beside the one shown: one, or as many as choices are given of a control."""
        given = {name: [one] if isinstance(one, str) else list(one) for name, one in settings.items()}
        most = max(len(choices) for choices in given.values())
        for name, choices in given.items():
            if len(choices) not in {1, most}:
                raise QuestionError(
                    f"beside: {len(choices)} choices of {name}, {most} of another control. Give each one or {most}"
                )
        chosen = {name: choices * (most // len(choices)) for name, choices in given.items()}
        now = {one.name: getattr(self, one.name) for one in self._every}
        return [
            tuple((now | {name: choices[number] for name, choices in chosen.items()}).values())
            for number in range(most)
        ]

    def _met_by_all(self, traces: Sequence[Trace]) -> int | None:
        """The path shown; None, for any pod that all met, where real packets missed its pod."""
        first, *others = traces
        index = min(self.path, len(first.paths) - 1)
        for other in others:
            missed = first.paths[index].pod not in {path.pod for path in other.paths}
            if missed and first.packets != other.packets:
                return None
        return index

    def save_html(self, path: str | FilePath) -> FilePath:
        """Write the stage, with the answers to all settings of its controls, as one HTML page."""
        target = FilePath(path)
        target.write_text(self.html(), encoding="utf-8")
        return target

    def html(self) -> str:
        """Give the page that `save_html` writes."""
        settings = self._all_settings()
        stories: dict[str, Any] = {}
        errors: dict[str, str] = {}
        for setting in settings:
            try:
                stories[self._key(setting)] = self._answer(setting).story
            except SvcnotesError as error:
                errors[self._key(setting)] = str(error)
        folded, pieces = fold(stories)
        data = {
            "questions": {self._key(setting): self._question_text(setting) for setting in settings},
            "controls": [_for_a_page(one) for one in self._control_messages(self._setting)],
            "path": self.path,
            "settings": {one.name: getattr(self, one.name) for one in self._every},
            "stories": folded,
            "pieces": pieces,
            "errors": errors,
            **self._all_changes(settings, errors),
        }
        modules = (
            (HERE / "stage.js").read_text(encoding="utf-8"),
            (HERE / "page.js").read_text(encoding="utf-8"),
        )
        style = (HERE / "stage.css").read_text(encoding="utf-8")
        twin = (
            self._error or f"{self._question_text(self._setting)}\n\n{trace_text(self.trace, self.cluster)}"
        )
        return page(self._question_text(self._setting), "\n".join(modules), style, data, twin)

    def _all_settings(self) -> list[Setting]:
        options = [one.values if one in self._controls else (getattr(self, one.name),) for one in self._every]
        every = list(product(*options))
        return [one for one in every if self._scene_of(one).engine != KERNEL] if available() else every

    def _all_changes(self, settings: list[Setting], errors: dict[str, str]) -> dict[str, dict[str, Any]]:
        """For each path under a setting and each change of one control: what differs, which path is shown then."""
        good = [setting for setting in settings if self._key(setting) not in errors]
        differences: dict[str, Any] = {}
        paths: dict[str, Any] = {}
        for old, new in product(good, good):
            if sum(a != b for a, b in zip(old, new, strict=True)) != 1:
                continue
            now = self._answer(new).trace.paths
            for number, path in enumerate(self._answer(old).trace.paths):
                change = f"{self._key(old)}|{number}>{self._key(new)}"
                differences[change] = packed(self._difference(old, new, path).sentence)
                paths[change] = now.index(counterpart(path, now))
        return {"differences": differences, "paths": paths}

    def _difference(self, old: Setting, new: Setting, path: Path) -> Comparison:
        """Compare a path under an old setting with the path to the same pod under a new one."""
        before, after = self._answer(old), self._answer(new)
        return compare(before.tell(path), after.tell(counterpart(path, after.trace.paths)))

    def _key(self, setting: Setting) -> str:
        return "|".join(
            value for one, value in zip(self._every, setting, strict=True) if one in self._controls
        )

    def _story(self) -> Story:
        answer = self._answer(self._setting)
        return answer.tell(answer.trace.paths[min(self.path, len(answer.trace.paths) - 1)])

    def _answer(self, setting: Setting, *, fresh: bool = False) -> Answer:
        """The answer to a setting, as it was worked out before; `fresh` sends new packets where they are real."""
        known = self._answers.get(setting)
        if known is None or (fresh and known.trace.packets):
            known = self._answers[setting] = self._work_out(setting)
        return known

    def _scene_of(self, setting: Setting) -> Scene:
        scene = self._scene
        for one, value in zip(self._every, setting, strict=True):
            scene = one.choice(value).change(scene)
        return scene

    def _work_out(self, setting: Setting) -> Answer:
        scene = self._scene_of(setting)
        found = LENDING.ask(self, scene) if scene.engine == KERNEL else scene.trace()
        return answer(scene, found)

    def _changed(self, _: Any) -> None:
        if self._going_back:
            return
        before = self._shown
        with self.hold_sync():  # path and message in one go
            self._settle()
            self._shown = self._setting
            self._show(before if before != self._shown else None)

    def _settle(self) -> None:
        """Send new packets where real ones are asked for; where that cannot be, say why, and simulate."""
        self._note = ""
        if self.engine != KERNEL:
            return
        try:
            why = available()
            if not why:
                self._answer(self._setting, fresh=True)
        except SvcnotesError as error:
            why = reason(error)
        if why:
            self._note, self._backs = f"These packets are simulated. {why}", self._backs + 1
            self._going_back = True
            self.engine = SIMULATED
            self._going_back = False

    def _show(self, before: Setting | None) -> None:
        self._error, self._comparison, story = "", None, "null"
        try:
            story = self._answer(self._setting).text
        except SvcnotesError as error:
            self._error, self._note = str(error), ""
        if before and not self._error:
            self._compare_with(before)
        rest = {
            "question": self._question_text(self._setting),
            "controls": self._control_messages(self._setting),
            "difference": packed(self._comparison.sentence) if self._comparison else [],
            "error": self._error,
            "note": self._note,
            "backs": self._backs,
        }
        # The story's text was made when it was worked out; the rest is put around it.
        self.message = f'{as_json(rest)[:-1]},"story":{story}}}'

    def _compare_with(self, before: Setting) -> None:
        try:
            old = self._answer(before)
        except SvcnotesError:
            return  # there was no answer before, so there is nothing to compare with
        shown = old.trace.paths[min(self.path, len(old.trace.paths) - 1)]
        now = self._answer(self._setting)
        self.path = now.trace.paths.index(counterpart(shown, now.trace.paths))
        self._comparison = self._difference(before, self._setting, shown)

    def _question_text(self, setting: Setting) -> str:
        text = self._question
        for one, value in zip(self._every, setting, strict=True):
            text = text.replace(f"{{{one.name}}}", one.words(value))
        return text

    def _control_messages(self, setting: Setting) -> list[dict[str, Any]]:
        return [
            {
                "name": one.name,
                "label": one.label,
                "value": value,
                "options": [list(filter(None, (c.value, c.words, c.waiting))) for c in one.choices],
            }
            for one, value in zip(self._every, setting, strict=True)
            if one in self._controls
        ]


def _for_a_page(control: dict[str, Any]) -> dict[str, Any]:
    """A control as a saved page offers it: that has no kernel at hand, only what was recorded."""
    if control["name"] != "engine":
        return control
    real = [] if available() else [[KERNEL, "real, recorded"]]
    return {**control, "options": [*control["options"][:1], *real]}


def _taken(name: str) -> bool:
    return name in TAKEN or hasattr(Stage, name)
