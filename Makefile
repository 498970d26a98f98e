# trafficfed: `make help` lists the targets. Everything is set up on first use; nothing outside this folder and the
# cache ($XDG_CACHE_HOME/trafficfed, for the API servers that the tests run) is touched, but for the distribution
# packages that scripts/setup-tests names before it installs them.

PYTHON ?= python3
BIN := .venv/bin
UV_VERSION := 0.13.9
# `make test ARGS="-k steering -x"` passes arguments on to pytest.
ARGS ?=
WORKERS ?= 2

.DEFAULT_GOAL := help
.PHONY: help demo demo-check test check lint docs bench setup-tests clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{printf "  make %-12s %s\n", $$1, $$2}'

.venv/.ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "trafficfed needs Python 3.11 or newer; name one: make PYTHON=python3.12 ...")'
	@echo "setting up .venv from requirements.lock"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@VIRTUAL_ENV=$(CURDIR)/.venv $(BIN)/uv pip sync --quiet --require-hashes requirements.lock
	@VIRTUAL_ENV=$(CURDIR)/.venv $(BIN)/uv pip install --quiet --no-deps --no-build-isolation --reinstall-package trafficfed --editable .
	@touch $@

demo: .venv/.ready ## three regions on this machine, live; ends with Ctrl-C
	@$(BIN)/trafficfed demo

demo-check: .venv/.ready ## the demo's failover unattended, with measured times; fails if anything was wrong
	@$(BIN)/trafficfed demo --check

setup-tests: .venv/.ready
	@scripts/setup-tests
	@scripts/build-cluster-binaries >/dev/null
	@scripts/build-helm >/dev/null
	@scripts/istio-definitions >/dev/null

test: setup-tests ## all tests, real servers included, with branch coverage
	@rm -f .coverage .coverage.*
	@$(BIN)/coverage run -m pytest -n $(WORKERS) --dist loadscope -q $(ARGS)
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report --skip-covered --fail-under=$$(cat .ci/coverage-floor)

check: .venv/.ready ## the fast tests only: no servers but our own sockets, none longer than a moment
	@$(BIN)/pytest -q -n $(WORKERS) -m "not real and not slow" $(ARGS)

lint: .venv/.ready ## format, lint, import contracts, strict types
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/lint-imports
	@$(BIN)/mypy

docs: .venv/.ready ## the documentation as a site, in build/docs; fails for broken links
	@$(BIN)/python -m scripts.site build/docs
	@echo "build/docs/index.html"

bench: setup-tests ## the benchmarks of benchmarks/README.md
	@$(BIN)/python -m benchmarks $(ARGS)

clean: ## remove what was built here (not the cache)
	@rm -rf .venv dist build .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .hypothesis
