"""Text on its way to the voice: its sentences and clauses, and how it is spoken."""
