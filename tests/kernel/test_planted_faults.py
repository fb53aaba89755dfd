"""The comparison with the kernel is worth something: it finds a fault put into the simulation."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))

import planted_faults


@pytest.mark.parametrize("fault", planted_faults.FAULTS)
def test_a_fault_put_into_the_simulation_is_found(lab, fault):
    found = planted_faults.hunt(lab, fault, 1, limit=400, shrinking=0)
    assert found is not None, f"{fault} was not found"
    assert found.why
    print(f"{fault}: question {found.after}: {found.why}")
