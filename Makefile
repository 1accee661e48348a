# Redress on a laptop and in CI. `make` lists all targets.
#
# Tools are installed into .venv, pinned by local/requirements.txt, and checkov into .local/checkov. Nothing is
# installed for the user or the system, except what browser and database tests need (local/install.py), if run as root.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# sam looks on PATH for the python3.13 that builds functions, so .venv comes first.
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export PYTHONPATH := $(CURDIR)/layers/core:$(CURDIR)
export SAM_CLI_TELEMETRY := 0
# Dozens of processes start here. Each would compile the same modules again.
unexport PYTHONDONTWRITEBYTECODE

# Linters and tests need a region, but none is called. Commands that operate a stack on AWS use the region of
# the shell or of the profile.
OPERATE := deploy rollback remove restore letters sign-in console verify-aws
ifeq ($(filter $(OPERATE),$(MAKECMDGOALS)),)
export AWS_DEFAULT_REGION ?= us-east-1
endif

PYTHON := .venv/bin/python
# Tests that need a build, a deployed stack or a browser.
SLOW := tests/artifacts tests/local tests/browser
# `make template` runs them, each file on a worker of its own.
LINTERS := tests/template/test_linters.py tests/template/test_scanner.py
FAST := $(filter-out $(SLOW) tests/__pycache__,$(patsubst %/,%,$(wildcard tests/*/))) $(wildcard tests/test_*.py)

.PHONY: help
help: ## Show this list
	@awk 'BEGIN { FS = ":.*## " } /^[a-z][a-z-]*:.*## / { printf "  \033[1m%-12s\033[0m %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# ------------------------------------------------------------------------------ tools

.venv/ready: local/requirements.txt
	@if [ ! -x $(PYTHON) ]; then \
		if python3.13 --version >/dev/null 2>&1; then python3.13 -m venv .venv; \
		elif command -v uv >/dev/null; then uv venv --quiet --seed --python 3.13 .venv; \
		else echo "Python 3.13 is needed (pyenv install 3.13, or your system's), or uv, which brings it." >&2; exit 1; \
		fi; \
	fi
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 13))' \
		|| { echo ".venv has another Python than 3.13: run 'rm -r .venv', then make again" >&2; exit 1; }
	@# Python compiles what is used when it is used, with both processors.
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --no-compile --requirement local/requirements.txt
	@touch $@

.PHONY: tools lock install
tools: .venv/ready ## Install the pinned Python tools into .venv, unless they are there

# It pins versions of boto3 and others that the tools in .venv do not have, so it has an environment of its own.
# uv installs it in seconds. pip takes half a minute, but installs it also where only pip is set up for a mirror.
.local/checkov/ready: local/checkov.txt | .venv/ready
	@rm -rf .local/checkov
	$(PYTHON) -m pip install --quiet --disable-pip-version-check uv
	uv venv --quiet --python $(PYTHON) .local/checkov
	uv pip install --quiet --python .local/checkov --no-deps --requirement local/checkov.txt \
		|| $(PYTHON) -m pip --python .local/checkov install --quiet --disable-pip-version-check \
			--no-deps --no-compile --requirement local/checkov.txt
	@touch $@

lock: .venv/ready ## Pin the tools in local/*.in to their current versions
	$(PYTHON) -m pip install --quiet --disable-pip-version-check uv
	@for list in requirements checkov; do \
		uv pip compile --quiet --upgrade --python $(PYTHON) --no-header local/$$list.in > local/$$list.new; \
		{ head -1 local/$$list.txt; cat local/$$list.new; } > local/$$list.locked; \
		mv local/$$list.locked local/$$list.txt; rm local/$$list.new; \
	done

install: .venv/ready ## Install what tests need besides Python: Chromium and fonts, Java, DynamoDB Local, npm tools
	$(PYTHON) -m local.install browser java dynamodb node

# ------------------------------------------------------------------------------ the local cloud

.PHONY: up down demo mails mailbox letters sign-in
up: .venv/ready ## Run Redress on this laptop (PORT=4566 PACE=3600: an hour passes in a second)
	$(PYTHON) -m local.stack up $(if $(PORT),--port $(PORT)) $(if $(PACE),--pace $(PACE))

down: .venv/ready ## Stop the local cloud; its data is lost
	$(PYTHON) -m local.stack down

mails: .venv/ready ## Write a page with every mail template in every language
	@$(PYTHON) -m local.mails previews

mailbox: .venv/ready ## Write a page with the mails that the local cloud sent (RELAY=127.0.0.1:1025: also by SMTP)
	@$(PYTHON) -m local.mails box $(if $(RELAY),--relay $(RELAY))

letters: .venv/ready ## List the dead letters (BACK=1: put all back; BACK=id DROP=id; STACK=redress: on AWS)
	@$(PYTHON) -m local.letters $(if $(STACK),--stack $(STACK)) $(if $(BACK),--back $(BACK)) $(if $(DROP),--drop $(DROP))

.PHONY: deploy rollback
deploy: .venv/ready ## Build, deploy to AWS, protect (STACK=redress GUIDED=1: sam asks; PARAMETERS="Key=value ...")
	@$(PYTHON) -m local.operations.deploy $(if $(STACK),--stack $(STACK)) $(if $(GUIDED),--guided) \
		--parameters "$${PARAMETERS:-}"

rollback: .venv/ready ## Move all functions back to the version before (STACK=redress TO=2026-11-29T18:00+08:00)
	@$(PYTHON) -m local.operations.rollback $(if $(STACK),--stack $(STACK)) $(if $(TO),--to $(TO))

.PHONY: remove
remove: .venv/ready ## Remove a stack; what contains data stays (STACK=redress on AWS, YES=1: do not ask)
	@$(PYTHON) -m local.operations.removal $(if $(STACK),--stack $(STACK)) $(if $(YES),--yes)

.PHONY: restore
restore: .venv/ready ## Put the table back to a time (AT=2026-11-23T08:00:00Z STACK=redress GIVE_UP=1); without AT: a removed stack
	@$(PYTHON) -m local.operations.restore $(if $(STACK),--stack $(STACK)) $(if $(AT),--at $(AT)) \
		$(if $(GIVE_UP),--give-up) $(if $(YES),--yes)

sign-in: .venv/ready ## Print an ID token (EMAIL=; STACK=redress: on AWS; APP=1: set up an authenticator app)
	@$(PYTHON) -m local.operations.sign_in --email "$(EMAIL)" $(if $(STACK),--stack $(STACK)) $(if $(APP),--app)

.PHONY: console
console: .venv/ready ## Write a page with the widgets of the dashboard (TICKET=R-...; STACK=redress: on AWS)
	@$(PYTHON) -m local.operations.console $(if $(STACK),--stack $(STACK)) $(if $(TICKET),--ticket $(TICKET))

.PHONY: verify-aws
verify-aws: .venv/ready ## Compare a deployed stack with the template; it only reads (STACK=redress: on AWS)
	@$(PYTHON) -m local.operations.verify $(if $(STACK),--stack $(STACK))

demo: .venv/ready ## Play tickets from the web form to the monthly scorecard, in this terminal
	$(PYTHON) -m local.demo

# ------------------------------------------------------------------------------ benchmarks

.PHONY: bench
bench: .venv/ready ## Measure speed, lateness and cost (ONLY=sleepers SCALE=0.03: a quick try)
	$(PYTHON) -m bench $(ONLY) $(if $(SCALE),--scale $(SCALE))

# ------------------------------------------------------------------------------ fuzzing

.PHONY: fuzz
fuzz: .venv/ready ## Try properties with many examples, and break the mail reader (MINUTES=2)
	@# Only this target needs it, and it has no wheels for other machines.
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check \
		'atheris==3.1.0; sys_platform == "linux" and platform_machine == "x86_64"'
	EXAMPLES_TIMES=$(or $(MINUTES),2) $(PYTHON) -m pytest -n 2 -m hypothesis $(FAST)
	$(PYTHON) -m tests.fuzz_mails --minutes $(or $(MINUTES),2)

# ------------------------------------------------------------------------------ chaos

.PHONY: chaos
chaos: .venv/ready ## Play a random run with faults and check all it left (MINUTES=10 SEED=1)
	@$(PYTHON) -m tests.chaos --minutes $(or $(MINUTES),10) $(if $(SEED),--seed $(SEED)) \
		$(if $(PLANT),--plant $(PLANT))

# ------------------------------------------------------------------------------ service plans

.PHONY: plan-check plan-build
plan-check: .venv/ready ## Report everything that is wrong with a service plan (FILE=plan.yaml)
	@$(PYTHON) -m local.plans check $(or $(FILE),layers/core/redress/data/plan-1.yaml)

plan-build: .venv/ready ## Build plan-1.json, which the functions read, from plan-1.yaml
	$(PYTHON) -m local.plans build

.PHONY: lifecycle
lifecycle: .venv/ready ## Draw docs/lifecycle.md from the table of the lifecycle
	$(PYTHON) -m local.lifecycle

# ------------------------------------------------------------------------------ the API

.PHONY: openapi reference
openapi: .venv/ready ## OpenAPI documents and the template's routes, from the declarations of routes
	$(PYTHON) -m local.openapi

reference: .venv/ready ## Pages with the reference of both APIs, to read and search without an account
	@$(PYTHON) -m local.clients reference

.PHONY: clients
clients: .venv/ready ## Lint the OpenAPI documents, generate clients from them and compile the samples
	@$(PYTHON) -m local.clients

.PHONY: recording
recording: .venv/ready ## Record the terminal client at work as docs/images/terminal.svg
	RECORDING=docs/images/terminal.svg $(PYTHON) -m pytest -q tests/client/test_recording.py

# ------------------------------------------------------------------------------ checks

.PHONY: check lint types template test test-fast test-slow quick fmt clean
# Chaos runs after the slow tests, because its load would delay the promises of other tests.
check: install ## Run everything that CI checks
	@$(PYTHON) -m tests.together \
		"$(MAKE) --no-print-directory test-slow chaos MINUTES=2 SEED=$(or $(SEED),2026)" \
		"$(MAKE) --no-print-directory lint types template test-fast"

lint: .venv/ready ## Check style and common mistakes
	ruff check .
	ruff format --check .

types: .venv/ready ## Check types strictly
	mypy layers/core/redress local bench tests
	@# One at a time: each function's folder is its own import path, and each has a module `app`.
	@for function in functions/*/; do MYPYPATH=$$function mypy $$function; done
	MYPYPATH=$$($(PYTHON) -m local.clients terminal) mypy client/redress_cli client/generate.py
	@# Fails for what the standard library does not have on Windows.
	MYPYPATH=$$($(PYTHON) -m local.clients terminal) mypy --platform win32 client/redress_cli

template: .venv/ready .local/checkov/ready ## Validate the template (CloudFormation, SAM, Lambda, security) and the state machines
	$(PYTHON) -m pytest -n 2 --dist loadfile $(PYTEST) $(LINTERS)

test: test-fast test-slow ## Run all tests

# Two workers, a whole file each. Each worker deploys one stack, which all its files share.
test-slow: install ## Run the tests that need a build, a deployed stack or a browser
	$(PYTHON) -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(PYTEST) $(SLOW)

test-fast: .venv/ready ## Run the tests that deploy no stack
	$(PYTHON) -m local.install java dynamodb node
	$(PYTHON) -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(addprefix --ignore ,$(LINTERS)) $(PYTEST) $(FAST)

quick: .venv/ready ## Run the tests of the subjects that changed since main, in less than a minute
	@$(PYTHON) -m pytest -n 2 --dist loadfile -m "not slow" $(PYTEST) $$($(PYTHON) -m tests.quick)

fmt: .venv/ready ## Format the code
	ruff check --fix-only --exit-zero --quiet .
	ruff format .

clean: ## Stop the local cloud; remove builds and caches, but not the tools
	@if [ -x $(PYTHON) ]; then $(PYTHON) -m local.stack down; fi
	rm -rf .local .aws-sam .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -not -path './.venv/*' -prune -exec rm -r {} +
