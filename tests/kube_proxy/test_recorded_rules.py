"""The rules of every recorded node are the rules that the real kube-proxy wrote there."""

import re
from pathlib import Path

import pytest

from svcnotes.control_plane.load import load
from svcnotes.kube_proxy import rules

ORACLE = Path(__file__).parent.parent / "data" / "oracle"
RECORDS = sorted(ORACLE.glob("*/node-*.iptables-save"))
BY_CHANCE = re.compile(
    r'-A KUBE-(SERVICES|NODEPORTS|EXTERNAL-SERVICES|PROXY-FIREWALL) .*--comment "([^" ]+/[^" ]+)'
)


def in_stable_order(text: str) -> list[str]:
    """The lines, with each run of Services' rules sorted by Service: Go's map order is chance."""
    lines: list[str] = []
    run: list[tuple[str, str]] = []
    for line in text.splitlines():
        found = BY_CHANCE.match(line)
        chain = found[1] if found else ""
        if run and (not found or not run[0][1].startswith(f"-A KUBE-{chain} ")):
            lines += [kept for _, kept in sorted(run, key=lambda item: item[0])]
            run = []
        if found:
            run.append((found[2], line))
        else:
            lines.append(line)
    return lines


def test_all_54_scenarios_and_their_three_nodes_are_here():
    assert len(RECORDS) == 162
    assert len({record.parent for record in RECORDS}) == 54


@pytest.mark.parametrize("record", RECORDS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_rules_are_what_kube_proxy_wrote(record):
    cluster = load(record.parent / "cluster.yaml")
    written = rules(cluster, record.name.removesuffix(".iptables-save"))
    assert in_stable_order(written) == in_stable_order(record.read_text(encoding="utf-8"))
