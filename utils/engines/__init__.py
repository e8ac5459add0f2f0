"""The engine scheduler: which engine runs a step now, for whom, and on which thread."""
