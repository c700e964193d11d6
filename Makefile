# Each target needs only Python (3.11 or later) and make; it makes .venv first.
PYTHON ?= python3
BIN := .venv/bin

# A worker takes half of the tests, one file after the other, so that what one compiles the next
# finds; then each takes of what is left.
PYTEST := $(BIN)/python -m pytest -n auto --dist worksteal

.PHONY: demo check test bench notebooks docs lint types clean

demo: .venv/made
	$(BIN)/python examples/compare.py mlp --lr 0.5 --epochs 20 --plot out/demo.png

# Before each commit: a minute on two cores, after a first run that compiles.
check: lint types
	$(PYTEST) -m "not slow"

# All of it: 10 to 30 minutes on two cores, as they are fast or slow.
test: .venv/made
	$(PYTEST)

# Keras and Lightning are compared with if they can be installed. ARGS=--quick for a short look,
# without the convolutional networks.
bench: .venv/made
	-$(BIN)/python -m pip install --disable-pip-version-check -q -c constraints.txt keras lightning
	$(BIN)/python -m benchmarks.run $(ARGS)
	$(if $(ARGS),,$(BIN)/python -m benchmarks.convnets --backend jax)
	$(if $(ARGS),,$(BIN)/python -m benchmarks.convnets --backend torch)

# The examples as notebooks, for Jupyter and Colab. ARGS="--backend torch" for PyTorch.
notebooks: .venv/made
	$(BIN)/python examples/make_notebooks.py out/notebooks $(ARGS)

# The site, in out/site: needs no network once Sphinx and the theme are installed.
docs: .venv/made
	$(BIN)/python -m pip install --disable-pip-version-check -q -c constraints.txt -e '.[docs]'
	$(BIN)/python docs/site/make_pages.py out/site-source
	$(BIN)/python -m sphinx -q -W --keep-going -b html out/site-source out/site
	$(BIN)/python docs/site/check_links.py out/site

lint: .venv/made
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/made
	$(BIN)/mypy

.venv/made: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed: make PYTHON=python3.12")'
	@echo "installing JAX, PyTorch and the rest into .venv: some minutes"
	$(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --disable-pip-version-check -q -c constraints.txt -e '.[all,test]'
	touch $@

clean:
	rm -rf .venv out
