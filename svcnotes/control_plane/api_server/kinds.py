"""The kinds that kube-apiserver 1.36 serves by default: their resource, and whether they live in a namespace."""

from __future__ import annotations

from dataclasses import dataclass

# group/version: Kind (plural where English fails), ~ in front of kinds outside namespaces
_SERVED = """
v1: ~ComponentStatus:componentstatuses ConfigMap Endpoints:endpoints Event LimitRange ~Namespace ~Node
    ~PersistentVolume PersistentVolumeClaim Pod PodTemplate ReplicationController ResourceQuota Secret
    Service ServiceAccount
admissionregistration.k8s.io/v1: ~MutatingWebhookConfiguration ~ValidatingAdmissionPolicy:validatingadmissionpolicies
    ~ValidatingAdmissionPolicyBinding ~ValidatingWebhookConfiguration ~MutatingAdmissionPolicy:mutatingadmissionpolicies
    ~MutatingAdmissionPolicyBinding
apiextensions.k8s.io/v1: ~CustomResourceDefinition
apiregistration.k8s.io/v1: ~APIService
apps/v1: ControllerRevision DaemonSet Deployment ReplicaSet StatefulSet
authentication.k8s.io/v1: ~SelfSubjectReview ~TokenReview
authorization.k8s.io/v1: LocalSubjectAccessReview ~SelfSubjectAccessReview ~SelfSubjectRulesReview
    ~SubjectAccessReview
autoscaling/v2: HorizontalPodAutoscaler
autoscaling/v1: HorizontalPodAutoscaler
batch/v1: CronJob Job
certificates.k8s.io/v1: ~CertificateSigningRequest
coordination.k8s.io/v1: Lease
discovery.k8s.io/v1: EndpointSlice
events.k8s.io/v1: Event
flowcontrol.apiserver.k8s.io/v1: ~FlowSchema ~PriorityLevelConfiguration
networking.k8s.io/v1: ~IPAddress:ipaddresses Ingress:ingresses ~IngressClass:ingressclasses
    NetworkPolicy:networkpolicies ~ServiceCIDR
node.k8s.io/v1: ~RuntimeClass:runtimeclasses
policy/v1: PodDisruptionBudget
rbac.authorization.k8s.io/v1: ~ClusterRole ~ClusterRoleBinding Role RoleBinding
resource.k8s.io/v1: ~DeviceClass:deviceclasses ResourceClaim ResourceClaimTemplate ~ResourceSlice
scheduling.k8s.io/v1: ~PriorityClass:priorityclasses
storage.k8s.io/v1: ~CSIDriver ~CSINode CSIStorageCapacity:csistoragecapacities ~StorageClass:storageclasses
    ~VolumeAttachment ~VolumeAttributesClass:volumeattributesclasses
"""


@dataclass(frozen=True, slots=True)
class Served:
    """One kind as served: `resource` is the plural with its group, as errors name it."""

    kind: str
    api_version: str
    resource: str
    namespaced: bool

    @property
    def group(self) -> str:
        """The API group, empty for the core."""
        return self.api_version.rpartition("/")[0]

    @property
    def version(self) -> str:
        """The version alone: `v1`."""
        return self.api_version.rpartition("/")[2]

    @property
    def printed(self) -> str:
        """As kubectl prints an object: `service`, `endpointslice.discovery.k8s.io`."""
        return f"{self.kind.lower()}.{self.group}" if self.group else self.kind.lower()


def _read() -> dict[tuple[str, str], Served]:
    served = {}
    api_version = ""
    for word in _SERVED.split():
        if word.endswith(":"):
            api_version = word[:-1]
            continue
        kind, _, plural = word.lstrip("~").partition(":")
        group = api_version.rpartition("/")[0]
        plural = plural or kind.lower() + "s"
        served[api_version, kind] = Served(
            kind, api_version, f"{plural}.{group}" if group else plural, not word.startswith("~")
        )
    return served


_BY_NAME = _read()
_BY_LOWER = {(api_version, kind.lower()): known for (api_version, kind), known in _BY_NAME.items()}


def served(api_version: str, kind: str) -> Served | None:
    """The kind of that apiVersion, None where the server does not serve it."""
    return _BY_NAME.get((api_version, kind))


def mapped(api_version: str, kind: str) -> Served | None:
    """As `served`, but as kubectl maps kinds to resources: all in small letters is good, too."""
    return _BY_NAME.get((api_version, kind)) or _BY_LOWER.get((api_version, kind))
