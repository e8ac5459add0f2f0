"""The client: connection, conversation, state."""
