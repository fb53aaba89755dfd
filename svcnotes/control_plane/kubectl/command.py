"""A kubectl command line, as one would type it: which verb, which flags, what it leaves behind."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from svcnotes.control_plane.api_server.state import ApiState
from svcnotes.control_plane.kubectl.answer import Answer
from svcnotes.control_plane.kubectl.apply import apply
from svcnotes.control_plane.kubectl.create import create
from svcnotes.control_plane.kubectl.create_service import create_service
from svcnotes.control_plane.kubectl.delete import delete, delete_file
from svcnotes.control_plane.kubectl.describe import Key, describe
from svcnotes.control_plane.kubectl.describe_columns import Event
from svcnotes.control_plane.kubectl.expose import expose
from svcnotes.control_plane.kubectl.get import get_command
from svcnotes.control_plane.kubectl.label import label
from svcnotes.control_plane.kubectl.patch import patch
from svcnotes.control_plane.kubectl.replace import replace
from svcnotes.control_plane.kubectl.server_side_apply import server_side_apply
from svcnotes.control_plane.kubectl.set_env import restart, set_env
from svcnotes.errors import InputError

_SWITCHES = frozenset(
    {
        "server-side", "force", "A", "all-namespaces", "overwrite", "ignore-not-found", "save-config", "all",
        "show-labels", "no-headers", "now",
    }
)  # fmt: skip
_SHORT = {
    "f": "filename", "n": "namespace", "o": "output", "p": "patch", "A": "all-namespaces", "l": "selector",
}  # fmt: skip


@dataclass(slots=True)
class Words:
    """A command line in parts: plain words, and flags by their long names (each may come twice)."""

    plain: list[str] = field(default_factory=list)
    flags: dict[str, list[str]] = field(default_factory=dict)

    def flag(self, name: str, default: str = "") -> str:
        """A flag's last value."""
        return self.flags.get(name, [default])[-1]

    def has(self, name: str) -> bool:
        """Whether a switch is on."""
        return self.flag(name, "false") != "false"


def command(
    line: str | Sequence[str],
    state: ApiState,
    files: Mapping[str, str] | None = None,
    *,
    now: datetime | None = None,
) -> Answer:
    """What a kubectl command line leaves behind; `files` gives the text of the files that it names.

    The verbs: create, apply, replace, patch, delete, get, describe, expose, label, annotate, set env,
    rollout restart. Raises InputError for a command or a file that is not known here: what kubectl itself
    refuses is in the Answer.
    """
    try:
        words = read_words(shlex.split(line) if isinstance(line, str) else list(line))
    except ValueError as error:
        raise InputError(f"kubectl: {error}: close every quote of the command") from None
    if words.plain[:1] == ["kubectl"]:
        words.plain.pop(0)
    if not words.plain:
        raise InputError("no kubectl command: say what to do, such as `kubectl get svc`")
    verb = words.plain.pop(0)
    run = _VERBS.get(verb)
    if run is None:
        raise InputError(f"kubectl {verb}: not known here. Known are {', '.join(_VERBS)}")
    return run(words, state, files or {}, now)


def read_words(parts: Sequence[str]) -> Words:
    """Sort a command line into plain words and flags by their long names."""
    words = Words()
    rest = iter(parts)
    for part in rest:
        if not part.startswith("-") or part == "-":
            words.plain.append(part)
            continue
        name, equals, value = part.lstrip("-").partition("=")
        name = _SHORT.get(name, name)
        if not equals:
            value = "true" if name in _SWITCHES or name in ("dry-run", "validate") else next(rest, "")
        words.flags.setdefault(name, []).append(value)
    return words


def _text(words: Words, files: Mapping[str, str]) -> tuple[str, str]:
    """The text of the file that `-f` names, and what kubectl's messages call it: `-` is STDIN to them."""
    name = words.flag("filename")
    if name not in files:
        raise InputError(f"kubectl: the file {name!r} is not there; its text must be given along")
    return files[name], "STDIN" if name == "-" else name


def _number(words: Words, name: str) -> int:
    text = words.flag(name, "0")
    if not text.isdecimal():
        raise InputError(f"kubectl: --{name} takes a number, not {text!r}")
    return int(text)


def _namespace(words: Words) -> str:
    return words.flag("namespace", "default")


def _dry_run(words: Words) -> str:
    value = words.flag("dry-run", "none")
    return "" if value in ("none", "false") else "client" if value in ("true", "client") else "server"


def _validate(words: Words) -> str:
    """`--validate`: strict (also true), warn, or ignore (also false)."""
    value = words.flag("validate", "strict")
    return {"true": "strict", "false": "ignore"}.get(value, value)


def _create(words: Words, state: ApiState, files: Mapping[str, str], now: datetime | None) -> Answer:  # noqa: ARG001
    if words.plain[:1] in (["service"], ["svc"]) and len(words.plain) >= 3:
        return create_service(
            words.plain[1],
            words.plain[2],
            state,
            tcp=words.flags.get("tcp", ()),
            node_port=_number(words, "node-port"),
            cluster_ip=words.flag("clusterip"),
            external_name=words.flag("external-name"),
            namespace=_namespace(words),
            dry_run=_dry_run(words),
            output=words.flag("output"),
        )
    text, name = _text(words, files)
    return create(
        text, name, state, namespace=_namespace(words), dry_run=_dry_run(words), validate=_validate(words)
    )


def _apply(words: Words, state: ApiState, files: Mapping[str, str], now: datetime | None) -> Answer:  # noqa: ARG001
    text, name = _text(words, files)
    if words.has("server-side"):
        return server_side_apply(text, name, state, namespace=_namespace(words), dry_run=_dry_run(words))
    return apply(
        text,
        name,
        state,
        namespace=_namespace(words),
        dry_run=_dry_run(words),
        validate=_validate(words),
        force=words.has("force"),
    )


def _replace(words: Words, state: ApiState, files: Mapping[str, str], now: datetime | None) -> Answer:  # noqa: ARG001
    text, name = _text(words, files)
    return replace(
        text,
        name,
        state,
        namespace=_namespace(words),
        force=words.has("force"),
        dry_run=_dry_run(words),
        validate=_validate(words),
    )


def _patch(words: Words, state: ApiState, files: Mapping[str, str], now: datetime | None) -> Answer:  # noqa: ARG001
    kind, name = _named(words)
    return patch(
        kind,
        name,
        words.flag("patch"),
        state,
        style=words.flag("type", "strategic"),
        namespace=_namespace(words),
        subresource=words.flag("subresource"),
        dry_run=_dry_run(words),
    )


def _named(words: Words) -> tuple[str, str]:
    """A kind and a name: `svc web` or `svc/web`."""
    first = words.plain[0] if words.plain else ""
    if "/" in first:
        kind, _, name = first.partition("/")
        return kind, name
    if len(words.plain) < 2:
        raise InputError("kubectl: say which object: a kind and a name, such as `svc web`")
    return first, words.plain[1]


def _delete(words: Words, state: ApiState, files: Mapping[str, str], now: datetime | None) -> Answer:  # noqa: ARG001
    ignore = words.has("ignore-not-found")
    if words.flag("filename"):
        text, name = _text(words, files)
        return delete_file(text, name, state, namespace=_namespace(words), ignore_not_found=ignore)
    if words.has("all") and words.plain:
        return delete(words.plain[0], (), state, namespace=_namespace(words))
    kind, name = _named(words)
    names = [name, *words.plain[2:]] if "/" not in words.plain[0] else [name]
    return delete(kind, names, state, namespace=_namespace(words), ignore_not_found=ignore)


def _get(words: Words, state: ApiState, files: Mapping[str, str], now: datetime | None) -> Answer:  # noqa: ARG001
    if not words.plain:
        raise InputError("kubectl get: say what to get, such as `svc`")
    kinds, names = words.plain[0], words.plain[1:]
    if "/" in kinds:
        kinds, _, name = kinds.partition("/")
        names = [name]
    return get_command(
        kinds,
        names,
        state,
        output=words.flag("output"),
        namespace=_namespace(words),
        all_namespaces=words.has("all-namespaces"),
        selector=words.flag("selector"),
        show_labels=words.has("show-labels"),
        headers=not words.has("no-headers"),
        now=now,
    )


def _describe(words: Words, state: ApiState, files: Mapping[str, str], now: datetime | None) -> Answer:  # noqa: ARG001
    return described(words, state, now, {})


def described(
    words: Words, state: ApiState, now: datetime | None, happened: Mapping[Key, Sequence[Event]]
) -> Answer:
    """`kubectl describe`, with the events that happened to the objects."""
    if not words.plain:
        said = 'error: You must specify the type of resource to describe. Use "kubectl api-resources" for a complete list of supported resources.\n'
        return Answer(state, "", said, 1)
    kind, names = words.plain[0], words.plain[1:]
    if "/" in kind:
        kind, _, name = kind.partition("/")
        names = [name]
    return describe(
        kind,
        names,
        state,
        namespace=_namespace(words),
        all_namespaces=words.has("all-namespaces"),
        selector=words.flag("selector"),
        now=now,
        happened=happened,
    )


def _expose(words: Words, state: ApiState, files: Mapping[str, str], now: datetime | None) -> Answer:  # noqa: ARG001
    kind, name = _named(words)
    options = {flag: values[-1] for flag, values in words.flags.items()}
    return expose(kind, name, state, port=words.flag("port"), options=options, namespace=_namespace(words))


def _label(words: Words, state: ApiState, files: Mapping[str, str], now: datetime | None) -> Answer:  # noqa: ARG001
    kind, name = _named(words)
    pairs = words.plain[1:] if "/" in words.plain[0] else words.plain[2:]
    return label(kind, name, pairs, state, namespace=_namespace(words), overwrite=words.has("overwrite"))


def _annotate(words: Words, state: ApiState, files: Mapping[str, str], now: datetime | None) -> Answer:  # noqa: ARG001
    kind, name = _named(words)
    pairs = words.plain[1:] if "/" in words.plain[0] else words.plain[2:]
    overwrite = words.has("overwrite")
    return label(
        kind, name, pairs, state, namespace=_namespace(words), overwrite=overwrite, field="annotations"
    )


def _set(words: Words, state: ApiState, files: Mapping[str, str], now: datetime | None) -> Answer:  # noqa: ARG001
    if words.plain[:1] != ["env"]:
        raise InputError("kubectl set: known here is `kubectl set env KIND/NAME KEY=VALUE`")
    del words.plain[0]
    kind, name = _named(words)
    pairs = words.plain[1:] if "/" in words.plain[0] else words.plain[2:]
    return set_env(kind, name, pairs, state, namespace=_namespace(words))


def _rollout(words: Words, state: ApiState, files: Mapping[str, str], now: datetime | None) -> Answer:  # noqa: ARG001
    if words.plain[:1] != ["restart"]:
        raise InputError("kubectl rollout: known here is `kubectl rollout restart KIND/NAME`")
    del words.plain[0]
    kind, name = _named(words)
    return restart(kind, name, state, namespace=_namespace(words), now=now)


_VERBS: Mapping[str, Callable[[Words, ApiState, Mapping[str, str], datetime | None], Answer]] = {
    "create": _create,
    "apply": _apply,
    "replace": _replace,
    "patch": _patch,
    "delete": _delete,
    "get": _get,
    "describe": _describe,
    "expose": _expose,
    "label": _label,
    "annotate": _annotate,
    "set": _set,
    "rollout": _rollout,
}
