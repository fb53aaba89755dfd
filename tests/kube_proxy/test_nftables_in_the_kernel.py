"""The kernel takes our nftables texts, and nft lists them back as we wrote them: whole tables, and changes.

Each text is loaded into a network namespace of its own. The letters are those of nftables 1.0.6, whose texts are
the recorded ones; of another version only what it says of itself counts: our table and its own listing are one.
"""

import os
import re
import shutil
import subprocess
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from nft_text import in_stable_order

from svcnotes.control_plane.load import load
from svcnotes.kube_proxy import partial_sync, rules
from svcnotes.kube_proxy.nftables.text import address_set

DATA = Path(__file__).parent.parent / "data"
SCENARIOS = sorted(path.parent.name for path in (DATA / "oracle").glob("*/cluster.yaml"))
CUT = "# ---\n"
ENVIRONMENT = {**os.environ, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}


def give_up(why):
    """Skip, saying why; in continuous integration nothing skips."""
    if os.environ.get("CI"):
        pytest.fail(why)
    pytest.skip(f"skipped: {why}")


@pytest.fixture(scope="module")
def exact():
    """Whether this nft is the version that the recordings were made with; skips where there is none."""
    if missing := [name for name in ("unshare", "nft") if not shutil.which(name, path=ENVIRONMENT["PATH"])]:
        give_up(f"{', '.join(missing)} is missing; to enable: apt-get install nftables util-linux")
    done = run("nft list ruleset")
    if done.returncode:
        give_up(f"no network namespace with nftables here ({done.stderr.strip()[:120]})")
    said = subprocess.run(["nft", "--version"], capture_output=True, text=True, check=True, env=ENVIRONMENT)
    return "v1.0.6 " in said.stdout


def run(script, where=None):
    return subprocess.run(
        ["unshare", "-Urn", "sh", "-ec", script],
        cwd=where, capture_output=True, text=True, check=False, env=ENVIRONMENT,
    )  # fmt: skip


def listed(where, steps):
    """What nft lists after each step; a step loads the texts it is given, or, for None, empties everything."""
    script = []
    for number, texts in enumerate(steps):
        for one, text in enumerate(texts or ()):
            (where / f"{number}-{one}").write_text(text, encoding="utf-8")
            script.append(f"nft -f {number}-{one}")
        script.append("nft flush ruleset" if texts is None else f"nft list ruleset; printf '{CUT}'")
    done = run("\n".join(script), where)
    assert done.returncode == 0, done.stderr[:2000]
    return done.stdout.split(CUT)[:-1]


def same(ours, theirs, *, exact):
    if exact:
        assert ours == theirs
    else:
        assert re.findall(r"(?:chain|set|map) \S+", ours) == re.findall(r"(?:chain|set|map) \S+", theirs)


def tables():
    for scenario in SCENARIOS:
        cluster = load(DATA / "oracle" / scenario / "cluster.yaml")
        yield rules(cluster, "node-1", "nftables")
    dual = load(DATA / "kube_proxy" / "dual-stack.yaml")
    yield rules(dual, "node-2", "nftables", 4)
    yield rules(dual, "node-2", "nftables", 6)
    for mode, name in (("BridgeInterface", "cni0"), ("InterfaceNamePrefix", "veth")):
        settings = replace(dual.proxy, detect_local_mode=mode, local_interface=name)
        yield rules(replace(dual, proxy=settings), "node-2", "nftables", 4)


def test_nft_lists_each_table_as_it_was_written(exact, tmp_path):
    texts = list(tables())
    back = listed(tmp_path, [step for text in texts for step in ([text], None)])
    for text, found in zip(texts, back, strict=True):
        same(text, found, exact=exact)


def test_a_partial_sync_makes_the_table_of_the_new_cluster_of_the_old_one(exact, tmp_path):
    """From each recorded cluster to the next: the transaction, then what a later sync deletes."""
    clusters = [load(DATA / "oracle" / name / "cluster.yaml") for name in SCENARIOS]
    pairs = [(a, b) for a, b in pairwise(clusters) if a.families == b.families]
    syncs = [partial_sync(a, b, "node-1", "nftables") for a, b in pairs]
    assert {sync.full for sync in syncs} == {True, False}
    steps = []
    for (before, _), sync in zip(pairs, syncs, strict=True):
        steps += [[rules(before, "node-1", "nftables"), sync.text, sync.later], None]
    for (_, after), found in zip(pairs, listed(tmp_path, steps), strict=True):
        wanted = in_stable_order(rules(after, "node-1", "nftables"))
        # A set that is made again stands behind the others.
        same("\n".join(sorted(wanted)), "\n".join(sorted(in_stable_order(found))), exact=exact)


def test_nft_prints_ranges_that_touch_as_we_do(exact, tmp_path):
    """Given as kube-proxy gives loadBalancerSourceRanges: braces, commas, one more address at the end."""
    lists = [
        ["10.0.0.0/8"],
        ["10.0.0.0/8", "10.1.0.0/16"],
        ["10.0.0.0/24", "10.0.1.0/24", "10.0.2.0/24"],
        ["192.0.2.0/24", "203.0.113.10"],
        ["0.0.0.0/0", "203.0.113.10"],
        ["203.0.113.11/32", "203.0.113.10"],
        ["128.0.0.0/1", "0.0.0.0/1", "203.0.113.10"],
    ]
    given = "".join([f"ip saddr != {{ {', '.join(one)} }} drop\n" for one in lists])
    (found,) = listed(tmp_path, [[f"table ip t {{\nchain c {{\n{given}}}\n}}\n"]])
    if exact:
        assert re.findall(r"!= (.*) drop", found) == [address_set(one) for one in lists]
