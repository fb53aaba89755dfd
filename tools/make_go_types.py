"""Write svcnotes/control_plane/api_server/go_types.json: field names and Go types, nothing else.

The facts come from the JSON schemas that the package kubernetes-validate carries; what a JSON schema
does not say (which string has a Go type of its own, which field is a pointer) stands below.

    pip install kubernetes-validate && python tools/make_go_types.py
"""
# ruff: noqa: INP001 - a script, no package

from __future__ import annotations

import json
from pathlib import Path

import kubernetes_validate

VERSION = "v1.36.0-local"
HERE = Path(__file__).parent.parent
TARGET = HERE / "svcnotes" / "control_plane" / "api_server" / "go_types.json"

KINDS = {
    "core": "ConfigMap Endpoints Namespace Node Pod ReplicationController Secret Service ServiceAccount",
    "apps": "DaemonSet Deployment ReplicaSet StatefulSet",
    "batch": "CronJob Job",
    "discovery": "EndpointSlice",
    "networking": "Ingress NetworkPolicy",
}

# fields whose Go type is more than JSON shows: Struct.field -> type (NAME=string: a named string)
GO_TYPES = {
    "ServiceSpec.type": "v1.ServiceType=string",
    "ServiceSpec.sessionAffinity": "v1.ServiceAffinity=string",
    "ServiceSpec.externalTrafficPolicy": "v1.ServiceExternalTrafficPolicy=string",
    "ServiceSpec.internalTrafficPolicy": "*v1.ServiceInternalTrafficPolicy=string",
    "ServiceSpec.ipFamilies": "[]v1.IPFamily=string",
    "ServiceSpec.ipFamilyPolicy": "*v1.IPFamilyPolicy=string",
    "ServiceSpec.trafficDistribution": "*string",
    "ServiceSpec.loadBalancerClass": "*string",
    "ServiceSpec.allocateLoadBalancerNodePorts": "*bool",
    "ServiceSpec.sessionAffinityConfig": "*v1.SessionAffinityConfig",
    "SessionAffinityConfig.clientIP": "*v1.ClientIPConfig",
    "ClientIPConfig.timeoutSeconds": "*int32",
    "ServicePort.appProtocol": "*string",
    "ServicePort.protocol": "v1.Protocol=string",
    "PortStatus.protocol": "v1.Protocol=string",
    "PortStatus.error": "*string",
    "LoadBalancerIngress.ipMode": "*v1.LoadBalancerIPMode=string",
    "discovery/EndpointPort.protocol": "*v1.Protocol=string",
    "discovery/EndpointPort.name": "*string",
    "discovery/EndpointPort.port": "*int32",
    "discovery/EndpointConditions.ready": "*bool",
    "discovery/EndpointConditions.serving": "*bool",
    "discovery/EndpointConditions.terminating": "*bool",
    "discovery/Endpoint.hostname": "*string",
    "discovery/Endpoint.nodeName": "*string",
    "discovery/Endpoint.zone": "*string",
    "discovery/Endpoint.hints": "*discovery/v1.EndpointHints",
    "discovery/Endpoint.targetRef": "*v1.ObjectReference",
    "EndpointAddress.nodeName": "*string",
    "EndpointAddress.targetRef": "*v1.ObjectReference",
    "EndpointPort.protocol": "v1.Protocol=string",
    "EndpointPort.appProtocol": "*string",
    "EndpointSlice.addressType": "v1.AddressType=string",
    "ContainerPort.protocol": "v1.Protocol=string",
    "Container.imagePullPolicy": "v1.PullPolicy=string",
    "Container.terminationMessagePolicy": "v1.TerminationMessagePolicy=string",
    "Container.restartPolicy": "*v1.ContainerRestartPolicy=string",
    "PodSpec.restartPolicy": "v1.RestartPolicy=string",
    "PodSpec.dnsPolicy": "v1.DNSPolicy=string",
    "PodSpec.preemptionPolicy": "*v1.PreemptionPolicy=string",
    "PodStatus.phase": "v1.PodPhase=string",
    "PodStatus.qosClass": "v1.PodQOSClass=string",
    "PodCondition.type": "v1.PodConditionType=string",
    "PodCondition.status": "v1.ConditionStatus=string",
    "Condition.status": "v1.ConditionStatus=string",
    "NodeCondition.type": "v1.NodeConditionType=string",
    "NodeCondition.status": "v1.ConditionStatus=string",
    "NodeAddress.type": "v1.NodeAddressType=string",
    "NodeStatus.phase": "v1.NodePhase=string",
    "Taint.effect": "v1.TaintEffect=string",
    "Toleration.effect": "v1.TaintEffect=string",
    "Toleration.operator": "v1.TolerationOperator=string",
    "HTTPGetAction.scheme": "v1.URIScheme=string",
    "LabelSelectorRequirement.operator": "v1.LabelSelectorOperator=string",
    "NodeSelectorRequirement.operator": "v1.NodeSelectorOperator=string",
    "DeploymentStrategy.type": "v1.DeploymentStrategyType=string",
    "DaemonSetUpdateStrategy.type": "v1.DaemonSetUpdateStrategyType=string",
    "StatefulSetUpdateStrategy.type": "v1.StatefulSetUpdateStrategyType=string",
    "StatefulSetSpec.podManagementPolicy": "v1.PodManagementPolicyType=string",
    "NamespaceSpec.finalizers": "[]v1.FinalizerName=string",
    "NamespaceStatus.phase": "v1.NamespacePhase=string",
    "Secret.type": "v1.SecretType=string",
    "ObjectMeta.uid": "types.UID=string",
    "OwnerReference.uid": "types.UID=string",
    "ObjectReference.uid": "types.UID=string",
    "ManagedFieldsEntry.operation": "v1.ManagedFieldsOperationType=string",
    "IngressRule.http": "*v1.HTTPIngressRuleValue",
    "HTTPIngressPath.pathType": "*v1.PathType=string",
    "NetworkPolicyPort.protocol": "*v1.Protocol=string",
    "NetworkPolicySpec.policyTypes": "[]v1.PolicyType=string",
    "CronJobSpec.concurrencyPolicy": "v1.ConcurrencyPolicy=string",
}
RESOURCE_LISTS = {"limits", "requests", "capacity", "allocatable", "overhead", "hard", "used"}
LEAVES = {
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": "intstr.IntOrString",
    "io.k8s.apimachinery.pkg.api.resource.Quantity": "resource.Quantity",
    "io.k8s.apimachinery.pkg.apis.meta.v1.Time": "v1.Time",
    "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime": "v1.MicroTime",
    "io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1": "v1.FieldsV1",
    "io.k8s.apimachinery.pkg.runtime.RawExtension": "runtime.RawExtension",
}


def short(name: str) -> str:
    """`io.k8s.api.discovery.v1.EndpointPort` -> `discovery/v1.EndpointPort`; core and meta have no prefix."""
    *_, group, version, kind = name.split(".")
    return f"{version}.{kind}" if group in ("core", "meta") else f"{group}/{version}.{kind}"


def scalar(schema: dict[str, object]) -> str:
    """The Go type of a schema without structure."""
    types = schema.get("type", "object")
    name = next(t for t in types if t != "null") if isinstance(types, list) else str(types)
    if name == "integer":
        return str(schema.get("format", "int64"))
    if name == "string" and schema.get("format") == "byte":
        return "[]uint8"
    return {"boolean": "bool", "number": "float64", "string": "string"}.get(name, "interface {}")


class Types:
    """Collects the types that the kinds reach."""

    def __init__(self, definitions: dict[str, dict[str, object]]) -> None:
        self.definitions = definitions
        self.found: dict[str, dict[str, str]] = {}

    def of(self, schema: dict[str, object]) -> str:
        """The Go type of one schema, structs collected on the way."""
        reference = str(schema.get("$ref", "")).rpartition("/")[2]
        if reference:
            return LEAVES.get(reference) or self.struct(reference)
        if "items" in schema:
            return "[]" + self.of(schema["items"])  # type: ignore[arg-type]
        extra = schema.get("additionalProperties")
        if isinstance(extra, dict):
            return "map[string]" + self.of(extra)
        return scalar(schema)

    def struct(self, name: str) -> str:
        """Collect a struct; gives its key."""
        key = short(name)
        definition = self.definitions[name]
        if "properties" not in definition:
            return scalar(definition)
        if key not in self.found:
            fields = self.found[key] = {}
            bare, grouped = key.rpartition(".")[2], key.replace("/v1.", "/")
            for field, schema in definition["properties"].items():  # type: ignore[attr-defined]
                kind = GO_TYPES.get(f"{grouped}.{field}") or GO_TYPES.get(f"{bare}.{field}")
                plain = self.of(schema)
                if kind is None and field in RESOURCE_LISTS and plain == "map[string]resource.Quantity":
                    kind = "v1.ResourceList"
                fields[field] = kind or plain
        return key


def main() -> None:
    """Read the definitions, write the table."""
    folder = Path(kubernetes_validate.__file__).parent / "kubernetes-json-schema" / VERSION
    types = Types(json.loads((folder / "_definitions.json").read_text())["$defs"])
    for group, kinds in KINDS.items():
        for kind in kinds.split():
            types.struct(f"io.k8s.api.{group}.v1.{kind}")
    lines = [f"{json.dumps(k)}: {json.dumps(v, sort_keys=True)}" for k, v in sorted(types.found.items())]
    TARGET.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
