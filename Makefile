# Everything is in `python -m local`; this file gives it short names.
PYTHON ?= python3
VENV := .venv/bin
# Which environment `make up` releases: dev, impl or prod. Empty is all three, in that order.
ENV ?=
# `official` releases with the official AWS plugin in place of ours.
AWS_PLUGIN ?=
# The lock file whose packages are installed in example/frontend, whole: `npm ci` removes it first, with all the rest.
LOCK := node_modules/.installed-lock.json
CHECKOV := .github/tools/checkov
SHELL_SCRIPTS := $(wildcard .ci/run) release/bin/pulumi-resource-release

# What the two halves of the tests are; a walk of the workflows has fewer.
FAST_TESTS ?= tests/unit tests/components
LOCAL_TESTS ?= tests/local
# The local tests wait more than they compute, so that more workers are possible: on two cores four took 29 minutes, and a
# test that waits a few seconds failed, one of 615.
LOCAL_WORKERS ?= 2
PART ?=
SINCE ?=
# What no local test reads.
UNREAD := $(patsubst %,':(exclude,glob)%',README.md LICENSE docs/*.md docs/*.py docs/decisions/** docs/pictures/** \
	tests/unit/test_*.py tests/components/test_*.py)

.PHONY: help up setup status install frontend test test-fast test-local test-faults check checkov docs pictures bench down

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1	/p' $(MAKEFILE_LIST)

up: ## release the example through dev, impl and prod (ENV=dev: only one)
	@$(PYTHON) -m local up $(if $(ENV),--env $(ENV)) $(if $(AWS_PLUGIN),--aws-plugin $(AWS_PLUGIN))

setup: ## only the tools: virtual environment, engine, the example's dependencies
	@$(PYTHON) -m local setup

status: ## what runs
	@$(PYTHON) -m local status

install: ## only the program's packages into .venv, for releases without the local environment
	@test -x $(VENV)/python || $(PYTHON) -m venv .venv
	@$(VENV)/python -m pip install --quiet --disable-pip-version-check --no-input --require-hashes -r requirements.lock
	@if [ -n "$$GITHUB_PATH" ]; then echo "$(CURDIR)/$(VENV)" >>"$$GITHUB_PATH"; fi

frontend: $(VENV)/python ## build the example's frontend from this working tree, which a release of dev takes
	@cd example/frontend && { cmp -s package-lock.json $(LOCK) || \
		{ npm ci --no-audit --no-fund && cp package-lock.json $(LOCK); }; }
	@EASI_VERSION=$$($(VENV)/python -m release version) && export EASI_VERSION && \
		npm --prefix example/frontend run build

check: .venv/.easi-installed ## formatting, lint, types, shell, workflows
	$(VENV)/ruff check .
	$(VENV)/ruff format --check .
	$(VENV)/mypy
	$(VENV)/shellcheck $(SHELL_SCRIPTS)
	"$$(go -C .github/tools tool -n actionlint)" -shellcheck=$(VENV)/shellcheck -pyflakes=
	$(VENV)/zizmor --quiet --offline --persona=pedantic .github

# Of its own: its hundred packages do not go with ours (boto3, urllib3). As modules: its scripts name the folder that it
# was made in, which is gone where .venv is a link, as in the clones of the tests.
checkov: ## more checks of workflows and Dockerfiles, with a virtual environment of its own
	@test -x .venv/checkov/bin/python || $(PYTHON) -m venv .venv/checkov
	@.venv/checkov/bin/python -m pip install --quiet --disable-pip-version-check --no-input --require-hashes -r $(CHECKOV)/requirements.txt
	.venv/checkov/bin/python -m checkov.main --config-file $(CHECKOV)/config.yaml --directory .

test: test-fast test-local ## everything

test-fast: setup check ## the checks, then unit and component tests
	$(VENV)/python -m pytest -n auto --dist loadfile $(FAST_TESTS)

# SINCE is a commit: where nothing that these tests read has changed since then, they are not run. A commit that is not
# there is no reason to leave them out.
test-local: ## tests with the real engine and containers (PART=services, environments or walks: only these)
	@if [ -n "$(SINCE)" ] && git diff --quiet "$(SINCE)" -- . $(UNREAD) && \
		[ -z "$$(git ls-files --others --exclude-standard -- . $(UNREAD))" ]; then \
		echo "nothing that the local tests read has changed since $(SINCE)"; \
	else \
		$(MAKE) --no-print-directory setup && \
		$(VENV)/python -m pytest -n $(LOCAL_WORKERS) $(LOCAL_TESTS) $(if $(PART),--part $(PART)); \
	fi

test-faults: setup ## the whole failure suite, an hour or so; writes docs/failures.md
	$(VENV)/python -m pytest tests/local/faults --all-faults

docs: .venv/.easi-installed ## write what is generated again: docs/settings.md, local/plugin/types.json, release/static/mime.types
	$(VENV)/python -m docs.settings_table
	$(VENV)/python -m local.plugin.sdk
	@npm ci --prefix .github/tools/mime-db --silent --no-audit --no-fund --ignore-scripts
	$(VENV)/python -m docs.media_types

pictures: setup ## take the pictures of comment and summaries again: docs/pictures
	$(VENV)/python -m pytest tests/local/workflow --pictures docs/pictures

bench: setup ## all measurements, an hour or so; writes docs/benchmarks.md, its plot and the table of README.md
	$(VENV)/python -m tests.bench

down: ## nothing left: processes, containers, images of ours, files
	@$(PYTHON) -m local down
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis docs/examples/*/Pulumi.local.yaml docs/examples/*/service/service
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/python:
	@$(MAKE) --no-print-directory install

.venv/.easi-installed: requirements-dev.lock
	@$(PYTHON) -m local.bootstrap
