"""The stage: one question, one to three controls, and the whole answer at once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import product
from pathlib import Path as FilePath
from typing import Any

import anywidget
import traitlets

from svcnotes.control_plane.cluster import Cluster
from svcnotes.errors import QuestionError, SvcnotesError
from svcnotes.trace import Path, Trace
from svcnotes.views.compare import Comparison, compare, counterpart
from svcnotes.views.headline import headline
from svcnotes.views.html import page
from svcnotes.views.marks import names_of
from svcnotes.views.pack import pack
from svcnotes.views.prose import packed, plain
from svcnotes.views.story import Story, tell
from svcnotes.views.text import trace_text
from svcnotes.widgets import scene
from svcnotes.widgets.fold import fold

HERE = FilePath(__file__).parent
LABELS = {"policy": "externalTrafficPolicy", "enter": "enter by", "pods": "pods run on"}
QUESTION = "The client dials {enter}. Who does the pod think is calling?"
Setting = tuple[str, str, str]


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
    the first by default. `source` is an address outside. `controls` names those shown: policy, enter, pods.
    `question` may hold `{enter}`. Settings: `policy` Cluster or Local; `enter` a Node's name; `pods`
    "as given", node names with commas, or "all nodes"; `path` the index of the path shown. A setting that
    makes no sense raises TraitError; a cluster that cannot answer says so on the stage and in `error`.
    """

    _esm = HERE / "stage.js"
    _css = HERE / "stage.css"

    # One text of JSON: ipywidgets would walk a dict of this size twice, looking for buffers.
    message = traitlets.Unicode().tag(sync=True)
    policy = traitlets.Enum(["Cluster", "Local"], "Cluster").tag(sync=True)
    enter = traitlets.Unicode().tag(sync=True)
    pods = traitlets.Unicode().tag(sync=True)
    path = traitlets.Int(0).tag(sync=True)

    def __init__(
        self,
        cluster: Cluster,
        service: str = "default/web",
        port: int | str | None = None,
        source: str = "192.0.2.10",
        question: str = QUESTION,
        controls: Sequence[str] = ("policy", "enter", "pods"),
        placements: Sequence[str] | None = None,
        **settings: Any,
    ) -> None:
        found = scene.find_service(cluster, service)
        unknown = [name for name in controls if name not in LABELS]
        if unknown:
            raise QuestionError(f"controls: {unknown[0]!r} is none. Choose from {', '.join(LABELS)}")
        self._cluster = cluster
        self._service = found
        self._port = scene.find_port(found, port)
        if not self._port.node_port:
            raise QuestionError(f'Service "{service}" has no nodePort. Use type NodePort or LoadBalancer')
        self._source = source
        self._question = question
        self._controls = tuple(controls)
        self._answers: dict[Setting, Answer] = {}
        self._comparison: Comparison | None = None
        self._error = ""
        offered = tuple(placements or scene.placements(cluster))
        nodes = tuple(cluster.nodes)
        self._options: dict[str, tuple[str, ...]] = {
            "policy": ("Cluster", "Local"),
            "enter": nodes,
            "pods": offered if "pods" in controls else (scene.AS_GIVEN,),
        }
        start = {
            "policy": found.external_traffic_policy,
            "enter": nodes[1] if len(nodes) > 1 else nodes[0],
            "pods": self._options["pods"][0],
            **settings,
        }
        super().__init__(**start)
        self._shown: Setting = self._setting
        self._show(None)
        self.observe(self._changed, ["policy", "enter", "pods"])

    @traitlets.validate("enter")
    def _known_node(self, proposal: Any) -> str:
        value = str(proposal["value"])
        if value not in self._cluster.nodes:
            raise traitlets.TraitError(f'no Node "{value}". Nodes: {", ".join(self._cluster.nodes)}')
        return value

    @traitlets.validate("pods")
    def _known_placement(self, proposal: Any) -> str:
        value = str(proposal["value"])
        try:
            scene.placed_on(value, self._cluster)
        except QuestionError as error:
            raise traitlets.TraitError(str(error)) from None
        return value

    @property
    def _setting(self) -> Setting:
        return (self.policy, self.enter, self.pods)

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
            "question": self._question_text(self.enter),
            "controls": self._control_messages(self._setting),
            "settings": {name: getattr(self, name) for name in LABELS},
            "stories": folded,
            "pieces": pieces,
            "pods": {key: [path["label"] for path in story["paths"]] for key, story in stories.items()},
            "errors": errors,
            "differences": self._all_differences(settings, errors),
        }
        modules = (
            (HERE / "stage.js").read_text(encoding="utf-8"),
            (HERE / "page.js").read_text(encoding="utf-8"),
        )
        style = (HERE / "stage.css").read_text(encoding="utf-8")
        twin = self._error or f"{self._question_text(self.enter)}\n\n{trace_text(self.trace, self.cluster)}"
        return page(self._question_text(self.enter), "\n".join(modules), style, data, twin)

    def _all_settings(self) -> list[Setting]:
        options = [
            dict.fromkeys([*self._options[name], getattr(self, name)])
            if name in self._controls
            else [getattr(self, name)]
            for name in LABELS
        ]
        return [(policy, enter, pods) for policy, enter, pods in product(*options)]

    def _all_differences(self, settings: list[Setting], errors: dict[str, str]) -> dict[str, Any]:
        good = [setting for setting in settings if self._key(setting) not in errors]
        pairs = (
            (old, new)
            for old, new in product(good, good)
            if sum(a != b for a, b in zip(old, new, strict=True)) == 1
        )
        return {
            f"{self._key(old)}|{number}>{self._key(new)}": packed(self._difference(old, new, path).sentence)
            for old, new in pairs
            for number, path in enumerate(self._answer(old).trace.paths)
        }

    def _difference(self, old: Setting, new: Setting, path: Path) -> Comparison:
        """Compare a path under an old setting with the path to the same pod under a new one."""
        before, after = self._answer(old), self._answer(new)
        return compare(before.tell(path), after.tell(counterpart(path, after.trace.paths)))

    def _key(self, setting: Setting) -> str:
        return "|".join(value for name, value in zip(LABELS, setting, strict=True) if name in self._controls)

    def _story(self) -> Story:
        answer = self._answer(self._setting)
        return answer.tell(answer.trace.paths[min(self.path, len(answer.trace.paths) - 1)])

    def _answer(self, setting: Setting) -> Answer:
        if setting not in self._answers:
            self._answers[setting] = self._work_out(setting)
        return self._answers[setting]

    def _work_out(self, setting: Setting) -> Answer:
        from svcnotes.kube_proxy import rules
        from svcnotes.trace import trace

        policy, enter, pods = setting
        cluster = scene.with_policy(self._cluster, self._service, policy)
        if pods != scene.AS_GIVEN:
            cluster = scene.with_pods_on(cluster, self._service, scene.placed_on(pods, cluster))
        found = trace(cluster, self._source, scene.dial(cluster, enter, self._port, self._source))
        hosts = {hop.host for path in found.paths for hop in path.hops if hop.kind == "node"}
        family = scene.family_of_source(self._source)
        texts = {node: rules(cluster, node, family=family) for node in sorted(hosts)}
        selected = frozenset(scene.backing_pods(cluster, self._service))
        return Answer(cluster, found, pack(found, cluster, texts, selected))

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
            "question": self._question_text(self.enter),
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

    def _question_text(self, enter: str) -> str:
        return self._question.replace("{enter}", enter)

    def _control_messages(self, setting: Setting) -> list[dict[str, Any]]:
        return [
            {
                "name": name,
                "label": LABELS[name],
                "value": value,
                "options": [[option, option.replace(",", ", ")] for option in self._options[name]],
            }
            for name, value in zip(LABELS, setting, strict=True)
            if name in self._controls
        ]


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
