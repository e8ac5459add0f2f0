"""The server: it accepts clients and runs their conversations."""
