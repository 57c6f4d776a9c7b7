# Set-up, checks and a first run. Every target works again after being stopped at any point:
# stamps in .venv are written last, and an environment without its stamp is made anew.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
BASE := $(VENV)/.base-complete
DEV := $(VENV)/.dev-complete
MUTATION := $(VENV)/.mutation-complete
CONSTRAINTS := .ci/constraints.txt
# Twice quiet: pip warns of every package that one of several configured indexes lacks.
PIP := $(BIN)/python -m pip install -qq --disable-pip-version-check -c $(CONSTRAINTS)

.NOTPARALLEL:
.PHONY: run setup test lint faults mutants screenshots clean

run: setup ## the web app, with the sample corpus where there are no documents yet
	@.ci/serve

setup: $(BASE) ## environment and default models
	@echo "== models: present ones are verified, missing ones fetched and fitted (about 1.2 GB, minutes; the fit some seconds to a minute)"
	@$(BIN)/plinth models pull

test: $(DEV) setup ## everything that continuous integration runs
	@.ci/apt
	@.ci/node
	@PLINTH_MODELS__FITTED=off $(BIN)/plinth models pull smollm2-135m-instruct
	@$(MAKE) --no-print-directory lint
	@echo "== tests, two at a time (half an hour or more)"
	@rm -f .coverage .coverage.*
	@$(BIN)/coverage run -m pytest -n 2 --dist loadgroup
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report

lint: $(DEV) ## format, lint, types, direction of imports
	@echo "== lint, format, types, imports (about a minute)"
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

faults: $(DEV) ## every crash, I/O error and full disk at every system call on a data dir
	@.ci/apt
	@echo "== faults (an hour or two)"
	@$(BIN)/python -m tests.faults --power
	@$(BIN)/python -m tests.faults --kill-ingest
	@$(BIN)/python -m tests.faults

mutants: $(MUTATION) ## whether the tests notice every small change to what decides who may read what
	@echo "== mutants (an hour or more; goes on where it was stopped)"
	@$(BIN)/python -m tests.mutants

screenshots: $(DEV) setup ## a picture of every page in docs/screenshots; fails where one does not fit
	@.ci/apt
	@echo "== screenshots (several minutes)"
	@$(BIN)/python -m tests.browser.screenshots

clean: ## remove what these targets made here; models and the built wheel stay in the user cache
	rm -rf $(VENV) build mutants *.egg-info .coverage .coverage.* htmlcov \
		.mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(BASE): pyproject.toml $(CONSTRAINTS) models/llama/build_wheel.py models/llama/native.cmake
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(None if v >= (3, 11) else f"error: \
	$(PYTHON) is Python {v[0]}.{v[1]}, Plinth needs 3.11 or later; run make with PYTHON=python3.11")'
	@test -e $@ || { echo "== new environment in $(VENV) (seconds)"; $(PYTHON) -m venv --clear $(VENV); }
	@rm -f $(BASE) $(DEV)
	@$(PIP) --upgrade pip
	@wheel=$$($(BIN)/python -I models/llama/build_wheel.py) \
		&& echo "== libraries (one to five minutes, then cached by pip)" \
		&& $(PIP) "$$wheel" -e .
	@touch $@

$(DEV): $(BASE)
	@echo "== tools of the checks (about a minute)"
	@rm -f $(BASE) $(DEV)
	@$(PIP) -e '.[dev,sso,postgres]'
	@touch $(BASE) $(DEV)

$(MUTATION): $(DEV)
	@$(PIP) -e '.[dev,mutation]'
	@touch $@
