# Everything a newcomer needs. Each target sets up what it needs, says what it does, and costs seconds when run again.
# Wanted on the machine: Python 3.11 or newer with pip, and make.

.DEFAULT_GOAL := help
.PHONY: help demo test run check bench bench-edge bench-books bench-pages bench-backtest screenshots api-docs setup setup-dev lock clean python
MAKEFLAGS += --no-print-directory
# Tests start hundreds of processes: none of them should compile the sources again.
unexport PYTHONDONTWRITEBYTECODE

# The first of these that is 3.11 or newer; `make PYTHON=/path/to/python3.12 test` overrides it.
is_new_enough = $(1) -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python3.14; do \
	if $(call is_new_enough,$$p); then echo $$p; break; fi; done)

BIN := .venv/bin

# One more than there are cores: tests wait for disks and sockets a third of their time.
TEST_PROCESSES ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)

help:
	@echo "make demo    show the main job on this machine: refuse, price, pay, deliver, account"
	@echo "make test    run the whole test suite, with PostgreSQL and a browser"
	@echo "make run     serve: edge on 127.0.0.1:8402, dashboard on 127.0.0.1:8403"
	@echo "make check   ruff, mypy and the house rules"
	@echo "make bench   measure the edge beside its peers, then what bench-backtest and bench-pages do"
	@echo "make bench-pages   measure every page of the dashboard over 10 million requests and a million charges"
	@echo "make bench-backtest   measure a backtest over a million recorded requests"
	@echo "make bench-books   measure what reads all of the books: report, close, verify of 10 million charges"
	@echo "make screenshots  photograph every screen of the dashboard into docs/images/screens"
	@echo "make api-docs  write the list of operations in docs/api.md anew"
	@echo "make setup   only set up .venv"
	@echo "make lock    write requirements/*.lock anew from pyproject.toml"
	@echo "make clean   remove what was built"

demo: setup
	@echo "demo: an origin, an edge, a dashboard and a crawler on free loopback ports"
	@$(BIN)/farebox demo

run: setup
	@echo "run: serving until interrupted"
	@$(BIN)/farebox serve

test: setup-dev
	@echo "test: the whole suite on SQLite and PostgreSQL, with a browser, a file at a time in each process"
	@scripts/ensure_programs chromium nginx caddy
	@$(BIN)/python -m tests.support.npm_packages
	@scripts/in_memory $(BIN)/python -m pytest --numprocesses $(TEST_PROCESSES) --maxprocesses 4 --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

check: setup-dev
	@echo "check: ruff (lint)"
	@$(BIN)/python -m ruff check .
	@echo "check: ruff (format)"
	@$(BIN)/python -m ruff format --check .
	@echo "check: mypy (strict)"
	@$(BIN)/python -m mypy
	@echo "check: house rules"
	@$(BIN)/python -m pytest -q tests/house

# Arguments are for the edge's measures: with any, nothing else is measured.
bench: bench-edge $(if $(BENCH_ARGS),,bench-backtest bench-pages)

bench-edge: setup-dev
	@echo "bench: the edge and its peers, each peer in an environment of its own"
	@$(BIN)/python -m benchmarks $(BENCH_ARGS)

bench-pages: setup-dev
	@echo "bench-pages: a large newsroom, written once into build/, its pages asked for over HTTP"
	@$(BIN)/python -m benchmarks.pages $(BENCH_ARGS)

bench-backtest: setup-dev
	@echo "bench-backtest: a million requests, written once into build/, decided again by two sets of rules"
	@$(BIN)/python -m benchmarks.backtest $(BENCH_ARGS)

bench-books: setup-dev
	@echo "bench-books: a month of books, written once into build/, read by report, verify and close"
	@$(BIN)/python -m benchmarks.books $(BENCH_ARGS)

screenshots: setup-dev
	@echo "screenshots: every screen, light and dark, from sample data"
	@scripts/ensure_programs chromium
	@$(BIN)/python -m scripts.screenshots

setup: python
	@$(PYTHON) scripts/setup.py run

setup-dev: python
	@$(PYTHON) scripts/setup.py dev

lock: python
	@echo "lock: requirements/*.lock from pyproject.toml"
	@PYTHON=$(PYTHON) scripts/lock $(LOCK_ARGS)

api-docs: setup-dev
	@echo "api-docs: docs/api.md from the table of operations"
	@$(BIN)/python -m publisher_dashboard.api.reference docs/api.md

clean:
	@echo "clean: environments, caches and builds; databases and keys stay"
	@rm -rf .venv .venv-* benchmarks/.peers build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis htmlcov publisher_dashboard/static/vendor
	@rm -rf examples/typescript/node_modules
	@rm -f .setup.lock examples/typescript/.npm.lock .coverage .coverage.*
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

python:
	@test -n "$(PYTHON)" && $(call is_new_enough,$(PYTHON)) || { \
	echo "farebox needs Python 3.11 or newer$(if $(PYTHON),; $(PYTHON) is not,; none found on PATH)." >&2; \
	echo "Install it (Debian 12: apt-get install python3 python3-pip) or say: make PYTHON=/path/to/python3.12" >&2; \
	exit 1; }
