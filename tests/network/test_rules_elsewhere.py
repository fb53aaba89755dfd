"""Rule texts of other programs: they load, packets are traced through them, and what is not understood is named.

The texts in tests/data/rules-elsewhere were put together for the recorded cluster `nodeport-cluster` (ip6-host:
`ipv6-nodeport`), loaded into a real kernel and printed by its iptables-save and ipset.
"""

import contextlib
import io
import json
import os
import random
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from replay import ORACLE, asked, cluster, disagreements, flows, scenarios

import svcnotes
from svcnotes.cli import main
from svcnotes.errors import InputError, QuestionError, RuleError
from svcnotes.netfilter import Context, Ruleset, walk
from svcnotes.netfilter.rule import Rule
from svcnotes.network.strange_names import strange_interfaces
from svcnotes.packet import Packet
from svcnotes.trace import trace

TEXTS = ORACLE.parent / "rules-elsewhere"
UNDERSTOOD = ("calico-3.27", "ip6-host", "kube-proxy-1.18-docker", "kube-proxy-1.23-flannel", "ufw-host")
CLIENT, NODEPORT, CLUSTER_IP = "192.0.2.10", "172.18.0.11:30080", "10.96.0.10:80"
TOOL = "pod/default/tool-1"
CABLES = {"web-a": "calia150d993dd4", "web-b": "caliddeaa362342", "tool-1": "cali6adcc99403c"}


def text(name, kind="iptables"):
    path = TEXTS / f"{name}.{kind}-save"
    return path.read_text(encoding="utf-8") if path.exists() else ""


def family(name):
    return 6 if name.startswith("ip6") else 4


def with_text(name, variant=None):
    scenario = "ipv6-nodeport" if family(name) == 6 else "nodeport-cluster"
    where = cluster(scenario, variant).with_sets("node-1", text(name, "ipset"))
    return where.with_rules("node-1", text(name), strict=name in UNDERSTOOD)


def calico():
    where = with_text("calico-3.27").with_world(cni="routed")
    for pod, cable in CABLES.items():
        where = where.patch(
            "pod", pod, json.dumps({"metadata": {"annotations": {"svcnotes/interface": cable}}})
        )
    return where


def ends(found):
    return {(path.pod or "").partition("/")[2] or path.outcome: path.outcome for path in found.paths}


def rules_met(found):
    return {step.rule for path in found.paths for hop in path.hops for step in hop.steps if step.chain}


def there(hop):
    return hop.host == "router" and hop.direction == "there"


# Loading


@pytest.mark.parametrize("name", UNDERSTOOD)
def test_a_text_of_other_programs_is_wholly_understood(name):
    ruleset = Ruleset.parse(text(name), family(name), sets=text(name, "ipset")).check()
    assert str(ruleset) == text(name)
    rules = [line.partition("] ")[2] for line in text(name).splitlines() if line.startswith("[")]
    assert len(rules) > 40
    assert [str(Rule.parse(rule)) for rule in rules] == rules


@pytest.mark.parametrize("name", sorted(path.stem for path in TEXTS.glob("*.iptables-save")))
def test_the_real_iptables_restore_takes_the_text(name, tmp_path):
    tools = ("unshare", "iptables-legacy-restore", "ip6tables-legacy-restore")
    if not all(map(shutil.which, tools)):
        give_up("iptables or unshare is missing; to enable: apt-get install iptables util-linux")
    rules = text(name)
    sets = text(name, "ipset")
    if not shutil.which("ipset"):  # then all but what asks a set
        rules, sets = re.sub(r" -m set (! )?--match-set \S+ \S+", "", rules), ""
    (tmp_path / "rules").write_text(rules, encoding="utf-8")
    (tmp_path / "sets").write_text(sets, encoding="utf-8")
    program = "ip6tables-legacy-restore" if family(name) == 6 else "iptables-legacy-restore"
    done = subprocess.run(
        ["unshare", "-Urn", "sh", "-c", f"{'ipset restore < sets &&' if sets else ''} {program} < rules"],
        capture_output=True, text=True, check=False, cwd=tmp_path,
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "XTABLES_LOCKFILE": str(tmp_path / "lock")},
    )  # fmt: skip
    if "unshare" in done.stderr or "modprobe" in done.stderr or "can't initialize" in done.stderr:
        give_up(f"no network namespace with iptables here ({done.stderr.strip()[:80]})")
    assert (done.returncode, done.stderr) == (0, "")


def give_up(why):
    """Skip, saying why; in continuous integration nothing skips."""
    if os.environ.get("CI"):
        pytest.fail(why)
    pytest.skip(f"skipped: {why}")


# The recorded texts themselves


@pytest.mark.parametrize("scenario", scenarios())
def test_by_the_rules_that_were_recorded_packets_go_as_was_recorded(scenario):
    looked_at = 0
    for variant in (None, "bridge-nf-off"):
        where = cluster(scenario, variant)
        for path in sorted((ORACLE / scenario).glob("node-*.iptables-save")):
            where = where.with_rules(path.stem, path.read_text(encoding="utf-8"), where.families[0])
        for flow in flows(scenario):
            if flow.get("variant") == variant:
                looked_at += 1
                assert disagreements(where, flow, asked(where, flow)) == [], flow
    assert looked_at


# kube-proxy 1.23 with flannel


RECORDED = [flow for flow in flows("nodeport-cluster") if flow.get("variant") == "cni-masquerade"]


@pytest.mark.parametrize("flow", RECORDED, ids=lambda flow: f"{flow['from']} to {flow['dst']}")
def test_an_older_kube_proxy_with_flannel_does_what_was_recorded_of_todays(flow):
    where = with_text("kube-proxy-1.23-flannel", "cni-masquerade")
    assert disagreements(where, flow, asked(where, flow)) == []


def test_flannel_hides_pods_from_the_world_and_not_from_each_other():
    where = with_text("kube-proxy-1.23-flannel")
    out = trace(where, TOOL, "192.0.2.10:8080")
    assert {hop.packet.source for path in out.paths for hop in path.hops if there(hop)} == {"172.18.0.11"}
    assert any("FLANNEL-POSTRTG" in rule and "MASQUERADE" in rule for rule in rules_met(out))
    assert trace(where, TOOL, "10.244.2.10:8080").paths[0].source_seen == "10.244.1.100"


def test_a_node_local_dns_cache_is_not_tracked():
    found = trace(with_text("kube-proxy-1.23-flannel"), TOOL, "169.254.20.10:53", "udp")
    words = [step.verdict for hop in found.paths[0].hops for step in hop.steps if hop.host == "node-1"]
    assert "untracked" in words


# kube-proxy 1.18 beside Docker


def test_dockers_policy_drop_stops_pods_and_not_clients():
    where = with_text("kube-proxy-1.18-docker")
    assert set(ends(trace(where, CLIENT, NODEPORT)).values()) == {"connected"}
    stopped = trace(where, TOOL, CLUSTER_IP)
    assert {path.outcome for path in stopped.paths} == {"timeout"}
    assert all("the policy of FORWARD dropped it" in path.reason for path in stopped.paths)


def test_the_oldest_rules_mark_before_they_choose():
    met = rules_met(trace(with_text("kube-proxy-1.18-docker"), CLIENT, NODEPORT))
    assert any(rule.startswith("-A KUBE-NODEPORTS") and rule.endswith("KUBE-MARK-MASQ") for rule in met)


# Calico


@pytest.mark.parametrize(
    ("source", "to", "outcomes"),
    [
        (CLIENT, NODEPORT, {"web-a": "connected", "web-b": "connected", "web-c": "connected"}),
        ("192.0.2.200", NODEPORT, {"timeout": "timeout", "web-c": "connected"}),
        ("198.51.100.7", NODEPORT, {"timeout": "timeout", "web-c": "connected"}),
        (TOOL, CLUSTER_IP, {"web-a": "connected", "web-b": "connected", "web-c": "connected"}),
        ("pod/default/web-a", "10.244.1.11:8080", {"timeout": "timeout"}),
        ("pod/default/web-a", "10.244.1.100:8080", {"tool-1": "connected"}),
        (TOOL, "10.244.1.10:8443", {"timeout": "timeout"}),
    ],
)
def test_calicos_policy_decides_by_sets(source, to, outcomes):
    assert ends(trace(calico(), source, to)) == outcomes


def test_calico_drops_what_comes_by_an_interface_that_it_does_not_know():
    strange = with_text("calico-3.27").with_world(cni="routed")
    strange = strange.patch(
        "pod", "tool-1", '{"metadata": {"annotations": {"svcnotes/interface": "cali00000000000"}}}'
    )
    (path,) = trace(strange, TOOL, "10.244.2.10:8080").paths
    assert path.outcome == "timeout"
    assert "Unknown interface" in path.hops[-1].steps[-1].rule


def test_calico_masquerades_by_sets():
    found = trace(calico(), "pod/default/web-a", "192.0.2.10:8080")
    assert {hop.packet.source for path in found.paths for hop in path.hops if there(hop)} == {"172.18.0.11"}


def test_another_programs_mark_is_not_told_as_kube_proxys():
    from svcnotes.views.text import trace_text

    lines = [
        line
        for line in trace_text(trace(calico(), TOOL, CLUSTER_IP)).splitlines()
        if "marks the packet" in line
    ]
    assert lines
    assert not any("masqueraded" in line for line in lines)
    (first, *_) = [
        line
        for line in trace_text(trace(calico(), CLIENT, NODEPORT)).splitlines()
        if "0x4000" in line and "marks" in line
    ]
    assert "to be masqueraded when it leaves" in first


def test_a_set_that_is_not_given_is_named_with_the_remedy():
    where = cluster("nodeport-cluster").with_rules("node-1", text("calico-3.27"))
    with pytest.raises(RuleError) as caught:
        trace(where, CLIENT, NODEPORT)
    said = str(caught.value)
    assert said.startswith("rules of node-1, 4 rules are not understood:\n")
    assert said.count("give what `ipset save` prints on that node") == 6
    for line in re.findall(r"line (\d+): ", said):
        assert "--match-set" in text("calico-3.27").splitlines()[int(line) - 1]


def test_interfaces_that_a_node_has_not_are_named():
    (said,) = strange_interfaces(with_text("calico-3.27"))
    line = int(re.search(r"calia150d993dd4 \(line (\d+)\)", said).group(1))
    assert "calia150d993dd4" in text("calico-3.27").splitlines()[line - 1]
    assert "It has lo, eth0, cni0, veth-web-a, veth-web-b, veth-tool-1." in said
    assert list(strange_interfaces(calico())) == []
    (docker,) = strange_interfaces(with_text("kube-proxy-1.18-docker"))
    assert "has not here: docker0 (line " in docker
    for name in ("kube-proxy-1.23-flannel", "ip6-host", "ufw-host"):
        assert list(strange_interfaces(with_text(name))) == []


@pytest.mark.parametrize("name", ["a name", "a/b", "sixteen-letters-"])
def test_a_cable_has_a_name_that_an_interface_may_have(name):
    named = json.dumps({"metadata": {"annotations": {"svcnotes/interface": name}}})
    where = cluster("nodeport-cluster")
    with pytest.raises(InputError, match=r"annotations\[svcnotes/interface\].*names no interface"):
        dict(where.patch("pod", "web-a", named).pods)


# A host's own firewall


def test_a_host_firewall_counts_connections_to_ssh():
    where, memories, ended = with_text("ufw-host"), None, []
    for number in range(7):
        (path,) = trace(
            where, CLIENT, "172.18.0.11:22", source_port=50000 + number, now=number, memories=memories
        ).paths
        memories = path.memories
        ended.append(path.outcome)
    assert ended == ["connected"] * 5 + ["refused"] * 2


@pytest.mark.parametrize(
    ("source", "to", "outcome"),
    [
        ("node/node-2", "172.18.0.11:10250", "connected"),
        (CLIENT, "172.18.0.11:10250", "timeout"),
        (CLIENT, "172.18.0.11:80", "timeout"),
        (CLIENT, NODEPORT, "connected"),
        ("198.51.100.7", "10.244.1.10:8080", "timeout"),
        (CLIENT, "10.244.1.10:8080", "connected"),
    ],
)
def test_a_host_firewall_lets_in_what_it_names(source, to, outcome):
    assert {path.outcome for path in trace(with_text("ufw-host"), source, to).paths} == {outcome}


def test_marks_of_several_programs_live_in_one_word():
    found = trace(with_text("ufw-host"), CLIENT, NODEPORT)
    marks = {step.after.mark for path in found.paths for hop in path.hops for step in hop.steps}
    assert {0x7, 0x4007} <= marks
    kept = [
        entry.mark
        for (host, _), m in found.paths[0].memories.items()
        if host == "node-1"
        for entry in m.conntrack
    ]
    assert kept == [0x7]


def test_a_redirect_leads_to_the_node_itself():
    steps = [
        s
        for p in trace(with_text("ufw-host"), CLIENT, "172.18.0.11:80").paths
        for h in p.hops
        for s in h.steps
    ]
    assert [s.after.destination_text for s in steps if "REDIRECT" in s.rule] == ["172.18.0.11:8081"]


def test_ip6tables_text_is_known_by_its_first_line():
    where = with_text("ip6-host")
    assert list(where.node_rules) == [("node-1", 6)]
    node = where.nodes["node-1"].address(6)
    (path,) = trace(where, "2001:db8:2::10", f"[{node}]:8081").paths
    assert (path.outcome, path.how) == ("unreachable", "icmp6-adm-prohibited")
    port = next(s for s in where.services.values()).ports[0].node_port
    assert {p.outcome for p in trace(where, "2001:db8:2::10", f"[{node}]:{port}").paths} == {"connected"}


# What is not understood


def test_every_line_that_is_not_understood_is_named_at_once():
    where = cluster("nodeport-cluster").with_rules("node-1", text("not-understood"))
    with pytest.raises(RuleError) as caught:
        trace(where, CLIENT, NODEPORT)
    said, lines = str(caught.value), text("not-understood").splitlines()
    assert said.startswith("rules of node-1, 7 rules are not understood:")
    for what in (
        "time (the time of day)",
        "connlimit (",
        "string (",
        "length (",
        "mac (",
        "NFQUEUE (",
        "u32 (",
        "TPROXY (",
        "TEE (",
    ):
        assert what in said
    named = re.findall(r"line (\d+): .*\n +(-A .*)", said)
    assert [lines[int(number) - 1].partition("] ")[2] for number, _ in named] == [rule for _, rule in named]
    assert caught.value.line == int(named[0][0])
    assert said.splitlines()[-1].startswith(
        "To go on, take these lines out, or load the text with strict=False"
    )


def test_without_strict_the_trace_names_only_what_stood_on_the_way():
    found = trace(with_text("not-understood"), CLIENT, NODEPORT)
    assert set(ends(found).values()) == {"connected"}
    (one,) = {path.not_understood for path in found.paths}
    assert one == (
        "node-1, mangle PREROUTING rule 2: -j TPROXY not understood: the rule does nothing",
        "node-1, filter FORWARD rule 1: -m string not understood: the rule is taken as not matching",
        "node-1, filter FORWARD rule 2: -m length, -m mac not understood: the rule is taken as not matching",
    )
    assert all(said in str(found) for said in one)
    udp = trace(with_text("not-understood"), CLIENT, "10.244.1.10:8080", "udp")
    assert {said for path in udp.paths for said in path.not_understood} == {
        "node-1, filter FORWARD rule 3: -m u32 not understood: the rule is taken as not matching"
    }


def test_views_name_what_was_not_understood():
    from svcnotes.views.html import trace_html
    from svcnotes.views.text import trace_text

    found = trace(with_text("not-understood"), CLIENT, NODEPORT)
    assert trace_text(found).count("-j TPROXY not understood") == 3
    assert trace_html(found).count("-j TPROXY not understood") == 3
    assert "not understood" not in trace_text(trace(with_text("ufw-host"), CLIENT, NODEPORT))


# By file


def ran(*arguments):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = main([str(argument) for argument in arguments])
    return status, out.getvalue(), err.getvalue()


def traced(*arguments, to=NODEPORT):
    return ran(
        "trace", ORACLE / "nodeport-cluster" / "cluster.yaml", "--from", CLIENT, "--to", to, *arguments
    )


def test_the_command_line_takes_rules_and_sets_by_node():
    rules, sets = TEXTS / "calico-3.27.iptables-save", TEXTS / "calico-3.27.ipset-save"
    status, out, err = traced("--rules", f"node-1={rules}", "--sets", f"node-1={sets}", "--json")
    assert status == 0
    assert err.startswith("note: the IPv4 rules of node-1 name interfaces that it has not here: cali+ (line ")
    steps = [
        step["chain"] for path in json.loads(out)["paths"] for hop in path["hops"] for step in hop["steps"]
    ]
    assert "cali-FORWARD" in steps


def test_the_command_line_says_how_to_go_on_and_goes_on():
    rules = f"node-1={TEXTS / 'not-understood.iptables-save'}"
    status, out, err = traced("--rules", rules)
    assert (status, out) == (1, "")
    assert "7 rules are not understood" in err
    assert "--lenient" in err
    status, out, err = traced("--rules", rules, "--lenient")
    assert (status, err) == (0, "")
    assert "node-1, filter FORWARD rule 1: -m string not understood" in out


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (["--rules", "node-1"], "--rules node-1: write NODE=FILE"),
        (["--rules", "node-1=/nowhere"], "/nowhere: cannot be read"),
        (["--rules", f"node-9={TEXTS / 'ufw-host.iptables-save'}"], 'no Node "node-9"'),
        (["--sets", f"node-1={TEXTS / 'ufw-host.iptables-save'}", "--rules", f"node-1={TEXTS / 'ufw-host.iptables-save'}"],
         "IP sets of node-1, line 2: a line is `create NAME TYPE"),
    ],
)  # fmt: skip
def test_a_wrong_file_is_one_clear_error(given, says):
    status, out, err = traced(*given)
    assert (status, out) == (1, "")
    assert says in err
    assert err.count("Traceback") == 0


def test_load_takes_rules_by_node():
    file = ORACLE / "nodeport-cluster" / "cluster.yaml"
    where = svcnotes.load(file, rules={"node-1/4": TEXTS / "not-understood.iptables-save"}, strict=False)
    assert where.lenient_rules == {("node-1", 4)}
    assert where.with_rules("node-1", text("ufw-host")).lenient_rules == frozenset()
    with pytest.raises(QuestionError, match="no Node"):
        svcnotes.load(file, rules={"node-7": TEXTS / "ufw-host.iptables-save"})
    with pytest.raises(InputError, match="is no text in UTF-8"):
        svcnotes.load(file, rules={"node-1": Path(shutil.which("true") or "/bin/true")})


@pytest.mark.parametrize("seed", range(40))
def test_a_garbled_text_is_read_or_refused_by_its_lines_and_never_breaks(seed):
    dice = random.Random(seed)
    name = dice.choice(sorted(path.stem for path in TEXTS.glob("*.iptables-save")))
    lines = text(name).split("\n")
    rules = [number for number, line in enumerate(lines) if line.startswith("[")]
    for number in dice.sample(rules, 4):
        words = lines[number].split(" ")
        at = dice.randrange(3, len(words))
        words[at : at + dice.randint(0, 1)] = [
            dice.choice(["!", "-m", "owner", "0x/9", "-j", "--dport", words[at][::-1]])
        ]
        lines[number] = " ".join(words)
    garbled = "\n".join(lines)
    with contextlib.suppress(RuleError):
        Ruleset.parse(garbled, family(name), sets=text(name, "ipset")).check()
    rules_read = Ruleset.parse(garbled, family(name), strict=False, sets=text(name, "ipset"))
    source, target = ("2001:db8::1", "fd00::1") if family(name) == 6 else ("192.0.2.10", "172.18.0.11")
    for hook in ("PREROUTING", "INPUT", "FORWARD", "POSTROUTING"):
        sent = Packet("tcp", source, 4000, target, 30080, "SYN")
        with contextlib.suppress(RuleError):
            assert (
                sum(way.probability for way in walk(rules_read, hook, sent, Context(in_interface="eth0")))
                == 1
            )
