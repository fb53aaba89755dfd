"""Either iptables will do: legacy, and the one that writes nf_tables; both tell the same story."""

import pytest
from recorded_worlds import KINDS, recorded
from transitions import READY, cluster, dialled, with_endpoints

import svcnotes.flow
from svcnotes.kernel import Lab
from svcnotes.kernel.agreement import compare, difference
from svcnotes.kernel.restore import VARIANTS, program

EVERY = 61  # of the recorded flows


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_recorded_flow_goes_alike_with_either_iptables(variant):
    if not program(4, variant):
        pytest.skip(f"skipped: no iptables-{variant}-restore here")
    wrong, compared = [], 0
    with Lab(variant=variant) as lab:
        for index, flow in enumerate(one for one in recorded() if one.rules == KINDS[0]):
            if index % EVERY:
                continue
            foretold = flow.foretold()
            asked = flow.questions(foretold)
            got = compare(lab, foretold, asked)
            compared += 1
            if got.difference:
                wrong.append(f"{flow}: {got.difference}")
    assert wrong == []
    assert compared > 20


@pytest.mark.parametrize("variant", VARIANTS)
def test_an_open_flow_goes_on_alike_with_either_iptables(variant):
    if not program(4, variant):
        pytest.skip(f"skipped: no iptables-{variant}-restore here")
    left = with_endpoints(cluster(), {"web-b": READY, "web-c": READY})
    with Lab(variant=variant) as lab:
        for path in ("pod->clusterIP", "client->nodePort@node-1", "node-1->clusterIP"):
            for protocol in ("TCP", "UDP"):
                asked = (cluster(), *dialled(cluster(), path, protocol), protocol)
                real = svcnotes.flow.open_real(*asked, lab=lab, pod="default/web-a").after(left)
                model = svcnotes.flow.open(*asked, pod="default/web-a").after(left)
                sent = real.send()
                assert difference(model.next(), sent.path) == ""
                assert (sent.pod == "default/web-a") == (protocol == "TCP")
