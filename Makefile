# What a developer does. `make run` and `make test` need Python 3.11 or newer with venv, and nothing else.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
DEVELOPING := $(VENV)/.developing

.PHONY: run test test-browser test-graphviz test-jq test-ray test-shells crash check format bench pictures screenshots docs docs-record clean

run: $(INSTALLED)
	$(BIN)/flowkit run data_pipeline

test: $(DEVELOPING)
	$(BIN)/python -m pytest -q -n auto --dist worksteal

# Pages, looked at in Chromium: `apt-get install chromium chromium-driver`. Without them this fails.
test-browser: $(DEVELOPING)
	$(BIN)/python -m pytest -q -n 0 tests/browser

# Pictures, beside those of dot: `apt-get install graphviz`. Without it this fails.
test-graphviz: $(DEVELOPING)
	$(BIN)/python -m pytest -q -n 0 tests/graphviz

# The examples of docs/json.md: `apt-get install jq`. Without it this fails.
test-jq: $(DEVELOPING)
	$(BIN)/python -m pytest -q -n 0 tests/jq

# The tests of the lane for Ray, which is large, in an environment of its own.
RAY_VENV := .venv-ray
RAY_INSTALLED := $(RAY_VENV)/.installed

test-ray: $(RAY_INSTALLED)
	$(RAY_VENV)/bin/python -m pytest -q -n 0 tests/engine/test_ray.py tests/engine/test_ray_clusters.py
	$(RAY_VENV)/bin/python -m pytest -q -n 0 tests/engine/test_executor_contract.py -k ray

# Completion in the real bash, zsh and fish, which not everybody has: apt-get install zsh fish
test-shells: $(DEVELOPING)
	$(BIN)/python -m pytest -q -n 0 tests/shells/in_shells.py

# Kills runs and breaks disks; `make crash CRASHES=100`, or for so long: `make crash MINUTES=30`.
CRASHES ?= 1000

crash: $(DEVELOPING)
	$(BIN)/python tests/crash/campaign.py $(if $(MINUTES),--minutes $(MINUTES),--crashes $(CRASHES))
	FLOWKIT_CRASHES=$(CRASHES) $(BIN)/python -m pytest -q -n auto --dist worksteal tests/crash --ignore tests/crash/test_campaign.py

check: $(DEVELOPING)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/test_architecture.py

format: $(DEVELOPING)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/python -m flowkit.cli.command_tree

# The documentation as a site, in build/site: any broken link or reference is an error.
DOCUMENTING := $(VENV)/.documenting

docs: $(DOCUMENTING)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet
	@echo build/site/index.html

# Puts into the pages what their sessions show now; look at the difference.
docs-record: $(DEVELOPING)
	FLOWKIT_RECORD=1 $(BIN)/python -m pytest -q -n auto tests/docs

bench: $(DEVELOPING)
	$(BIN)/python tests/bench/run.py

# The pictures of docs/graph.md and docs/report.md; the latter in Chromium.
pictures: $(INSTALLED)
	docs/pictures/draw.sh $(abspath $(BIN)/flowkit)
	docs/pictures/report.sh $(abspath $(BIN)/flowkit)

# What docs/screenshots shows, at 80 and 200 columns, as tests/cli/screens holds it.
screenshots: $(DEVELOPING)
	$(BIN)/python tests/cli/screens/draw.py

clean:
	rm -rf $(VENV) $(RAY_VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage
	find . -name __pycache__ -prune -exec rm -rf {} +

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "flowkit needs Python 3.11 or newer; try make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)

$(RAY_INSTALLED): pyproject.toml
	$(PYTHON) -m venv $(RAY_VENV)
	$(RAY_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[dev,ray]'
	touch $@

$(INSTALLED): pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	touch $@

$(DOCUMENTING): pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[docs]'
	touch $@

$(DEVELOPING): pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@ $(INSTALLED)
