"""What both backends share: NumPy, pandas and matplotlib, neither JAX nor PyTorch."""
