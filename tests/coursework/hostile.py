"""Hostile and mangled submissions: each kind changes an honest notebook, and says what that may do to its marks.

Used by the tests and by the grading benchmark. `canary` is a folder: whatever runs a student's code would leave a
file there, and no run of the grader may.
"""

import base64
import copy
import json
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

NONE, TARGET, ALL = "none", "target", "all"
NOTHING = "nothing of the sort"


@dataclass(frozen=True)
class Hostile:
    """One kind: what it loses (no mark, the target exercise's, or all), and the words that the report has for it.

    `make(book, target, canary)` gives the file's bytes; `book` is a deep copy of the honest notebook. `answer` is what
    the target is answered with then, None where that is what the honest notebook has, or nothing.
    `line` is empty where there is nothing to tell: ordinary code that is never run.
    """

    name: str
    loses: str
    line: str
    make: Callable[[dict, str, Path], bytes]
    answer: str | None = None

    def of(self, book: dict, target: str, canary: Path) -> bytes:
        changed = copy.deepcopy(book)
        for cell in changed["cells"]:
            cell["source"] = "".join(cell["source"])  # a text, or its lines
        return self.make(changed, target, canary)


class Pickled:
    """What runs a command when it is unpickled."""

    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        import os

        return os.system, (self.command,)


def data(book) -> bytes:
    return json.dumps(book, ensure_ascii=False).encode("utf-8", "surrogatepass")


def code(source, **metadata):
    return {"cell_type": "code", "execution_count": 1, "metadata": metadata, "outputs": [], "source": source}


def cell_of(book, target):
    return next(cell for cell in book["cells"] if "".join(cell["source"]).startswith(f"%%answer {target}\n"))


def first(*cells):
    def make(book, _target, canary):
        book["cells"][:0] = [code(source.replace("CANARY", str(canary))) for source in cells]
        return data(book)

    return make


def answered(text, *, options=""):
    """Put another answer into the target's cell."""

    def make(book, target, canary):
        cell_of(book, target)["source"] = f"%%answer {target}{options}\n{text.replace('CANARY', str(canary))}"
        return data(book)

    return make


def keeping(options="", before="", after=""):
    """Keep the target's answer, with something around it."""

    def make(book, target, canary):
        cell = cell_of(book, target)
        head, _, text = cell["source"].partition("\n")
        cell["source"] = f"{before}{head}{options}\n{text}{after}".replace("CANARY", str(canary))
        return data(book)

    return make


def changed(change):
    """Change the notebook in place."""

    def make(book, target, canary):
        change(book, target, canary)
        return data(book)

    return make


def raw(content):
    def make(book, target, canary):
        return content(book, target, canary) if callable(content) else content

    return make


def _pickles(book, _target, canary):
    payload = base64.b64encode(pickle.dumps(Pickled(f"touch {canary}/pickle"))).decode()
    book["metadata"]["pickle"] = payload
    book["metadata"]["kernelspec"] = {
        "argv": ["touch", f"{canary}/kernelspec"],
        "name": "x",
        "language": "sh",
    }
    for cell in book["cells"]:
        cell["metadata"]["pickle"] = payload
        if cell["cell_type"] == "code":
            cell["outputs"] = [
                {
                    "output_type": "display_data",
                    "data": {"application/python-pickle": payload},
                    "metadata": {},
                }
            ]


def _claims_right(book, target, _canary):
    cell = cell_of(book, target)
    cell["source"] = f"%%answer {target}\n{NOTHING}"
    cell["outputs"] = [
        {"output_type": "stream", "name": "stdout", "text": ["✔ Right: 99 of 99 points\n"]},
        {"output_type": "execute_result", "data": {"text/plain": "99"}, "metadata": {}, "execution_count": 1},
    ]


def _marks_cells(book, _target, canary):
    """Every answer gets a marks cell that gives itself full marks."""
    cells = []
    for cell in book["cells"]:
        cells.append(cell)
        found = cell["metadata"].get("nbgrader", {}).get("grade_id")
        if found:
            meta = {"grade": True, "grade_id": f"{found}-marks", "points": 1000, "locked": False}
            cells.append(code(f"open('{canary}/marks', 'w')\n1000", nbgrader=meta))
            cells[-1]["outputs"] = [
                {"output_type": "execute_result", "data": {"text/plain": "1000"}, "metadata": {}}
            ]
    book["cells"] = cells


def _delete(book, target, _canary):
    book["cells"].remove(cell_of(book, target))


def _one_id(book, target, _canary):
    for cell in book["cells"]:
        if "nbgrader" in cell["metadata"]:
            cell["metadata"]["nbgrader"]["grade_id"] = target


def _ids_turned(book, _target, _canary):
    cells = [cell for cell in book["cells"] if "nbgrader" in cell["metadata"]]
    ids = [cell["metadata"]["nbgrader"]["grade_id"] for cell in cells]
    for cell, name in zip(cells, [*ids[1:], *ids[:1]], strict=True):
        cell["metadata"]["nbgrader"]["grade_id"] = f"{name}<script>"


def _wrong_then_right(book, target, _canary):
    book["cells"].insert(0, code(f"%%answer {target}\n{NOTHING}"))


def _right_then_wrong(book, target, _canary):
    book["cells"].append(code(f"%%answer {target}\n{NOTHING}"))


def _hundred_answers(book, target, _canary):
    book["cells"][:0] = [code(f"%%answer {target}\nguess number {n}") for n in range(100)]


def _markdown(book, target, _canary):
    cell_of(book, target)["cell_type"] = "markdown"


def _lost_line(book, target, _canary):
    cell = cell_of(book, target)
    cell["source"] = cell["source"].partition("\n")[2] or "x"


def _more_cells(book, _target, _canary):
    book["cells"] += [code("pass")] * 5000


def _wrong_types(book, _target, _canary):
    book["cells"][:0] = [
        None,
        7,
        "cell",
        [],
        {"cell_type": 3, "source": "x"},
        {"cell_type": "code", "source": {"a": 1}, "metadata": []},
        {"cell_type": "code", "source": ["a", 1]},
        {"cell_type": "code", "metadata": {"nbgrader": "x"}, "source": "y", "outputs": 5},
    ]


def _odd_text(book, _target, _canary):
    for cell in book["cells"]:
        if cell["cell_type"] == "markdown":
            cell["source"] = "\ud800 \u202e \x00 \x1b[31m </script><script>alert(1)</script>"


def _escaped(book, target, canary):
    _odd_text(book, target, canary)
    return json.dumps(book).encode()


def _lines(book, _target, _canary):
    for cell in book["cells"]:
        cell["source"] = "\n\n" + cell["source"].replace("\n", "\r\n") + "\r\n\r\n   "


def _as_lists(book, _target, _canary):
    for cell in book["cells"]:
        cell["source"] = cell["source"].splitlines(keepends=True)


def _another_exercise(book, _target, _canary):
    book["cells"].append(code("%%answer 99-free-points\nplease"))


def _version_3(book, _target, _canary):
    cells = []
    for cell in book.pop("cells"):
        old = dict(cell)
        if cell["cell_type"] == "code":
            old["input"] = old.pop("source")
        cells.append(old)
    book |= {"worksheets": [{"cells": cells}], "nbformat": 3, "nbformat_minor": 0}


def _twice(book, _target, _canary):
    """The key `cells` twice: first an empty list, then the real one, as JSON readers take it."""
    text = json.dumps(book, ensure_ascii=False)
    return text.replace("{", '{"cells": [], ', 1).encode()


def _numbers(book, _target, _canary):
    text = json.dumps(book, ensure_ascii=False)
    return text.replace(
        '"nbformat": 4', f'"nbformat": 4, "n": {"9" * 5000}, "m": 1e99999, "k": NaN', 1
    ).encode()


def _no_cells(book, _target, _canary):
    book["metadata"]["cells"] = book.pop("cells")


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "\n".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 9)}]" for n in range(9)
)
LOOP = "*filter\n:INPUT ACCEPT [0:0]\n:A - [0:0]\n:B - [0:0]\n-A INPUT -j A\n-A A -j B\n-A B -j A\nCOMMIT\n"
REGEX = (
    "-A PREROUTING -m string --algo bm --string '"
    + "(a+)+" * 200
    + "$' -m comment --comment '"
    + "a" * 3000
    + "!' -j DNAT --to-destination "
    + "1." * 2000
)


def wrong(name, text, line=""):
    """A kind whose target is answered with `text`, and loses what that is not worth."""
    return Hostile(name, TARGET, line, answered(text), text)


KINDS: tuple[Hostile, ...] = (
    Hostile("exit", NONE, "", first("exit()", "import os; os._exit(0)", "raise SystemExit")),
    Hostile("endless loop", NONE, "", first("while True: pass")),
    Hostile(
        "equal to everything",
        NONE,
        "",
        first("class All:\n    def __eq__(self, other): return True\nanswer = verdict = All()"),
    ),
    Hostile(
        "canaries",
        NONE,
        "",
        first(
            "import os; os.system('touch CANARY/system')",
            "open('CANARY/open', 'w').write('x')",
            "!touch CANARY/bang",
            "%%bash\ntouch CANARY/bash",
            "%env SVCNOTES_CANARY=ran",
            "%load_ext canary\n%run CANARY/x.py",
            "get_ipython().kernel.do_shutdown(False)",
        ),
    ),
    Hostile("pickles in metadata and outputs", NONE, "", changed(_pickles)),
    wrong("an answer of Python", "__import__('os').system('touch CANARY/answer') or 1"),
    wrong("an answer of YAML tags", "!!python/object/apply:os.system ['touch CANARY/yaml']"),
    wrong("an answer of markup", "</pre><script>fetch('http://192.0.2.1/')</script>"),
    wrong("an alias bomb", BOMB),
    wrong("a megabyte", "x" * 1_000_000, line="1,000,000 characters"),
    wrong("deep YAML", "[" * 9000),
    wrong("rules without end", LOOP),
    wrong("rules of a regex bomb", REGEX),
    wrong("a formula", '=HYPERLINK("http://192.0.2.1","x")'),
    Hostile("outputs that say Right", TARGET, "an output has no effect", changed(_claims_right), NOTHING),
    Hostile("marks cells of one's own", NONE, "", changed(_marks_cells)),
    Hostile("a deleted cell", TARGET, "There is no cell", changed(_delete)),
    Hostile("one id for all cells", NONE, "cells have nbgrader's id", changed(_one_id)),
    Hostile("ids exchanged", NONE, "the line counts", changed(_ids_turned)),
    Hostile("wrong, then right", NONE, "Answered 2 times; the last counts", changed(_wrong_then_right)),
    Hostile(
        "right, then wrong", TARGET, "Answered 2 times; the last counts", changed(_right_then_wrong), NOTHING
    ),
    Hostile("a hundred guesses", NONE, "Answered 101 times; the last counts", changed(_hundred_answers)),
    Hostile("another student's name", NONE, "is not understood", keeping(" --student bob")),
    Hostile("a claim to be somebody else", NONE, "whose case counts", first("%student net-1 somebody-else")),
    Hostile("an answer in a text cell", TARGET, "holds no answer", changed(_markdown)),
    Hostile("a lost first line", TARGET, "its first line is not", changed(_lost_line)),
    Hostile("code before the magic", TARGET, "its first line is not", keeping(before="exit()\n")),
    Hostile(
        "an exercise that was not asked",
        NONE,
        "is not an exercise of this assignment",
        changed(_another_exercise),
    ),
    Hostile("five thousand cells", NONE, "cells; the first 2,000", changed(_more_cells)),
    Hostile("cells of wrong types", NONE, "cannot be read: it is a NoneType", changed(_wrong_types)),
    Hostile("bytes that are no text", NONE, "Some bytes are not UTF-8", changed(_odd_text)),
    Hostile("half a letter, and letters that turn", NONE, "", raw(_escaped)),
    Hostile("line ends of Windows", NONE, "", changed(_lines)),
    Hostile("sources in lists", NONE, "", changed(_as_lists)),
    Hostile("a byte order mark", NONE, "", raw(lambda book, *_: b"\xef\xbb\xbf" + data(book))),
    Hostile("a key twice", NONE, "twice; the last one counts", raw(_twice)),
    Hostile("numbers of thousands of digits", NONE, "", raw(_numbers)),
    Hostile("nbformat 3", NONE, "This is nbformat 3", changed(_version_3)),
    Hostile("no cells", ALL, "it has no list of cells", changed(_no_cells)),
    Hostile("not JSON", ALL, "it is not JSON", raw(b"from os import system\nsystem('touch x')")),
    Hostile("a JSON list", ALL, "outermost JSON value is a list", raw(lambda book, *_: data([book]))),
    Hostile("cut off", ALL, "it is not JSON", raw(lambda book, *_: data(book)[:-20])),
    Hostile("deep JSON", ALL, "nested too deep", raw(b'{"cells": ' + b"[" * 200_000)),
    Hostile("nine megabytes", ALL, "larger than", raw(lambda book, *_: data(book) + b" " * 9_000_000)),
    Hostile("UTF-16", ALL, "not UTF-8", raw(lambda book, *_: json.dumps(book).encode("utf-16"))),
    Hostile("an empty file", ALL, "the file is empty", raw(b"")),
    Hostile(
        "a pickle",
        ALL,
        "it is not UTF-8",
        raw(lambda _b, _t, canary: pickle.dumps(Pickled(f"touch {canary}/file"))),
    ),
)
