"""The stage: one question, one to three controls, and the whole answer at once."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from pathlib import Path as FilePath
from types import MappingProxyType
from typing import Any

import anywidget
import traitlets

from svcnotes.control_plane.cluster import Cluster
from svcnotes.errors import QuestionError, SvcnotesError
from svcnotes.network.node_rules import rules_text
from svcnotes.scenarios import changes
from svcnotes.scenarios import controls as usual
from svcnotes.scenarios.changes import find_port, find_service
from svcnotes.scenarios.controls import Control
from svcnotes.scenarios.scene import Scene
from svcnotes.trace import Path, Trace
from svcnotes.views.beside import SideBySide, beside
from svcnotes.views.compare import Comparison, compare, counterpart
from svcnotes.views.display import register
from svcnotes.views.headline import headline
from svcnotes.views.html import page
from svcnotes.views.marks import names_of
from svcnotes.views.pack import pack
from svcnotes.views.prose import packed, plain
from svcnotes.views.story import Story, tell
from svcnotes.views.text import trace_text
from svcnotes.widgets.fold import fold

HERE = FilePath(__file__).parent
QUESTION = "The client dials {enter}. Who does the pod think is calling?"
TAKEN = frozenset({"message", "path"})
Setting = tuple[str, ...]


class Answer:
    """What one setting of the controls leads to: a cluster, its trace, and the trace packed for the browser."""

    def __init__(self, cluster: Cluster, trace: Trace, story: dict[str, Any]) -> None:
        self.cluster = cluster
        self.trace = trace
        self.story = story
        self.text = _json(story)
        self.names = names_of(trace, cluster)

    def tell(self, path: Path) -> Story:
        """Tell one of its paths."""
        return tell(self.trace, path, self.names)


class Stage(anywidget.AnyWidget):
    """Show one question about a Service; changing a control repaints the answer.

    `cluster` holds the Service `service` (`namespace/name`); `port` is one of its ports by number or name,
    the first by default. The packet goes from `source` to `to` (`via` a Node, by `protocol`: all as in
    `svcnotes.trace`); without `to`, to the nodePort at the Node that the control `enter` names.
    `controls` are those shown: Controls, or names of the usual ones (policy, enter, pods, cni, cloud,
    hairpin, bridge_nf, via); their choices are applied to the scene in the order given. `question` may hold
    `{NAME}`: the choice of that control, in words. Each control is an attribute: `stage.policy = "Local"`.
    Further settings: `path`, the index of the path shown, and the start of any control, shown or not.
    `placements` are the choices of `pods`: node names with commas, or "all nodes".
    A setting that makes no sense raises TraitError; a cluster that cannot answer says so on the stage and
    in `error`.
    """

    _esm = HERE / "stage.js"
    _css = HERE / "stage.css"

    # One text of JSON: ipywidgets would walk a dict of this size twice, looking for buffers.
    message = traitlets.Unicode().tag(sync=True)
    path = traitlets.Int(0).tag(sync=True)

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
        shown = [_control(one, cluster, placements or (), settings) for one in controls]
        names = [one.name for one in shown]
        # The usual controls may be set without being shown; which node is entered must be said somehow.
        unseen = [
            _control(name, cluster, placements or (), settings)
            for name in USUAL
            if name not in names and (name in settings or (name == "enter" and not to))
        ]
        self._scene = scene
        self._question = question
        self._controls = tuple(shown)
        self._every = (*unseen, *shown)
        self._answers: dict[Setting, Answer] = {}
        self._comparison: Comparison | None = None
        self._error = ""
        start = {one.name: one.start or one.values[0] for one in self._every}
        if "policy" in start and found.external_traffic_policy:
            start["policy"] = found.external_traffic_policy
        self.add_traits(
            **{one.name: traitlets.Enum(one.values, start[one.name]).tag(sync=True) for one in self._every}
        )
        super().__init__(**{**start, **settings})
        if not to and not self._error:
            _ = self._scene_of(self._setting).aim  # a Service without a nodePort is the author's mistake
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

    def beside(self, **settings: str) -> SideBySide:
        """Put the answer shown beside the one that other settings of its controls lead to: `stage.beside(policy="Local")`.

        Raises QuestionError for a control or a choice that is not there, and what the cluster raises.
        """
        names = [one.name for one in self._every]
        unknown = sorted(settings.keys() - names)
        if unknown or not settings:
            raise QuestionError(
                f"beside: {', '.join(unknown) or 'nothing'} is no control. Choose from {', '.join(names)}"
            )
        other = tuple(settings.get(one.name, getattr(self, one.name)) for one in self._every)
        words = [
            {one.label: one.words(value) for one, value in zip(self._every, setting, strict=True)}
            for setting in (self._setting, other)
        ]
        labels = [one.label for one in self._every if one.name in settings]
        titles = [", ".join(f"{label}: {side[label]}" for label in labels) for side in words]
        if titles[0] == titles[1]:
            raise QuestionError(
                f"beside: {titles[0]} is what the stage shows already. Choose another setting"
            )
        answers = [self._answer(setting) for setting in (self._setting, other)]
        return beside(
            {title: answer.trace for title, answer in zip(titles, answers, strict=True)},
            cluster={title: answer.cluster for title, answer in zip(titles, answers, strict=True)},
            path=min(self.path, len(answers[0].trace.paths) - 1),
            service=self._scene.service,
        )

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
            "controls": self._control_messages(self._setting),
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
        return list(product(*options))

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

    def _answer(self, setting: Setting) -> Answer:
        if setting not in self._answers:
            self._answers[setting] = self._work_out(setting)
        return self._answers[setting]

    def _scene_of(self, setting: Setting) -> Scene:
        scene = self._scene
        for one, value in zip(self._every, setting, strict=True):
            scene = one.choice(value).change(scene)
        return scene

    def _work_out(self, setting: Setting) -> Answer:
        scene = self._scene_of(setting)
        found = scene.trace()
        hosts = {hop.host for path in found.paths for hop in path.hops if hop.kind == "node"}
        family = 6 if ":" in found.source_address else 4
        texts = {node: rules_text(scene.cluster, node, family=family) for node in sorted(hosts)}
        return Answer(scene.cluster, found, pack(found, scene.cluster, texts, scene.cast))

    def _changed(self, _: Any) -> None:
        before, self._shown = self._shown, self._setting
        with self.hold_sync():  # path and message in one go
            self._show(before)

    def _show(self, before: Setting | None) -> None:
        self._error, self._comparison, story = "", None, "null"
        try:
            story = self._answer(self._setting).text
        except SvcnotesError as error:
            self._error = str(error)
        if before and not self._error:
            self._compare_with(before)
        rest = {
            "question": self._question_text(self._setting),
            "controls": self._control_messages(self._setting),
            "difference": packed(self._comparison.sentence) if self._comparison else [],
            "error": self._error,
        }
        # The story's text was made when it was worked out; the rest is put around it.
        self.message = f'{_json(rest)[:-1]},"story":{story}}}'

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
                "options": [[choice.value, choice.words] for choice in one.choices],
            }
            for one, value in zip(self._every, setting, strict=True)
            if one in self._controls
        ]


def _control(
    given: str | Control, cluster: Cluster, placements: Sequence[str], settings: dict[str, Any]
) -> Control:
    """A control as given, or the usual one of that name. Raises QuestionError for an unknown name."""
    if isinstance(given, Control):
        if given.name in TAKEN or hasattr(Stage, given.name) or not given.name.isidentifier():
            raise QuestionError(f"controls: {given.name!r} is taken, or no name. Call the control otherwise")
        return given
    if given not in USUAL:
        raise QuestionError(f"controls: {given!r} is none. Choose from {', '.join(USUAL)}, or give a Control")
    if given == "pods" and "pods" in settings:
        offered = placements or changes.placements(cluster)
        placements = tuple(dict.fromkeys([*offered, settings["pods"]]))
    return USUAL[given](cluster, placements)


# The usual controls, in the order in which they are applied when they are set without being shown.
USUAL: Mapping[str, Callable[[Cluster, Sequence[str]], Control]] = MappingProxyType(
    {
        "policy": lambda _, __: usual.policy(),
        "pods": usual.pods,
        "cni": lambda _, __: usual.cni(),
        "cloud": lambda _, __: usual.cloud(),
        "hairpin": lambda _, __: usual.hairpin(),
        "bridge_nf": lambda _, __: usual.bridge_nf(),
        "enter": lambda cluster, _: usual.enter(cluster),
        "via": lambda cluster, _: usual.via(cluster),
    }
)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
