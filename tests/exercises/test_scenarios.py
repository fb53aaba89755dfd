"""Every scenario loads, and is found by its name."""

import pytest

from svcnotes import scenarios
from svcnotes.errors import InputError


@pytest.mark.parametrize("name", scenarios.names())
def test_every_scenario_loads_and_says_what_it_is(name):
    assert scenarios.text(name).startswith("# ")
    assert len(scenarios.load(name).nodes) == 3


def test_an_unknown_scenario_is_refused_with_the_names_there_are():
    with pytest.raises(InputError, match="nodeport-local"):
        scenarios.load("../nodeport")


def test_the_nodeport_scenarios_differ_in_one_line_each():
    base = scenarios.text("nodeport").splitlines()[1:]
    for name in ("nodeport-local", "nodeport-refused", "nodeport-empty"):
        other = scenarios.text(name).splitlines()[1:]
        assert sum(a != b for a, b in zip(base, other, strict=True)) == 1, name
