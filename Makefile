# Two commands for most people: `make serve` to read, `make test` to check.
PYTHON ?= python3
VENV := .venv
RUN := PYTHONPATH=scripts NO_MKDOCS_2_WARNING=1 DISABLE_MKDOCS_2_WARNING=true $(VENV)/bin/python
PIP := $(VENV)/bin/pip --disable-pip-version-check --quiet
EX ?= dpo
WEIGHTS ?= stand-in

.PHONY: help serve build setup test test-setup browser-setup update relock record bench lock clean

help:  ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

serve: setup  ## Build the site and serve it on 127.0.0.1:8000 with live reload
	$(RUN) -m mkdocs serve --dev-addr 127.0.0.1:8000 --no-strict --dirty

build: setup  ## Build the site into site/, ready for any static host
	$(RUN) -m mkdocs build --strict

setup: $(VENV)/.site  ## Create the environment and fetch what a build reads
	@$(RUN) scripts/setup.py

$(VENV)/.site: locks/site.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11, 5) else "Python 3.11.5 or newer is needed, this is " + sys.version.split()[0])'
	@echo "creating $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) install --no-deps --require-hashes -r locks/site.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

test: test-setup build  ## Run every block, example, proof and contract
	$(RUN) -m pytest

test-setup: setup $(VENV)/.run browser-setup

$(VENV)/.run: locks/run.txt locks/site.txt
	@echo "adding torch, transformers and trl to $(VENV)"
	@$(PIP) install --no-deps -r locks/run.txt
	@$(PIP) install torch==2.13.0
	@touch $@

browser-setup:
	@$(RUN) scripts/browser.py

update:  ## Run the blocks and rewrite the output lines under their prints
	$(RUN) scripts/update.py

relock:  ## Resolve every quote again and say what moved or changed
	$(RUN) scripts/relock.py

record:  ## Record a run of an example: make record EX=dpo [WEIGHTS=real]
	$(RUN) scripts/record.py $(EX) --weights $(WEIGHTS)

bench:  ## Measure build times, block costs and page weights
	$(RUN) scripts/bench.py

lock:  ## Write the locks again from pyproject.toml (needs uv; torch and its CUDA parts are pip's to choose)
	uv pip compile --quiet --universal --python-version 3.11.5 --generate-hashes --no-header --no-annotate --group site -o locks/site.txt
	uv pip compile --quiet --universal --python-version 3.11.5 --no-header --no-annotate --group run -c locks/site.txt | grep -vE '^(torch|triton|nvidia-|cuda-)' > locks/run.txt

clean:  ## Remove what a build makes; fetched files stay
	rm -rf site .cache/mathjax* .cache/source .cache/formulas*
