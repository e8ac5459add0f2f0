"""Command line and configuration file: the arguments' dataclasses, filled."""
