# svcnotes: the two commands of the README, and what they stand on.
#   make lab    sets everything up and opens JupyterLab on the notebooks
#   make test   sets everything up and runs lint, types, tests and notebooks
# Nothing but Python 3.11 or newer and make is needed; a container's root user will do.

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV ?= .venv
BIN := $(VENV)/bin
# JupyterLab refuses to run as root unless told; in a container that is the only user there is.
ROOT_FLAG := $(shell [ "$$(id -u)" = 0 ] && echo --allow-root)
LAB_FLAGS ?=
PYTEST_FLAGS ?=
CONFORMANCE_FLAGS ?=
SEEDS_FLAGS ?=
GRADING_FLAGS ?=

.PHONY: lab test coverage lint types notebooks book benchmarks conformance grading seeds picture clean modes

lab: $(VENV)/.lab
	$(BIN)/jupyter lab $(ROOT_FLAG) --ServerApp.root_dir='$(CURDIR)' \
		--LabApp.default_url=/lab/tree/notebooks/00-start-here.ipynb $(LAB_FLAGS)

test: $(VENV)/.test lint types
	$(BIN)/python -m pytest $(PYTEST_FLAGS)

# The same tests, and which lines they reach: half as slow again.
coverage: $(VENV)/.test
	$(BIN)/python -m pytest --cov=svcnotes --cov-report=term:skip-covered $(PYTEST_FLAGS)

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.test
	$(BIN)/mypy

# The pages that follow from the lessons: glossary, index of rules, table of misconceptions.
book: $(VENV)/.test
	$(BIN)/python tools/make_book.py

# The simulation against the real kernel: recorded scenarios and random worlds. Writes FIDELITY.md.
conformance: $(VENV)/.test
	$(BIN)/python tools/conformance.py $(CONFORMANCE_FLAGS)

# Grading, measured: 1,000 generated submissions of 8 notebooks with known marks, a run killed and resumed, and
# with GRADING_FLAGS='--nbgrader 2' nbgrader's autograde beside it.
grading: $(VENV)/.test
	$(BIN)/python tools/grading_benchmark.py $(GRADING_FLAGS)

# A thousand draws of every exercise of the coursework: right answers, wrong ones, how hard, how alike.
seeds: $(VENV)/.test
	$(BIN)/python tools/check_seeds.py $(SEEDS_FLAGS)

# What each proxy mode costs at 10 to 100,000 Services, as tables.
modes: $(VENV)/.test
	$(BIN)/python benchmarks/modes_table.py

benchmarks: $(VENV)/.test
	$(BIN)/python -m pytest benchmarks/bench_*.py $(PYTEST_FLAGS)

$(VENV)/bin/python:
	@[ -n "$(PYTHON)" ] || { echo "svcnotes needs Python 3.11 or newer; install it, or say make PYTHON=/path/to/python" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "This Python cannot make virtual environments; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }

$(VENV)/.lab: $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[lab]'
	@touch $@

$(VENV)/.test: $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[lab,test]'
	@touch $@ $(VENV)/.lab

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .benchmarks
