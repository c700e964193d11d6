"""Probability, and backpropagation by hand."""
