"""A dataclass of options for each part."""
