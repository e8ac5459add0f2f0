"""Voice activity detection and the end of a turn."""
