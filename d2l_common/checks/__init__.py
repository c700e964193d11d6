"""Errors that both backends raise, worded once."""
