"""Figures: curves, pictures, and the board of a training run."""
