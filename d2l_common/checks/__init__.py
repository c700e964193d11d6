"""Checks of arguments: one function a condition, the same sentence on both backends."""
