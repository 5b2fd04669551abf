# One verb per task. `make serve` and `make test` do all their set-up on a bare Debian machine with Python 3.11.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory

BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input -q
# Node from PyPI lands here where the machine has none that is new enough.
export PATH := $(CURDIR)/$(BIN):$(PATH)
# That Node has its own list of certificate authorities; behind a company's proxy the system's is the one to trust.
export NODE_USE_SYSTEM_CA ?= 1

GRAPHIQL := facade/web/graphiql/index.html
WEB_UI := $(shell find web-ui -type f -not -path '*/node_modules/*' -not -path '*/.vite/*') $(wildcard facade/web/examples/*)

# An upstream named in the environment or in .env takes the sandbox's place; credentials in the environment
# mean that the facade logs in itself.
UPSTREAM := $(BUTLR_BASE_URL)$(BUTLR_CLIENT_ID)$(shell grep -sE '^(export )?BUTLR_(BASE_URL|CLIENT_ID)=' .env)
SANDBOX := $(if $(UPSTREAM),,--sandbox)
ifneq ($(BUTLR_CLIENT_SECRET),)
serve: export FACADE_AUTH ?= service
endif

.PHONY: help install serve test clients check audit schema lock web-ui clean

help: ## Show this list
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

install: .venv/.runtime $(GRAPHIQL) ## An environment in .venv: the package, its extras, the GraphiQL page

serve: install ## The facade on http://127.0.0.1:8000, before the sandbox, or Butlr where BUTLR_* is set
	@exec $(BIN)/facade serve $(SANDBOX) $(ARGS)

test: check clients ## Lint, types and every test; installs Redis and Chromium where they are missing
	@scripts/need redis-server chromium curl
	@command -v promtool >/dev/null || scripts/apt prometheus
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

CLIENTS := tests/clients/node_modules/.package-lock.json tests/federation/node_modules/.package-lock.json \
	tests/clients/live/node_modules/.package-lock.json tests/clients/newman/node_modules/.package-lock.json \
	tests/clients/inspector/node_modules/.package-lock.json .make/clients/.installed
clients: $(CLIENTS) ## The client programs that the tests run

check: install .venv/.dev ## Lint, format, security, types, import contracts, schema.graphql up to date
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/bandit -q -c pyproject.toml -r facade
	$(BIN)/mypy
	$(BIN)/lint-imports
	cd web-ui && npm run --silent check
	@$(BIN)/facade schema | diff -u schema.graphql - || { echo "schema.graphql is not what the code says; run: make schema" >&2; exit 1; }

# Strict: where the advisories of a package cannot be had, it was not audited, and that is no success.
audit: .make/audit/bin/pip-audit ## Known vulnerabilities of what is installed; asks PyPI
	.make/audit/bin/pip-audit --strict --disable-pip --require-hashes -r requirements/runtime.txt -r requirements/build.txt

schema: .venv/.runtime ## Write schema.graphql
	$(BIN)/facade schema > schema.graphql.new
	@mv schema.graphql.new schema.graphql

ifneq ($(wildcard benchmarks/__main__.py),)
.PHONY: bench
bench: install .venv/.dev .venv/.node ## The benchmarks, side by side with the peers, as ratios
	$(BIN)/python -m benchmarks $(ARGS)
endif

web-ui: $(GRAPHIQL) ## Build the GraphiQL page

# Hashes of every platform's files, and no address to fetch them from: any index will do.
COMPILE = .make/lock/bin/pip-compile -q --generate-hashes --no-emit-index-url --no-emit-find-links \
	--no-emit-trusted-host --no-emit-options --strip-extras --allow-unsafe --no-header --annotation-style=line
lock: .make/lock/bin/pip-compile ## Pin requirements/*.txt anew (ARGS=--upgrade for newer versions)
	$(COMPILE) $(ARGS) -o requirements/build.txt requirements/build.in
	$(COMPILE) $(ARGS) -o requirements/node.txt requirements/node.in
	$(COMPILE) $(ARGS) --all-extras -o requirements/runtime.txt pyproject.toml requirements/runtime.in
	$(COMPILE) $(ARGS) -o requirements/clients.txt requirements/clients.in
	$(COMPILE) $(ARGS) -o requirements/dev.txt requirements/runtime.txt requirements/dev.in

clean: ## Remove what was built and installed
	rm -rf .venv .make dist build web-ui/node_modules tests/*/node_modules tests/clients/*/node_modules tests/clients/generated facade/web/graphiql .pytest_cache .mypy_cache .ruff_cache \
		.import_linter_cache .hypothesis
	find facade tests -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/.python:
	@scripts/venv .venv
	@touch $@

.venv/.runtime: requirements/runtime.txt requirements/build.txt pyproject.toml | .venv/.python
	@echo "Installing the package and what it needs into .venv"
	@$(PIP) install --require-hashes -r requirements/runtime.txt -r requirements/build.txt
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

.venv/.dev: requirements/dev.txt .venv/.runtime
	@echo "Installing what the tests need"
	@$(PIP) install --require-hashes -r requirements/dev.txt
	@touch $@

.venv/.node: requirements/node.txt | .venv/.python
	@scripts/node-is-new-enough || { echo "Installing Node"; $(PIP) install --require-hashes -r requirements/node.txt; }
	@touch $@

web-ui/node_modules/.package-lock.json: web-ui/package.json web-ui/package-lock.json .venv/.node
	@echo "Installing what GraphiQL is built from"
	@cd web-ui && npm ci --loglevel=error
	@touch $@

$(GRAPHIQL): $(WEB_UI) web-ui/node_modules/.package-lock.json
	@echo "Building GraphiQL"
	@cd web-ui && npm run --silent build -- --logLevel warn
	@touch $@

tests/%/node_modules/.package-lock.json: tests/%/package.json tests/%/package-lock.json .venv/.node
	@echo "Installing tests/$*"
	@cd tests/$* && npm ci --loglevel=error --ignore-scripts
	@touch $@

.make/clients/.installed: requirements/clients.txt
	@scripts/venv .make/clients
	@.make/clients/bin/python -m pip --disable-pip-version-check -q install --require-hashes -r requirements/clients.txt
	@touch $@

.make/lock/bin/pip-compile:
	@scripts/venv .make/lock
	@.make/lock/bin/python -m pip --disable-pip-version-check -q install 'pip-tools>=7.6'

.make/audit/bin/pip-audit:
	@scripts/venv .make/audit
	@.make/audit/bin/python -m pip --disable-pip-version-check -q install 'pip-audit>=2.9'
