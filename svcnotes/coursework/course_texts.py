"""The files of a course beside its notebooks: nbgrader's settings, the hub's, and a page for the lecturer."""

from __future__ import annotations

NBGRADER_CONFIG = '''\
"""nbgrader's settings for this course."""

from pathlib import Path

c = get_config()  # noqa: F821 - nbgrader provides it

c.CourseDirectory.course_id = "{course}"
c.CourseDirectory.root = str(Path(__file__).resolve().parent)
# The exchange is a folder that every account can write to. For a trial on one machine: a folder of your own.
# c.Exchange.root = "/srv/nbgrader/exchange"

# Answer cells hold texts and no solutions, so there is nothing to clear away. (The step that clears solutions would
# replace each answer cell by a stub.)
c.GenerateAssignment.preprocessors = [
    "nbgrader.preprocessors.IncludeHeaderFooter",
    "nbgrader.preprocessors.LockCells",
    "nbgrader.preprocessors.ClearOutput",
    "nbgrader.preprocessors.CheckCellMetadata",
    "nbgrader.preprocessors.ComputeChecksums",
    "nbgrader.preprocessors.SaveCells",
    "nbgrader.preprocessors.ComputeChecksums",
    "nbgrader.preprocessors.CheckCellMetadata",
]
# A marks cell that was deleted comes back, and its mark with it.
c.OverwriteCells.add_missing_cells = True
c.Execute.timeout = 60
'''

HUB_CONFIG = '''\
"""nbgrader's settings for every account of the hub: put this file into /etc/jupyter/ of the hub's machine or image."""

import os

c = get_config()  # noqa: F821 - nbgrader provides it

c.CourseDirectory.course_id = "{course}"
# This folder must exist and be writable for everybody: mkdir -p, then chmod 0777.
c.Exchange.root = "/srv/nbgrader/exchange"
# In containers every account has the same name, "jovyan": nbgrader then takes the hub's name by itself.
'''

README = """\
# {course}

A course of {count} assignments, made by `svcnotes course create`. Each exercise draws a case of its own for every
student; an answer is a text, and marks come from tracing it.

| assignment | exercises | points | minutes for the exercises |
|---|---|---|---|
{rows}

## Hand out

```
nbgrader generate_assignment 01-nodeport      # writes release/01-nodeport
nbgrader release_assignment 01-nodeport       # into the exchange; or upload release/01-nodeport/*.ipynb to your platform
```

## Take in and mark

```
nbgrader collect 01-nodeport --update         # from the exchange into submitted/; the last one handed in counts
svcnotes course grade . --out marks           # marks, reports and feedback of all assignments; runs nobody's code
```

`svcnotes course grade` reads `submitted/` (a folder or a zip of notebooks from a learning platform will do as well).
It writes marks into `gradebook.db`, and into `marks/` CSV files for learning platforms, a summary, and a feedback page
for each student. Of one assignment alone: `--assignment 01-nodeport --out marks-01`. To mark again, late work too, run it again:
only what changed is judged anew.
nbgrader's own `autograde`, `generate_feedback` and `release_feedback` work, too, and give honest submissions the same marks;
but they **run** what students wrote, with your rights. Use them in a container, or not at all.

## Files

* `nbgrader_config.py`: the course's name and settings. **The name is part of every student's draw: do not change it
  once an assignment is out.**
* `source/`: the notebooks, with a locked marks cell after each answer cell. Add your own text; leave those cells.
* `students.csv`, where you gave a roster: `nbgrader db student import students.csv` tells nbgrader of them.
* `hub/nbgrader_config.py`: for a JupyterHub, into `/etc/jupyter/`.
"""
