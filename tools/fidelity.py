"""Write FIDELITY.md: what `make conformance` compared, with which kernel, and where the model knowingly differs."""

# ruff: noqa: INP001 - a program to run, no package

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conformance import Tally

KNOWN = """\
## Where the model knowingly differs

The first list was met by the comparison and is left out of it; the second cannot be asked of a lab on one machine.

| In the model | In the kernel |
|---|---|
| Where send() fails with EPERM at a REJECT in OUTPUT, nothing more is told. | An ICMP error is made as well and walks OUTPUT and INPUT; nobody reads it. |
| A vxlan tunnel is a wire: its outer packets are not shown. | They pass the nodes' OUTPUT and INPUT and may be dropped there. |
| A routing loop is told by its first rounds and its end; a rule that tosses (`numgen`, `statistic`) does so in those rounds only. | Every round is there; only the end is compared, and where a rule tosses, nothing. |
| An address that nobody has on a wire fails at once. | ARP asks first; the lab lets it ask once, for 20 ms. |
| A port drawn at random is one that a hash picks. | It is random; ports are not compared, only whether the asker's was kept where no rule changes it. |
| A router without a route answers each packet. | Linux answers one a second to each host; the lab's router has a REJECT rule in place of the missing route. |
| ICMP errors know no rate. | The lab's namespaces have their limits off. |
| A rule and conntrack that change one packet in one hook are two steps. | They are one; a hook's NAT is compared as a whole. |
| Of two chains of one priority, those of iptables are asked before those of nft. | Those made last; the lab makes iptables' last. |
| What routing and the connection's table decide is told step by step. | Tracing tells rules only; NAT shows in the addresses. |

| Not in the lab | Why |
|---|---|
| Cloud load balancers (`cloud` other than none) | the lab has no proxying or health-checking balancer |
| The fault conntrack-full | the table's size is one for the whole machine |
| SCTP | few kernels have it; the recordings of it are refused flows only |
| IPVS mode | the lab has no loader for it, and few kernels have IPVS |
"""


def report(
    parts: Mapping[str, tuple[Tally, float]], environment: Mapping[str, str], seed: int, jobs: int
) -> str:
    """The whole page."""
    where = ", ".join(f"{name} {value}" for name, value in environment.items())
    lines = [
        "# How far the model can be trusted",
        "",
        "Written by `make conformance`; do not edit. The simulation (rules in text, walked by `svcnotes.netfilter`) and the",
        "real kernel (namespaces, `iptables-restore`, `nft`, sockets: `svcnotes.kernel`) were asked the same questions, in each of",
        "kube-proxy's modes whose rules the lab can load. Compared for each:",
        "the outcome, how it was refused and by whom, the Pod that answered, the source that it saw, every rule matched on the way",
        "there and back (host, hook, table, chain, number, verdict), every host passed and the addresses before and after it,",
        "what NAT made of them in each hook. Each question was asked until every end that the model foretells had been seen.",
        "",
        "Flows held open while endpoints and Services change are compared packet by packet in the same way, along the 84 recorded",
        "transitions, 42 of each mode: `tests/kernel/test_kernel_transitions.py`.",
        "",
        f"* {where}",
        f"* seed {seed}, {jobs} processes: `make conformance CONFORMANCE_FLAGS='--seed {seed} --jobs {jobs}'` repeats it",
        "",
    ]
    for title, (tally, took) in parts.items():
        flows = sum(count for name, count in tally.counts.items() if name.startswith("flows"))
        lines += [
            f"## {title.capitalize()}",
            "",
            f"{flows:,} flows in {took:.0f} s ({flows / max(took, 0.001):.0f} a second): **{len(tally.differences)} differences**.",
            "",
            "| compared | |",
            "|---|---:|",
            *(f"| {name} | {count:,} |" for name, count in sorted(tally.counts.items())),
            "",
            *(f"* differs: {one}" for one in tally.differences),
        ]
        if tally.differences:
            lines.append("")
    return "\n".join([*lines, KNOWN])
