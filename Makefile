# `make demo` and `make test` need only Python (3.11 or later) and make; they make .venv first.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test lint clean

demo: .venv/made
	$(BIN)/python examples/compare.py softmax_regression_scratch --plot out/demo.png

test: .venv/made
	$(BIN)/python -m pytest -n auto

lint: .venv/made
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

.venv/made: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed: make PYTHON=python3.12")'
	@echo "installing JAX, PyTorch and the rest into .venv: some minutes"
	$(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --disable-pip-version-check -q -c constraints.txt -e '.[all,test]'
	touch $@

clean:
	rm -rf .venv out
