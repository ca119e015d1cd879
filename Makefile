# Each target sets up what it needs; a second run finds it there. Without make: see "Without make" in README.md.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: tune test lint types floors unit kinds bench-features coverage clean

# The main job on simulated recordings, with a budget for a first look.
tune: .venv/.ready
	$(BIN)/python run_hyperparameter_tuning.py --method optuna --max-trials 10 --epochs 30 --data simulated

test: lint types floors unit

lint: .venv/.ready-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/.ready-dev
	$(BIN)/mypy

floors: .venv/.ready-dev
	PYTHONPATH=src $(BIN)/lint-imports --no-cache

unit: .venv/.ready-dev
	$(BIN)/python -m pytest -m "not long" --numprocesses logical --maxprocesses 8 --dist loadfile --durations 15

# From the folder of every kind of data to a Bundle.
kinds: .venv/.ready-dev
	$(BIN)/python -m pytest tests/kinds --numprocesses logical --maxprocesses 8 --durations 30

# Speed of the features beside other libraries; make bench-features TORCHEEG=PYTHON where one has TorchEEG.
bench-features: .venv/.ready-bench
	$(BIN)/python benchmarks/features.py $(if $(TORCHEEG),--torcheeg-python $(TORCHEEG))

# Whether intervals and p-values hold what they claim; make coverage DATA=eegmat:FOLDER for real vectors, too.
coverage: .venv/.ready
	$(BIN)/python benchmarks/coverage.py $(if $(DATA),--data $(DATA))

.venv/.ready: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || { echo "emotune needs Python 3.11, 3.12 or 3.13; $(PYTHON) is another. Run: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --requirement requirements.txt --editable .
	@touch $@

.venv/.ready-dev: .venv/.ready requirements-dev.txt
	$(BIN)/python -m pip install --quiet --requirement requirements-dev.txt
	@touch $@

.venv/.ready-bench: .venv/.ready benchmarks/requirements.txt
	$(BIN)/python -m pip install --quiet --requirement benchmarks/requirements.txt
	@touch $@

# Results in models/ stay: they are the user's.
clean:
	rm -rf .venv .mypy_cache .ruff_cache .hypothesis build dist src/*.egg-info
