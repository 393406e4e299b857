# `make demo` and `make test` set up everything they need in .venv, from Python 3.11 alone.

# The pins of constraints.txt install on 3.12 too: make PYTHON3=python3.12 test
PYTHON3 ?= python3.11
VENV := .venv
PYTHON := $(VENV)/bin/python
DEMO_DIR ?= demo_run
TRAINING_DEMO_DIR ?= demo_training_run

.PHONY: setup demo demo-training test test-slow lint clean

setup: $(VENV)/.ready

# pyproject.toml says what is needed, constraints.txt which versions.
$(VENV)/.ready: pyproject.toml setup.py constraints.txt
	$(PYTHON3) -m venv $(VENV)
	PIP_USE_PEP517=1 PIP_CONSTRAINT=constraints.txt $(PYTHON) -m pip install --quiet --disable-pip-version-check \
		--editable '.[dev]'
	touch $@

demo: setup
	PYTHON=$(PYTHON) bash tools/demo.sh $(DEMO_DIR)

# The same with a detector of its own, which takes longer.
demo-training: setup
	PYTHON=$(PYTHON) bash tools/demo_training.sh $(TRAINING_DEMO_DIR)

# tests/conftest.py says which tests share a process, and which come first.
PYTEST := $(PYTHON) -m pytest --numprocesses=2 --dist=loadfile --no-loadscope-reorder

test: setup
	$(PYTEST) -m 'not slow'

# The rest: several workers that train, notebooks, benchmarks.
test-slow: setup
	$(PYTEST) -m slow

lint: setup
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy

clean:
	rm -rf $(VENV) $(DEMO_DIR) $(TRAINING_DEMO_DIR) build *.egg-info
