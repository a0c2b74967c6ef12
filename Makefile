# Everything that is done to the project, in short recipes. `make setup` is made by the others as needed.
PYTHON ?= python3.11
BIN := .venv/bin
PACKAGES := core $(sort $(wildcard domains/* plugins/*/*)) presets
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: setup demo test test-slow test-faults test-deepmd lint bench figures docs clean

setup: .venv/ready

.venv/ready: constraints.txt pyproject.toml $(PACKAGES:%=%/pyproject.toml)
	test -d .venv || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet -c constraints.txt hatchling editables
	$(BIN)/pip install --quiet -c constraints.txt --no-build-isolation $(PACKAGES:%=-e ./%) -e ".[dev]"
	touch $@

demo: RUN := runs/demo-$(shell date +%Y%m%d-%H%M%S)
demo: setup
	$(BIN)/elt run experiment=copper hydra.run.dir=$(RUN)
	$(BIN)/python benchmarks/selection.py $(RUN)

test: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadgroup $(ARGS)

test-slow: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m slow $(ARGS)

# Needs PEERS, the folder that ../shared/bench/setup_peers.sh made with DeePMD-kit in it.
test-deepmd: setup
	OMP_NUM_THREADS=1 PEERS=$(abspath $(or $(PEERS),$(error give PEERS=DIR, where DIR/dp has DeePMD-kit))) \
	    $(BIN)/python -m pytest -m deepmd $(ARGS)

# Whole campaigns that are killed, starved, damaged and run twice at once: about an hour.
test-faults: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/faults -m "slow or not slow" -n 2 --dist loadgroup $(ARGS)

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports

# Seconds of a training step at DeePMD-kit's own sizes; beside DeePMD-kit itself where PEERS names the folder
# that ../shared/bench/setup_peers.sh made.
STEP := $(CURDIR)/$(BIN)/python $(CURDIR)/benchmarks/training_step.py --size full --threads 1 --system
bench: setup
ifdef PEERS
	$(BIN)/python ../shared/bench/peers.py train --peers $(PEERS) --system cu --threads 1 --repeats 5 --ours '$(STEP) cu108'
	$(BIN)/python ../shared/bench/peers.py train --peers $(PEERS) --system water --threads 1 --repeats 5 \
	    --ours '$(STEP) water --data $(abspath ../shared/data/water_dft)'
else
	$(STEP) cu108
endif

# Of the newest demo, or of RUN.
figures: setup
	$(BIN)/python docs/figures/nve_drift.py $(or $(RUN),$(lastword $(sort $(wildcard runs/demo-????????-??????))))

docs: setup
	$(BIN)/python docs/bad_input.py
	$(BIN)/python -m pytest tests/test_docs.py

clean:
	rm -rf .venv runs multirun outputs dist build
