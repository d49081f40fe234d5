# The two commands of a new user are `make run` and `make test`; CI runs `make check test`.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: run test check docs clusters bench chaos simulate clean help
.DEFAULT_GOAL := help

help:  ## list the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

$(READY): pyproject.toml constraints.txt
	@echo "installing das-hpo and what it needs into $(VENV): some minutes, once"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "das-hpo needs Python 3.11 or newer: make PYTHON=...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

run: $(READY)  ## a short real BOHB run on this machine, with progress and a table of the best at the end
	$(BIN)/das-hpo run --objective architecture --iterations 6 --min-budget 1 --max-budget 9

test: $(READY)  ## all tests
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist loadfile

check: $(READY)  ## lint, format, types, import directions
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(READY)  ## the documentation site, in build/site; warnings are errors
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build
	@echo "open build/site/index.html"

bench: $(READY)  ## benchmarks: ratios measured side by side
	$(BIN)/python -m benchmarks

chaos: $(READY)  ## kill, freeze and part everything at random for CHAOS_MINUTES (2), on SQLite and PostgreSQL, and compare with a calm run
	$(BIN)/python -m tests.chaos

clusters: $(READY)  ## a run on a real Ray cluster while a node is killed, and on a real Slurm while jobs are preempted
	DAS_HPO_CLUSTERS=1 $(BIN)/python -m pytest tests/das_hpo/launching

simulate: $(READY)  ## simulate SEEDS (300) runs in virtual time, each with its own faults; 100,000 is the long form
	PYTHONHASHSEED=0 OMP_NUM_THREADS=1 $(BIN)/python -m tests.simulation

clean:  ## remove what make and the tools made
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
