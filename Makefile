# `make demo` and `make test` need only Python (3.11 or later) and make; they make .venv first.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test bench lint clean

demo: .venv/made
	$(BIN)/python examples/compare.py mlp --lr 0.5 --epochs 20 --plot out/demo.png

test: .venv/made
	$(BIN)/python -m pytest -n auto

# Keras and Lightning are compared with if they can be installed. ARGS=--quick for a short look.
bench: .venv/made
	-$(BIN)/python -m pip install --disable-pip-version-check -q -c constraints.txt keras lightning
	$(BIN)/python -m benchmarks.run $(ARGS)

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
