# Everything a person does with this checkout. `make help` lists it.
.DEFAULT_GOAL := help
SHELL := /bin/sh
VENV ?= .venv
BIN := $(VENV)/bin
UV := $(shell command -v uv 2>/dev/null)
# The first Python here that the project supports.
PYTHON ?= $(shell for p in python3 python3.12 python3.11 python; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))' \
	2>/dev/null && { echo $$p; break; }; done)
PYTEST_ARGS ?=
BENCH_ARGS ?=

.PHONY: help install demo test check lint types imports unit kernels bench lock format clean distclean system kafka

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(VENV)/installed ## Create .venv and install the locked packages and this project

demo: install ## Run everything on this machine with a simulated exchange; cockpit at http://127.0.0.1:8501
	$(BIN)/ember up --venue simulated --broker embedded

test: install system kafka ## Set up what is missing, then run every check and test
	@$(MAKE) --no-print-directory -j2 check kernels
	@$(MAKE) --no-print-directory unit

check: lint types imports ## Lint, types, and the arrows between packages

bench: install ## Measure the budgets of docs/performance.md
	$(BIN)/ember bench $(BENCH_ARGS)

lock: install ## Resolve requirements.lock anew from pyproject.toml (hashes, no hosts)
	$(BIN)/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --all-extras --upgrade \
		--generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --no-header \
		--output-file requirements.lock

format: install ## Format the code
	$(BIN)/ruff format .

clean: ## Remove caches and what a desk wrote (var/), keep .venv
	rm -rf var build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -not -path './$(VENV)/*' -prune -exec rm -rf {} +

distclean: clean
	rm -rf $(VENV)

lint: install
	$(BIN)/ruff check .

types: install
	$(BIN)/mypy

imports: install
	$(BIN)/lint-imports

unit: install
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

# Once for all processes that the tests start: otherwise each that comes before another has finished compiles for itself.
kernels: install
	@$(BIN)/python -m compileall -q contracts operators flows venues sinks cockpit infra tests
	@$(BIN)/python -m flows.warm

# What the tests use beyond Python: installed by apt when we are root, named with the command to get it otherwise.
system:
	@sh infra/install/system.sh

kafka: install
	@$(BIN)/python -m infra.broker.fetch

$(VENV)/installed: requirements.lock pyproject.toml
	@sh infra/install/venv.sh "$(VENV)" "$(PYTHON)" "$(UV)"
	@touch $@
