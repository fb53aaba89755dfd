"""The nftables table of every recorded node is the table that the real kube-proxy wrote there.

Everything is compared, letter by letter. One thing is chance in the recordings, the order of Go's maps, and so is put
in order on both sides: which Service's chains and affinity sets stand before another's, and which of one port's
endpoints has its chain or set first. (nft itself sorts the elements of sets and maps.)
"""

import re
from pathlib import Path

import pytest
from nft_text import in_stable_order

from svcnotes.control_plane.load import load
from svcnotes.kube_proxy import rules

ORACLE = Path(__file__).parent.parent / "data" / "oracle"
RECORDS = sorted(ORACLE.glob("*/node-*.nft"))


def test_all_54_scenarios_and_their_three_nodes_are_recorded_in_nftables_mode():
    assert len(RECORDS) == 162
    assert len({record.parent for record in RECORDS}) == 54


@pytest.mark.parametrize("record", RECORDS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_the_table_is_what_kube_proxy_wrote(record):
    cluster = load(record.parent / "cluster.yaml")
    written = rules(cluster, record.stem, proxy_mode="nftables")
    assert in_stable_order(written) == in_stable_order(record.read_text(encoding="utf-8"))


def test_putting_in_order_hides_no_other_difference():
    text = (ORACLE / "affinity-nodeport" / "node-1.nft").read_text(encoding="utf-8")
    blocks = text.split("\n\n")
    assert sorted(in_stable_order(text)) == sorted(text.removesuffix("\n}\n").split("\n\n"))
    # A chain of all endpoints that stood before those of single ones would be a difference.
    service = next(i for i, block in enumerate(blocks) if block.startswith("\tchain service-PF"))
    moved = [*blocks[: service - 3], blocks[service], *blocks[service - 3 : service], *blocks[service + 1 :]]
    assert in_stable_order("\n\n".join(moved)) != in_stable_order(text)
    # Two endpoints' chains in another order are the same.
    swapped = [*blocks[: service - 2], blocks[service - 1], blocks[service - 2], *blocks[service:]]
    assert swapped != blocks
    assert in_stable_order("\n\n".join(swapped)) == in_stable_order(text)
    assert in_stable_order(re.sub("mod 3", "mod 4", text)) != in_stable_order(text)
