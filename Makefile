# make help explains the targets.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PYTEST := $(BIN)/python -m pytest
LAWS   := generated_histories histories one_law patched_copies remembered_status ways_on
# one more than a small machine has processors, since tests often wait; each worker has its part in
# order, so that most of what the tests of one file share is made once
SIDE_BY_SIDE := -n 3 --dist worksteal

# an interpreter that tests start would compile all that it imports, each time
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help sync-wasi test test-real demo laws torture lint types layers coverage bench schemas pages clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

sync-wasi: $(VENV)/installed ## rebuild WASI in third_party/: exactly the recorded trees
	@$(BIN)/git-verbatim sync || { status=$$?; [ $$status -ne 3 ] || printf '%s\n' \
		'without a network: `make demo` shows the tool on repositories that it makes itself' \
		'behind a mirror: `git config --global url.https://MIRROR/.insteadOf https://github.com/`' >&2; \
		exit $$status; }

test: $(VENV)/dev ## the test suite
	$(PYTEST) -q $(SIDE_BY_SIDE)

test-real: $(VENV)/dev ## real upstreams: UPSTREAMS=DIR of bare repositories as owner/name, PINS=FILE, FORMS=FILE
	GIT_VERBATIM_UPSTREAMS=$(abspath $(UPSTREAMS)) GIT_VERBATIM_PINS=$(abspath $(PINS)) GIT_VERBATIM_FORMS=$(abspath $(FORMS)) $(PYTEST) -q -rP tests/test_real_upstreams.py
	GIT_VERBATIM_UPSTREAMS=$(abspath $(UPSTREAMS)) $(PYTEST) -q -n 2 tests/test_report*.py tests/test_packagers_page.py
	$(BIN)/python -m tests.harnesses.real_repositories $(abspath $(UPSTREAMS))

demo: $(VENV)/installed ## a look without network: mirror, edit a copy, verify, move a tag
	PATH="$(abspath $(BIN)):$$PATH" sh tests/harnesses/demo.sh

laws: $(VENV)/dev ## what holds of all states, edits and commits, with many more than in the test suite: an hour
	EVERY_STATE=1 GLANCE_LAW_EXAMPLES=1000 POLICY_LAW_EXAMPLES=2000 $(PYTEST) -q -n 2 --timeout 7200 $(LAWS:%=tests/test_%.py)

torture: $(VENV)/dev ## the figures of docs/security.md, anew: hours; FIGURES="crashes …" takes some, UPSTREAMS=DIR adds real ones
	$(BIN)/python -m tests.harnesses.figures $(FIGURES) $(if $(UPSTREAMS),--upstreams $(abspath $(UPSTREAMS)))

lint: $(VENV)/dev ## ruff
	$(BIN)/ruff format --check sync policies tests
	$(BIN)/ruff check sync policies tests

types: $(VENV)/dev ## mypy, strict, also over the tests
	$(BIN)/mypy

layers: $(VENV)/dev ## import-linter: who may import whom
	$(BIN)/lint-imports

coverage: $(VENV)/dev ## the test suite with branch coverage, also of started processes
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -q $(SIDE_BY_SIDE)
	$(BIN)/coverage combine -q
	$(BIN)/coverage report

bench: $(VENV)/dev ## ratios against git and peers, written to docs/performance.md
	$(BIN)/python -m tests.harnesses.benchmarks --write

schemas: $(VENV)/dev ## the shipped JSON Schemas, from the models
	$(BIN)/python -m tests.support.schemas

pages: $(VENV)/dev ## docs/policies.md and the routes in docs/hooks.md
	$(BIN)/python -m tests.support.pages

clean: ## what make has made
	rm -rf $(VENV) build dist *.egg-info .coverage* .mypy_cache .pytest_cache .ruff_cache .hypothesis

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: pyproject.toml $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[wit]'
	@touch $@

$(VENV)/dev: pyproject.toml $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@ $(VENV)/installed
