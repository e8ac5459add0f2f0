"""How a client is heard and spoken to: one transport for each kind of wire."""
