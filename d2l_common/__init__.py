"""What both backends share: NumPy, pandas and matplotlib, neither JAX nor PyTorch."""

__version__ = "0.1.0"  # the only place; pyproject.toml and the other packages read it
