"""The command `d2l`, which is also `python -m d2l_common`."""
