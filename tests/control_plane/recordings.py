"""Answers of a real kube-apiserver, and how an answer of ours is compared with them.

What the server chose by itself (ClusterIPs, nodePorts) is compared by its place, not by its value:
where a stored object holds a number that was drawn, ours may hold another of the same range, but it
must be the same one wherever the recording shows it again.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from pathlib import Path

from svcnotes.control_plane.api_server.state import ApiState
from svcnotes.control_plane.objects import ClusterConfiguration
from svcnotes.control_plane.yaml_reader import read

DATA = Path(__file__).parents[1] / "data" / "api"
CLOCK = ("creationTimestamp", "generation", "lastTransitionTime", "managedFields", "resourceVersion", "uid")
PROFILES = {
    "default": ClusterConfiguration(),
    "dual": ClusterConfiguration(service_cidrs=("10.96.0.0/16", "fd00:10:96::/112")),
    "small": ClusterConfiguration(
        node_port_range=(30000, 30003), admission_plugins=frozenset({"DenyServiceExternalIPs"})
    ),
    "wide": ClusterConfiguration(node_port_range=(80, 32767)),
}


def cases(folder=DATA):
    """The recorded steps by case."""
    found = defaultdict(list)
    for line in (folder / "results.jsonl").read_text(encoding="utf-8").splitlines():
        step = json.loads(line)
        found[step["case"]].append(step)
    return found


def fresh(step):
    return ApiState.fresh(PROFILES[step.get("profile") or "default"])


def files(step):
    return {"FILE": (DATA / step["file"]).read_text()} if step["file"] else {}


def stored(state, slices):
    """Our objects as the recording lists them: Services by name, slices and Endpoints by kind and name."""
    ours = {}
    for (kind, _, name), obj in state.objects.items():
        if kind == "Service" and name != "kubernetes":
            ours[name] = obj
        elif slices and kind in ("EndpointSlice", "Endpoints"):
            ours[f"{kind}/{name}"] = obj
    return ours


def drawn(theirs, ours, allocated, path=""):
    """Pairs (recorded, ours) of numbers that the server drew, found at the same places."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        for key in theirs.keys() & ours.keys():
            yield from drawn(theirs[key], ours[key], allocated, f"{path}.{key}")
    elif isinstance(theirs, list) and isinstance(ours, list):
        for one, two in zip(theirs, ours, strict=False):
            yield from drawn(one, two, allocated, path)
    elif str(theirs) in allocated and type(theirs) is type(ours):
        if isinstance(theirs, int):
            assert 30000 <= ours <= 32767, f"{path}: {ours} is no nodePort"
        else:
            assert (":" in theirs) == (":" in ours), f"{path}: {ours} is of the wrong family"
        yield str(theirs), str(ours)


def translated(value, pairs):
    """A recorded object with the drawn numbers replaced by ours."""
    if isinstance(value, dict):
        return {key: translated(held, pairs) for key, held in value.items() if key not in CLOCK}
    if isinstance(value, list):
        return [translated(item, pairs) for item in value]
    if str(value) in pairs and not isinstance(value, bool):
        return type(value)(pairs[str(value)])
    return value


def without_clock(value):
    return translated(value, {})


def text(printed, pairs):
    """Printed text with the drawn numbers replaced by ours, and without what only a clock could say."""
    for theirs, ours in pairs.items():
        printed = re.sub(rf"(?<![\w.]){re.escape(theirs)}(?![\w.])", ours, printed)
    printed = re.sub(r'"creationTimestamp":"[^"]*",', "", printed)
    printed = re.sub(r'"managedFields":\[\{.*?\}\],(?="name")', "", printed)
    return re.sub(r',"resourceVersion":"\d+","uid":"[^"]*"', "", printed)


def cells(table):
    """A table's cells: its columns are as wide as its numbers and ages."""
    rows = [re.split(r" {2,}", line) for line in table.splitlines()]
    return [[re.sub(r"^(\d+s|<unknown>)$", "AGE", cell) for cell in row] for row in rows]


def same_output(command, theirs, ours):
    """Whether stdout is as recorded: byte for byte, a table by its cells, YAML by its values."""
    if "-o yaml" in command:
        return (
            without_clock(read(ours)[0].value) == without_clock(read(theirs)[0].value) if ours else not theirs
        )
    if command.startswith("kubectl get") and "-o" not in command and theirs:
        return cells(ours) == cells(theirs)
    return ours == theirs
