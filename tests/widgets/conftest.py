"""A stage on the recorded NodePort cluster; widgets need no browser to be asked."""

import pytest

from svcnotes.control_plane.load import load


@pytest.fixture(scope="session")
def cluster(data):
    return load(data / "oracle" / "nodeport-cluster" / "cluster.yaml")


@pytest.fixture
def stage(cluster):
    from svcnotes.widgets.stage import Stage

    return Stage(cluster)
