"""Sound as numbers: formats of samples, sample rates, and the bytes of the wire."""
