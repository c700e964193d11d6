"""The half that both backends share, on NumPy, pandas and matplotlib alone."""

__version__ = "0.1.0"  # the only place; pyproject.toml and the other packages read it
