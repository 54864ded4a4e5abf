# Everything is installed into .venv, from locks with hashes. Another interpreter: make PYTHON=python3.12 ...
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
# The identity provider of the tests, and the reader of docs/asyncapi.yaml; npm writes these files last.
PROVIDER := tests/oidc_provider/node_modules/.package-lock.json
PARSER := tests/asyncapi/node_modules/.package-lock.json

.DEFAULT_GOAL := help
.PHONY: help up test check bench bench-sla bench-dispatch bench-stream bench-reports soak generate rebuild-reports \
  fuzz replay rehearse \
  reconcile promote admin openapi lock rotate-token-key audit payload-key verify-audit clean
MAKEFLAGS += --no-print-directory

help: ## list the targets
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "make %-17s %s\n", $$1, $$2 }' Makefile

up: $(VENV)/.stamp-run ## run the whole system here: PostgreSQL, Temporal, worker and API (Ctrl-C stops it)
	@exec $(BIN)/python -m stack

test: $(VENV)/.stamp-dev $(PROVIDER) $(PARSER) ## run the tests (ARGS="tests/domain -k reopen" for some of them)
	@exec $(BIN)/python -m pytest $(or $(ARGS),-n 2 --dist loadfile)

check: $(VENV)/.stamp-dev ## format, lint, types and import contracts
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m ruff check .
	$(BIN)/python -m mypy
	$(BIN)/lint-imports --no-logo

bench: $(VENV)/.stamp-dev ## measure speed and memory beside the floor of this machine
	@exec $(BIN)/python -m operations.bench $(ARGS)

bench-sla: $(VENV)/.stamp-dev ## measure how late warnings, breaches and escalations come, also with parts killed
	@exec $(BIN)/python -m operations.bench_sla $(ARGS)

bench-dispatch: $(VENV)/.stamp-dev ## measure how soon tickets have an owner, a storm of them, and one huge round
	@exec $(BIN)/python -m operations.bench_dispatch $(ARGS)

bench-stream: $(VENV)/.stamp-dev ## measure the event stream with thousands of clients (ARGS="--clients 100,1000 --seconds 20")
	@exec $(BIN)/python -m operations.bench_stream $(ARGS)

soak: $(VENV)/.stamp-dev ## cut streams and kill parts while people work; nobody may miss anything (ARGS="--minutes 30")
	@exec $(BIN)/python -m pytest tests/system/test_stream_proof.py -s -k whatever_is_cut $(ARGS)

bench-reports: $(VENV)/.stamp-dev ## measure figures on a big made desk (ARGS="--tickets 1000000" for a million)
	@exec $(BIN)/python -m operations.bench_reports $(ARGS)

generate: $(VENV)/.stamp-dev ## fill an empty database with a big made desk (TICKETS=1000000 DATABASE_URL=postgresql://...)
	@exec $(BIN)/python -m operations.generate --database "$(DATABASE_URL)" $(if $(TICKETS),--tickets "$(TICKETS)") $(ARGS)

rebuild-reports: $(VENV)/.stamp-run ## fold the facts that figures are made of anew from the event log
	@exec $(BIN)/python -m operations.rebuild_reports $(ARGS)

fuzz: $(VENV)/.stamp-dev ## throw made-up requests at the API as every role (ARGS="--examples 200 --who agent")
	@exec $(BIN)/python -m operations.fuzz $(ARGS)

replay: $(VENV)/.stamp-dev ## play a service-desk log through the API (LOG=file.csv.gz SPEED=3600; no LOG: a made one)
	@exec $(BIN)/python -m operations.replay $(if $(LOG),--log "$(LOG)") $(if $(SPEED),--speed "$(SPEED)") $(ARGS)

rehearse: $(VENV)/.stamp-dev ## play a log through the rules of dispatch alone (LOG=file.csv.gz ROSTER=file.csv; neither: made ones)
	@exec $(BIN)/python -m operations.rehearse $(if $(LOG),--log "$(LOG)") $(if $(ROSTER),--roster "$(ROSTER)") $(ARGS)

reconcile: $(VENV)/.stamp-run ## compare engine and database, report and mend every difference
	@exec $(BIN)/python -m operations.reconcile $(ARGS)

promote: $(VENV)/.stamp-run ## make a build of the worker the current one and move every workflow to it (BUILD=...)
	@exec $(BIN)/python -m operations.promote "$(BUILD)" $(ARGS)

admin: $(VENV)/.stamp-run ## make somebody an admin (EMAIL=ada@example.org NAME="Ada"; asks for a new person's password)
	@exec $(BIN)/python -m operations.admin "$(EMAIL)" $(if $(NAME),--name "$(NAME)")

rotate-token-key: $(VENV)/.stamp-run ## sign tokens with a new key from now on; what older ones signed stays good
	@exec $(BIN)/python -m operations.rotate_token_key

audit: $(VENV)/.stamp-dev ## look for known faults in the dependencies (1: some, 2: nobody could be asked)
	@exec $(BIN)/python -m operations.audit_dependencies

payload-key: $(VENV)/.stamp-run ## add a key to those that payloads of the engine are encrypted with; new ones use it
	@exec $(BIN)/python -m operations.payload_key $(ARGS)
verify-audit: $(VENV)/.stamp-run ## look whether the audit trail is as it was written (HEAD=... one that was printed earlier)
	@exec $(BIN)/python -m operations.verify_audit $(if $(HEAD),--head "$(HEAD)") $(ARGS)

openapi: $(VENV)/.stamp-run ## write docs/openapi.json from the code
	@exec $(BIN)/python -m operations.openapi

lock: $(VENV)/.stamp-dev ## compile the locks anew (ARGS=--upgrade for newer versions)
	$(LOCK) requirements.in -o requirements.txt
	$(LOCK) requirements-dev.in -o requirements-dev.txt

clean: ## remove the virtual environment and the caches (not the data)
	rm -rf $(VENV) tests/oidc_provider/node_modules tests/asyncapi/node_modules .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -not -path './.data/*' -prune -exec rm -rf {} +

LOCK = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header $(ARGS)
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input --require-hashes

# A stamp says that its installation came to its end. Without the one for running, with a newer lock, or when the
# interpreter is gone, the environment is made anew: what was half-made is never trusted.
$(VENV)/.stamp-run: requirements.txt $(shell test -x $(BIN)/python || echo anew)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo 'Smart Ticketing needs Python 3.11 or newer, and "$(PYTHON)" is not: install one and name it, as in "make up PYTHON=python3.11".' >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo 'The Python "$(PYTHON)" has no venv module: install it (Debian and Ubuntu: apt-get install python3-venv).' >&2; exit 1; }
	@echo 'Installing what Smart Ticketing needs into $(VENV) (once, about a minute) ...'
	@rm -rf $(VENV)
	@$(PYTHON) -m venv $(VENV)
	@$(INSTALL) -r requirements.txt
	@touch $@

$(VENV)/.stamp-dev: requirements-dev.txt $(VENV)/.stamp-run
	@echo 'Installing what the tests and checks need into $(VENV) (once) ...'
	@rm $(VENV)/.stamp-run
	@$(INSTALL) -r requirements-dev.txt
	@touch $(VENV)/.stamp-run
	@touch $@

$(PROVIDER): tests/oidc_provider/package-lock.json | $(VENV)/.stamp-dev
	@echo 'Installing the identity provider of the tests (once) ...'
	@$(BIN)/npm ci --prefix tests/oidc_provider --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

$(PARSER): tests/asyncapi/package-lock.json | $(VENV)/.stamp-dev
	@echo 'Installing the AsyncAPI parser of the tests (once) ...'
	@$(BIN)/npm ci --prefix tests/asyncapi --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

.PHONY: anew
anew:
