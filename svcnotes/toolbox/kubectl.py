"""`kubectl`: what reads and changes the cluster's objects, the Pods' logs, and a way into a Pod."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from svcnotes.control_plane.api_server import update
from svcnotes.control_plane.api_server.state import ApiState
from svcnotes.control_plane.api_server.versioned_map import VersionedMap
from svcnotes.control_plane.kubectl.answer import Answer
from svcnotes.control_plane.kubectl.command import Words, command, described, read_words
from svcnotes.control_plane.kubectl.describe_columns import Event
from svcnotes.control_plane.kubectl.messages import KubectlError
from svcnotes.control_plane.kubectl.patch import patch
from svcnotes.control_plane.kubectl.selecting import chooser
from svcnotes.control_plane.resources import by_word
from svcnotes.errors import InputError, QuestionError, SvcnotesError
from svcnotes.toolbox.admin_services import AS_UNIT
from svcnotes.toolbox.endpoints import asked_for, with_endpoints
from svcnotes.toolbox.output import ERR, OUT, Printed, err, note, out
from svcnotes.toolbox.places import place
from svcnotes.toolbox.session import Call, Session

Key = tuple[str, str, str]
VERSION = "Client Version: v1.36.2\nKustomize Version: v5.7.1\nServer Version: v1.36.2\n"
_ALL = "pods,services,daemonsets,deployments,replicasets,statefulsets,jobs"
_THERE = "every node and every pod is a place of its own: be there (node-1, pod/default/front), and type"
_INSTEAD = {
    "edit": "no editor waits here: kubectl patch, or kubectl apply -f - with the whole object",
    "run": _THERE,
    "debug": _THERE,
    "attach": _THERE,
    "port-forward": "a forwarded port goes past the Service's rules: call from a pod, a node or the client",
    "proxy": _THERE,
}
"""What to do instead of a command of kubectl's that this terminal does not have."""
_UNDO = "no earlier version is kept here: mend the template with kubectl patch or kubectl apply"
_CONTAINER = 'error: unable to upgrade connection: container not found ("{}")\n'


def kubectl(call: Call) -> Printed:
    """`kubectl get|describe|logs|exec|apply|patch|scale|...`, at any place that can reach the API server."""
    args = list(call.args)
    if not args:
        return out(
            "kubectl controls the Kubernetes cluster manager.\n\nUsage:\n  kubectl [flags] [options]\n"
        )
    verb = next(iter(read_words(args).plain), "")
    own = {"logs": _logs, "exec": _exec, "scale": _scale, "version": lambda *_: out(VERSION)}
    try:
        if verb in own:
            args.remove(verb)
            return own[verb](call, args)
        printed = _answered(call, _command(call, verb, args))
    except InputError as error:
        printed = err(f"error: {str(error).removeprefix('kubectl: ')}\n", 1)
        undo = verb == "rollout" and "undo" in args
        remedy = _UNDO if undo else _INSTEAD.get(verb, "")
        return printed.then(note(remedy, 1)) if remedy else printed
    if not printed.stdout and _about_the_system(args):
        return printed.then(note(AS_UNIT, printed.exit_code))
    if verb == "rollout" and printed.exit_code and "kube-proxy" in " ".join(args):
        return printed.then(note(AS_UNIT, printed.exit_code))
    return printed


def _command(call: Call, verb: str, args: list[str]) -> Answer:
    """A verb that asks or changes the API server."""
    session = call.session
    files = {**session.files, "-": call.stdin or ""}
    _date(session)
    state = session.cluster.state
    if verb == "get":
        place_ = args.index(verb) + 1
        if args[place_ : place_ + 1] == ["all"]:
            args[place_] = _ALL
        if args[place_ : place_ + 1] in (["events"], ["event"], ["ev"]):
            return _events(session, state)
        asked = dated(session, state)
        asked = with_endpoints(asked) if asked_for("".join(args[place_ : place_ + 1])) else asked
        return replace(command(args, asked, files, now=session.clock), state=state)
    if verb == "describe":
        words = read_words(args)
        words.plain.pop(0)
        asked = dated(session, state)
        asked = with_endpoints(asked) if words.plain and asked_for(words.plain[0]) else asked
        answer = described(words, asked, session.clock, happened(session))
        return replace(answer, state=state)
    name = _missing_file(args, files)
    if name:
        return Answer(state, "", f'error: the path "{name}" does not exist\n', 1)
    return command(args, state, files, now=session.clock)


def _about_the_system(args: Sequence[str]) -> bool:
    """Whether a command asks for what a real cluster runs in kube-system."""
    words = read_words(args)
    return words.flag("namespace") == "kube-system" and bool(
        {"pods", "pod", "po", "logs", "ds"} & {*words.plain, *args}
    )


def _missing_file(args: Sequence[str], files: Mapping[str, str]) -> str:
    named = read_words(args).flags.get("filename", [])
    return next((name for name in named if name not in files), "")


def _answered(call: Call, answer: Answer) -> Printed:
    """What kubectl printed; the cluster follows the change."""
    cluster = call.session.cluster
    if answer.state is not cluster.state:
        try:
            call.session.cluster = cluster.with_state(answer.state)
        except SvcnotesError as error:
            return err(f"error: {error}\n", 1)
        _date(call.session)
    said = answer.stderr.splitlines(keepends=True)
    # A warning comes with the server's answer, before kubectl says what was done; an error ends it.
    warned = "".join(line for line in said if line.startswith("Warning: "))
    rest = "".join(line for line in said if not line.startswith("Warning: "))
    parts = ((ERR, warned), (OUT, answer.stdout), (ERR, rest))
    return Printed(tuple(part for part in parts if part[1]), answer.exit_code)


def _date(session: Session) -> None:
    """Remember when each object was first seen, and forget those that are gone."""
    objects = session.cluster.state.objects
    for key in [key for key in session.born if key not in objects]:
        del session.born[key]
    for key in objects:
        session.born.setdefault(key, session.now)


def dated(session: Session, state: ApiState) -> ApiState:
    """The state with a creationTimestamp for each object: svcnotes' API server has no clock, a terminal has."""
    objects = dict(state.objects)
    for key, obj in state.objects.items():
        made_here = session.born.get(key, 0.0) >= 0.0
        if made_here or not obj["metadata"].get("creationTimestamp"):
            objects[key] = {**obj, "metadata": {**obj["metadata"], "creationTimestamp": _born(session, key)}}
    return replace(state, objects=VersionedMap(objects))


def _born(session: Session, key: Key) -> str:
    at = session.opened + timedelta(seconds=round(session.born.get(key, session.now)))
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def happened(session: Session) -> dict[Key, list[Event]]:
    """The events by object: what the cloud's controller did for a load balancer."""
    cluster = session.cluster
    found: dict[Key, list[Event]] = {}
    for service in cluster.services.values():
        if any(one.ip in cluster.cloud_addresses for one in service.ingress):
            key = ("Service", service.namespace, service.name)
            at, source = _born(session, key), "service-controller"
            found[key] = [
                Event("EnsuringLoadBalancer", "Ensuring load balancer", source, at),
                Event("EnsuredLoadBalancer", "Ensured load balancer", source, at),
            ]
    return found


def _events(session: Session, state: ApiState) -> Answer:
    from svcnotes.control_plane.kubectl.ages import age
    from svcnotes.control_plane.kubectl.tables import table

    rows = [
        [age(event.at, session.clock), event.kind, event.reason, f"service/{key[2]}", event.message]
        for key, events in happened(session).items()
        for event in events
    ]
    if not rows:
        return Answer(state, "", "No resources found in default namespace.\n")
    return Answer(state, table(["LAST SEEN", "TYPE", "REASON", "OBJECT", "MESSAGE"], rows))


def _logs(call: Call, args: list[str]) -> Printed:
    """`kubectl logs POD [-n NAMESPACE] [--tail N] [-l SELECTOR]`: what the app wrote, one line a request."""
    words = read_words([arg for arg in args if arg not in ("-f", "--follow", "--prefix", "--timestamps")])
    pods = _chosen(call, words)
    if isinstance(pods, Printed):
        return pods
    lines = [line for pod in pods for line in call.session.access.get(pod, [])]
    tail = words.flag("tail", "-1")
    if not tail.lstrip("-").isdecimal():
        return err(
            f'error: invalid argument "{tail}" for "--tail" flag: strconv.ParseInt: parsing "{tail}": invalid syntax\n'
        )
    return out(lines[-int(tail) :] if int(tail) > 0 else lines if int(tail) < 0 else [])


def _chosen(call: Call, words: Words) -> list[str] | Printed:
    """The Pods (`namespace/name`) that a command names: by name, by `kind/name`, or by labels."""
    namespace, cluster = words.flag("namespace", "default"), call.cluster
    if words.flag("selector"):
        try:
            fits = chooser(words.flag("selector"))
        except KubectlError as error:
            return err(f"error: {error}\n", 1)
        return [
            f"{space}/{name}"
            for (kind, space, name), obj in cluster.state.objects.items()
            if kind == "Pod" and space == namespace and fits(obj)
        ]
    if not words.plain:
        return err(
            "error: expected 'logs [-f] [-p] (POD | TYPE/NAME) [-c CONTAINER]'.\nPOD or TYPE/NAME is a required argument for the logs command\n"
        )
    name = words.plain[0]
    kind, slash, rest = name.partition("/")
    if slash and by_word(kind) is not None and by_word(kind) != by_word("pod"):
        return _of_owner(call, kind, rest, namespace)
    name = rest if slash else name
    if f"{namespace}/{name}" not in cluster.pods:
        return err(f"{update.missing('Pod', name)}\n", 1)
    return [f"{namespace}/{name}"]


def _of_owner(call: Call, word: str, name: str, namespace: str) -> list[str] | Printed:
    """The first Pod of a Deployment or a Service, found by its selector, as kubectl does it."""
    resource, state = by_word(word), call.cluster.state
    obj = state.get(resource.kind, namespace, name) if resource is not None else None
    if resource is None or obj is None:
        return err(f"{update.missing(resource.kind if resource else word, name)}\n", 1)
    spec = obj.get("spec") or {}
    wanted = spec.get("selector") or {}
    labels = wanted.get("matchLabels", wanted) if resource.kind != "Service" else wanted
    for (kind, space, pod), one in state.objects.items():
        held = one["metadata"].get("labels") or {}
        if kind == "Pod" and space == namespace and labels and labels.items() <= held.items():
            return [f"{space}/{pod}"]
    return err("error: timed out waiting for the condition\n", 1)


def _exec(call: Call, args: list[str]) -> Printed:
    """`kubectl exec [-it] POD [-n NAMESPACE] -- COMMAND`: run at that Pod."""
    before, dashes, after = args, "", []
    if "--" in args:
        at = args.index("--")
        before, dashes, after = args[:at], "--", args[at + 1 :]
    words = read_words([arg for arg in before if arg not in ("-i", "-t", "-it", "-ti", "--stdin", "--tty")])
    if not dashes and len(words.plain) > 1:
        return err(
            "error: exec [POD] [COMMAND] is not supported anymore. Use exec [POD] -- [COMMAND] instead\n"
        )
    if not after:
        return err("error: you must specify at least one command for the container\n")
    pods = _chosen(call, words)
    if isinstance(pods, Printed):
        return pods
    try:
        there = place(call.cluster, f"pod/{pods[0]}")
    except QuestionError:
        return err(_CONTAINER.format(pods[0].partition("/")[2]), 1)
    shell = after[0].rpartition("/")[2] in ("sh", "bash", "ash")
    if shell and len(after) == 3 and after[1] in ("-c", "-lc"):
        done = call.session.type_at(there, after[2], call.stdin)
    elif shell:
        return err(
            "error: no shell waits here: write the command after --, as in `kubectl exec POD -- ss -lnt`\n"
        )
    else:
        done = call.session.execute(there, tuple(after), call.stdin)
    if not done.exit_code:
        return done
    return Printed(
        (*done.parts, (ERR, f"command terminated with exit code {done.exit_code}\n")), done.exit_code
    )


def _scale(call: Call, args: list[str]) -> Printed:
    """`kubectl scale deployment NAME --replicas=N`."""
    words = read_words(args)
    kind, _, name = (words.plain[0] if words.plain else "").partition("/")
    name = name or (words.plain[1] if len(words.plain) > 1 else "")
    replicas, resource = words.flag("replicas"), by_word(kind)
    if not replicas.isdecimal():
        return err('error: required flag(s) "replicas" not set\n')
    if resource is None or not name:
        return err(f'error: the server doesn\'t have a resource type "{kind}"\n')
    namespace = words.flag("namespace", "default")
    text = f'{{"spec":{{"replicas":{int(replicas)}}}}}'
    answer = patch(kind, name, text, call.cluster.state, namespace=namespace)
    if answer.exit_code == 0:
        answer = replace(answer, stdout=f"{resource.printed}/{name} scaled\n")
    return _answered(call, answer)
