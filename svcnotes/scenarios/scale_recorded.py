"""What a real kube-proxy took for 10 to 10,000 Services, as recorded on one machine, and how to draw it out further.

One node, N NodePort Services with five endpoints each (always the same five pods), kube-proxy 1.36.2 and 1.30.5.
`first_sync_ms` is kube-proxy's own "SyncProxyRules complete" at its start, `one_change_sync_ms` the median of
syncs that each follow one EndpointSlice losing one endpoint; the `lat_` columns are medians of 200 TCP connects in
microseconds, between network namespaces of one machine, so only their growth means anything. Other work ran
beside it: times may be off by a factor of two.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib.resources import files

from svcnotes.errors import QuestionError
from svcnotes.kube_proxy.modes import MODES

FILES: Mapping[str, str] = {"1.36": "scale-recorded.csv", "1.30": "scale-recorded-1.30.csv"}
Point = tuple[float, float]


@lru_cache(maxsize=2)
def rows(version: str = "1.36") -> tuple[Mapping[str, str], ...]:
    """The recording as it was written down. Raises QuestionError for a version that was not recorded."""
    if version not in FILES:
        raise QuestionError(f"version {version!r}: recorded were kube-proxy {' and '.join(FILES)}")
    text = (files("svcnotes.scenarios") / FILES[version]).read_text(encoding="utf-8")
    return tuple(csv.DictReader(text.splitlines()))


def backends(version: str = "1.36") -> tuple[str, ...]:
    """What was recorded: a mode, or a mode and the variant of its tool (`iptables-legacy`)."""
    return tuple(sorted({row["backend"] for row in rows(version)}))


def mode_of(backend: str) -> str:
    """The proxy mode that a backend belongs to."""
    return next(mode for mode in MODES if backend.partition("-")[0] == mode)


def measured(column: str, backend: str, version: str = "1.36") -> tuple[Point, ...]:
    """The points (Services, value) of one column; what was not finished is left out. Raises QuestionError.

    Several columns with `+` between them are added up.
    """
    columns = column.split("+")
    known = [name for name in rows(version)[0] if name not in {"backend", "note"}]
    if unknown := [name for name in columns if name not in known]:
        raise QuestionError(f"column {unknown[0]!r}: recorded were {', '.join(known)}")
    return tuple(
        sorted(
            (float(row["services"]), sum(float(row[name]) for name in columns))
            for row in rows(version)
            if row["backend"] == backend and all(row[name] for name in columns)
        )
    )


def drawn_out(points: Sequence[Point], to: float, last: int = 2) -> tuple[float, float]:
    """Go on as the last points grow: the exponent between them, and the value that it gives at `to`.

    A guess on paper: a curve that bends upwards gives more than this, and memory that runs out gives nothing.
    """
    from math import log

    (x0, y0), (x1, y1) = points[-last], points[-1]
    slope = log(y1 / y0) / log(x1 / x0)
    return slope, y1 * (to / x1) ** slope
