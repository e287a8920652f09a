# `make help` lists what there is. The environment is .venv, built from requirements.lock.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
LOCK := requirements.lock

# One thread a library: the work is many small arrays, and chains and tests run in parallel.
export OMP_NUM_THREADS := 1
export OPENBLAS_NUM_THREADS := 1
export MKL_NUM_THREADS := 1
export NUMBA_NUM_THREADS := 1

COMPILE := pip compile pyproject.toml --universal --generate-hashes --all-extras --group dev \
	--no-header --quiet

# How much of `make torture` there is, and of which random choices.
KILLS := 120
MUTATIONS := 2000
DAMAGES := 400
WRITERS := 10
SEED := 13

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup run test test-long test-fast notebooks torture torture-sample readme pair lint format types lock lock-check bench clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' Makefile

setup: $(STAMP) ## build .venv from requirements.lock, the project editable in it

$(STAMP): $(LOCK) pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 12))' || { \
		echo "anodebayes needs Python 3.12 or newer; $(PYTHON) is: $$($(PYTHON) --version 2>&1)."; \
		echo "Name another one: make setup PYTHON=python3.13"; exit 2; }
	@$(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 12))' 2>/dev/null \
		|| $(PYTHON) -m venv --clear $(VENV) \
		|| { echo "$(PYTHON) could not make $(VENV); on Debian and Ubuntu: apt install python3-venv"; \
			rm -rf $(VENV); exit 2; }
	@uv=uv; uv --version >/dev/null 2>&1 || { uv=$(BIN)/uv; $$uv --version >/dev/null 2>&1; } \
		|| $(BIN)/python -m pip install --quiet "$$(sed -n 's/^\(uv==[^ ;]*\).*/\1/p' $(LOCK))"; \
	set -ex; \
	$$uv pip install --python $(BIN)/python --require-hashes --compile-bytecode -r $(LOCK); \
	$$uv pip install --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

run: setup ## fit the literature campaign, check it, map and draw it
	$(BIN)/anodebayes run

test: setup ## run the tests, without those that take minutes
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not long and not notebooks and not torture"

test-long: setup ## run the tests that take minutes, and the notebooks
	$(BIN)/pytest -n 2 --dist loadgroup --no-loadscope-reorder -m "long or notebooks"

test-fast: setup ## run the tests that take seconds
	$(BIN)/pytest -n 2 --dist loadfile -m "not slow and not long and not notebooks and not torture"

torture: setup ## kill every command and damage its files, in full (an hour; KILLS=120, SEED=13)
	ANODEBAYES_KILLS=$(KILLS) ANODEBAYES_MUTATIONS=$(MUTATIONS) ANODEBAYES_DAMAGES=$(DAMAGES) \
		ANODEBAYES_WRITERS=$(WRITERS) ANODEBAYES_SEED=$(SEED) \
		$(BIN)/pytest -s -m torture tests/torture

torture-sample: setup ## a sample of `make torture`, by seed (minutes)
	ANODEBAYES_SEED=$(SEED) $(BIN)/pytest -n 2 --dist load -m torture tests/torture

notebooks: setup ## execute the notebooks
	$(BIN)/pytest -m notebooks tests/notebooks

readme: setup ## run the commands that README.md shows and write what they print into it (minutes)
	$(BIN)/python tests/test_readme.py $(ONLY)

pair: setup ## write the notebooks from their texts
	$(BIN)/jupytext --quiet --update --to ipynb notebooks/[0-9]*.py

lint: setup ## check style and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: setup ## mend style and format where a tool can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: setup ## check the types
	$(BIN)/mypy

lock: setup ## write requirements.lock from pyproject.toml (newer versions: UPGRADE=--upgrade)
	$(BIN)/uv $(COMPILE) $(UPGRADE) --output-file $(LOCK)

lock-check: setup ## check that requirements.lock is what pyproject.toml asks for
	@cp $(LOCK) $(VENV)/checked.lock
	@$(BIN)/uv $(COMPILE) --output-file $(VENV)/checked.lock
	@diff -u $(LOCK) $(VENV)/checked.lock || { echo "$(LOCK) is not current: make lock"; exit 1; }

bench: setup ## measure time and memory of fits, maps and readers (some minutes)
	$(BIN)/python tests/benchmarks/bench_fit.py
	$(BIN)/python tests/benchmarks/bench_map.py
	$(BIN)/python tests/benchmarks/bench_records.py
	$(BIN)/python tests/benchmarks/bench_tables.py

clean: ## remove the environment and every cache; runs/ stays
	rm -rf $(VENV) dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find data models inference tests -name __pycache__ -type d -prune -exec rm -rf {} +
