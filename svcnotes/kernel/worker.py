"""The process that holds a lab: `python -m svcnotes.kernel.worker`, started under `unshare -Urn`.

It reads one JSON object a line, `{"do": METHOD, ...arguments}`, and answers with one: `{"ok": ...}` or
`{"error": SENTENCE}`. It dies with its parent, and with the pipe; its namespaces have no names, so nothing
is left of them.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from svcnotes.kernel.machine import Machine
from svcnotes.kernel.namespaces import die_with_parent

METHODS = (
    "build", "rules", "listen", "switch", "route", "neighbours", "ask", "say", "hang_up", "flows", "lists",
    "delete", "close",
)  # fmt: skip


def _do(machine: Machine, order: dict[str, Any]) -> dict[str, Any]:
    name = order.pop("do")
    if name not in METHODS:
        return {"error": f"the worker has no {name}"}
    try:
        return {"ok": getattr(machine, name)(**order)}
    except (OSError, KeyError) as error:
        return {"error": f"{name}: {type(error).__name__}: {error}"}


def main() -> int:
    """Serve orders until the pipe ends; refuses to run in the machine's own namespace."""
    die_with_parent()
    if len(sys.argv) > 1 and str(Path("/proc/self/ns/net").readlink()) == sys.argv[1]:
        print(json.dumps({"error": "this is the machine's own network namespace"}), flush=True)  # noqa: T201
        return 1
    print(json.dumps({"ok": "ready"}), flush=True)  # noqa: T201 - the pipe is stdout
    machine = Machine(sys.argv[2] if len(sys.argv) > 2 else "legacy")
    for line in sys.stdin:
        print(json.dumps(_do(machine, json.loads(line))), flush=True)  # noqa: T201
    machine.close()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
