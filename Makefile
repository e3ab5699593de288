# On a fresh machine with Python 3.11 to 3.13 and make: `make run` does the main job, `make test`
# the tests. Both make a virtual environment in .venv and install what they need, once.
VENV ?= .venv
RUN ?= runs/flights
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet

.PHONY: help run test slow engines lint format types contracts wheel clean

help:  ## Say what there is to make
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile

run: $(VENV)/run.stamp  ## Do the main job: examples/flights.yaml into runs/flights
	$(BIN)/tfgnn-ext run examples/flights.yaml --out $(RUN)

test: $(VENV)/test.stamp  ## Run the tests and doctests
	$(BIN)/python -m pytest $(ARGS)

slow: $(VENV)/test.stamp  ## Run the tests that take more than about ten seconds each
	$(BIN)/python -m pytest -m slow $(ARGS)

engines: $(VENV)/test.stamp  ## Test Beam's engines: Flink, Spark, Prism, a portable job service
	$(BIN)/python -m pytest tests/engines -m engines $(ARGS)

lint: $(VENV)/dev.stamp  ## Check style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(VENV)/dev.stamp  ## Correct style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(VENV)/dev.stamp  ## Check types
	$(BIN)/mypy

contracts: $(VENV)/dev.stamp  ## Check which room imports which
	$(BIN)/lint-imports

wheel: $(VENV)/dev.stamp  ## Build the wheel into dist/
	$(BIN)/python -m build --wheel --outdir dist .

clean:  ## Remove the environment and what was built
	rm -rf $(VENV) build dist *.egg-info

# PYTHON, or the first Python on the path that fits.
$(BIN)/python:
	@for python in $(or $(PYTHON),python3 python3.13 python3.12 python3.11); do \
	  if $$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null; \
	  then exec $$python -m venv $(VENV); fi; \
	done; echo "tfgnn-ext needs Python 3.11 to 3.13: make PYTHON=/path/to/python3.11" >&2; exit 1

$(VENV)/run.stamp: pyproject.toml setup.py | $(BIN)/python
	$(PIP) --editable '.[train,examples]'
	@touch $@

$(VENV)/test.stamp: pyproject.toml setup.py | $(BIN)/python
	$(PIP) --editable '.[all,test]'
	@touch $(VENV)/run.stamp $@

$(VENV)/dev.stamp: pyproject.toml setup.py | $(BIN)/python
	$(PIP) --editable '.[dev]'
	@touch $(VENV)/run.stamp $(VENV)/test.stamp $@
