"""Models, one file a model or family."""
