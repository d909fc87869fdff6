PYTHON ?= python3
BIN := .venv/bin
RUNS := .venv/.runs
READY := .venv/.ready
INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help setup run test test-slow test-browser test-services fuzz chaos copies bench bench-scale lint format lock clean

help: ## Show what there is to do
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(RUNS): deploy/requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Trueup needs Python 3.11 or newer: set PYTHON=/path/to/python3" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(INSTALL) --require-hashes -r deploy/requirements.lock
	$(INSTALL) --no-deps --no-build-isolation -e .
	@touch $(RUNS)

$(READY): $(RUNS) deploy/requirements-dev.lock
	$(INSTALL) --require-hashes -r deploy/requirements-dev.lock
	@touch $(READY)

setup: $(READY) ## Make .venv with what tests and lint need (.venv/bin/trueup is the command)

run: $(RUNS) ## Start the whole stack, run the sample through it, stay up until Ctrl-C; no tools for development
	@exec $(BIN)/trueup up --demo

# Most tests wait more than they compute. Whole modules, as they share fixtures; in order: those that take long come first.
AT_ONCE := --numprocesses logical --dist loadfile --no-loadscope-reorder
test: setup ## Run the tests (real Postgres, real Valkey, real workers)
	$(BIN)/pytest -m "not slow and not browser and not services" $(AT_ONCE) --maxprocesses 4

test-slow: setup ## Run the tests that take minutes
	$(BIN)/pytest -m "slow and not services" $(AT_ONCE) --maxprocesses 2

test-browser: setup ## Look at the gateway's pages with a real browser (needs Chromium)
	$(BIN)/pytest -m browser

test-services: setup ## Run against servers of others: brokers, poolers, older versions of Postgres (FULL=1: all counts)
	tests/services/install
	$(BIN)/pytest -m services $(AT_ONCE) --maxprocesses 2

SECONDS ?= 1800
fuzz: setup ## Send odd messages beside good ones to a real worker, for SECONDS=1800
	$(BIN)/python -m tests.fuzz --seconds $(SECONDS)

BROKER ?= redis
chaos: setup ## Kill, cut, fill and flush everything for a hundred rounds under a backlog (BROKER=redis, sentinel, rabbitmq)
	$(BIN)/python -m tests.chaos --rounds 100 --broker $(BROKER)

copies: setup ## Thirty such rounds around an application that keeps a copy from webhooks alone
	$(BIN)/python -m tests.chaos --copies --rounds 30

bench: setup ## Measure against a naive worker and against the ceiling (15 minutes)
	$(BIN)/python -m tests.benchmarks

# More of them: make bench-scale COMMITS=10000000
COMMITS ?= 3000000
bench-scale: setup ## Measure what may not grow with what is stored, at 3,000,000 commits and 100,000 accounts
	$(BIN)/python -m tests.benchmarks.scale --commits $(COMMITS)

lint: setup ## Style, types and import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup ## Rewrite the code in the house style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

LOCK := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
  --no-annotate --no-header --upgrade --group build pyproject.toml
lock: ## Resolve deploy/requirements.lock and requirements-dev.lock anew (needs uv)
	$(LOCK) --extra embedded --extra xlsx -o deploy/requirements.lock
	$(LOCK) --extra embedded --extra xlsx --extra pdf --extra dev --constraint deploy/requirements.lock -o deploy/requirements-dev.lock
	$(LOCK) --extra xlsx --extra pdf --constraint deploy/requirements-dev.lock -o deploy/requirements-image.lock

clean: ## Remove what make setup made (not the data in .trueup)
	rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache
