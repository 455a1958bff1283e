# The one vocabulary of this project; 'make help' lists it. Needs make and Python >= 3.10 with venv.

PYTHON ?= python3
# One worker per core, as long as each finds memory for torch.
PYTEST_ARGS ?= -n auto --maxprocesses 4 --dist worksteal

VENV := .venv
BIN := $(VENV)/bin
PIP_INSTALL := -m pip install --quiet --disable-pip-version-check -c constraints.txt --build-constraint constraints.txt
GOLDEN := tests/data/golden_gru.onnx

# A stamp stands for an environment that was installed from these very files.
STAMP_PIP := $(VENV)/.stamp-pip
STAMP_ALL := $(VENV)/.stamp-all
STAMP_DEV := $(VENV)/.stamp-dev

# Peers have an environment of their own: nothing of theirs may meet what the tests run with.
PEERS := build/peers
STAMP_PEERS := $(PEERS)/.stamp

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup demo test test-long soak chaos mutants fuzz fuzz-files lint type tables docs build device lines bench bench-streaming bench-peers bench-native bench-recordings bench-web bench-export bench-install bench-proof bench-train ci constraints clean

help: ## list these commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 26

setup: $(STAMP_DEV) ## create .venv with everything: all extras and the tools of development

demo: $(STAMP_ALL) ## train, export, verify, stream and measure on real speech; writes demo/report.html
	$(BIN)/rnnedge demo --output demo

test: $(STAMP_DEV) ## run the tests
	$(BIN)/python -m pytest $(PYTEST_ARGS)

test-long: $(STAMP_DEV) ## run the tests that 'make test' leaves out: whole trainings, pages, and further cases of each kind; takes twenty minutes
	$(BIN)/python -m pytest $(PYTEST_ARGS) -m long
	RNNEDGE_NATIVE_CASES=64 $(BIN)/python -m pytest $(PYTEST_ARGS) tests/export/codegen

fuzz: fuzz-files $(STAMP_DEV) ## stream 5,000 random networks, compile 500, load 800,000 changed files, call every door with junk, feed the parsers; takes an hour
	RNNEDGE_RANDOM_NETWORKS=5000 $(BIN)/python -m pytest $(PYTEST_ARGS) tests/export/streaming/test_random_networks.py
	RNNEDGE_NATIVE_NETWORKS=500 $(BIN)/python -m pytest --timeout 3600 tests/native/test_random_native.py
	RNNEDGE_SANITIZED=all $(BIN)/python -m pytest --timeout 7200 tests/native/test_sanitized.py
	RNNEDGE_DOOR_EXAMPLES=400 $(BIN)/python -m pytest $(PYTEST_ARGS) --timeout 3600 tests/doors
	$(BIN)/python $(PIP_INSTALL) --group fuzz && $(BIN)/python tests/fuzz/coverage_guided.py 300

fuzz-files: $(STAMP_DEV) ## load 800,000 changed files, and push to those that load; takes forty minutes
	RNNEDGE_MUTANTS=200000 $(BIN)/python -m pytest -s --timeout 7200 tests/fuzz

mutants: $(STAMP_DEV) ## plant six hundred faults in the compiler, one at a time: the proof refuses them; writes the table; takes an hour
	PYTHONPATH=tests $(BIN)/python tests/mutants/write_table.py docs/figures/mutants.md

soak: $(STAMP_DEV) ## stream ten million frames in every form, and a thousand streams for ten minutes; takes an hour
	RNNEDGE_SOAK=full $(BIN)/python -m pytest $(PYTEST_ARGS) tests/export tests/models
	RNNEDGE_SOAK=full $(BIN)/python -m pytest -s --timeout 7200 tests/soak

chaos: $(STAMP_DEV) ## kill -9, EIO and ENOSPC at every write of every writer, exceptions at a thousand places of every call; needs strace
	RNNEDGE_CHAOS=full $(BIN)/python -m pytest $(PYTEST_ARGS) tests/chaos

lint: $(STAMP_DEV) ## check the code, its format, and the Dockerfile
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/hadolint Dockerfile

type: $(STAMP_DEV) ## check the types of the three packages
	$(BIN)/mypy

tables: $(STAMP_DEV) ## write what is made from the table of operators: the strict loader's data and three pages
	$(BIN)/python -m rnnedge_export.graph.runtime_table
	$(BIN)/python -m rnnedge_export.graph.catalogue docs/figures/operator-table.md
	$(BIN)/python -m rnnedge_export.streaming.catalogue docs/figures/operators.md
	$(BIN)/python -m rnnedge_export.codegen.catalogue docs/figures/native-operators.md

docs: tables ## build the site into site/; a broken link or reference fails
	$(BIN)/python .ci/write_cli_page.py docs/cli.md
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

build: $(STAMP_DEV) ## build wheel and sdist into dist/
	rm -rf dist
	$(BIN)/python -m build --no-isolation

device: build ## install the wheel as a device does, without torch or onnx, and stream a golden file there
	rm -rf build/device
	$(PYTHON) -m venv build/device
	build/device/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt "$$(ls dist/*.whl)[cpu]"
	build/device/bin/python -I tests/packaging/device_check.py $(GOLDEN)
	build/device/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt "$$(ls dist/*.whl)[cli]"
	build/device/bin/python -I tests/packaging/device_check.py $(GOLDEN) --commands

bench: $(STAMP_DEV) ## measure latency here; writes the published tables
	$(BIN)/python -m bench

bench-streaming: $(STAMP_DEV) ## stream real networks beside hand-written versions and peers; writes the table
	$(BIN)/python -m pip install --quiet --no-deps tract==0.23.9 continual-inference==1.2.4
	$(BIN)/python -m bench.conversion
	$(BIN)/python -m bench.streaming

bench-train: $(STAMP_DEV) ## measure how fast training is, which cell remembers how far, what pruning brings; writes the tables
	$(BIN)/python -m bench.train
	$(BIN)/python -m bench.memory
	$(BIN)/python -m bench.pruning

bench-peers: $(STAMP_PEERS) ## measure every other way to run a layer, side by side; writes the table and README's ratios
	$(PEERS)/bin/python -m bench.peers $(BENCH_PEERS_ARGS)

bench-export: $(STAMP_DEV) ## measure what an export takes beside torch's own; writes the table
	$(BIN)/python -m bench.export

bench-install: build ## measure what a device gets: packages, megabytes, seconds; writes the table
	$(BIN)/python -m bench.device_install

bench-proof: $(STAMP_DEV) ## measure what each check of the proof takes of an export; writes the table
	$(BIN)/python -m bench.proof

bench-recordings: $(STAMP_PEERS) ## measure whole recordings on both engines, PyTorch and OpenVINO; writes the table
	$(PEERS)/bin/python -m bench.recordings

bench-native: $(STAMP_PEERS) ## measure machine code beside its hand-written limit, onnxruntime and peers; writes the page
	$(PEERS)/bin/python -m bench.native
	$(PEERS)/bin/python -m bench.native.targets
	$(PEERS)/bin/python -m bench.native.boards

bench-web: $(STAMP_DEV) ## measure networks in a page of headless Chromium beside onnxruntime-web; needs npm; writes the table
	$(BIN)/python -m bench.web

lines: ## count the lines of Python of each package, without tests and benchmarks
	@for package in rnnedge export runtime; do \
		echo "$$package: $$(find $$package -name '*.py' -exec cat {} + | wc -l) lines"; done
	@echo "together: $$(find rnnedge export runtime -name '*.py' -exec cat {} + | wc -l) lines"

# What takes one core runs two at a time. The tests come last, so that their closing line closes the log.
ci: ## everything that a change has to pass
	$(MAKE) --no-print-directory lines
	$(MAKE) --no-print-directory --jobs=2 --output-sync=target lint type docs device
	$(MAKE) --no-print-directory test

constraints: ## write constraints.txt anew from the newest versions that fit pyproject.toml
	rm -rf build/constraints
	$(PYTHON) -m venv build/constraints
	build/constraints/bin/python -m pip install --quiet --upgrade pip
	build/constraints/bin/python -m pip install --quiet -e '.[all]' --group dev
	build/constraints/bin/python .ci/write_constraints.py > constraints.txt

clean: ## delete what these commands made, .venv included
	rm -rf $(VENV) build dist site

# A peer that cannot be installed is a row of the table that says so. What is installed first stays as it is.
$(STAMP_PEERS): pyproject.toml constraints.txt bench/peers/requirements.txt
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --upgrade 'pip>=25.3'
	$(PEERS)/bin/python $(PIP_INSTALL) -e '.[native]'
	while read -r peer; do $(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check 'torch==2.13.0' "$$peer" \
		|| echo "$$peer cannot be installed here" >&2; done < bench/peers/requirements.txt
	touch $@

$(STAMP_PIP):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "rnnedge needs Python 3.10 or newer: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --upgrade 'pip>=25.3'
	touch $@

$(STAMP_ALL): pyproject.toml constraints.txt | $(STAMP_PIP)
	$(BIN)/python $(PIP_INSTALL) -e '.[all]'
	touch $@

$(STAMP_DEV): $(STAMP_ALL)
	$(BIN)/python $(PIP_INSTALL) --group dev
	touch $@
