# make demo    the page, on http://127.0.0.1:7860
# make test    lint, types and tests
# make bench   the figures of README and docs: fidelity, speed and memory, beside peers'
# Each sets up .venv by itself; PYTHON chooses the interpreter (3.11 or newer).

PYTHON ?= python3
BIN = .venv/bin

demo: .venv/page
	$(BIN)/python app.py

test: .venv/dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist loadfile

bench: .venv/bench
	$(BIN)/python -m benchmarks.measure.quality
	$(BIN)/python -m benchmarks.measure.speed
	$(BIN)/python -m benchmarks.measure.files
	$(BIN)/python -m benchmarks.tables
	$(BIN)/python -m benchmarks.figures.pareto

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/page: requirements.txt constraints.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet -r requirements.txt -c constraints.txt
	touch $@

# spandrel asks for torchvision, which none of the networks used here needs
.venv/dev: .venv/page pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[page,mcp,dev]' -c constraints.txt
	$(BIN)/python -m pip install --quiet --no-deps 'spandrel>=0.4.2,<0.5' -c constraints.txt
	sh tests/install_chromium.sh
	touch $@

.venv/bench: .venv/dev
	$(BIN)/python -m pip install --quiet --editable '.[page,mcp,dev,bench]' -c constraints.txt
	touch $@

.PHONY: demo test bench
