"""From listening ports to running conversations."""
