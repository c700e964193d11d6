"""The framework-free half of training: the loop over epochs and the record."""
