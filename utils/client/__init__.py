"""The client: its connection to the server, its conversations, and what it shows."""
