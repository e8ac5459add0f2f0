"""Sound as numbers: sample formats, rates, the wire's bytes."""
