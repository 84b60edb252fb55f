# `make help` lists the targets.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO_OUT ?= out/demo
# Tests of one class stay together: what they share is then made once.
PYTEST_FLAGS ?= -n 2 --dist loadscope --durations=20
# Tests spend most of their time compiling. Without these emitters programs are compiled
# in two thirds of the time, and run slower; `.ci/run` compiles as users do.
XLA_FLAGS ?= --xla_cpu_use_fusion_emitters=false
# What an installation depends on; the kernels are built with it.
SETUP := setup.cfg setup.py pyproject.toml constraints.txt $(wildcard lutjax/native/*.cc lutjax/native/*.h)

.PHONY: help demo test quick lint format bench sanitize clean
.DEFAULT_GOAL := help

help:  ## List the targets.
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

demo: $(VENV)/.run  ## Make LUTs, fit a network to each, export, apply, report.
	$(BIN)/python -m launch.demo --out=$(DEMO_OUT)

test: $(VENV)/.test  ## Run the test suite on the CPU.
	@echo "make: running the tests (some minutes on two cores)"
	XLA_FLAGS="$(XLA_FLAGS)" JAX_PLATFORMS=cpu $(BIN)/python -m pytest $(PYTEST_FLAGS)

quick: $(VENV)/.test  ## Run the architecture's tests and those of files that git says changed.
	@tests=$$(git status --porcelain --untracked-files=all | cut -c4- | sed 's/.* -> //' | \
	  sed -E 's,^lutjax/(.*)\.py$$,tests/\1_test.py,; s,^(launch/.*)\.py$$,tests/\1_test.py,' | \
	  grep '_test\.py$$' | sort -u | while read file; do \
	    if [ -f "$$file" ]; then echo "$$file"; fi; done); \
	XLA_FLAGS="$(XLA_FLAGS)" JAX_PLATFORMS=cpu \
	  $(BIN)/python -m pytest $(PYTEST_FLAGS) tests/architecture_test.py $$tests

lint: $(VENV)/.test  ## Check format, style and types.
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyrefly check

format: $(VENV)/.test  ## Format the code.
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# Those that must be told a run (`required=True`) are left to their own command lines.
bench: $(VENV)/.bench  ## Run every benchmark against its peers.
	@for file in $$(grep -L required=True $$(grep -l __main__ benchmarks/*/*.py)); do \
	  echo "make: $$file"; \
	  $(BIN)/python -m $$(echo $${file%.py} | tr / .) || exit 1; \
	done

# A copy of the package with its own kernels: the ones in use stay as they are.
SANITIZERS := -fsanitize=address,undefined -fno-sanitize-recover=all
sanitize: $(VENV)/.test  ## Test the kernels under ASan and UBSan.
	@echo "make: building the kernels with sanitizers"
	CXXFLAGS="$(SANITIZERS) -g" LDFLAGS="$(SANITIZERS)" $(BIN)/python setup.py --quiet \
	  build --build-lib build/sanitized --build-temp build/sanitized.temp
	@echo "make: testing them"
	LD_PRELOAD="$$($(CXX) -print-file-name=libasan.so) $$($(CXX) -print-file-name=libubsan.so)" \
	  ASAN_OPTIONS=detect_leaks=0 PYTHONSAFEPATH=1 PYTHONPATH=build/sanitized \
	  LUTJAX_NATIVE=1 JAX_PLATFORMS=cpu $(BIN)/python -m pytest tests/native

clean:  ## Remove what demo, builds and tests leave behind; keep .venv.
	rm -rf out build dist *.egg-info .pytest_cache .ruff_cache .hypothesis

# The environment is made once; each stamp says what has been installed.
$(VENV)/bin/python:
	@echo "make: making $(VENV)"
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: $(SETUP) | $(VENV)/bin/python
	@echo "make: installing lutjax into $(VENV)"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
	  --constraint constraints.txt --editable .
	@touch $@

$(VENV)/.test: $(SETUP) | $(VENV)/bin/python
	@echo "make: installing lutjax and its tests into $(VENV) (a minute or two)"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
	  --constraint constraints.txt --editable '.[test]'
	@touch $@ $(VENV)/.run

$(VENV)/.bench: $(SETUP) | $(VENV)/bin/python
	@echo "make: installing lutjax and the benchmarks' peers into $(VENV)"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check \
	  --constraint constraints.txt --editable '.[test,bench]'
	@touch $@ $(VENV)/.test $(VENV)/.run
