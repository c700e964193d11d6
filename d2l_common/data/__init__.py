"""The framework-free half of data: files, tables, batch plans and loaders."""
