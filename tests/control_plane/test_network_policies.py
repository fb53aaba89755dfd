"""NetworkPolicies: accepted and refused as kube-apiserver does, and read into values."""

import pytest

from svcnotes.control_plane.kubectl.printers import get
from svcnotes.control_plane.load import loads
from svcnotes.control_plane.network_policies import Peer, PolicyPort, PolicyRule, Requirement, Selector
from svcnotes.control_plane.objects import World
from svcnotes.errors import ApiError, InputError

HEAD = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: web}\nspec:\n"


def policy(spec, more=""):
    (found,) = loads(HEAD + spec + more).network_policies
    return found


def test_a_policy_without_types_is_about_ingress_and_about_egress_only_with_egress_rules():
    deny = policy("  podSelector: {}\n")
    assert (deny.key, deny.pods, deny.ingress, deny.egress) == ("default/web", Selector(), (), None)
    both = policy("  podSelector: {}\n  egress: [{}]\n")
    assert (both.ingress, both.egress) == ((), (PolicyRule(),))
    out = policy("  podSelector: {}\n  policyTypes: [Egress]\n  ingress: [{}]\n")
    assert (out.ingress, out.egress) == (None, ())


def test_peers_and_ports_are_read():
    found = policy(
        """
  podSelector: {matchLabels: {app: web}, matchExpressions: [{key: tier, operator: Exists}]}
  ingress:
  - from:
    - podSelector: {}
    - namespaceSelector: {matchLabels: {team: a}}
      podSelector: {matchLabels: {app: shop}}
    - ipBlock: {cidr: 192.0.2.0/24, except: [192.0.2.128/25]}
    ports: [{port: 80, endPort: 90}, {protocol: UDP, port: dns}, {protocol: SCTP}]
"""
    )
    assert found.pods == Selector((Requirement("app", "In", ("web",)), Requirement("tier", "Exists")))
    (rule,) = found.ingress
    assert rule.peers == (
        Peer(pods=Selector()),
        Peer(
            pods=Selector((Requirement("app", "In", ("shop",)),)),
            namespaces=Selector((Requirement("team", "In", ("a",)),)),
        ),
        Peer(cidr="192.0.2.0/24", excepted=("192.0.2.128/25",)),
    )
    assert rule.ports == (PolicyPort("TCP", 80, 90), PolicyPort("UDP", "dns"), PolicyPort("SCTP"))


@pytest.mark.parametrize(
    ("operator", "values", "hits"),
    [
        ("In", ["a", "b"], [True, True, False, False]),
        ("NotIn", ["a", "b"], [False, False, True, True]),
        ("Exists", [], [True, True, True, False]),
        ("DoesNotExist", [], [False, False, False, True]),
    ],
)
def test_a_selectors_expressions_fit_as_kubernetes_has_them(operator, values, hits):
    chosen = Selector((Requirement("tier", operator, tuple(values)),))
    labels = [{"tier": "a"}, {"tier": "b"}, {"tier": "c"}, {"app": "a"}]
    assert [chosen.selects(one) for one in labels] == hits


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (
            "  ingress: [{from: [{ipBlock: {cidr: 192.0.2.7/24}}]}]",
            'spec.ingress[0].from[0].ipBlock.cidr: Invalid value: "192.0.2.7/24": '
            "must not have bits set beyond the prefix length",
        ),
        (
            "  ingress: [{from: [{ipBlock: {}}]}]",
            "spec.ingress[0].from[0].ipBlock.cidr: Required value",
        ),
        (
            "  ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [192.0.2.0/24]}}]}]",
            'ipBlock.except[0]: Invalid value: "192.0.2.0/24": must be a strict subset of `cidr`',
        ),
        ("  ingress: [{from: [{}]}]", "spec.ingress[0].from[0]: Required value: must specify a peer"),
        (
            "  egress: [{to: [{podSelector: {}, ipBlock: {cidr: 10.0.0.0/8}}]}]",
            "spec.egress[0].to[0]: Forbidden: may not specify both ipBlock and another peer",
        ),
        (
            "  ingress: [{ports: [{port: 0}]}]",
            "spec.ingress[0].ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive",
        ),
        (
            "  ingress: [{ports: [{port: 80, endPort: 70}]}]",
            "ports[0].endPort: Invalid value: 80: must be greater than or equal to `port`",
        ),
        (
            "  ingress: [{ports: [{port: http, endPort: 70}]}]",
            "ports[0].endPort: Invalid value: 70: may not be specified when `port` is non-numeric",
        ),
        (
            "  ingress: [{ports: [{endPort: 70}]}]",
            "ports[0].endPort: Invalid value: 70: may not be specified when `port` is not specified",
        ),
        (
            "  ingress: [{ports: [{protocol: ICMP}]}]",
            'ports[0].protocol: Unsupported value: "ICMP": supported values: "SCTP", "TCP", "UDP"',
        ),
        (
            "  policyTypes: [ingress]",
            'spec.policyTypes[0]: Unsupported value: "ingress": supported values: "Egress", "Ingress"',
        ),
        ("  policyTypes: [Ingress, Egress, Ingress]", "may not specify more than two policyTypes"),
        (
            "  podSelector: {matchExpressions: [{key: a, operator: In}]}",
            "spec.podSelector.matchExpressions[0].values: Required value: must be specified when `operator` is "
            "'In' or 'NotIn'",
        ),
        (
            "  podSelector: {matchExpressions: [{key: a, operator: Exists, values: [b]}]}",
            "matchExpressions[0].values: Forbidden: may not be specified when `operator` is 'Exists'",
        ),
        (
            "  podSelector: {matchExpressions: [{key: a, operator: Near}]}",
            'matchExpressions[0].operator: Invalid value: "Near": not a valid selector operator',
        ),
        ("  podSelectr: {}", 'unknown field "spec.podSelectr"'),
        ("  podSelector: web", "cannot unmarshal string"),
    ],
)
def test_a_broken_policy_is_refused_in_the_api_servers_words(spec, words):
    with pytest.raises(ApiError) as created:
        loads("").create(HEAD + spec + "\n")
    assert words in str(created.value)
    with pytest.raises(ApiError) as read:
        loads(HEAD + spec + "\n")
    assert words in str(read.value)
    assert str(read.value).startswith("input: line 1: NetworkPolicy default/web: ")


def test_an_old_api_version_is_not_served_and_another_groups_kind_is_passed_over():
    with pytest.raises(InputError, match=r"Use apiVersion: networking\.k8s\.io/v1"):
        loads("apiVersion: networking.k8s.io/v1beta1\nkind: NetworkPolicy\nmetadata: {name: web}\n")
    other = loads("apiVersion: crd.projectcalico.org/v1\nkind: NetworkPolicy\nmetadata: {name: web}\n")
    assert other.network_policies == ()
    assert other.notes == ("1 object of another kind was passed over: NetworkPolicy 1",)


def test_what_is_stored_keeps_empty_selectors_and_gets_defaults():
    where = loads("").apply(
        HEAD + "  podSelector: {}\n  ingress: [{from: [{podSelector: {}}], ports: [{port: 80}]}]\n"
    )
    spec = where.objects["NetworkPolicy", "default", "web"]["spec"]
    assert spec == {
        "podSelector": {},
        "ingress": [{"from": [{"podSelector": {}}], "ports": [{"port": 80, "protocol": "TCP"}]}],
        "policyTypes": ["Ingress"],
    }
    assert where.delete("netpol", "web").network_policies == ()


def test_a_dump_with_policies_of_many_namespaces_is_read():
    items = [
        f"{HEAD}  podSelector: {{}}\n".replace("name: web", f"name: p, namespace: n{i}") for i in range(3)
    ]
    where = loads("---\n".join(items))
    assert [one.key for one in where.network_policies] == ["n0/p", "n1/p", "n2/p"]


def test_namespaces_have_the_labels_of_their_objects_and_their_own_name_as_one():
    where = loads(
        "apiVersion: v1\nkind: Namespace\nmetadata: {name: prod, labels: {team: a}}\n---\n"
        "apiVersion: v1\nkind: Service\nmetadata: {name: s, namespace: other}\nspec: {ports: [{port: 80}]}\n"
    ).create("apiVersion: v1\nkind: Namespace\nmetadata: {name: later, labels: {team: b}}\n")
    assert where.namespaces["prod"] == {"team": "a", "kubernetes.io/metadata.name": "prod"}
    assert where.namespaces["other"] == {"kubernetes.io/metadata.name": "other"}
    assert where.namespaces["later"] == {"team": "b", "kubernetes.io/metadata.name": "later"}
    with pytest.raises(InputError, match=r"Namespace prod: metadata.labels.team: 1 is not allowed here"):
        loads("apiVersion: v1\nkind: Namespace\nmetadata: {name: prod, labels: {team: 1}}\n")


def test_kubectl_get_shows_the_pods_that_a_policy_selects():
    where = loads(
        HEAD + "  podSelector: {matchLabels: {app: web}, matchExpressions: "
        "[{key: tier, operator: In, values: [b, a]}, {key: old, operator: DoesNotExist}]}\n"
    )
    shown = get(where.state, ["NetworkPolicy"], all_namespaces=False).split("\n")
    assert shown[0].split() == ["NAME", "POD-SELECTOR", "AGE"]
    assert shown[1].split(maxsplit=1)[1].startswith("app=web,!old,tier in (a,b)")
    everything = get(loads(HEAD + "  podSelector: {}\n").state, ["NetworkPolicy"])
    assert "<none>" in everything


def test_a_world_says_whether_its_cni_enforces_policies():
    assert World().network_policy
    assert not loads("apiVersion: svcnotes/v1\nkind: World\nnetworkPolicy: false\n").world.network_policy
    assert loads("apiVersion: svcnotes/v1\nkind: World\nnetworkPolicy:\n").world.network_policy
    with pytest.raises(InputError, match="networkPolicy: 1 is not allowed here, it must be true or false"):
        loads("").with_world(networkPolicy=1)
