# Everything is in `python -m local`; this file gives it short names.
PYTHON ?= python3
VENV := .venv/bin
# Which environment `make up` releases: dev, impl or prod. Empty is all three, in that order.
ENV ?=
# `official` releases with the official AWS plugin in place of ours.
AWS_PLUGIN ?=

.PHONY: help up setup status install frontend down

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1	/p' $(MAKEFILE_LIST)

up: ## release through dev, impl and prod (ENV=dev: only one)
	@$(PYTHON) -m local up $(if $(ENV),--env $(ENV)) $(if $(AWS_PLUGIN),--aws-plugin $(AWS_PLUGIN))

setup: ## only the tools: virtual environment, engine, the sites' dependencies
	@$(PYTHON) -m local setup

status: ## what runs
	@$(PYTHON) -m local status

install: ## only the program's packages into .venv, for releases without the local environment
	@test -x $(VENV)/python || $(PYTHON) -m venv .venv
	@$(VENV)/python -m pip install --quiet --disable-pip-version-check --no-input --require-hashes -r requirements.lock
	@if [ -n "$$GITHUB_PATH" ]; then echo "$(CURDIR)/$(VENV)" >>"$$GITHUB_PATH"; fi

frontend: $(VENV)/python ## build the sites from this working tree, as a release of dev takes them
	@$(VENV)/python -m release build

down: ## nothing left: processes, containers, images of ours, files
	@$(PYTHON) -m local down
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis docs/examples/*/Pulumi.local.yaml docs/examples/*/service/service
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/python:
	@$(MAKE) --no-print-directory install

# What tests this project itself; a project that was made from it need not have it.
-include tests/Makefile
