"""Take leave of externalIPs: the same address, given by an administrator in a Service's status."""

from __future__ import annotations

from dataclasses import replace

from svcnotes import scenarios
from svcnotes.control_plane.cluster import Cluster
from svcnotes.errors import SvcnotesError
from svcnotes.exercises.apply import apply
from svcnotes.exercises.claims import Claim, ends, stored
from svcnotes.exercises.evidence import jump_rule
from svcnotes.exercises.exercise import wrong
from svcnotes.exercises.manifest import CLIENT
from svcnotes.exercises.verdict import Verdict
from svcnotes.trace import trace

__all__ = ["instead"]

ADDRESS = "80.11.12.10"
_TOLD = "The rule that catches the packet is that of an externalIP, but for its comment."


def _without_the_service() -> Cluster:
    cluster = scenarios.load("externalips").with_world(routes={ADDRESS: "node-3"})
    return cluster.delete("service", "my-app")


def _written_by_the_administrator() -> Claim:
    """Dial the Service when an administrator has written its address into its status."""
    dialled = ends(
        "the administrator writes 80.11.12.10 into its status, and a client outside is answered by a pod of MyApp",
        CLIENT,
        f"{ADDRESS}:80",
        pod=lambda path: (path.pod or "").startswith("default/my-app-"),
        idea="an-external-ip-is-announced",
        hint="Compare selector, port and targetPort with the manifest that you began with.",
    )
    status = f"status: {{loadBalancer: {{ingress: [{{ip: {ADDRESS}}}]}}}}"

    def judge(cluster: Cluster) -> Verdict:
        try:
            served = cluster.patch("service", "my-app", status, subresource="status")
        except SvcnotesError as error:
            return wrong(
                said=str(error),
                explanation="Only a Service of type LoadBalancer has room for a balancer's address in its status.",
                hint="type: LoadBalancer",
            )
        verdict = dialled.judge(served)
        if not verdict.ok:
            return verdict
        # Of all rules on the way, the one to look at is the one that an externalIP would have had.
        caught = jump_rule(trace(served, CLIENT, f"{ADDRESS}:80").paths[0], "KUBE-EXT-")
        return replace(verdict, explanation=f"{verdict.explanation} {_TOLD}", rule=caught)

    return Claim(dialled.text, judge, points=2)


instead = apply(
    "instead",
    "Write my-app anew: no externalIPs, and an address that only an administrator can give.",
    _without_the_service,
    (
        stored(
            "it lists no externalIPs",
            "default/my-app",
            lambda service: not service.external_ips,
            because="The field is still there. From 1.40 on, kube-proxy is to ignore it.",
            hint="Take the line externalIPs away.",
        ),
        stored(
            "its address comes from a load balancer",
            "default/my-app",
            lambda service: service.type == "LoadBalancer",
            because="A Service has an address in its status only where its type says that a load balancer stands in front.",
            hint="type: LoadBalancer",
        ),
        stored(
            "no controller takes it for its own",
            "default/my-app",
            lambda service: bool(service.load_balancer_class),
            because="Without a class, a cloud's controller (or MetalLB) takes the Service and gives it an address of its own choice.",
            hint="loadBalancerClass: example.com/by-hand, under spec. The name is yours; a prefix such as example.com/ keeps it apart from others.",
        ),
        _written_by_the_administrator(),
    ),
    (
        "Which type has an address that is not in spec?",
        "type: LoadBalancer, and no externalIPs.",
        "loadBalancerClass: example.com/by-hand",
    ),
)
