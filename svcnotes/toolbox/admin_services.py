"""`systemctl` for kube-proxy on a node, and `helm install` for the controller that serves load balancers.

kube-proxy is a unit of systemd here; kubeadm runs it as a DaemonSet, and then it is restarted by `kubectl rollout
restart daemonset kube-proxy -n kube-system`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from svcnotes.toolbox import mending
from svcnotes.toolbox.output import Printed, err, note, out
from svcnotes.toolbox.session import Call

UNIT = "kube-proxy"
AS_UNIT = (
    "here kube-proxy is a unit of systemd on each node: systemctl restart kube-proxy. With kubeadm it is a DaemonSet: "
    "kubectl rollout restart daemonset kube-proxy -n kube-system"
)


def systemctl(call: Call) -> Printed:
    """`systemctl start|stop|restart|status|is-active kube-proxy`."""
    words = [word for word in call.args if not word.startswith("-")]
    if not words:
        return err("Too few arguments.\n", 1).then(note(f"try: systemctl status {UNIT}", 1))
    verb, units = words[0], words[1:]
    act = _VERBS.get(verb)
    if act is None:
        return err(f"Unknown command verb '{verb}'.\n", 1).then(note(f"known are: {', '.join(_VERBS)}", 1))
    if not units:
        return err("Too few arguments.\n", 1)
    unit = units[0].removesuffix(".service")
    if unit != UNIT:
        return _unknown(verb, unit)
    return act(call)


def _unknown(verb: str, unit: str) -> Printed:
    if verb == "is-active":
        return out("inactive\n", 3)
    if verb == "status":
        return err(f"Unit {unit}.service could not be found.\n", 4)
    return err(f"Failed to {verb} {unit}.service: Unit {unit}.service not found.\n", 5).then(
        note(f"the only unit of this model is {UNIT}", 5)
    )


def _runs(call: Call) -> bool:
    return call.place.host not in call.cluster.stopped


def _start(call: Call) -> Printed:
    if _runs(call):
        return Printed()
    return _restart(call)


def _restart(call: Call) -> Printed:
    call.session.cluster = mending.kube_proxy_started(call.cluster, call.place.host)
    call.session.restarted.add(call.place.host)
    return Printed()


def _stop(call: Call) -> Printed:
    if _runs(call):
        call.session.cluster = mending.kube_proxy_stopped(call.cluster, call.place.host)
    return Printed()


def _status(call: Call) -> Printed:
    runs = _runs(call)
    lines = [
        f"{'●' if runs else '○'} {UNIT}.service - Kubernetes network proxy",
        f"     Loaded: loaded (/etc/systemd/system/{UNIT}.service; enabled; preset: enabled)",
        f"     Active: {'active (running)' if runs else 'inactive (dead)'}",
    ]
    if runs:
        lines.append(f"   Main PID: 812 ({UNIT})")
    return out(lines, 0 if runs else 3).then(note(AS_UNIT, 0 if runs else 3))


def _is_active(call: Call) -> Printed:
    return out("active\n") if _runs(call) else out("inactive\n", 3)


_VERBS: Mapping[str, Callable[[Call], Printed]] = {
    "start": _start,
    "stop": _stop,
    "restart": _restart,
    "reload-or-restart": _restart,
    "status": _status,
    "is-active": _is_active,
}


def helm(call: Call) -> Printed:
    """`helm install NAME metallb/metallb [-n NAMESPACE] [--create-namespace]`."""
    valued = ("-n", "--namespace", "--repo", "--version")
    words: list[str] = []
    namespace, rest = "default", iter(call.args)
    for word in rest:
        if word in valued:
            value = next(rest, "")
            namespace = value if word in ("-n", "--namespace") else namespace
        elif not word.startswith("-"):
            words.append(word)
    if words[:1] not in (["install"], ["upgrade"]) or len(words) < 3:
        said = 'Error: "helm install" requires 2 arguments\n\nUsage:  helm install [NAME] [CHART] [flags]\n'
        return err(said, 1).then(note("this model has one chart: metallb/metallb", 1))
    name, chart = words[1], words[2]
    if chart.rpartition("/")[2] != "metallb":
        repo = chart.partition("/")[0]
        return err(f"Error: INSTALLATION FAILED: repo {repo} not found\n", 1).then(
            note("this model has one chart: metallb/metallb", 1)
        )
    if call.cluster.world.cloud != "none":
        remark = (
            "a controller serves load balancers here already: it would be a second one, and changes nothing"
        )
        return _installed(call, name, namespace).then(note(remark))
    call.session.cluster = mending.cloud_installed(call.cluster)
    return _installed(call, name, namespace).then(
        note(
            "with MetalLB comes a pool of addresses here; on a real cluster you apply an IPAddressPool first"
        )
    )


def _installed(call: Call, name: str, namespace: str) -> Printed:
    when = call.session.clock.strftime("%a %b %e %H:%M:%S %Y")
    return out(
        [
            f"NAME: {name}",
            f"LAST DEPLOYED: {when}",
            f"NAMESPACE: {namespace}",
            "STATUS: deployed",
            "REVISION: 1",
            "TEST SUITE: None",
        ]
    )
