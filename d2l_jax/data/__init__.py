"""Data modules and loaders."""
