"""Sources and sinks of the client's sound: the sound card, or files."""
