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

# Training, and molecular dynamics through ASE, at the sizes of DeePMD-kit's examples; beside DeePMD-kit itself, in turn, where PEERS
# names the folder that ../shared/bench/setup_peers.sh made. All of that takes hours: ARGS="--work train-cu --threads 1"
# takes a part of it (train-cu, train-water, ase, ase-compressed, lammps-compressed; --atoms, --pairs).
bench: setup
ifdef PEERS
	$(BIN)/python benchmarks/side_by_side.py --peers $(PEERS) $(ARGS)
else
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/training_step.py --size full --system cu108
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/dynamics.py
endif

# What systems are labelled here needs nothing; water and acetylacetone are learned where DATA has them. About six
# minutes of one core each. The shock is of SHOCK, a campaign of experiment=shock_wave, which is run where there is none;
# the last is of the newest demo, or of RUN.
DATA ?= ../shared/data
DRIVEN = $(or $(RUN),$(lastword $(sort $(wildcard runs/demo-????????-??????))))
figures: setup
	OMP_NUM_THREADS=1 DATA=$(DATA) $(BIN)/python docs/figures/learning_curves.py
	OMP_NUM_THREADS=1 $(BIN)/python docs/figures/nve_jumps.py
	OMP_NUM_THREADS=1 DATA=$(DATA) $(BIN)/python docs/figures/parity.py
	$(BIN)/python docs/figures/shock_wave.py $(SHOCK)
	$(if $(BOUND),$(BIN)/python docs/figures/binding_curve.py $(BOUND),@echo "binding_curve.png is of a run of hydrogen_binding: BOUND=RUN")
	$(if $(DRIVEN),$(BIN)/python docs/figures/nve_drift.py $(DRIVEN),@echo "nve_drift.png is of a demo, and there is none")

docs: setup
	$(BIN)/python docs/bad_input.py
	$(BIN)/python -m pytest tests/test_docs.py

clean:
	rm -rf .venv runs multirun outputs dist build
