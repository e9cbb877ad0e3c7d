# The few commands of this repository; `make` lists them.  docs/development.md says more.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

PYTHON ?= python3
# The demo's settings: BROWSER=none opens no window, PORT=0 takes any free port.
PORT ?= 0
EXAMPLE ?= examples/raytracer.py

EXTRAS := server,dev
VENV := .venv
PYPY_VENV := .cache/pypy
SERVER := $(VENV)/.server
ALL := $(VENV)/.all
NODE := node_modules/.installed
D3 := static/vendor/d3.js
PYPY := $(PYPY_VENV)/.installed
PYPY_PACKAGES := $(PYPY_VENV)/packages

# Twice: warnings about places that were not needed go too.  Errors stay.
QUIETLY := --quiet --quiet --disable-pip-version-check

export PYTHON
# Modules that are compiled anew in each process would take most of the tests' time.
unexport PYTHONDONTWRITEBYTECODE
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

# Longest first: the jobs then end at about the same moment.
CHECKS := test-cli test-browser test-python test-recorder test-pypy test-packaging types test-js lint imports format-check

# Everything but the parts that have a target of their own.
PYTHON_TESTS := tests $(addprefix --ignore=tests/,browser packaging cli recorder)

.PHONY: help install test demo bench format clean $(CHECKS) pypy chromium

help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(ALL) $(D3) ## the package with all extras in .venv, and d3 in place
# Debian's packages and Node.js one after the other, since apt and pip hold locks; the rest four at a time:
# those that run programs wait for them a third of their time.
test: | $(VENV)/bin/python ## everything the tests need, and every check
	@tools/need.sh pypy chromium node
	@$(MAKE) --no-print-directory --keep-going --jobs=4 --output-sync=target $(CHECKS)

demo: $(SERVER) $(D3) pypy ## record an example and show it (BROWSER=none, PORT=8000)
	@python tools/demo.py --port $(PORT) --browser "$${BROWSER:-}" $(EXAMPLE)

bench: install pypy ## run every benchmark
	@for script in $$(grep -l '^def main' bench/*.py || true); do echo "== $$script"; python "$$script"; done

format: $(ALL) $(NODE) ## put the code into its form
	ruff format .
	ruff check --fix .
	npm run --silent format

format-check: $(ALL) ## is the Python code in its form
	ruff format --check .

lint: $(ALL) $(NODE) ## ruff over the Python code, biome over the rest
	ruff check .
	npm run --silent lint

types: $(ALL) ## mypy, strict
	mypy
	mypy --explicit-package-bases $(wildcard tools/*.py examples/*.py bench/*.py)

imports: $(ALL) ## the contracts between the parts
	lint-imports --no-logo

test-js: $(NODE) $(D3) ## the pure modules of the front end
	npm run --silent test

# The others run without Playwright's plugin: each of its sessions begins by removing test-results, which had
# the pictures that the browser's tests had just made beside them.
test-cli: $(ALL) pypy ## the commands, and programs recorded by them
	pytest -p no:playwright tests/cli

test-recorder: $(ALL) pypy ## the recorder's parts, on CPython
	pytest -p no:playwright tests/recorder

test-python: $(ALL) $(D3) pypy ## the rest of pytest on CPython
	pytest -p no:playwright $(PYTHON_TESTS)

# PyPy closes a forgotten file when its collector comes by; CPython's run is the one that finds those.
test-pypy: $(PYPY) | .typing/tracebin ## what runs inside PyPy, on PyPy
	PYTHONPATH=.typing:$(PYPY_PACKAGES) $(PYPY_VENV)/bin/python $(PYPY_PACKAGES)/bin/pytest -p no:cacheprovider -W ignore::ResourceWarning tests/bundle tests/recorder tests/test_marks.py

test-browser: $(ALL) $(D3) pypy chromium ## the pages in a real browser
	pytest tests/browser

test-packaging: $(ALL) $(D3) pypy ## the wheel, installed elsewhere
	pytest -p no:playwright tests/packaging

clean: ## remove everything that make has made
	rm -rf $(VENV) .cache .typing build dist *.egg-info node_modules $(D3) test-results
	rm -rf .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -prune -exec rm -rf {} +

pypy chromium:
	@tools/need.sh $@

# The pip that comes with Python 3.11 compares each file of an index with each platform tag: to install all
# takes it 24 s of CPU time, a newer one 14 and 2 for its own upgrade.
$(VENV)/bin/python:
	@tools/need.sh venv
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install $(QUIETLY) --upgrade pip

# pip is asked once; the second stamp says that the first is held too.  It compiles nothing: most modules
# are never imported.
$(ALL): setup.cfg pyproject.toml | $(VENV)/bin/python .typing/tracebin
	python -m pip install $(QUIETLY) --no-compile --editable '.[$(EXTRAS)]'
	@touch $(SERVER) $@

$(SERVER): setup.cfg pyproject.toml | $(VENV)/bin/python
	python -m pip install $(QUIETLY) --editable '.[server]'
	@touch $@

# mypy can't see through the editable install's import hook; the link shows it the package.
.typing/tracebin:
	@mkdir -p .typing
	ln -sfn .. $@

# Not `npm ci`: it refuses a lock file that leaves out other platforms' binaries (npm 11.16 and later do so
# for those that the registry in use doesn't hold).  Without saving, the lock is kept to all the same.
$(NODE): package.json package-lock.json | $(VENV)/bin/python
	@tools/need.sh node
	npm install --no-save --silent
	@touch $@

$(D3): $(NODE) $(wildcard tools/vendor_d3.* static/vendor/d3-entry.js)
	npm run --silent vendor
	@touch $@

# By CPython's pip, for PyPy: under PyPy pip takes 13 s of CPU time for itself and these few, instead of 2.
$(PYPY): tools/pypy-tests.txt | $(VENV)/bin/python
	@tools/need.sh pypy
	"$$(tools/need.sh --print-pypy)" -m venv --clear --without-pip $(PYPY_VENV)
	version=$$($(PYPY_VENV)/bin/python -c 'import sys; print("%d.%d" % sys.version_info[:2])') && \
	python -m pip install $(QUIETLY) --no-compile --target $(PYPY_PACKAGES) --python-version "$$version" \
	    --implementation py --abi none --platform any --only-binary=:all: -r $<
	@touch $@
