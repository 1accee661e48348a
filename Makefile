# Redress on a laptop and in CI. `make` lists what there is to do.
#
# Tools live in .venv, pinned by local/requirements.txt; nothing is installed for the user or the
# system, except what browser and database tests need (local/install.py), where root may do it.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# sam looks for the python3.13 that a function is built with on PATH, so the tools come first.
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export PYTHONPATH := $(CURDIR)/layers/core:$(CURDIR)
export SAM_CLI_TELEMETRY := 0
# Linters want a region; none is called.
export AWS_DEFAULT_REGION ?= us-east-1

PYTHON := .venv/bin/python
# Tests with a cloud of their own run one after the other; all others run side by side.
SLOW := tests/artifacts tests/local tests/browser
FAST := $(filter-out $(SLOW) tests/__pycache__,$(patsubst %/,%,$(wildcard tests/*/))) $(wildcard tests/test_*.py)

.PHONY: help
help: ## This list
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
		|| { echo ".venv has another Python than 3.13: rm -r .venv, then again" >&2; exit 1; }
	$(PYTHON) -m pip install --quiet --disable-pip-version-check --requirement local/requirements.txt
	@touch $@

.PHONY: tools lock install
tools: .venv/ready ## Python tools into .venv, if they are not there or not the pinned ones

lock: .venv/ready ## Pin anew what local/requirements.in asks for
	$(PYTHON) -m pip install --quiet --disable-pip-version-check uv
	uv pip compile --quiet --python $(PYTHON) --no-header local/requirements.in > local/requirements.new
	{ echo '# Every tool, pinned, for Python 3.13. Made from local/requirements.in by `make lock`; not edited by hand.'; \
		cat local/requirements.new; } > local/requirements.txt
	rm local/requirements.new

install: .venv/ready ## What tests need beside Python: Chromium and fonts, Java, DynamoDB Local
	$(PYTHON) -m local.install browser java dynamodb

# ------------------------------------------------------------------------------ the laptop's cloud

.PHONY: up down demo mails mailbox
up: .venv/ready ## Redress on this laptop (PORT=4566 PACE=3600: an hour passes in a second)
	$(PYTHON) -m local.stack up $(if $(PORT),--port $(PORT)) $(if $(PACE),--pace $(PACE))

down: .venv/ready ## Stop it; nothing is kept
	$(PYTHON) -m local.stack down

mails: .venv/ready ## Every mail in every language, on a page to look at
	@$(PYTHON) -m local.mails previews

mailbox: .venv/ready ## What the local cloud sent, on a page (RELAY=127.0.0.1:1025: to an SMTP server too)
	@$(PYTHON) -m local.mails box $(if $(RELAY),--relay $(RELAY))

demo: .venv/ready ## Tickets from the web form to the monthly scorecard, before one's eyes
	$(PYTHON) -m local.demo

# ------------------------------------------------------------------------------ benchmarks

.PHONY: bench
bench: .venv/ready ## How fast, how late, how much; no test (ONLY=sleepers SCALE=0.03: a small try)
	$(PYTHON) -m bench $(ONLY) $(if $(SCALE),--scale $(SCALE))

# ------------------------------------------------------------------------------ fuzzing

.PHONY: fuzz
fuzz: .venv/ready ## Mails that were made to break the reader of mails (MINUTES=2)
	@# A tool of this target only, and there are no wheels of it for other machines.
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check \
		'atheris==3.1.0; sys_platform == "linux" and platform_machine == "x86_64"'
	$(PYTHON) -m tests.fuzz_mails --minutes $(or $(MINUTES),2)

# ------------------------------------------------------------------------------ service plans

.PHONY: plan-check plan-build
plan-check: .venv/ready ## Everything that is wrong with a service plan (FILE=plan.yaml)
	@$(PYTHON) -m local.plans check $(or $(FILE),layers/core/redress/data/plan-1.yaml)

plan-build: .venv/ready ## plan-1.json, which the functions read, of plan-1.yaml
	$(PYTHON) -m local.plans build

# ------------------------------------------------------------------------------ checks

.PHONY: check lint types template test test-fast fmt clean
check: lint types template test ## Everything that CI checks

lint: .venv/ready ## Style and common mistakes
	ruff check .
	ruff format --check .

types: .venv/ready ## Strict types
	mypy layers/core/redress local bench
	@# One by one: each function's folder is its own import path, and each has a module called app.
	@for function in functions/*/; do MYPYPATH=$$function mypy $$function; done

# Not asked of this template, with the reason:
#   ES2000          an access log of the API would record paths, and a path holds a link's secret
#   ES6000          of dead-letter queues: theirs is an alarm
#   ES7000          an email subscription of the operators
#   ES1001          of queues' mappings: a queue sets aside by its own redrive policy
#   WS1004          knows log groups by the function's logical id only; tests/template checks them
NOT_ASKED := ES2000 ES6000 ES7000 ES1001 WS1004

template: .venv/ready ## The template, for CloudFormation, SAM and Lambda; the state machines
	cfn-lint --append-rules cfn_lint_serverless.rules --template template.yaml --ignore-checks $(NOT_ASKED)
	sam validate --lint --template-file template.yaml
	@# FLOAT: a whole BackoffRate is one to AWS.
	@for machine in statemachines/*.asl.json; do statelint --ignore=FLOAT "$$machine"; done

# The fast ones side by side; those with a cloud of their own one after the other.
test: test-fast install ## All tests
	$(PYTHON) -m pytest $(PYTEST) $(SLOW)

test-fast: .venv/ready ## Tests that need no cloud
	$(PYTHON) -m local.install java dynamodb
	$(PYTHON) -m pytest -n 2 --dist loadfile $(PYTEST) $(FAST)

fmt: .venv/ready ## Put the code into its form
	ruff check --fix-only --exit-zero --quiet .
	ruff format .

clean: ## Stop the laptop's cloud; remove what was built and cached, but not the tools
	@if [ -x $(PYTHON) ]; then $(PYTHON) -m local.stack down; fi
	rm -rf .local .aws-sam .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -not -path './.venv/*' -prune -exec rm -r {} +
