"""A user's code, which type checkers must accept as it stands."""
