"""The tree is a lesson in itself: a module imports only from its left."""

import ast
from pathlib import Path

import pytest

from svcnotes.kernel.loaders import LOADERS, lacking
from svcnotes.kube_proxy.modes import MODES

PACKAGE = Path(__file__).parent.parent / "svcnotes"

ORDER = [
    ("errors", "addresses", "collector", "copying", "packet", "virtual_servers"),
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
        assert imported_rooms(path) <= {
            "netfilter",
            "packet",
            "errors",
            "addresses",
            "copying",
            "virtual_servers",
        }, path


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


# Where a mode may be named: by a text that is its name, or by an import of what is its own. Each with its reason.
NAMES_A_MODE = {
    "control_plane/objects.py": "the default of KubeProxyConfiguration",
    "control_plane/settings.py": "KubeProxyConfiguration is checked: its modes, and a section for each",
    "exercises/modes.py": "what is asked is the difference between two modes",
    "exercises/modes_clusters.py": "the same",
    "exercises/personal/modes.py": "what is asked is the difference between two modes",
    "kernel/nft_steps.py": "a loader: rules are told by what the walker of their language reads",
    "kernel/restore.py": "a loader: part of a program's name",
    "kube_proxy/modes.py": "the list of modes",
    "netfilter/__init__.py": "the room's own list",
    "netfilter/compile.py": "a match of iptables called so",
    "netfilter/editing.py": "a command is told by its language",
    "netfilter/edits.py": "the command that a line may begin with",
    "netfilter/languages.py": "the list of languages: which walker reads a text",
    "netfilter/syntax.py": "a match of iptables called so",
    "netfilter/telling.py": "rules are told apart by their language",
    "toolbox/ipvsadm.py": "a tool: it prints its language",
    "toolbox/nft.py": "a tool: it prints its language",
    "toolbox/tools.py": "a tool's name",
}
NO_KERNEL_HERE = {"ipset", "ipvsadm"}
"""What a mode writes and no kernel of ours can hold: there is no loader, and nothing was held against a kernel."""
OWN_ROOMS = [f"{room}/{mode}" for room in ("kube_proxy", "netfilter") for mode in MODES]


def modes_named(source: str) -> set[str]:
    """The modes that code names: in a text that is a mode's name and nothing else, or as a name of the code itself."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.add(node.value.strip())
        elif isinstance(node, ast.keyword):
            found.add(node.arg or "")
        elif isinstance(node, ast.Attribute):
            found.add(node.attr)
        elif isinstance(node, ast.ImportFrom):
            found |= {*(node.module or "").split("."), *(one.name for one in node.names)}
        elif isinstance(node, ast.Import):
            found |= {part for one in node.names for part in one.name.split(".")}
    return found & set(MODES)


def test_only_what_is_a_modes_own_and_a_few_lists_name_a_mode():
    named = {}
    for path in PACKAGE.rglob("*.py"):
        where = path.relative_to(PACKAGE).as_posix()
        if not where.startswith(tuple(f"{room}/" for room in OWN_ROOMS)):
            found = modes_named(path.read_text(encoding="utf-8"))
            named |= {where: sorted(found)} if found else {}
    assert {where: found for where, found in named.items() if where not in NAMES_A_MODE} == {}
    assert named.keys() >= NAMES_A_MODE.keys(), "what names no mode any more needs no leave"


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("if mode != 'iptables': pass", "iptables"),
        ("load(cluster, nftables=True)", "nftables"),
        ("from svcnotes.kube_proxy import nftables", "nftables"),
        ("from svcnotes.netfilter.nftables.chain import Chain", "nftables"),
        ("import svcnotes.kube_proxy.ipvs.sync", "ipvs"),
        ("svcnotes.kube_proxy.ipvs.rules", "ipvs"),
    ],
)
def test_code_that_names_a_mode_is_found(source, found):
    assert modes_named(source) == {found}


def test_a_sentence_about_a_mode_names_none():
    assert modes_named('"""In iptables mode a node port is open at every address."""') == set()


def test_each_mode_has_one_room_and_each_language_that_the_lab_loads_one_loader():
    rooms = {path.parent.name for path in (PACKAGE / "kube_proxy").glob("*/__init__.py")}
    assert rooms == set(MODES)
    loaded = {language for mode in MODES.values() if not lacking(mode.formats) for language in mode.formats}
    assert loaded == LOADERS.keys()
    assert lacking(["ipset"]) == "simulated only, nothing here loads what ipset would print"
