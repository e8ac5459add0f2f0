"""Where the client's sound comes from and goes to: sound card or files."""
