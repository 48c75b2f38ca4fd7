PYTHON ?= python3
PORT ?= 8000
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
# A third of the tests wait for processes more than they compute.
TEST_WORKERS ?= $(shell n=$$(getconf _NPROCESSORS_ONLN); echo $$((n < 7 ? n + 1 : 8)))
LOCK := uv pip compile --quiet --universal --fork-strategy fewest --python-version 3.11 --generate-hashes

.DEFAULT_GOAL := help
.PHONY: help setup demo run test coverage soak bench check format migration lock audit clean

help: ## Show what there is to make
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(INSTALLED) ## Install everything into .venv (the other targets do it by themselves)

$(INSTALLED): requirements/dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; name one with: make PYTHON=python3.12 ...")'
	@# Debian packs ensurepip apart: where it is missing, the pip that is there does it.
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || { test ! -L $(VENV) && rm -rf $(VENV) && \
	    { $(PYTHON) -m venv $(VENV) >/dev/null 2>&1 || { $(PYTHON) -m venv --without-pip $(VENV) && \
	    $(PYTHON) -m pip --python $(BIN)/python install --quiet pip; }; }; }
	@echo "Installing the pinned requirements into $(VENV) ..."
	@# The lock names everything: without resolving, no release that comes later can be preferred to it.
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements/dev.txt
	@$(BIN)/python -m pip check
	@touch $@

demo: $(INSTALLED) ## Run everything with sample data and a simulated GitLab (PORT=8000)
	@exec $(BIN)/python -m gitlab_links.demo --port $(PORT)

run: $(INSTALLED) ## Run the service alone on this machine, kept in instance/ (PORT=8000)
	@exec $(BIN)/python -m gitlab_links.demo.service --port $(PORT)

test: $(INSTALLED) ## Run all tests; ARGS="tests/links -k refresh" runs some
	@$(BIN)/python -m pytest -n $(TEST_WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

coverage: $(INSTALLED) ## Run the tests and show which lines and branches they left out; ARGS as for test
	@$(BIN)/python -m pytest -n $(TEST_WORKERS) --dist loadfile --no-loadscope-reorder --cov --cov-report=term-missing:skip-covered $(ARGS)

bench: $(INSTALLED) ## Measure, and keep the tables in docs/performance.md; ONLY="accept drain" runs some
	@$(BIN)/python -m benchmarks --keep $(ONLY)

soak: $(INSTALLED) ## Prove the promises about faults at full size, under an hour; ARGS="kills" runs some
	@$(BIN)/python -m tests.soak --keep $(ARGS)

check: $(INSTALLED) ## Check style, types, import rules, and the contract against the code
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	SECRET_KEY=unused $(BIN)/flask --app wsgi openapi --check

format: $(INSTALLED) ## Put the code into the one format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

migration: $(INSTALLED) ## Write the migration for changed models: make migration MESSAGE="add due dates"
	$(BIN)/flask --app wsgi db upgrade
	$(BIN)/flask --app wsgi db migrate -m "$(MESSAGE)"

lock: $(INSTALLED) ## Pin requirements/*.in again, with hashes, for every platform and Python
	$(BIN)/$(LOCK) requirements/base.in -o requirements.txt
	$(BIN)/$(LOCK) requirements/dev.in -c requirements.txt -o requirements/dev.txt

audit: $(INSTALLED) ## Ask the public advisory database about every pinned version (needs the internet)
	$(BIN)/uv tool run pip-audit@2.10.1 --strict --require-hashes --disable-pip -r requirements.txt -r requirements/dev.txt

clean: ## Remove .venv, caches and test results; instance/ stays
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .coverage htmlcov test-results
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
