"""Runnable measurements: each prints a table and, as its last line, one JSON object. Nothing here asserts a time."""
