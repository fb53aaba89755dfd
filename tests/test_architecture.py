"""The tree is a lesson in itself: a module imports only from its left."""

import ast
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "svcnotes"

ORDER = [
    ("errors", "packet"),
    ("loopback",),
    ("control_plane",),
    ("kube_proxy",),
    ("netfilter",),
    ("network",),
    ("trace",),
    ("kernel",),
    ("flow",),
    ("scenarios",),
    ("toolbox",),
    ("views",),
    ("exercises",),
    ("coursework",),
    ("widgets",),
    ("cli",),
    ("__init__", "__main__"),
]
RANK = {room: rank for rank, rooms in enumerate(ORDER) for room in rooms}


def room_of(path: Path) -> str:
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def imported_rooms(path: Path) -> set[str]:
    rooms = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "svcnotes":
            assert node.level == 0, f"{path}: relative imports hide the direction"
            parts = (node.module or "").split(".")
            rooms |= {parts[1]} if len(parts) > 1 else {a.name for a in node.names} & set(RANK)
        elif isinstance(node, ast.Import):
            rooms |= {a.name.split(".")[1] for a in node.names if a.name.startswith("svcnotes.")}
    return rooms


def test_every_room_has_its_place_in_the_order():
    assert {room_of(p) for p in PACKAGE.rglob("*.py")} <= set(RANK)


def test_a_module_imports_only_from_its_left():
    for path in PACKAGE.rglob("*.py"):
        here = room_of(path)
        for room in imported_rooms(path):
            assert RANK[room] <= RANK[here], f"{path.relative_to(PACKAGE)} imports {room}"


def test_netfilter_knows_nothing_of_kubernetes():
    for path in (PACKAGE / "netfilter").rglob("*.py"):
        assert imported_rooms(path) <= {"netfilter", "packet", "errors"}, path


def test_no_html_below_the_views():
    for path in PACKAGE.rglob("*.py"):
        if RANK[room_of(path)] < RANK["views"]:
            text = path.read_text(encoding="utf-8")
            assert "<div" not in text, path
            assert "_repr_html_" not in text, path


def test_no_module_is_longer_than_400_lines():
    longest = {
        str(p.relative_to(PACKAGE)): len(p.read_text(encoding="utf-8").splitlines())
        for p in PACKAGE.rglob("*.py")
    }
    assert {name: n for name, n in longest.items() if n > 400} == {}
